package tracer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	tracer "github.com/backend-labs/backend-labs/labs/a02-mini-tracer"
)

func TestTheCollectorHangs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, size := range []struct{ queue, batch int }{{2048, 512}, {500, 10}, {10, 10}, {3, 1}, {1, 1}} {
			c := &collector{takes: time.Hour}
			tr := tracer.NewTracer("frontend", 1, c, size.queue, size.batch, time.Second)
			did := fmt.Sprintf("queue = %d, batch = %d, and an Export takes an hour: ended ", size.queue, size.batch)
			ended := 0
			for _, n := range []int{size.queue, 3 * size.batch, 5000, 3000} {
				took := spans(tr, n)
				ended += n
				expect.That(t, took == 0, expect.Message{Did: did + fmt.Sprint(ended, " spans"),
					Want: "End takes no time", Got: fmt.Sprintf("one has taken %v", took),
					Why: "the shop is down because of what is there to show why it is slow"})
				synctest.Wait()
				dropped := int(tr.Dropped())
				least, most := size.queue, size.queue+2*size.batch
				kept := ended - dropped
				expect.That(t, kept <= most && kept >= min(ended, least), expect.Message{Did: did + fmt.Sprint(ended, " spans"),
					Want: fmt.Sprintf("at least %d are kept, and at most %d", min(ended, least), most),
					Got:  fmt.Sprintf("Dropped is %d, so %d are", dropped, kept),
					Why: "what is kept for a collector that does not come back is the memory of those who serve customers; " +
						"what is not, is missing from every short burst"})
			}
			did += fmt.Sprint(ended, " spans; waited until the collector was back")
			c.mu.Lock()
			c.takes = 0
			c.mu.Unlock()
			time.Sleep(3 * time.Hour)
			seen := map[[8]byte]bool{}
			for _, s := range c.got() {
				seen[s.ID] = true
			}
			got := len(c.got())
			expect.That(t, len(seen) == got && got+int(tr.Dropped()) == ended, expect.Message{Did: did,
				Want: "each is exported once or has been dropped",
				Got:  fmt.Sprintf("exported %d, of which %d once; dropped %d", got, len(seen), tr.Dropped()),
				Why:  "a number that does not add up says that spans are lost somewhere else"})
			c.sound(t, did, size.batch)
			dropped := tr.Dropped()
			span(tr, "after the rush")
			time.Sleep(time.Minute)
			expect.That(t, len(c.got()) == got+1 && tr.Dropped() == dropped, expect.Message{Did: did + "; made one span more",
				Want: "it is exported", Got: fmt.Sprintf("exported after that: %d, dropped: %d", len(c.got())-got,
					tr.Dropped()-dropped)})
		}
		dropsFromMany(t)
	})
}

// dropsFromMany has many goroutines end more spans than there is room for.
func dropsFromMany(t *testing.T) {
	t.Helper()
	c := &collector{takes: time.Hour}
	tr := tracer.NewTracer("frontend", 1, c, 20, 10, time.Second)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { spans(tr, 200) })
	}
	all.Wait()
	synctest.Wait()
	kept := 1600 - int(tr.Dropped())
	expect.That(t, kept >= 20 && kept <= 40, expect.Message{
		Did:  "queue = 20, batch = 10, and an Export takes an hour: ended 200 spans in each of 8 goroutines",
		Want: "at least 20 are kept, and at most 40",
		Got:  fmt.Sprintf("Dropped is %d of 1600, so %d are", tr.Dropped(), kept),
		Why:  "requests end at the same moment, and a count that loses some says that less was lost"})
}

func TestAFullBatchIsExportedAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := &collector{}
		tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Hour)
		const did = "batch = 10, every = 1 h: ended "
		total := 0
		for _, n := range []int{10, 25, 15, 100} {
			spans(tr, n)
			total += n
			got := len(c.got())
			expect.That(t, total-got < 10, expect.Message{Did: did + fmt.Sprint(total, " spans"),
				Want: "less than a batch of them is left, and all others are exported at once", Got: fmt.Sprintf("%d are", got),
				Why: "under load the queue is full long before the hour is over"})
			c.sound(t, did+fmt.Sprint(total, " spans"), 10)
		}
		time.Sleep(time.Hour)
		got := len(c.got())
		expect.That(t, got == total, expect.Message{Did: did + fmt.Sprint(total, " spans; waited for 1 h"),
			Want: "all are exported", Got: fmt.Sprintf("%d are", got)})
	})
}

