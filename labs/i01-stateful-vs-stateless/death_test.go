package upload_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

// told draws each request to a node, and what it answers.
type told struct {
	tl   *timeline.Timeline
	node string
}

func (d told) patch(got reply, from int) timeline.Recorded {
	return d.tl.Point(d.node, "PATCH at %s: %s", kib(from), short(got))
}

func (d told) head(got reply) timeline.Recorded {
	return d.tl.Point(d.node, "HEAD: %s", short(got))
}

func kib(n int) string { return fmt.Sprintf("%d KiB", n>>10) }

func short(r reply) string {
	n, err := strconv.Atoi(r.offset)
	switch {
	case !r.says:
		return fmt.Sprint(r.status)
	case err != nil || n%1024 != 0:
		return fmt.Sprintf("%d, %s", r.status, r.offset)
	}
	return fmt.Sprintf("%d, %s", r.status, kib(n))
}

// TestAnInstanceDies stops the one that serves after the seventh chunk: any other goes on.
func TestAnInstanceDies(t *testing.T) { virtual(t, anInstanceDies) }

func anInstanceDies(t *testing.T) {
	tl := timeline.New("old instance", "new instance")
	m, f := new(memory), newFile("lesson", mib)
	s := &server{kind: "NewStateless", Handler: upload.NewStateless(m), store: m}
	for i := range 7 {
		got := f.send(s, i*chunk, (i+1)*chunk)
		told{tl, "old instance"}.patch(got, i*chunk)
	}
	tl.Point("old instance", "is killed")
	s.Handler = upload.NewStateless(m)
	got := f.send(s, 7*chunk, 8*chunk)
	at := told{tl, "new instance"}.patch(got, 7*chunk)
	if !got.taken(8 * chunk) {
		at.Breaks()
	}
	expect.That(t, got.taken(8*chunk), expect.Message{
		Did: "sent 7 of 16 chunks to an instance of NewStateless, killed it, and sent the next " +
			"chunk to a new one over the same store",
		Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", 8*chunk),
		Got:  got.String(),
		Why: "this is what the round trips to the store are paid for: no instance is needed, and " +
			"nobody notices that one has gone",
		Picture: tl,
	})
	f.finish(t, s, 8*chunk, chunk, "the new instance")
	s.whole(t, f, "let an instance die after 7 of 16 chunks, and sent the rest to a new one")
}

// TestANodeDies stops the one that serves after the seventh chunk. The client goes on at the next
// one, in its place.
func TestANodeDies(t *testing.T) { virtual(t, aNodeDies) }

func aNodeDies(t *testing.T) {
	tl := timeline.New("old node", "new node")
	f, old, next := newFile("lesson", mib), newStateful(), newStateful()
	for i := range 7 {
		got := f.send(old, i*chunk, (i+1)*chunk)
		told{tl, "old node"}.patch(got, i*chunk)
		expect.That(t, got.taken((i+1)*chunk), expect.Message{
			Did:  fmt.Sprintf("sent chunk %d of 16 to a node", i+1),
			Want: fmt.Sprintf("any 2xx, and Upload-Offset: %d", (i+1)*chunk), Got: got.String(),
			Picture: tl,
		})
	}
	tl.Point("old node", "is killed")
	lost(t, tl, f, next)
	f.finish(t, next, 0, chunk, "the new node, from the beginning")
	next.whole(t, f, "let the client start over at the node that took the place of the one that was "+
		"killed")
	calls := old.sink.called()
	expect.That(t, calls == 0, expect.Message{
		Did:  "killed a node after 7 of 16 chunks, and sent the whole upload to another one",
		Want: "the first node has flushed nothing",
		Got:  fmt.Sprintf("its flush was called %d times", calls),
	})
}

// lost demands that the new node says that it knows nothing.
func lost(t *testing.T, tl *timeline.Timeline, f file, next *server) {
	t.Helper()
	const did = "sent 7 of 16 chunks to a node, killed it, and went on at the one that took its place"
	got := f.send(next, 7*chunk, 8*chunk)
	at := told{tl, "new node"}.patch(got, 7*chunk)
	if got.status != 404 || got.says {
		at.Breaks()
	}
	head := f.head(next)
	at = told{tl, "new node"}.head(head)
	if head.status != 404 || head.says {
		at.Breaks()
	}
	expect.That(t, got.status == 404 && !got.says && head.status == 404 && !head.says,
		expect.Message{
			Did:  did + ", with the next chunk and then with HEAD",
			Want: "404 without Upload-Offset, both times: what the other node had is gone",
			Got:  fmt.Sprintf("the next chunk: %s; HEAD: %s", got, head),
			Why: "this is the price of memory: the client has to start over. A node that takes the " +
				"chunk all the same glues the tail of a film to nothing",
			Picture: tl,
		})
}
