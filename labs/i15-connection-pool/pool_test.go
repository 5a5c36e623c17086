package pool_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

func TestConnectionsAreUsedAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(3))
		const why = "opening a connection costs several round trips, and the server a process: " +
			"that is what a pool is there to save"
		for range 100 {
			c := borrow(t, p, "borrowed and gave back 100 times, with Max: 3", why)
			time.Sleep(time.Second)
			release(p, c)
		}
		dialled := func(did string, want int) {
			dials, _, _, _ := s.seen()
			expect.That(t, dials == want, expect.Message{
				Did: did, Want: fmt.Sprintf("dials: %d", want),
				Got: fmt.Sprintf("dials: %d", dials), Why: why,
			})
		}
		dialled("borrowed and gave back 100 times, with Max: 3", 1)
		for range 20 {
			a := borrow(t, p, "borrowed two at a time, with Max: 3", why)
			b := borrow(t, p, "borrowed two at a time, with Max: 3", why)
			expect.That(t, a != b, expect.Message{
				Did: "borrowed two at a time", Want: "two connections",
				Got: "twice " + name(a),
				Why: "two queries on one connection read each other's answers",
			})
			release(p, b)
			release(p, a)
		}
		dialled("borrowed and gave back two at a time, 20 times, with Max: 3", 2)
		s.right(t, "borrowed and gave back", 3)
	})
	virtual(t, func(t *testing.T) {
		for _, raw := range []any{nil, 7, []byte("socket")} {
			allAlike(t, raw)
		}
	})
}

// allAlike has connections that differ in nothing but that they are two.
func allAlike(t *testing.T, raw any) {
	t.Helper()
	did := fmt.Sprintf("borrowed two at a time from a pool whose Dial gives each connection the Raw %#v, and "+
		"gave both back; 3 times", raw)
	dials := 0
	config := pool.Config{Max: 2, Close: func(*pool.Conn) {},
		Dial: func(context.Context) (*pool.Conn, error) { dials++; return &pool.Conn{Raw: raw}, nil }}
	got := "as many"
	func() {
		defer func() {
			if r := recover(); r != nil {
				got = fmt.Sprintf("a panic: %v", r)
			}
		}()
		p := pool.New(config)
		for range 3 {
			a, err := p.Acquire(t.Context())
			b, err2 := p.Acquire(t.Context())
			if err != nil || err2 != nil || a == nil || b == nil || a == b {
				got = fmt.Sprintf("%p with error %v, then %p with error %v", a, err, b, err2)
				return
			}
			release(p, a)
			release(p, b)
		}
		if open, idle, _ := p.Stats(); dials != 2 || open != 2 || idle != 2 {
			got = fmt.Sprintf("dials: %d, open: %d, idle: %d", dials, open, idle)
		}
	}()
	expect.That(t, got == "as many", expect.Message{Did: did,
		Want: "two connections each time, and in the end 2 dials, 2 open, 2 idle", Got: got,
		Why: "what a connection is the pool need not know: what is in Raw is its owner's, may be nil, " +
			"the same in two of them, or nothing that can be compared"})
}

// TestNoMoreThanMax counts at the server.
func TestNoMoreThanMax(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, most := range []int{5, 1, 2} {
			jobs(t, most, true, 50*time.Millisecond+50/time.Duration(most)*100*time.Millisecond)
			// each connection is closed after its job, and the next one dialled
			jobs(t, most, false, 50/time.Duration(most)*(50+100+30)*time.Millisecond)
		}
	})
	virtual(t, aLargePool)
	virtual(t, aRush)
}

// aLargePool lends 150, has 150 more wait, and lends the same 150 once more.
func aLargePool(t *testing.T) {
	const many = 150
	s := &server{}
	p := pool.New(s.config(many))
	did := fmt.Sprintf("with Max: %d, borrowed as many", many)
	var lent []*pool.Conn
	for range many {
		lent = append(lent, borrow(t, p, did, "Max is what the server can bear, whatever it is"))
	}
	var line []*borrower
	for range many {
		line = append(line, come(t.Context(), p))
	}
	did += "; let as many wait"
	for i, one := range line {
		one.waits(t, did, "whoever cannot have one waits, however many there are")
		give(p, lent[i], true)
		lent[i] = one.served(t, did+", and gave one back after another", 0, "")
	}
	for _, c := range lent {
		release(p, c)
	}
	did += ", and gave all back"
	stats(t, p, did, many, many, 0)
	for range many {
		borrow(t, p, did, "")
	}
	dials, _, _, _ := s.seen()
	expect.That(t, dials == many, expect.Message{Did: did + ", and borrowed them again",
		Want: fmt.Sprintf("dials: %d", many), Got: fmt.Sprintf("dials: %d", dials),
		Why: "a healthy connection is kept: the next rush needs it"})
	s.right(t, did, many)
}