func TestNoSpanWaitsForLong(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, every := range []time.Duration{time.Second, 250 * ms} {
			exportsInTime(t, every)
			exportsBursts(t, every)
		}
	})
}

// exportsInTime demands that of spans that end in several rhythms none waits for longer than every.
func exportsInTime(t *testing.T, every time.Duration) {
	t.Helper()
	c := &collector{}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, every)
	did := fmt.Sprintf("batch = 10, every = %v: ", every)
	ended := map[string]time.Time{}
	for _, story := range []struct {
		pause time.Duration
		n     int
	}{
		{every * 6 / 10, 8}, {time.Hour, 1}, {time.Hour, 1}, {every / 20, 33}, {3 * every, 5}, {every - ms, 12},
	} {
		what := fmt.Sprintf("ended %d, each %v after the one before", story.n, story.pause)
		for range story.n {
			time.Sleep(story.pause)
			name := fmt.Sprint("call ", len(ended))
			ended[name] = time.Now()
			span(tr, name)
		}
		time.Sleep(every + ms)
		m := expect.Message{Did: did + what, Want: fmt.Sprintf("each is exported after %v at the latest", every),
			Why: "who looks for the trace of a failure that was just reported finds nothing"}
		did += what + ", "
		got := c.got()
		m.Got = fmt.Sprintf("after that, %d of %d were", len(got), len(ended))
		expect.That(t, len(got) == len(ended), m)
		for i, s := range got {
			took := c.at[i].Sub(ended[s.Name])
			m.Got = fmt.Sprintf("one was after %v", took)
			expect.That(t, took <= every, m)
		}
		c.sound(t, m.Did, 10)
		c.together(t, m.Did, 10, every)
	}
}

// exportsBursts demands the same of spans that end while a full batch is handed over, which takes no
// time.
func exportsBursts(t *testing.T, every time.Duration) {
	t.Helper()
	c := &collector{}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, every)
	did := fmt.Sprintf("batch = 10, every = %v: ended 10 spans, and 17 more before the Export of these had returned, "+
		"three times without a pause", every)
	for range 3 {
		gate := make(chan struct{})
		c.mu.Lock()
		c.gate = gate
		c.mu.Unlock()
		spans(tr, 10)
		synctest.Wait()
		spans(tr, 17)
		synctest.Wait()
		close(gate)
		synctest.Wait()
	}
	c.sound(t, did, 10)
	c.together(t, did, 10, every)
	time.Sleep(every)
	got := len(c.got())
	expect.That(t, got == 81, expect.Message{Did: did + fmt.Sprintf("; waited for %v", every),
		Want: "all 81 are exported", Got: fmt.Sprintf("%d are", got),
		Why: "what is left of a burst waits for the next span, and at night there is none for hours"})
	c.together(t, did+fmt.Sprintf("; waited for %v", every), 10, every)
}

// together demands that spans wait for each other.
func (c *collector) together(t *testing.T, did string, batch int, every time.Duration) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var before time.Time
	for i, at := range c.begun {
		if c.sizes[i] == batch {
			continue
		}
		expect.That(t, at.Sub(before) >= every, expect.Message{Did: did,
			Want: fmt.Sprintf("batches that are not full come %v apart at least", every),
			Got:  fmt.Sprintf("one came %v after another", at.Sub(before)),
			Why:  "a call for each span costs the collector and the network more than the spans do"})
		before = at
	}
}

func TestExportsDoNotOverlap(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := &collector{takes: 700 * ms}
		tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
		const did = "batch = 10, every = 1 s, and an Export takes 700 ms: ended 300 spans in 36 s and 95 " +
			"at once, and called Shutdown"
		total := 0
		for i := range 60 {
			n := []int{3, 12, 0, 5, 0, 20, 0, 0}[i%8]
			spans(tr, n)
			total += n
			time.Sleep(600 * ms)
		}
		time.Sleep(10 * time.Second)
		spans(tr, 95)
		synctest.Wait()
		err := tr.Shutdown(t.Context())
		got := len(c.got())
		expect.That(t, err == nil && got+int(tr.Dropped()) == total+95 && tr.Dropped() == 0, expect.Message{Did: did,
			Want: "all are exported, and none is dropped: the queue has room for 100",
			Got:  fmt.Sprintf("exported %d of %d, dropped %d; Shutdown: %s", got, total+95, tr.Dropped(), say(err))})
		c.sound(t, did, 10)
		expect.That(t, c.over == 0, expect.Message{Did: did, Want: "no context of an Export ends before it returns",
			Got: fmt.Sprintf("that of %d did", c.over)})
	})
}

