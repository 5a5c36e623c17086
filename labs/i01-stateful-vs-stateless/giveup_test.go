package upload_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

// giveUp is no multiple of what somebody would wait for between two looks.
const giveUp = 5007 * time.Millisecond

// TestDrainGivesUp has an upload that is never complete.
func TestDrainGivesUp(t *testing.T) {
	for _, flushing := range []bool{false, true} {
		for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
			virtual(t, func(t *testing.T) { givesUp(t, want, flushing) })
		}
	}
	virtual(t, endedBefore)
	virtual(t, forAReason)
}

// forAReason is a deploy that was taken back by somebody who said why.
func forAReason(t *testing.T) {
	t.Helper()
	s, f := newStateful(), newFile("lesson", 300)
	f.take(t, s, 0, 100, s.kind)
	ctx, cancel := context.WithCancelCause(context.Background())
	d := s.drain(ctx)
	cancel(errors.New("the deploy was taken back"))
	time.Sleep(time.Second)
	expect.That(t, d.returned() && sentinel.Is(d.err, context.Canceled), expect.Message{
		Did:  "called Drain when an upload was open, with a ctx that was then cancelled with a cause",
		Want: "it returns the error of ctx, context canceled",
		Got:  d.String(),
		Why: "whoever called asks whether it was cancelled or late: a cause is a text of somebody's, and for those " +
			"who look for it",
	})
}

// endedBefore is a deploy that was taken back before the node heard of it.
func endedBefore(t *testing.T) {
	t.Helper()
	s, f := newStateful(), newFile("lesson", 300)
	f.take(t, s, 0, 100, s.kind)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d := s.drain(ctx)
	time.Sleep(time.Second)
	expect.That(t, d.returned() && d.took <= time.Millisecond && sentinel.Is(d.err, context.Canceled),
		expect.Message{
			Did:  "called Drain when an upload was open, with a ctx that had been cancelled before",
			Want: "it returns context canceled at once",
			Got:  d.String(),
			Why:  "nobody waits for this drain any more",
		})
	other := newFile("other", 300)
	other.finish(t, s, 0, 100, "called Drain with a ctx that had been cancelled. After that, a new "+
		"upload")
	f.finish(t, s, 100, 100, "called Drain with a ctx that had been cancelled. After that")
	s.whole(t, f, "called Drain with a ctx that had been cancelled, and sent the rest")
}

func givesUp(t *testing.T, want error, flushing bool) {
	t.Helper()
	s, f := newStateful(), newFile("lesson", 300)
	did := "called Drain when an upload was open that did not go on; "
	f.take(t, s, 0, 200, s.kind)
	if flushing {
		did = "called Drain while flush was at work, for a minute; "
		s.sink.slow = each(time.Minute)
		go f.send(s, 200, 300)
	}
	ctx, cancel := context.WithTimeout(context.Background(), giveUp)
	did += "its ctx had a deadline in 5.007 s"
	if errors.Is(want, context.Canceled) {
		cancel()
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(giveUp, cancel)
		did = did[:len(did)-len("had a deadline in 5.007 s")] + "was cancelled after 5.007 s"
	}
	defer cancel()
	d := s.drain(ctx)
	news(t, s, "after the call of Drain", 0)
	time.Sleep(giveUp - time.Millisecond)
	early := d.returned()
	time.Sleep(2 * time.Millisecond)
	inTime := d.returned() && !early
	time.Sleep(10 * time.Second)
	expect.That(t, inTime && sentinel.Is(d.err, want), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Drain returns after %v, with %v", giveUp, want),
		Got:  d.String(),
		Why:  "the platform kills the node after its grace period, whatever Drain still waits for",
	})
	if !flushing {
		goesOn(t, s, f, did)
	}
}

// goesOn demands that the node is as it was, and can be drained again.
func goesOn(t *testing.T, s *server, f file, did string) {
	t.Helper()
	calls := s.sink.called()
	expect.That(t, calls == 0, expect.Message{
		Did: did, Want: "flush is not called: the upload is incomplete",
		Got: fmt.Sprintf("it was called %d times", calls),
		Why: "two thirds of a video look like a video to whatever comes behind flush",
	})
	other := newFile("other", 300)
	other.finish(t, s, 0, 100, did+". After that, a new upload")
	f.at(t, s, 200, did+". After that", "")
	again := s.drain(context.Background())
	news(t, s, "after Drain was called once more, when the first call had given up", 1)
	time.Sleep(time.Second)
	f.take(t, s, 200, 300, did+". After that")
	again.mustEnd(t, time.Second, did+". Called it once more, and sent the last chunk 1 s later")
	s.whole(t, f, did+". Called it once more, and sent the last chunk")
}