// aRush dials 1100 side by side, keeps them all, and closes them side by side.
func aRush(t *testing.T) {
	const many = 1100
	s := &server{}
	s.is(nil, time.Second, time.Second)
	p := pool.New(s.config(many))
	did := fmt.Sprintf("let %d come at once, with Max: %d and dials of 1 s", many, many)
	var rush []*borrower
	for range many {
		rush = append(rush, come(t.Context(), p))
	}
	time.Sleep(time.Second)
	for _, one := range rush {
		one.served(t, did, time.Second, "whoever may have a connection does not wait for the dials of others, "+
			"however many there are")
	}
	for _, one := range rush {
		release(p, one.c)
	}
	did += "; they gave all back"
	stats(t, p, did, many, many, 0)
	end := shut(t.Context(), p)
	time.Sleep(time.Second)
	end.returned(t, did+", and closed the pool, with closes of 1 s", nil, time.Second,
		"idle ones are closed at once, all of them, however many there are")
	s.right(t, did, many)
}

// jobs runs 50 of 100 ms each.
func jobs(t *testing.T, most int, healthy bool, limit time.Duration) {
	t.Helper()
	s := &server{}
	s.is(nil, 50*time.Millisecond, 30*time.Millisecond)
	p := pool.New(s.config(most))
	begun := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range 50 {
		all.Go(func() {
			c, err := p.Acquire(t.Context())
			if err != nil || c == nil {
				mu.Lock()
				failed = fmt.Errorf("%s, error: %v", name(c), err)
				mu.Unlock()
				return
			}
			time.Sleep(100 * time.Millisecond)
			p.Release(c, healthy)
		})
	}
	all.Wait()
	took := time.Since(begun).Round(time.Millisecond)
	did := fmt.Sprintf("ran 50 jobs of 100 ms at once, with Max: %d, dials of 50 ms", most)
	if !healthy {
		did += ", closes of 30 ms and every connection unhealthy after its job"
	}
	expect.That(t, failed == nil, expect.Message{
		Did: did, Want: "each gets a connection", Got: fmt.Sprint(failed)})
	s.right(t, did, most)
	_, _, reached, _ := s.seen()
	expect.That(t, reached == most, expect.Message{
		Did: did, Want: fmt.Sprintf("at some moment %d connections", most),
		Got: fmt.Sprintf("never more than %d", reached),
		Why: "whoever waits although there is room waits for nothing",
	})
	expect.That(t, took <= limit, expect.Message{
		Did: did, Want: fmt.Sprintf("all done after %v", limit), Got: fmt.Sprintf("after %v", took),
		Why: "connections are dialled, used and closed side by side; one after another, the " +
			"pool is as slow as a single connection",
	})
}

// TestWhoHasWhatWhen draws it.
func TestWhoHasWhatWhen(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("line", "slot 1", "slot 2")
		s := &server{tl: tl}
		s.is(nil, 50*time.Millisecond, 0)
		config := s.config(2)
		config.Dial = func(ctx context.Context) (*pool.Conn, error) {
			c, err := s.dial(ctx)
			if c != nil {
				tl.Point(fmt.Sprintf("slot %v", c.Raw), "dialled")
			}
			return c, err
		}
		p := pool.New(config)
		begun := time.Now()
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				c, err := p.Acquire(t.Context())
				if c == nil || err != nil {
					return
				}
				use := tl.Begin(fmt.Sprintf("slot %v", c.Raw), "job %d", i+1)
				_, _, waiting := p.Stats()
				tl.Holds("line", "%d waiting", waiting)
				time.Sleep(100 * time.Millisecond)
				use.End("")
				p.Release(c, true)
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
		took := time.Since(begun).Round(time.Millisecond)
		const did = "ran 6 jobs of 100 ms, one begun every millisecond, with Max: 2 and dials of 50 ms"
		s.right(t, did, 2)
		expect.That(t, took == 351*time.Millisecond, expect.Message{
			Did:  did,
			Want: "all done after 351 ms: two dials side by side, then two jobs at a time",
			Got:  fmt.Sprintf("after %v", took),
			Why: "a dial or a job that waits for another one although there is room wastes what " +
				"the pool is for",
			Picture: tl,
		})
		expect.Show(t, "six jobs on two connections: each is dialled once and used three times", tl)
	})
}

func TestStatsTellHowThingsAre(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		stats(t, p, "made a pool", 0, 0, 0)
		a := borrow(t, p, "borrowed the first of two", "")
		stats(t, p, "borrowed one", 1, 0, 0)
		b := borrow(t, p, "borrowed the second of two", "")
		stats(t, p, "borrowed two", 2, 0, 0)
		release(p, a)
		stats(t, p, "borrowed two and gave one back", 2, 1, 0)
		a = borrow(t, p, "borrowed again", "")
		stats(t, p, "borrowed two, gave one back and borrowed again", 2, 0, 0)
		third := come(t.Context(), p)
		fourth := come(t.Context(), p)
		stats(t, p, "borrowed both, and two more came", 2, 0, 2)
		give(p, a, false)
		stats(t, p, "then gave an unhealthy one back", 2, 0, 1)
		give(p, b, true)
		stats(t, p, "then gave a healthy one back", 2, 0, 0)
		give(p, third.served(t, "gave both back", 0, ""), false)
		stats(t, p, "gave an unhealthy one back, and nobody waited", 1, 0, 0)
		give(p, fourth.served(t, "gave both back", 0, ""), true)
		stats(t, p, "and the healthy one", 1, 1, 0)
	})
}