func TestAnExportFails(t *testing.T) {
	virtual(t, func(t *testing.T) {
		timeout := fmt.Errorf("post: %w", context.DeadlineExceeded)
		for _, with := range []error{errors.New("503"), context.Canceled, timeout} {
			failsWith(t, with)
		}
	})
}

// failsWith demands that the Tracer goes on when Exports have failed with this error.
func failsWith(t *testing.T, with error) {
	t.Helper()
	c := &collector{fails: func(first string) error {
		if strings.HasPrefix(first, "early") {
			return with
		}
		return nil
	}}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
	for range 45 {
		span(tr, "early")
	}
	time.Sleep(time.Minute)
	for range 15 {
		span(tr, "late")
	}
	time.Sleep(time.Minute)
	late := 0
	for _, s := range c.got() {
		if s.Name == "late" {
			late++
		}
	}
	expect.That(t, late == 15, expect.Message{
		Did: fmt.Sprintf("ended 45 spans, of which each Export fails (%v); a minute later ended 15 of which none does",
			with),
		Want: "the latter are exported, each once", Got: fmt.Sprintf("%d are", late),
		Why: "the collector has been restarted, and the services should not have to be"})
	dropped := tr.Dropped()
	expect.That(t, dropped == 0, expect.Message{
		Did:  fmt.Sprintf("ended 45 spans with queue = 100, of which each Export fails (%v), and 15 of which none does", with),
		Want: "Dropped is 0: there was room for all", Got: fmt.Sprint(dropped),
		Why: "it says that the queue is too small, and another queue is no help against a collector that is down"})
}

func TestShutdownExportsWhatIsLeft(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, takes := range []time.Duration{0, 29 * time.Second} {
			for _, n := range []int{0, 1, 10, 25, 100} {
				for _, settled := range []bool{false, true} {
					exportsTheRest(t, takes, n, settled, 100)
				}
			}
			exportsTheRest(t, takes, 1995, false, 2000)
		}
		doesNotWaitForOthers(t)
	})
}

// exportsTheRest demands that Shutdown exports n spans, called at once or when the Tracer waits for more.
func exportsTheRest(t *testing.T, takes time.Duration, n int, settled bool, queue int) {
	t.Helper()
	c := &collector{takes: takes, heeds: true}
	tr := tracer.NewTracer("frontend", 1, c, queue, 10, 24*time.Hour)
	tr.Start(t.Context(), "under way")
	spans(tr, n)
	did := fmt.Sprintf("queue = %d, batch = 10, every = 24 h, an Export takes %v: ended %d spans, and called Shutdown", queue, takes, n)
	partial := 2 // one in the day, and one at Shutdown
	if settled {
		did += " when all was still"
		partial = c.partial(10) + 1
	}
	begin := time.Now()
	err := tr.Shutdown(t.Context())
	took := time.Since(begin)
	c.mu.Lock()
	now, got, exports, over := c.now, len(c.spans), len(c.sizes), c.over
	c.mu.Unlock()
	expect.That(t, got == n && now == 0, expect.Message{Did: did,
		Want: "when it returns all of them are exported", Got: fmt.Sprintf("%d are, Exports under way: %d", got, now),
		Why: "after it the process ends: the last spans before a crash or a deploy are those that are looked for"})
	expect.That(t, takes > 0 || c.partial(10) <= partial, expect.Message{Did: did,
		Want: fmt.Sprintf("at most %d not full in all: one in each day, and one at Shutdown", partial),
		Got:  fmt.Sprintf("batches of %v", clip(c.batches())),
		Why:  "there is little time at the end, and each Export takes some of it"})
	expect.That(t, err == nil && took <= takes*time.Duration(exports), expect.Message{Did: did,
		Want: fmt.Sprintf("nil, as soon as %d Exports are done", exports),
		Got:  fmt.Sprintf("%s, after %v", say(err), took)})
	expect.That(t, over == 0, expect.Message{Did: did,
		Want: "the context of an Export does not end before that of Shutdown, nor within 30 s",
		Got:  fmt.Sprintf("that of %d did", over), Why: "it has all the time that Shutdown has"})
	c.sound(t, did, 10)
}

