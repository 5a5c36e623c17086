package upload_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

// trip is how long it takes to the store, or to what is behind flush, and back.
const trip = 5 * time.Millisecond

// bill is what a design has cost.
type bill struct {
	took   time.Duration // for 1 MiB in 16 chunks
	trips  int           // for the same
	again  int           // bytes sent twice, since a node has died after 7 chunks
	deploy time.Duration // how long one waits for an upload with three chunks to come
}

// TestWhatEachDesignCosts adds up what the learner's own two servers cost, and shows it.
func TestWhatEachDesignCosts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		free, bound := costOfStateless(t), costOfStateful(t)
		tl := timeline.New("stateless", "stateful")
		tl.Point("stateless", "1 MiB: %d round trips, %v", free.trips, free.took)
		tl.Point("stateful", "1 MiB: %d flush, %v", bound.trips, bound.took)
		tl.Point("stateless", "a node dies: %d bytes again", free.again)
		tl.Point("stateful", "a node dies: %d bytes again", bound.again)
		tl.Point("stateless", "a deploy waits %v", free.deploy)
		tl.Point("stateful", "a deploy waits %v", bound.deploy)
		expect.Show(t, "the receipt: 1 MiB in 16 chunks, a node that dies after 7, and a deploy "+
			"with 3 to come", tl)
	})
}

func costOfStateless(t *testing.T) (b bill) {
	t.Helper()
	const did = "NewStateless, over a store that is 5 ms away"
	s := newStateless()
	s.store.slow = each(trip)
	f := newFile("first", mib)
	began := time.Now()
	f.finish(t, s, 0, chunk, did)
	b.took, b.trips = time.Since(began), s.store.called()
	s.whole(t, f, "sent 1 MiB in 16 chunks, over a store that is 5 ms away")
	expect.That(t, b.trips >= 16, expect.Message{
		Did:  did + ": 1 MiB in 16 chunks",
		Want: "at least 16 calls of the store: each chunk is there when it is answered",
		Got:  fmt.Sprintf("%d calls", b.trips),
	})

	f = newFile("second", mib)
	for i := range 7 {
		f.take(t, s, i*chunk, (i+1)*chunk, did)
	}
	s.Handler = upload.NewStateless(s.store) // the old one is dead
	f.at(t, s, 7*chunk, did+", a new instance after 7 of 16 chunks", "nothing is lost with it")
	began = time.Now()
	s.Handler = upload.NewStateless(s.store) // a deploy: the next request goes to the new version
	b.deploy = time.Since(began)
	f.finish(t, s, 7*chunk, chunk, did+", a new instance after 7 of 16 chunks")
	s.whole(t, f, "sent the rest to a new instance after 7 of 16 chunks")
	return b
}

func costOfStateful(t *testing.T) (b bill) {
	t.Helper()
	const did = "NewStateful, with a flush that takes 5 ms"
	s := newStateful()
	s.sink.slow = each(trip)
	f := newFile("first", mib)
	began := time.Now()
	f.finish(t, s, 0, chunk, did)
	b.took, b.trips = time.Since(began), s.sink.called()
	s.whole(t, f, "sent 1 MiB in 16 chunks")
	expect.That(t, b.trips == 1 && b.took < 2*trip, expect.Message{
		Did:  did + ": 1 MiB in 16 chunks",
		Want: "one call of flush, and 5 ms in all",
		Got:  fmt.Sprintf("%d calls, %v", b.trips, b.took),
		Why:  "that a chunk costs no more than memory is the reason to keep state at all",
	})

	f = newFile("second", mib)
	for i := range 7 {
		f.take(t, s, i*chunk, (i+1)*chunk, did)
	}
	s = newStateful() // the old one is dead
	f.unknown(t, s, did+", a new node after 7 of 16 chunks", "what was in memory is gone")
	b.again = 7 * chunk
	f.finish(t, s, 0, chunk, did+", a new node, from the beginning")
	s.whole(t, f, "started over at a new node")
	b.deploy = deploy(t, s)
	return b
}

// deploy drains a node to which three chunks are still to come, one a second.
func deploy(t *testing.T, s *server) time.Duration {
	t.Helper()
	s.sink.slow = each(500 * time.Millisecond)
	f := newFile("third", 4*chunk)
	f.take(t, s, 0, chunk, s.kind)
	began, waited := time.Now(), make(chan time.Duration, 1)
	go func() {
		s.node.Drain(context.Background())
		waited <- time.Since(began)
	}()
	for i := range 3 {
		time.Sleep(time.Second)
		f.take(t, s, (i+1)*chunk, (i+2)*chunk, s.kind+", draining")
	}
	var got time.Duration
	select {
	case got = <-waited:
	case <-time.After(time.Minute):
		got = time.Hour
	}
	expect.That(t, got >= 3500*time.Millisecond && got <= 3600*time.Millisecond, expect.Message{
		Did: "called Drain when one upload was open, sent its other 3 chunks, one a second, and let " +
			"flush take 500 ms",
		Want: "Drain returns after 3.5 s",
		Got:  after(got),
		Why: "a deploy waits as long as the slowest client needs: this is the price of memory when " +
			"nothing goes wrong",
	})
	return got
}

func after(d time.Duration) string {
	if d >= time.Hour {
		return "it did not return"
	}
	return fmt.Sprintf("it returned after %v", d)
}
