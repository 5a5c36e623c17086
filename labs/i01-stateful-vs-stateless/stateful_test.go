package upload_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/heap"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

var fourNodes = []string{"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080", "10.0.0.4:8080"}

func TestAnUploadAtItsNode(t *testing.T) {
	virtual(t, atItsNode)
}

func atItsNode(t *testing.T) {
	nodes := map[string]*server{}
	for _, name := range fourNodes {
		nodes[name] = newStateful()
		nodes[name].sink.slow = each(trip)
	}
	f := newFile("lesson", mib+3)
	for at := 0; at < len(f.data); at += chunk {
		name := upload.Route(f.id, fourNodes)
		node := nodes[name]
		expect.That(t, node != nil, expect.Message{
			Did:  fmt.Sprintf("asked for Route(%q, %q)", f.id, fourNodes),
			Want: "one of the nodes",
			Got:  fmt.Sprintf("%q", name),
		})
		early := node.sink.called()
		expect.That(t, early == 0, expect.Message{
			Did:  fmt.Sprintf("sent %d of %d bytes to the node that Route says", at, len(f.data)),
			Want: "flush is not called before the upload is complete",
			Got:  fmt.Sprintf("it was called %d times", early),
			Why:  "whatever comes behind flush takes it for a whole file",
		})
		f.take(t, node, at, at+chunk, "the node that Route says")
		f.at(t, node, min(at+chunk, len(f.data)), "the same node", "")
	}
	nodes[upload.Route(f.id, fourNodes)].whole(t, f, "sent 1 MiB and 3 bytes to the node that Route "+
		"says, 64 KiB at a time, and looked as soon as the last chunk was answered")
}

func TestFlushFails(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, size := range []int{400, 100} { // four chunks, and a single one
			flushFails(t, size)
		}
	})
	for range 20 {
		askedDuringAFlush(t)
	}
}

// askedDuringAFlush has a flush that fails, and a client who asks while it is at work. Who waits for its end to answer
// does so in real time.
func askedDuringAFlush(t *testing.T) {
	t.Helper()
	s, f := newStateful(), newFile("lesson", 400)
	for at := 0; at < 300; at += 100 {
		f.take(t, s, at, at+100, s.kind)
	}
	s.sink.failing = 1
	look := make(chan reply, 1)
	s.sink.slow = func(string) time.Duration {
		go func() { look <- f.head(s) }()
		for i := 0; i < 1000 && len(look) == 0; i++ {
			runtime.Gosched()
		}
		return 0
	}
	last, got := f.send(s, 300, 400), <-look
	s.sink.slow = nil
	const did = "NewStateful took 300 of 400 bytes; the last chunk came, and flush failed"
	expect.That(t, got.taken(300), expect.Message{
		Did:  did + ": HEAD while flush was at work",
		Want: "any 2xx, and Upload-Offset: 300, at once or when flush has ended",
		Got:  got.String(),
		Why: "a client that hears of all its bytes deletes its copy; the chunk is not taken before flush " +
			"has taken it",
	})
	is5xx(t, last, did)
	f.at(t, s, 300, did+"; then", "the chunk was not taken, so the client sends it again")
	f.take(t, s, 300, 400, did+"; sent it again")
	s.whole(t, f, did+"; sent it again")
}

func flushFails(t *testing.T, size int) {
	t.Helper()
	s, f := newStateful(), newFile("lesson", size)
	s.sink.slow = each(trip)
	for at := 0; at < size-100; at += 100 {
		f.take(t, s, at, at+100, s.kind)
	}
	s.sink.failing = 3
	for i := range 3 {
		did := fmt.Sprintf("NewStateful, with a flush that fails: PATCH at %d, the last of %d "+
			"chunks, for the %s time", size-100, size/100, []string{"first", "second", "third"}[i])
		got := f.send(s, size-100, size)
		expect.That(t, got.is5xx(), expect.Message{
			Did: did, Want: "5xx", Got: got.String(),
			Why: "a client that hears 2xx deletes its copy, and the file is nowhere",
		})
		calls := s.sink.called()
		expect.That(t, calls == i+1, expect.Message{
			Did: did, Want: fmt.Sprintf("flush has been called %d times", i+1),
			Got: fmt.Sprintf("%d times", calls),
			Why: "what could not be flushed yet has to be flushed when the client tries again",
		})
		if size > 100 {
			f.at(t, s, size-100, did+"; then", "the chunk was not taken, so the client sends it again")
		}
	}
	did := fmt.Sprintf("flush works again after 3 failures, the last of %d chunks came again",
		size/100)
	f.take(t, s, size-100, size, did)
	s.whole(t, f, did)
}

func TestACompleteUploadIsRemembered(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, f := newStateful(), newFile("lesson", 400)
		f.finish(t, s, 0, 100, s.kind)
		remembered(t, s, f, "right after it was complete")
		time.Sleep(24 * time.Hour)
		remembered(t, s, f, "a day after it was complete")
		for i := range 2000 {
			other := newFile(fmt.Sprint("other-", i), 1)
			other.take(t, s, 0, 1, s.kind)
		}
		remembered(t, s, f, "when 2000 others had been completed since")
	})
}

func remembered(t *testing.T, s *server, f file, when string) {
	t.Helper()
	for _, at := range []int{300, 0} {
		got := f.send(s, at, at+100)
		expect.That(t, got.status == 409 && got.is(400), expect.Message{
			Did:  fmt.Sprintf("sent the chunk at %d of an upload of 400 bytes again, %s", at, when),
			Want: "409, Upload-Offset: 400",
			Got:  got.String(),
			Why: "the answer to the last chunk may be lost like any other; with 409 and the size " +
				"the client learns that all is well, with 404 it sends everything again",
		})
	}
	f.at(t, s, 400, "an upload of 400 bytes, "+when, "the client may ask how it ended, too")
	f.patch(s, strconv.Itoa(400), nil) // whatever the answer is
	s.whole(t, f, "sent chunks of a complete upload again, one without a byte behind its end among "+
		"them, "+when)
}

// TestTheBytesAreNotKept asks the heap.
func TestTheBytesAreNotKept(t *testing.T) {
	const rounds, most = 17, 200 << 10
	files := 0
	grown := heap.Rise(rounds, most, func() func(i int) {
		s := newStateful()
		s.sink.forget = true
		return func(int) {
			f := newFile(fmt.Sprint("lesson-", files), mib)
			files++
			f.finish(t, s, 0, chunk*4, s.kind)
		}
	})
	expect.That(t, grown <= most, expect.Message{
		Did: fmt.Sprintf("sent %d uploads of 1 MiB to NewStateful, one after another, collected garbage "+
			"after each, and looked at the heap", files),
		Want: fmt.Sprintf("at most %d KiB more: what was flushed is gone", most>>10),
		Got:  fmt.Sprintf("%d KiB more", grown>>10),
		Why: "memory is what a stateful node has least of. It is planned for the uploads that are " +
			"open; a node that keeps all of them runs until it is killed, with those that are open",
	})
}