// doesNotWaitForOthers demands that Shutdown does not wait for the spans that end meanwhile.
func doesNotWaitForOthers(t *testing.T) {
	t.Helper()
	c := &collector{takes: time.Second}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
	for range 35 {
		span(tr, "before")
	}
	synctest.Wait()
	over := make(chan struct{})
	go func() {
		defer func() { recover() }() // that End panics is the business of another check
		for range 1200 {
			spans(tr, 10)
			select {
			case <-over:
				return
			case <-time.After(500 * ms):
			}
		}
	}()
	const did = "batch = 10, queue = 100, an Export takes 1 s: ended 35 spans, and called Shutdown, while 10 more end " +
		"each 500 ms"
	begin := time.Now()
	err := tr.Shutdown(t.Context())
	took := time.Since(begin)
	close(over)
	before := strings.Count(fmt.Sprint(c.got()), "before")
	expect.That(t, err == nil && before == 35, expect.Message{Did: did, Want: "nil, when the 35 are exported",
		Got: fmt.Sprintf("%s; exported of them: %d", say(err), before)})
	expect.That(t, took <= 15*time.Second, expect.Message{Did: did,
		Want: "it returns after a dozen Exports at the latest, which is more than there was room for",
		Got:  fmt.Sprintf("after %v", took),
		Why:  "while requests come there is always one more span: it never returns, and the program ends by a SIGKILL"})
}

// partial is how many batches were not full by now.
func (c *collector) partial(batch int) (n int) {
	for _, size := range c.batches() {
		if size != batch {
			n++
		}
	}
	return n
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
			for _, heeds := range []bool{false, true} {
				for _, patience := range []time.Duration{0, 5 * time.Second} {
					givesUp(t, 35, want, heeds, patience)
				}
				givesUp(t, 5, want, heeds, 5*time.Second)
			}
		}
	})
}

// endsAfter is a context that ends so much later, with this error.
func endsAfter(t *testing.T, patience time.Duration, err error) context.Context {
	cause := errors.New("SIGTERM")
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, cause)
	if err == context.Canceled {
		cancel()
		caused, end := context.WithCancelCause(t.Context())
		ctx, cancel = caused, func() { end(cause) }
		time.AfterFunc(patience, cancel)
		synctest.Wait()
	}
	t.Cleanup(cancel)
	return ctx
}

// givesUp demands that Shutdown does, with this error, where an Export hangs that heeds its context or
// does not. It has begun by then where there are enough spans for a batch.
func givesUp(t *testing.T, n int, want error, heeds bool, patience time.Duration) {
	t.Helper()
	c := &collector{takes: 10 * time.Minute, heeds: heeds}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
	spans(tr, n)
	synctest.Wait()
	ends, when := "has ended", "at once"
	if patience > 0 {
		ends, when = fmt.Sprintf("ends after %v", patience), fmt.Sprintf("after %v", patience)
	}
	did := fmt.Sprintf("ended %d spans with batch = 10, while an Export takes 10 minutes; called Shutdown with a "+
		"context that %s", n, ends)
	ctx := endsAfter(t, patience, want)
	begin := time.Now()
	err := tr.Shutdown(ctx)
	took := time.Since(begin)
	expect.That(t, known.Is(err, want) && took == patience, expect.Message{Did: did,
		Want: known.Say(want) + ", " + when, Got: fmt.Sprintf("%s, after %v", say(err), took),
		Why: "whoever stops the program has a deadline, too: after it comes a SIGKILL"})
	synctest.Wait()
	c.mu.Lock()
	exports, ended := len(c.sizes), c.ctxOver
	c.mu.Unlock()
	m := expect.Message{Did: did, Want: "the context of the one Export that has begun ends " + when + ", too",
		Got: "it does not end", Why: "nobody waits for it any more"}
	if !ended.IsZero() {
		m.Got = fmt.Sprintf("Exports: %d; the context ended after %v", exports, ended.Sub(begin))
	}
	expect.That(t, exports == 1 && ended.Equal(begin.Add(patience)), m)
	begin = time.Now()
	tr.Shutdown(t.Context())
	took = time.Since(begin)
	expect.That(t, took == 0, expect.Message{Did: did + "; called it again, with one that does not end",
		Want: "it returns at once", Got: fmt.Sprintf("after %v", took),
		Why: "main and a defer may both call it"})
	time.Sleep(time.Hour)
	exports = len(c.batches())
	expect.That(t, exports == 1, expect.Message{Did: did + "; waited for an hour",
		Want: "no other Export begins", Got: fmt.Sprintf("%d did", exports-1),
		Why: "what the exporter needs may have been closed by now"})
}

