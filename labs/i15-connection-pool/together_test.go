package pool_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

// TestReleaseOfWhatIsNotLent looks at the pool afterwards, too.
func TestReleaseOfWhatIsNotLent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, healthy := range []bool{true, false} {
			s, elsewhere := &server{}, &server{}
			p, other := pool.New(s.config(2)), pool.New(elsewhere.config(2))
			foreign := borrow(t, other, "borrowed from another pool", "")
			panics(t, p, "a connection that nobody has dialled", &pool.Conn{Raw: 7}, healthy)
			panics(t, p, "nil", nil, healthy)
			panics(t, p, "a connection of another pool", foreign, healthy)
			c := borrow(t, p, "borrowed one", "")
			release(p, c)
			panics(t, p, "a connection for the second time", c, healthy)
			stats(t, p, "released one twice", 1, 1, 0)
			c = borrow(t, p, "borrowed one", "")
			give(p, c, false)
			panics(t, p, "an unhealthy connection for the second time", c, healthy)
			stats(t, p, "released an unhealthy one twice", 0, 0, 0)
			for range 2 {
				borrow(t, p, "released what is not lent, and then borrowed two, with Max: 2",
					"the mistake of one caller must not take the pool away from all the others")
			}
			const did = "released what is not lent, and then borrowed three, with Max: 2"
			come(t.Context(), p).waits(t, did, "a place that is given free twice is one too many")
			s.right(t, did, 2)
			shut(patience(t, time.Second), other)
			give(other, foreign, healthy)
			panics(t, other, "a connection for the second time, after Close", foreign, healthy)
			whileItIsClosed(t, healthy)
		}
	})
}

// whileItIsClosed releases one a second time while Config.Close is under way for it, which takes a second.
func whileItIsClosed(t *testing.T, healthy bool) {
	t.Helper()
	s := &server{}
	s.is(nil, 0, time.Second)
	config := s.config(2)
	config.MaxLifetime = time.Hour
	p := pool.New(config)
	unhealthy, old := borrow(t, p, "borrowed one", ""), borrow(t, p, "borrowed another", "")
	give(p, unhealthy, false)
	panics(t, p, "a connection for the second time, while it is closed since it is unhealthy", unhealthy, healthy)
	time.Sleep(time.Hour + time.Millisecond)
	give(p, old, true)
	panics(t, p, "a connection for the second time, while it is closed since it is too old", old, healthy)
	const did = "released two that are closed, each for the second time"
	time.Sleep(time.Second)
	s.is(nil, 0, 0)
	for range 2 {
		borrow(t, p, did+", and then borrowed two, with Max: 2", "")
	}
	come(t.Context(), p).waits(t, did+", and then borrowed three, with Max: 2",
		"a place that is given free twice is one too many")
	s.right(t, did, 2)
}

func panics(t *testing.T, p *pool.Pool, what string, c *pool.Conn, healthy bool) {
	t.Helper()
	var got any
	func() {
		defer func() { got = recover() }()
		p.Release(c, healthy)
	}()
	expect.That(t, got != nil, expect.Message{
		Did: fmt.Sprintf("called Release, healthy: %t, of %s", healthy, what), Want: "it panics",
		Got: "it returned",
		Why: "released twice, a connection is lent to two at once, and they read each other's " +
			"answers: a mistake that must be found where it is made",
	})
}

func TestPoolsAreIndependent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		one, two := &server{}, &server{}
		p, q := pool.New(one.config(1)), pool.New(two.config(1))
		const why = "a program has a pool for each database; what one does is not the other's business"
		a := borrow(t, p, "borrowed the only connection of a pool", "")
		b := borrow(t, q, "and the only one of another pool", why)
		stats(t, p, "borrowed one connection of each of two pools", 1, 0, 0)
		release(p, a)
		waiting := come(t.Context(), q)
		waiting.waits(t, "gave one back to the one pool, and waited for the other", why)
		p.Close(t.Context())
		release(q, b)
		waiting.served(t, "closed the one pool, and gave one back to the other", 0, why)
	})
}

func TestManyAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &server{}
		s.is(nil, time.Millisecond, time.Millisecond)
		p := pool.New(s.config(4))
		var mu sync.Mutex
		lent, twice := map[*pool.Conn]bool{}, 0
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				for n := range 25 {
					ctx, cancel := context.WithTimeout(t.Context(),
						time.Duration(1+(i*7+n)%9)*time.Millisecond)
					c, err := p.Acquire(ctx)
					cancel()
					if err != nil {
						continue
					}
					mu.Lock()
					if lent[c] {
						twice++
					}
					lent[c] = true
					mu.Unlock()
					p.Stats()
					time.Sleep(time.Duration((i+n)%3) * time.Millisecond)
					mu.Lock()
					delete(lent, c)
					mu.Unlock()
					p.Release(c, (i+n)%5 != 0)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		s.is(nil, 0, 0)
		const did = "let 40 goroutines borrow and give back, some of them impatient, with Max: 4"
		expect.That(t, twice == 0, expect.Message{
			Did: did, Want: "no connection is lent to two at once",
			Got: fmt.Sprintf("that happened %d times", twice)})
		s.right(t, did, 4)
		for range 4 {
			come(t.Context(), p).served(t, did+"; then borrowed four", 0, "")
		}
	})
}

// TestNothingIsLeft is the one check that looks at what runs: see virtual.
func TestNothingIsLeft(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := &server{}
		config := s.config(2)
		config.IdleTimeout, config.MaxLifetime = time.Minute, time.Hour
		p := pool.New(config)
		a := borrow(t, p, "borrowed one", "")
		b := borrow(t, p, "borrowed two", "")
		impatient := come(patience(t, time.Second), p)
		time.Sleep(time.Second)
		impatient.fails(t, "waited for a second", context.DeadlineExceeded, time.Second, "")
		s.is(nil, 0, 10*time.Millisecond)
		p.Release(a, false)
		p.Release(b, true)
		const did = "borrowed two, gave one back unhealthy and one healthy, and closed the pool"
		err := p.Close(t.Context())
		_, count, _, closed := s.seen()
		expect.That(t, err == nil && count == 0 && len(closed) == 2, expect.Message{
			Did: did, Want: "nil, and each connection closed, once",
			Got: fmt.Sprintf("error %v; %d connections left, closed: %v", err, count, closed)})
		s.right(t, did, 2)
	})
	bubble.Run(t, contextsThatGoOn)
}

// contextsThatGoOn are not ended when all connections are closed, nor when the check is over.
func contextsThatGoOn(t *testing.T) {
	s := &server{}
	p := pool.New(s.config(1))
	for _, ctx := range []context.Context{context.Background(), openEnded()} {
		for range 2 {
			c, err := p.Acquire(ctx)
			expect.That(t, c != nil && err == nil, expect.Message{
				Did:  "borrowed with a context that goes on when the connection has been given back",
				Want: "a connection", Got: fmt.Sprintf("%s, error %v", name(c), err)})
			p.Release(c, false)
		}
	}
	err := p.Close(openEnded())
	expect.That(t, err == nil, expect.Message{
		Did: "closed a pool that has no connection left, with a context that goes on", Want: "nil",
		Got: fmt.Sprint(err)})
}

// openEnded is a context that can end, and does not.
func openEnded() context.Context {
	ctx, end := context.WithCancel(context.Background())
	_ = end
	return ctx
}
