package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

const (
	writeWithin = 10 * time.Second // a client that takes longer for an event is cut
	beatEvery   = 20 * time.Second // something is sent at least that often, so that who has gone is noticed
)

// stream is an answer of server-sent events.
type stream struct {
	v       *visit
	control *http.ResponseController
	newer   func() <-chan struct{}
	beat    *time.Ticker
	read    time.Time // when what is followed was read
}

// streamed begins a stream, if there is room for one more, and runs f with it.
func (w *Web) streamed(v *visit, f func(*stream) error) error {
	select {
	case w.streams <- struct{}{}:
		defer func() { <-w.streams }()
	default:
		return again(fail(http.StatusServiceUnavailable, "busy", "too many listen already",
			"reload in a while"), 10*time.Second)
	}
	s := &stream{v: v, control: http.NewResponseController(v.ResponseWriter),
		beat: time.NewTicker(beatEvery), read: time.Now()}
	defer s.beat.Stop()
	_ = s.control.SetReadDeadline(time.Time{})
	v.Header().Set("Content-Type", "text/event-stream")
	v.Header().Set("X-Accel-Buffering", "no")
	newer, done := w.hub.listen()
	defer done()
	s.newer = newer
	v.WriteHeader(http.StatusOK)
	// The answer has begun: what goes wrong from here on ends it, and the client comes again.
	if err := s.write([]byte("retry: 2000\n\n")); err == nil {
		_ = f(s)
	}
	return nil
}

// write sends some bytes at once.
func (s *stream) write(data []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, err := s.v.Write(data); err != nil {
		return err
	}
	return s.control.Flush()
}

// send sends an event.
func (s *stream) send(name string, data []byte) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\n", name)
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	return s.write(b.Bytes())
}

// wait waits until there is a newer picture of the room than the one that was there when newer was
// asked for; false: the stream is to end.
func (s *stream) wait(newer <-chan struct{}) bool {
	for {
		select {
		case <-newer:
			return true
		case <-s.v.Context().Done():
			return false
		case <-s.v.web.ended.Done():
			return false
		case <-s.beat.C:
			if s.write([]byte(": still here\n\n")) != nil {
				return false
			}
		}
	}
}

// streamSubmission tells each change of a submission until it is graded.
func (w *Web) streamSubmission(v *visit, sub room.Submission) error {
	return w.streamed(v, func(s *stream) error {
		for {
			newer := s.newer()
			data, err := json.Marshal(w.wireSubmission(v.Context(), sub))
			if err != nil {
				return err
			}
			if err := s.send("submission", data); err != nil {
				return err
			}
			if stateOf(sub) == wire.Graded {
				return nil
			}
			if sub, err = s.nextState(newer, sub); err != nil {
				return err
			}
		}
	})
}

// nextState waits until a submission stands elsewhere than it did, and reads it.
func (s *stream) nextState(newer <-chan struct{}, was room.Submission) (room.Submission, error) {
	for {
		if now := s.v.web.hub.last.Load(); now != nil {
			sub, ok := now.submission(was.ID)
			if ok && (sub.Place != was.Place || stateOf(sub) != stateOf(was)) &&
				now.begun.After(s.read) {
				s.read = time.Now()
				return s.v.web.Store.Submission(s.v.Context(), was.ID)
			}
		}
		if !s.wait(newer) {
			return was, context.Canceled
		}
		newer = s.newer()
	}
}
