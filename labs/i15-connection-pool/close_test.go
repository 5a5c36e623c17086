package pool_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

// closing is a Close that is under way.
type closing struct {
	done chan struct{}
	err  error
	took time.Duration
}

func shut(ctx context.Context, p *pool.Pool) *closing {
	c := &closing{done: make(chan struct{})}
	called := time.Now()
	go func() {
		defer close(c.done)
		c.err = p.Close(ctx)
		c.took = time.Since(called)
	}()
	synctest.Wait()
	return c
}

func (c *closing) returned(t *testing.T, did string, want error, after time.Duration, why string) {
	t.Helper()
	did = strings.TrimSuffix(did, "; ")
	synctest.Wait()
	got := "it has not returned"
	ok := false
	select {
	case <-c.done:
		got = fmt.Sprintf("%s after %v", known.Say(c.err), c.took)
		ok = c.took == after && (want == nil && c.err == nil || want != nil && known.Is(c.err, want))
	default:
	}
	expect.That(t, ok, expect.Message{
		Did: did, Want: fmt.Sprintf("Close returns %s after %v", known.Say(want), after), Got: got,
		Why: why,
	})
}

func (c *closing) waits(t *testing.T, did, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case <-c.done:
		expect.Fatal(t, expect.Message{Did: did, Want: "Close waits",
			Got: fmt.Sprintf("%s after %v", known.Say(c.err), c.took), Why: why})
	default:
	}
}

func TestCloseSendsEverybodyAway(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		line := []*borrower{come(t.Context(), p), come(t.Context(), p)}
		time.Sleep(time.Second)
		end := shut(t.Context(), p)
		const did = "let two wait, and closed the pool a second later; "
		const why = "they would wait for their whole deadline for what never comes"
		for i, one := range line {
			one.fails(t, fmt.Sprintf("%snumber %d in line", did, i+1), pool.ErrClosed, time.Second, why)
		}
		come(t.Context(), p).fails(t, did+"one more came", pool.ErrClosed, 0, why)
		give(p, a, true)
		come(t.Context(), p).fails(t, did+"one more came after a release", pool.ErrClosed, 0, why)
		give(p, b, true)
		end.returned(t, did+"then gave both back", nil, 0, "")
		come(t.Context(), p).fails(t, did+"and came when all was over", pool.ErrClosed, 0, why)
		s.right(t, did, 2)
	})
}

func TestCloseWaitsForWhatIsLent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(3))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		c := borrow(t, p, "borrowed three", "")
		release(p, a)
		s.is(nil, 0, 500*time.Millisecond)
		end := shut(t.Context(), p)
		const did = "closed a pool with one idle connection and two that are lent, with closes " +
			"that take 500 ms; "
		closed(t, s, did+"at once", []int{1}, "nobody uses it, and nobody will")
		const why = "whoever closes the pool when the program ends wants to know that the last " +
			"query is done; what is lent is in the middle of one"
		time.Sleep(10 * time.Second)
		closed(t, s, did+"after 10 s", []int{1}, why)
		stats(t, p, did+"after 10 s", 2, 0, 0)
		end.waits(t, did+"after 10 s", why)
		give(p, b, true)
		closed(t, s, did+"gave one back", []int{1, 2}, "there is nobody to use it")
		time.Sleep(time.Second)
		end.waits(t, did+"gave one of two back", why)
		stats(t, p, did+"gave one of two back", 1, 0, 0)
		give(p, c, false)
		time.Sleep(499 * time.Millisecond)
		end.waits(t, did+"gave both back, and the last close is under way", why)
		time.Sleep(time.Millisecond)
		end.returned(t, did+"gave both back, after 10 s and 11 s", nil, 11500*time.Millisecond, why)
		closed(t, s, did+"gave both back", []int{1, 2, 3}, "")
		stats(t, p, did+"gave both back", 0, 0, 0)
		s.right(t, did, 3)
	})
	virtual(t, oldOnesAtTheEnd)
	virtual(t, aCloseOfTwoDays)
}

// oldOnesAtTheEnd closes a pool when all its connections are too old: one is idle, two are lent.
func oldOnesAtTheEnd(t *testing.T) {
	for _, limits := range [][2]time.Duration{{time.Minute, 0}, {0, time.Hour}, {time.Minute, time.Hour}} {
		s := &server{}
		config := s.config(3)
		config.IdleTimeout, config.MaxLifetime = limits[0], limits[1]
		p := pool.New(config)
		idle := borrow(t, p, "borrowed one", "")
		a, b := borrow(t, p, "borrowed two", ""), borrow(t, p, "borrowed three", "")
		release(p, idle)
		time.Sleep(time.Hour + time.Millisecond)
		end := shut(t.Context(), p)
		did := fmt.Sprintf("with an IdleTimeout of %v and a MaxLifetime of %v, let one be idle and two be lent "+
			"for 1 ms more than an hour, and closed the pool", limits[0], limits[1])
		const why = "too old or not: what the pool has dialled it closes, once"
		closed(t, s, did, []int{1}, why)
		give(p, a, true)
		closed(t, s, did+"; gave one back healthy", []int{1, 2}, why)
		give(p, b, false)
		closed(t, s, did+"; gave one back healthy and one unhealthy", []int{1, 2, 3}, why)
		end.returned(t, did+"; gave both back", nil, 0, why)
		s.right(t, did+"; gave both back", 3)
	}
}

