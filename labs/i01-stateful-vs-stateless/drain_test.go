package upload_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// drain calls Drain and tells when it has returned, and with what.
type drain struct {
	began time.Time
	done  chan struct{}
	took  time.Duration
	err   error
	tl    *timeline.Timeline // may be nil
	end   timeline.Recorded
}

func (s *server) drain(ctx context.Context) *drain { return s.drawn(ctx, nil) }

// drawn is drain with a picture.
func (s *server) drawn(ctx context.Context, tl *timeline.Timeline) *drain {
	d := &drain{began: time.Now(), done: make(chan struct{}), tl: tl}
	tl.Point("Drain", "is called")
	go func() {
		defer close(d.done)
		d.err = s.node.Drain(ctx)
		d.took = time.Since(d.began)
		d.end = tl.Point("Drain", "returns %s", orNil(d.err))
	}()
	synctest.Wait() // until it waits
	return d
}

// returned is whether Drain has returned by now.
func (d *drain) returned() bool {
	synctest.Wait()
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

func (d *drain) String() string {
	if !d.returned() {
		return "it has not returned"
	}
	return fmt.Sprintf("it returned %v after %v", orNil(d.err), d.took)
}

// slack is how much later Drain may notice that no upload is open.
const slack = 100 * time.Millisecond

// mustEnd waits for Drain, which has to return nil so long after its call.
func (d *drain) mustEnd(t *testing.T, at time.Duration, did string) {
	t.Helper()
	select {
	case <-d.done:
	case <-time.After(time.Minute):
	}
	ok := d.returned() && d.err == nil && d.took >= at && d.took <= at+slack
	if d.returned() && !ok {
		d.end.Breaks()
	}
	want := fmt.Sprintf("Drain returns nil after %v, when the last open upload is flushed", at)
	if at == 0 {
		want = "Drain returns nil at once: no upload is open"
	}
	expect.That(t, ok, expect.Message{
		Did:  did,
		Want: want,
		Got:  d.String(),
		Why: "when Drain has returned the node is stopped: too early, and uploads that clients have " +
			"been told are safe are gone; never, and the deploy does not end",
		Picture: d.tl,
	})
}

func orNil(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", sentinel.Text(err))
}

// TestDrainWaitsForOpenUploads has three that are all between two chunks when it is called.
func TestDrainWaitsForOpenUploads(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("uploads", "Drain")
		s := newStateful()
		files := []file{newFile("one", 300), newFile("two", 300), newFile("three", 300)}
		for _, f := range files {
			f.take(t, s, 0, 100, s.kind)
		}
		s.sink.slow = each(501 * time.Millisecond)
		d := s.drawn(context.Background(), tl)
		const did = "called Drain when three uploads were open, none with a request under way, and " +
			"let them be complete 1 s, 2 s and 3 s later; flush takes 501 ms"
		for i, f := range files {
			at := d.began.Add(time.Duration(i+1) * time.Second)
			time.Sleep(time.Until(at.Add(-500 * time.Millisecond)))
			f.take(t, s, 100, 200, did)
			time.Sleep(time.Until(at))
			tl.Point("uploads", "last chunk of %s", f.id)
			f.take(t, s, 200, 300, did)
			tl.Point("uploads", "%s is flushed", f.id)
			s.whole(t, f, did)
		}
		d.mustEnd(t, 3501*time.Millisecond, did)
	})
}

// TestDrainWaitsForAFlush has no request and no chunk to come, but a flush that takes its time.
func TestDrainWaitsForAFlush(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, f := newStateful(), newFile("lesson", 100)
		s.sink.slow = each(10401 * time.Millisecond)
		go f.send(s, 0, 100)
		time.Sleep(time.Second)
		d := s.drain(context.Background())
		d.mustEnd(t, 9401*time.Millisecond, "called Drain when the last chunk of an upload had "+
			"come, and flush was at work for 9.401 s more")
		s.whole(t, f, "called Drain while flush was at work")
	})
}

// TestAFailedFlushIsOpen lets flush fail while the node drains.
func TestAFailedFlushIsOpen(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, f := newStateful(), newFile("lesson", 200)
		f.take(t, s, 0, 100, s.kind)
		s.sink.failing = 1
		d := s.drain(context.Background())
		got := f.send(s, 100, 200)
		const did = "called Drain when an upload was open, and let flush fail for its last chunk"
		expect.That(t, got.is5xx() && !d.returned(), expect.Message{
			Did:  did,
			Want: "5xx, and Drain goes on waiting: the upload is open until it is flushed",
			Got:  fmt.Sprintf("%s; of Drain: %s", got, d),
			Why:  "the client sends the chunk once more, and finds nobody",
		})
		time.Sleep(2 * time.Second)
		f.take(t, s, 100, 200, did+"; sent the chunk again 2 s later")
		d.mustEnd(t, 2*time.Second, did+"; sent the chunk again 2 s later")
		s.whole(t, f, did+"; sent the chunk again")
	})
	virtual(t, func(t *testing.T) { theOnlyChunk(t) })
}

// theOnlyChunk is the first one and the last one: its upload has begun when its flush fails.
func theOnlyChunk(t *testing.T) {
	t.Helper()
	s, f := newStateful(), newFile("note", 100)
	s.sink.failing = 1
	is5xx(t, f.send(s, 0, 100), "NewStateful, with a flush that fails: the only chunk of an upload")
	d := s.drain(context.Background())
	const did = "let flush fail for the only chunk of an upload, and called Drain"
	time.Sleep(time.Second)
	expect.That(t, !d.returned(), expect.Message{
		Did:  did,
		Want: "it waits: an upload is open from its first PATCH until it is flushed",
		Got:  d.String(),
		Why:  "the client sends the chunk once more, and finds nobody",
	})
	f.take(t, s, 0, 100, did+"; sent the chunk again 1 s later")
	d.mustEnd(t, time.Second, did+"; sent the chunk again 1 s later")
	s.whole(t, f, did+"; sent the chunk again")
}

