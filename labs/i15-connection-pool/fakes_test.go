package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	pool "github.com/backend-labs/backend-labs/labs/i15-connection-pool"
)

var (
	errRefused = errors.New("connection refused")
	errGone    = errors.New("the user has gone")
	errLate    = errors.New("the page is late")
	known      = sentinel.Errors{
		"ErrClosed":                pool.ErrClosed,
		"context.Canceled":         context.Canceled,
		"context.DeadlineExceeded": context.DeadlineExceeded,
		"connection refused":       errRefused,
	}
)

// virtual runs f in virtual time. What is left running afterwards is the business of one check
// alone, and does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// server is what the connections lead to.
type server struct {
	mu         sync.Mutex
	dialTakes  time.Duration
	closeTakes time.Duration
	dialErr    error
	dials      int // that were begun
	count      int // of connections that are dialled, there, or being closed
	most       int // that there were of these
	alive      map[*pool.Conn]bool
	closed     []int // the numbers of those whose close was begun
	wrong      []string
	tl         *timeline.Timeline // may be nil
}

func (s *server) config(most int) pool.Config {
	return pool.Config{Max: most, Dial: s.dial, Close: s.close}
}

// is changes what happens from now on.
func (s *server) is(dialErr error, dialTakes, closeTakes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialErr, s.dialTakes, s.closeTakes = dialErr, dialTakes, closeTakes
}

func (s *server) dial(ctx context.Context) (*pool.Conn, error) {
	s.mu.Lock()
	s.dials++
	s.count++
	s.most = max(s.most, s.count)
	number, err, takes := s.dials, s.dialErr, s.dialTakes
	s.mu.Unlock()
	if takes > 0 {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(takes):
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.count--
		return nil, err
	}
	c := &pool.Conn{Raw: number}
	if s.alive == nil {
		s.alive = map[*pool.Conn]bool{}
	}
	s.alive[c] = true
	return c, nil
}

func (s *server) close(c *pool.Conn) {
	s.mu.Lock()
	if c == nil || !s.alive[c] {
		s.wrong = append(s.wrong, "Close was called with "+name(c)+", which is not open")
		s.mu.Unlock()
		return
	}
	delete(s.alive, c)
	s.closed = append(s.closed, c.Raw.(int))
	takes := s.closeTakes
	s.mu.Unlock()
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
}

// seen is what the server knows.
func (s *server) seen() (dials, count, most int, closed []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials, s.count, s.most, slices.Sorted(slices.Values(s.closed))
}

// right demands that nothing was closed twice, or that is no connection, and that there were never
// too many.
func (s *server) right(t *testing.T, did string, most int) {
	t.Helper()
	did = strings.TrimSuffix(did, "; ")
	s.mu.Lock()
	defer s.mu.Unlock()
	expect.That(t, len(s.wrong) == 0, expect.Message{
		Did: did, Want: "Config.Close called once for each connection that was dialled",
		Got: strings.Join(s.wrong, "; "),
		Why: "the second close hits whoever has got the number of the first meanwhile",
	})
	expect.That(t, s.most <= most, expect.Message{
		Did: did, Want: fmt.Sprintf("connections at any moment: %d at most", most),
		Got: fmt.Sprintf("%d at one moment, with those that were dialled or closed", s.most),
		Why: "the server counts them all, and refuses what is too much: the next query of " +
			"somebody else",
		Picture: s.tl,
	})
}

func name(c *pool.Conn) string {
	if c == nil {
		return "no connection"
	}
	return fmt.Sprintf("connection %v", c.Raw)
}

// borrower is somebody who has called Acquire.
type borrower struct {
	done   chan struct{}
	cancel context.CancelFunc
	c      *pool.Conn
	err    error
	waited time.Duration
}

// come calls Acquire on a goroutine of its own and lets it come to where it waits.
func come(ctx context.Context, p *pool.Pool) *borrower {
	ctx, cancel := context.WithCancelCause(ctx)
	b := &borrower{done: make(chan struct{}), cancel: func() { cancel(errGone) }}
	called := time.Now()
	go func() {
		defer close(b.done)
		b.c, b.err = p.Acquire(ctx)
		b.waited = time.Since(called)
	}()
	synctest.Wait()
	return b
}

// has reports whether Acquire has returned.
func (b *borrower) has() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

func (b *borrower) String() string {
	switch {
	case !b.has():
		return "it still waits"
	case b.err != nil:
		return fmt.Sprintf("after %v the error %s", b.waited, known.Say(b.err))
	default:
		return fmt.Sprintf("%s after %v", name(b.c), b.waited)
	}
}

// served demands that Acquire has returned a connection after that time.
func (b *borrower) served(t *testing.T, did string, after time.Duration, why string) *pool.Conn {
	t.Helper()
	synctest.Wait()
	expect.That(t, b.has() && b.err == nil && b.c != nil && b.waited == after, expect.Message{
		Did: did, Want: fmt.Sprintf("a connection, after %v", after), Got: b.String(), Why: why,
	})
	return b.c
}

// fails demands that Acquire has returned this error after that time.
func (b *borrower) fails(t *testing.T, did string, want error, after time.Duration, why string) {
	t.Helper()
	synctest.Wait()
	expect.That(t, b.has() && b.c == nil && known.Is(b.err, want) && b.waited == after,
		expect.Message{
			Did:  did,
			Want: fmt.Sprintf("after %v the error %s, and no connection", after, known.Say(want)),
			Got:  b.String(),
			Why:  why,
		})
}

// waits demands that Acquire has not returned.
func (b *borrower) waits(t *testing.T, did, why string) {
	t.Helper()
	synctest.Wait()
	expect.That(t, !b.has(), expect.Message{Did: did, Want: "it waits", Got: b.String(), Why: why})
}

// borrow calls Acquire, which must return a connection at once.
func borrow(t *testing.T, p *pool.Pool, did, why string) *pool.Conn {
	t.Helper()
	return come(t.Context(), p).served(t, did, 0, why)
}

// stats demands these.
func stats(t *testing.T, p *pool.Pool, did string, open, idle, waiting int) {
	t.Helper()
	o, i, w := p.Stats()
	expect.That(t, o == open && i == idle && w == waiting, expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Stats: %d open, %d idle, %d waiting", open, idle, waiting),
		Got:  fmt.Sprintf("%d open, %d idle, %d waiting", o, i, w),
		Why: "these three numbers say whether a pool is too small, too large, or leaking; " +
			"dashboards and alerts are made of them",
	})
}

// give calls Release, which may wait for a close, and lets all come of it that comes at once.
func give(p *pool.Pool, c *pool.Conn, healthy bool) {
	go p.Release(c, healthy)
	synctest.Wait()
}

// release calls Release of a healthy connection, and no more.
func release(p *pool.Pool, c *pool.Conn) { p.Release(c, true) }

func patience(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, errLate)
	t.Cleanup(cancel)
	return ctx
}