// aCloseOfTwoDays is waited for: by those in line, and by Close.
func aCloseOfTwoDays(t *testing.T) {
	const takes = 48 * time.Hour
	s := &server{}
	s.is(nil, 0, takes)
	p := pool.New(s.config(1))
	c := borrow(t, p, "borrowed one", "")
	next := come(t.Context(), p)
	give(p, c, false)
	time.Sleep(takes - time.Millisecond)
	did := fmt.Sprintf("gave the only connection back unhealthy, whose close takes %v, while somebody waited", takes)
	const why = "a connection counts until Config.Close has returned for it, however long that takes"
	next.waits(t, did+"; 1 ms before it is done", why)
	time.Sleep(time.Millisecond)
	c = next.served(t, did+"; when it is done", takes, why)
	end := shut(t.Context(), p)
	time.Sleep(takes)
	did += "; closed the pool, and kept the next one for as long"
	end.waits(t, did, "how long Close waits says its context, and nobody else")
	give(p, c, true)
	time.Sleep(takes)
	end.returned(t, did+", and gave it back", nil, 2*takes, why)
	s.right(t, did, 1)
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		end := shut(patience(t, 5*time.Second), p)
		time.Sleep(5 * time.Second)
		const did = "closed a pool with a context of 5 s, and kept a connection; "
		end.returned(t, did, context.DeadlineExceeded, 5*time.Second,
			"the platform kills the program a little later; until then it has other things to do")
		closed(t, s, did+"after that", nil, "it is in the middle of a query")
		give(p, a, true)
		closed(t, s, did+"and gave it back after that", []int{1}, "the pool is closed")
		give(p, b, false)
		closed(t, s, did+"and gave both back after that", []int{1, 2}, "the pool is closed")
		come(t.Context(), p).fails(t, did+"and came after that", pool.ErrClosed, 0, "")

		p = pool.New(s.config(2))
		shut(t.Context(), p).returned(t, "closed a pool that was never used", nil, 0, "there is "+
			"nothing to wait for")
		closedInNoTime(t)
		s.right(t, did, 2)
	})
}

// closedInNoTime closes a pool with a context that has ended before.
func closedInNoTime(t *testing.T) {
	t.Helper()
	s := &server{}
	p := pool.New(s.config(2))
	a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
	line := come(t.Context(), p)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const did = "closed a pool with a context that has ended, while both connections were lent and somebody waited; "
	const why = "the time to wait is over, but the pool is closed all the same: a program that ends in a hurry " +
		"is to leave nothing open"
	shut(ended, p).returned(t, did, context.Canceled, 0, why)
	line.fails(t, did+"who waited", pool.ErrClosed, 0, why)
	give(p, a, true)
	give(p, b, true)
	closed(t, s, did+"then gave both back", []int{1, 2}, why)
	come(t.Context(), p).fails(t, did+"and came after that", pool.ErrClosed, 0, why)

	s = &server{}
	p = pool.New(s.config(2))
	release(p, borrow(t, p, "borrowed one", ""))
	shut(ended, p)
	closed(t, s, "closed a pool that has one idle connection, with a context that has ended", []int{1}, why)
}

// TestCloseOfWhatIsSlow has two closes that take a minute, then a dial that takes an hour.
func TestCloseOfWhatIsSlow(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		p := pool.New(s.config(2))
		a, b := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed two", "")
		release(p, a)
		release(p, b)
		s.is(nil, time.Hour, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		end := shut(ctx, p)
		const did = "closed a pool with a context of 5 s and two idle connections, whose close " +
			"takes a minute; "
		closed(t, s, did+"at once", []int{1, 2}, "one goodbye after another takes as long as all of "+
			"them together")
		time.Sleep(5 * time.Second)
		const why = "neither a close nor a dial may keep the program from its end"
		end.returned(t, did+"5 s later", context.DeadlineExceeded, 5*time.Second, why)

		p = pool.New(s.config(2))
		come(t.Context(), p)
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		end = shut(ctx, p)
		time.Sleep(5 * time.Second)
		end.returned(t, "closed a pool with a context of 5 s during a dial that takes an hour",
			context.DeadlineExceeded, 5*time.Second, why)
	})
}

func TestCloseDuringADial(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, dialErr := range []error{nil, errRefused} {
			s := &server{}
			s.is(dialErr, 2*time.Second, 500*time.Millisecond)
			p := pool.New(s.config(2))
			dialling := come(t.Context(), p)
			time.Sleep(time.Second)
			end := shut(t.Context(), p)
			did := "closed a pool during a dial; "
			if dialErr != nil {
				did = "closed a pool during a dial, which fails; "
			}
			end.waits(t, did+"at once", "the connection is just coming into being, and somebody "+
				"has to close it")
			time.Sleep(time.Second)
			synctest.Wait()
			expect.That(t, dialling.has() && dialling.c == nil &&
				known.Is(dialling.err, pool.ErrClosed), expect.Message{
				Did: did + "when that was over", Want: "Acquire returns ErrClosed",
				Got: dialling.String(),
				Why: "it would begin to work when the program is told to end",
			})
			want, after := []int{1}, 1500*time.Millisecond
			if dialErr != nil {
				want, after = nil, time.Second
			}
			closed(t, s, did+"when that was over", want, "a connection that nobody knows stays "+
				"open at the server for as long as that lives")
			if dialErr == nil {
				time.Sleep(499 * time.Millisecond)
				end.waits(t, did+"when that was over, and the close of what it gave, which takes 500 ms, "+
					"was under way", "the server still has a connection of this program")
				time.Sleep(time.Millisecond)
			}
			end.returned(t, did+"when all that was over", nil, after, "")
			s.right(t, did, 2)
		}
	})
}