// TestDrainRefusesNewUploads asks at several moments, and for what is not new as well.
func TestDrainRefusesNewUploads(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, open, past := newStateful(), newFile("open", 300), newFile("past", 300)
		past.finish(t, s, 0, 100, s.kind)
		open.take(t, s, 0, 100, s.kind)
		d := s.drain(context.Background())
		news(t, s, "right after the call of Drain", 0)
		got := newFile("news", 300).send(s, 100, 200)
		expect.That(t, got.status == 404, expect.Message{
			Did:  "called Drain, and sent a chunk at 100 of an upload that the node does not know",
			Want: "404: it begins none",
			Got:  got.String(),
		})
		got = past.send(s, 0, 100)
		expect.That(t, got.status == 409 && got.is(300), expect.Message{
			Did:  "called Drain, and sent the first chunk of a complete upload again",
			Want: "409, Upload-Offset: 300: the node knows it, so it begins none",
			Got:  got.String(),
		})
		got = open.send(s, 0, 100)
		expect.That(t, got.status == 409 && got.is(100), expect.Message{
			Did:  "called Drain, and sent the first chunk of an open upload again",
			Want: "409, Upload-Offset: 100: the node knows it, so it begins none",
			Got:  got.String(),
		})
		const why = "the client asks so that it can go on, which it may"
		open.at(t, s, 100, "called Drain, and asked for an open upload", why)
		past.at(t, s, 300, "called Drain, and asked for a complete upload", why)
		time.Sleep(time.Hour)
		news(t, s, "an hour after the call of Drain", 1)
		open.finish(t, s, 100, 100, "an hour after the call of Drain")
		d.mustEnd(t, time.Hour, "called Drain when an upload was open, and sent the rest of it an "+
			"hour later")
		news(t, s, "after Drain had returned nil", 2)
		time.Sleep(time.Hour)
		news(t, s, "an hour after Drain had returned nil", 3)
	})
}

// news demands that the node takes no new upload.
func news(t *testing.T, s *server, when string, n int) {
	t.Helper()
	f := newFile(fmt.Sprint("new-", n), 300)
	got := f.send(s, 0, 100)
	expect.That(t, got.status == 503, expect.Message{
		Did:  "sent the first chunk of a new upload " + when,
		Want: "503: the client tries again, and the balancer sends it to another node",
		Got:  got.String(),
		Why:  "a node that goes on taking uploads is never empty, or is stopped with them",
	})
	f.unknown(t, s, "sent the first chunk of a new upload "+when+", and then", "what is refused has "+
		"not begun")
}

func TestDrainOfAnEmptyNode(t *testing.T) {
	virtual(t, func(t *testing.T) {
		newStateful().drain(context.Background()).mustEnd(t, 0, "called Drain on a new node")
		s := newStateful()
		for i := range 3 {
			f := newFile(fmt.Sprint("lesson-", i), 300)
			f.finish(t, s, 0, 100, s.kind)
			f.send(s, 200, 300) // once more
		}
		f := newFile("copied", 300)
		copies(t, s, f, 0)
		f.finish(t, s, 100, 100, s.kind)
		unknown := newFile("unknown", 300)
		unknown.send(s, 100, 200)
		unknown.patch(s, "", unknown.data[:100])
		unknown.head(s)
		d := s.drain(context.Background())
		d.mustEnd(t, 0, "called Drain when four uploads were complete, of one of which the first "+
			"chunk had come eight times at once, and some chunks had been refused")
		news(t, s, "after Drain had returned nil", 0)
		again := s.drain(context.Background())
		again.mustEnd(t, 0, "called Drain once more, after it had returned nil")
	})
}

// TestAnUploadThatBeginsWhileDrainIsCalled: its body is still on its way then. It may be taken or
// refused, but not be taken and left alone.
func TestAnUploadThatBeginsWhileDrainIsCalled(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, f := newStateful(), newFile("lesson", 300)
		r, w := io.Pipe()
		first := make(chan reply, 1)
		go func() { first <- f.stream(s, "0", r, 100) }()
		w.Write(f.data[:50])
		synctest.Wait()
		d := s.drain(context.Background())
		time.Sleep(time.Second)
		early := d.returned()
		w.Write(f.data[50:100])
		w.Close()
		got := <-first
		const did = "called Drain while the body of a first chunk was on its way, and sent the rest of " +
			"that body 1 s later"
		expect.That(t, got.status == 503 || got.taken(100) && !early, expect.Message{
			Did: did,
			Want: "503; or any 2xx and Upload-Offset: 100, and Drain waits for the upload, which is " +
				"open",
			Got: fmt.Sprintf("%s, and of Drain after 1 s: returned: %v", got, early),
			Why: "between the look whether the node drains and the entry of the upload there is time " +
				"for the other one; what slips through is told that it is safe",
		})
		if got.is2xx() {
			time.Sleep(time.Second)
			f.finish(t, s, 100, 100, did)
		}
		select {
		case <-d.done:
		case <-time.After(time.Minute):
		}
		expect.That(t, d.returned() && d.err == nil, expect.Message{Did: did,
			Want: "Drain returns nil when no upload is open", Got: d.String()})
	})
}
