package pool_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

const fair = "whoever is passed in the line may wait for ever when there is much to do, and gets " +
	"a timeout that nobody can explain"

// TestServedInTheirOrder lets ten wait, and one who comes when a connection is just given back.
func TestServedInTheirOrder(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, healthy := range []bool{true, false} {
			s := &server{}
			p := pool.New(s.config(1))
			c := borrow(t, p, "borrowed the only connection", "")
			var line []*borrower
			for range 10 {
				line = append(line, come(t.Context(), p))
				time.Sleep(time.Millisecond)
			}
			word := map[bool]string{true: "healthy", false: "unhealthy"}[healthy]
			did := fmt.Sprintf("let ten wait for the only connection, and gave it back %s", word)
			late := newcomer(t, p, c, healthy)
			line = append(line, late)
			for i, b := range line {
				synctest.Wait()
				served := 0
				for _, other := range line {
					if other.has() {
						served++
					}
				}
				who := fmt.Sprintf("number %d in line", i+1)
				if b == late {
					who = "the one who came when it was given back"
				}
				expect.That(t, b.has() && b.err == nil && b.c != nil && served == i+1,
					expect.Message{
						Did: fmt.Sprintf("%s, in which moment one more came; releases: %d", did,
							i+1),
						Want: who + " has it, and all who came before have had it",
						Got:  fmt.Sprintf("%d were served; %s: %s", served, who, b),
						Why:  fair,
					})
				give(p, b.c, healthy)
			}
			s.right(t, did, 1)
		}
	})
	virtual(t, someLeaveTheLine)
	virtual(t, aLongLine)
}

// someLeaveTheLine lets ten wait, of whom the first have the most time, and some in the middle go.
func someLeaveTheLine(t *testing.T) {
	for _, gone := range [][]int{nil, {4}, {2, 5, 8}, {0, 9}} {
		s := &server{}
		p := pool.New(s.config(1))
		c := borrow(t, p, "borrowed the only connection", "")
		did := fmt.Sprintf("let ten wait, who have 10 h, 9 h, … 1 h; of them, counted from 0, went %v; ", gone)
		var line []*borrower
		for i := range 10 {
			line = append(line, come(patience(t, time.Duration(10-i)*time.Hour), p))
		}
		for _, i := range gone {
			line[i].cancel()
			line[i].fails(t, did+"who went", context.Canceled, 0, "")
		}
		stats(t, p, did, 1, 0, 10-len(gone))
		for i, one := range line {
			if slices.Contains(gone, i) {
				continue
			}
			give(p, c, true)
			c = one.served(t, fmt.Sprintf("%sthen gave it back again and again; number %d", did, i), 0, fair)
		}
		s.right(t, did, 1)
	}
}

// aLongLine is longer than any room that one would set aside for it.
func aLongLine(t *testing.T) {
	const many = 1200
	s := &server{}
	p := pool.New(s.config(1))
	c := borrow(t, p, "borrowed the only connection", "")
	did := fmt.Sprintf("let %d wait for the only connection", many)
	var line []*borrower
	for range many {
		line = append(line, come(t.Context(), p))
	}
	const why = "whoever cannot have one waits until it is served or its context ends; how long the line may " +
		"become its callers bound, and not the pool"
	line[many-1].waits(t, did+"; the last of them", why)
	stats(t, p, did, 1, 0, many)
	for _, one := range line[:3] {
		give(p, c, true)
		c = one.served(t, did+", and gave it back again and again", 0, fair)
	}
	shut(patience(t, time.Second), p)
	did += ", and closed the pool"
	line[many-1].fails(t, did, pool.ErrClosed, 0, why)
	stats(t, p, did, 1, 0, 0)
}

// newcomer gives the connection back and asks for one in the same breath, so that nobody has had
// the time to wake up.
func newcomer(t *testing.T, p *pool.Pool, c *pool.Conn, healthy bool) *borrower {
	t.Helper()
	b := &borrower{done: make(chan struct{})}
	go func() {
		defer close(b.done)
		p.Release(c, healthy)
		b.c, b.err = p.Acquire(t.Context())
	}()
	synctest.Wait()
	return b
}

func TestGivingUpLosesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a := borrow(t, p, "borrowed the first of two", "")
		b := borrow(t, p, "borrowed the second of two", "")
		var line []*borrower
		for range 20 {
			line = append(line, come(patience(t, 10*time.Millisecond), p))
		}
		const did = "borrowed both connections, and let 20 wait for 10 ms"
		stats(t, p, did, 2, 0, 20)
		hasty := come(patience(t, 5*time.Millisecond), p)
		time.Sleep(10 * time.Millisecond)
		hasty.fails(t, did+", and one behind them for 5 ms", context.DeadlineExceeded,
			5*time.Millisecond, "it has a user of its own, who has waited for long enough")
		for _, one := range line {
			one.fails(t, did, context.DeadlineExceeded, 10*time.Millisecond,
				"whoever waits has a user who waits; how long that makes sense only he knows")
		}
		stats(t, p, did+"; after that", 2, 0, 0)
		const why = "a slot that went to somebody who had gone is lost for ever: nobody gives it back"
		release(p, a)
		release(p, b)
		a = borrow(t, p, did+"; then gave both back, and borrowed one", why)
		borrow(t, p, did+"; then gave both back, and borrowed two", why)

		cancelled, patient := come(patience(t, time.Hour), p), come(t.Context(), p)
		time.Sleep(3 * time.Millisecond)
		cancelled.cancel()
		cancelled.fails(t, "waited, and was cancelled after 3 ms", context.Canceled,
			3*time.Millisecond, "nobody is interested in the answer any more")
		patient.waits(t, "let the one before be cancelled", "both connections are lent")
		give(p, a, true)
		patient.served(t, "let the one before be cancelled; then gave one back",
			3*time.Millisecond, why)
	})
}

// TestGivingUpInTheVeryMoment lets somebody be cancelled and served at the same time.
func TestGivingUpInTheVeryMoment(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, healthy := range []bool{true, false} {
			s := &server{}
			config := s.config(2)
			config.IdleTimeout, config.MaxLifetime = time.Minute, time.Hour
			p := pool.New(config)
			did := fmt.Sprintf("let somebody give up in the moment in which a connection was "+
				"given back, healthy: %t; both orders, 100 times", healthy)
			const why = "with deadlines it happens every day: what was handed to somebody who is " +
				"just going is lost, and one day none is left"
			for i := range 100 {
				a := borrow(t, p, did, why)
				b := borrow(t, p, did, why)
				w, next := come(t.Context(), p), come(t.Context(), p)
				if i%2 == 0 {
					w.cancel()
					p.Release(a, healthy)
				} else {
					p.Release(a, healthy)
					w.cancel()
				}
				synctest.Wait()
				expect.That(t, w.has() && (w.err == nil) == (w.c != nil), expect.Message{
					Did: did, Want: "a connection or an error, at once", Got: w.String(), Why: why})
				if w.c != nil {
					give(p, w.c, true)
				}
				c := next.served(t, did+"; the next in line", 0, why)
				give(p, c, true)
				give(p, b, true)
			}
			borrow(t, p, did+"; then borrowed one", why)
			borrow(t, p, did+"; then borrowed two", why)
			s.right(t, did, 2)
			dials, _, _, _ := s.seen()
			expect.That(t, !healthy || dials == 2, expect.Message{Did: did, Want: "dials: 2",
				Got: fmt.Sprintf("dials: %d", dials),
				Why: "whoever gave up takes nothing with it: the connection is healthy, and the next one's"})
		}
	})
}

func TestFailedDialsCostNoPlace(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		s.is(errRefused, 0, 0)
		p := pool.New(s.config(2))
		const why = "a server that restarts refuses for some seconds. If each refusal costs a " +
			"place the pool is empty when the server is back"
		for range 10 {
			come(t.Context(), p).fails(t, "let 10 dials fail at once, with Max: 2", errRefused, 0, why)
		}
		dials, _, _, _ := s.seen()
		expect.That(t, dials == 10, expect.Message{Did: "let 10 come while each dial fails, with Max: 2",
			Want: "dials: 10", Got: fmt.Sprintf("dials: %d", dials),
			Why: "what the last dial met the next one need not meet: the place is free, and who comes may dial"})
		s.is(nil, 0, 0)
		borrow(t, p, "let 10 dials fail, then borrowed one, with Max: 2", why)
		borrow(t, p, "let 10 dials fail, then borrowed two, with Max: 2", why)

		s = &server{}
		s.is(errRefused, time.Second, 0)
		p = pool.New(s.config(1))
		first, second := come(t.Context(), p), come(t.Context(), p)
		s.is(nil, 0, 0)
		const did = "let a dial fail after 1 s, with Max: 1, and somebody wait behind it; "
		second.waits(t, did+"before that", "there is no place yet")
		time.Sleep(time.Second)
		first.fails(t, did+"the first", errRefused, time.Second, "")
		second.served(t, did+"the second", time.Second, "the place is free, and nobody else will "+
			"tell it: without that it waits for ever")
		s.right(t, did, 1)
	})
	virtual(t, dialsWithALimitOfTheirOwn)
	virtual(t, afterSomeFailures)
}