func TestAfterShutdown(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, hangs := range []bool{false, true} {
			c := &collector{}
			if hangs {
				c.takes = 10 * time.Minute
			}
			tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
			ctx, open := tr.Start(t.Context(), "under way")
			spans(tr, 10)
			synctest.Wait()
			did := "ended 10 spans, and called Shutdown"
			stop, cancel := context.WithTimeout(t.Context(), time.Second)
			if hangs {
				did += " while an Export takes 10 minutes, with a context that ends after 1 s"
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				tr.Shutdown(stop)
			}()
			synctest.Wait()
			if hangs {
				harmless(t, did+"; ended 20 more meanwhile", func() { spans(tr, 20) })
			}
			<-over
			cancel()
			before := len(c.got())
			expect.That(t, before == 10 || hangs && before > 0 && before < 10, expect.Message{Did: did,
				Want: "the 10 were handed to Export", Got: fmt.Sprintf("%d were", before)})
			did += "; then ended one that was under way, its child, and 1000 more"
			harmless(t, did, func() {
				_, child := tr.Start(ctx, "its child")
				child.End(nil)
				open.End(nil)
				spans(tr, 1000)
			})
			for range 3 {
				begin := time.Now()
				tr.Shutdown(t.Context())
				took := time.Since(begin)
				expect.That(t, took == 0, expect.Message{Did: did + "; called Shutdown again",
					Want: "it returns at once", Got: fmt.Sprintf("after %v", took)})
			}
			time.Sleep(time.Hour)
			got := len(c.got())
			expect.That(t, got == before, expect.Message{Did: did + "; called Shutdown again, and waited for an hour",
				Want: "nothing more is exported", Got: fmt.Sprintf("%d spans are", got-before),
				Why: "what the exporter needs has been closed by now"})
		}
		for range 10 {
			closesMeanwhile(t)
		}
	})
}

// closesMeanwhile calls Shutdown while many goroutines end spans. That they do so is of use under the race
// detector, above all.
func closesMeanwhile(t *testing.T) {
	t.Helper()
	c := &collector{}
	tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
	panics := make(chan any, 8)
	var ended atomic.Int64 // times 50
	var all sync.WaitGroup
	for range cap(panics) {
		all.Go(func() {
			defer func() {
				if value := recover(); value != nil {
					panics <- value
				}
			}()
			for range 10 {
				spans(tr, 50)
				tr.Dropped()
				ended.Add(1)
			}
		})
	}
	for ended.Load() < 20 && len(panics) == 0 {
		runtime.Gosched()
	}
	tr.Shutdown(t.Context())
	all.Wait()
	const did = "called Shutdown while 8 goroutines end spans"
	value := any("none")
	select {
	case value = <-panics:
	default:
	}
	expect.That(t, value == "none", expect.Message{Did: did, Want: "no panic", Got: fmt.Sprintf("a panic: %v", value),
		Why: "requests are under way while the program stops, and each of them ends its spans"})
	c.sound(t, did, 10)
}

// harmless demands that f ends spans without a panic, and at once.
func harmless(t *testing.T, did string, f func()) {
	t.Helper()
	begin := time.Now()
	value := func() (value any) {
		defer func() { value = recover() }()
		f()
		return nil
	}()
	expect.That(t, value == nil, expect.Message{Did: did, Want: "no panic",
		Got: fmt.Sprintf("a panic: %v", value),
		Why: "requests may still be under way, or work beside them; they know nothing of the Shutdown"})
	took := time.Since(begin)
	expect.That(t, took == 0, expect.Message{Did: did, Want: "End takes no time", Got: fmt.Sprintf("it took %v", took),
		Why: "nobody takes what is in the queue any more: whoever waits for that waits for ever"})
}

func TestShutdownLeavesNothingRunning(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, hangs := range []bool{false, true} {
			c := &collector{heeds: true}
			if hangs {
				c.takes = time.Hour
			}
			tr := tracer.NewTracer("frontend", 1, c, 100, 10, time.Second)
			spans(tr, 10)
			synctest.Wait()
			spans(tr, 5)
			ctx, cancel := context.Background(), func() {} // a context that never ends holds nothing up
			if hangs {
				ctx, cancel = context.WithTimeout(ctx, time.Second)
			}
			tr.Shutdown(ctx)
			cancel()
			got := len(c.got())
			expect.That(t, got == 15 || hangs && got > 0, expect.Message{Did: "ended 15 spans, and called Shutdown",
				Want: "they are exported", Got: fmt.Sprintf("%d are", got)})
			tr.Shutdown(context.Background())
		}
	})
}