// afterSomeFailures borrows when one, two, … dials in a row have failed.
func afterSomeFailures(t *testing.T) {
	for n := range 9 {
		s := &server{}
		s.is(errRefused, 0, 0)
		p := pool.New(s.config(2))
		did := fmt.Sprintf("let %d dials fail in a row, with Max: 2", n)
		for range n {
			come(t.Context(), p).fails(t, did, errRefused, 0, "")
		}
		s.is(nil, 0, 0)
		borrow(t, p, did+", then borrowed when the server was back", "the place is free for the next, however "+
			"many have failed: a pool that stops to dial needs somebody who tells it when to go on")
	}
}

// dialsWithALimitOfTheirOwn fail with the error of a context that is not that of Acquire, while
// another connection is idle.
func dialsWithALimitOfTheirOwn(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, errRefused,
		fmt.Errorf("dial db:5432: %w", errRefused),
		fmt.Errorf("look up db: %w", context.DeadlineExceeded),
		fmt.Errorf("look up db: %w", context.Canceled),
	} {
		s := &server{}
		p := pool.New(s.config(2))
		c := borrow(t, p, "borrowed one", "")
		s.is(err, time.Second, 0)
		did := fmt.Sprintf("lent one, and let a dial for somebody else fail after 1 s with the error %v, "+
			"while the context of Acquire goes on", err)
		dialling := come(t.Context(), p)
		give(p, c, true)
		time.Sleep(time.Second)
		dialling.fails(t, did, err, time.Second, "a Dial may have a limit of its own; whoever gets neither a "+
			"connection nor an error goes on with nil")
		s.is(nil, 0, 0)
		did += "; the first was given back meanwhile"
		stats(t, p, did, 1, 1, 0)
		closed(t, s, did, nil, "it is healthy: when one dial fails, those that are there are worth more than ever")
		again := borrow(t, p, did+", and borrowed again", "")
		expect.That(t, again == c, expect.Message{Did: did + ", and borrowed again",
			Want: "the one that is idle", Got: "another one", Why: "an idle one is lent before one is dialled"})
		s.right(t, did, 2)
	}
}

func TestADialEndsWithItsCaller(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		s.is(nil, time.Hour, 0)
		p := pool.New(s.config(1))
		b := come(t.Context(), p)
		patient := come(t.Context(), p)
		s.is(nil, 0, 0)
		time.Sleep(300 * time.Millisecond)
		b.cancel()
		const did = "cancelled somebody 300 ms after the begin of a dial that hangs, with Max: 1"
		b.fails(t, did, context.Canceled, 300*time.Millisecond, "nobody wants the connection any more")
		patient.served(t, did+"; who waited behind", 300*time.Millisecond,
			"a dial for nobody keeps the place from somebody")
		s.right(t, did, 1)
	})
	virtual(t, aDialOfTwoDays)
}

// aDialOfTwoDays is waited for, as long as who borrows has set no end to it.
func aDialOfTwoDays(t *testing.T) {
	const takes = 48 * time.Hour
	s := &server{}
	s.is(nil, takes, 0)
	p := pool.New(s.config(1))
	b, next := come(t.Context(), p), come(t.Context(), p)
	time.Sleep(takes)
	did := fmt.Sprintf("began a dial that takes %v, with a context without an end", takes)
	b.served(t, did, takes, "how long a dial may take says the context of Acquire, and nobody else")
	next.waits(t, did+"; who waited behind", "the only connection is lent")
	s.right(t, did, 1)
}

func TestASlowDialHoldsUpNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(3))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		s.is(nil, 10*time.Minute, 0)
		slow := come(t.Context(), p)
		const did = "borrowed two, and began a dial that takes 10 min, with Max: 3; meanwhile "
		const why = "one server that answers slowly, or one lost packet, must not stop those who " +
			"have all that they need"
		time.Sleep(time.Second)
		give(p, a, true)
		give(p, b, true)
		c := borrow(t, p, did+"gave both back, and borrowed one", why)
		answered := make(chan struct{})
		go func() { p.Stats(); close(answered) }()
		synctest.Wait()
		select {
		case <-answered:
		default:
			expect.Fatal(t, expect.Message{Did: did + "asked for Stats", Want: "an answer at once",
				Got: "none", Why: why})
		}
		give(p, c, true)
		borrow(t, p, did+"gave that one back, and borrowed again", why)
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		expect.That(t, slow.has() && slow.err == nil && slow.c != nil, expect.Message{
			Did: did + "waited for that", Want: "a connection, after 10 min", Got: slow.String()})
		s.right(t, did, 3)
	})
}
