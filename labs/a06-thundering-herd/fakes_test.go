package herd_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	herd "github.com/backend-labs/backend-labs/labs/a06-thundering-herd"
)

// settings are what New is told.
type settings struct {
	ttl, stale, lease time.Duration
	jitter            float64
}

// aMinute is what most checks use: fresh for exactly a minute, and old for ten seconds.
var aMinute = settings{ttl: time.Minute, stale: 10 * time.Second}

// world is a source, and the instances of a service in front of it.
type world struct {
	t      *testing.T
	caches []*herd.Cache
	r      *vredis.Redis // nil where there is none
	tl     *timeline.Timeline

	mu    sync.Mutex
	loads map[string]int // that have begun, for each key
	ended map[string]int // by their contexts
}

// alone runs f in virtual time with one instance and no Redis. A load may outlive a check, and a Cache cannot be
// closed.
func alone(t *testing.T, s settings, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		w := newWorld(t)
		w.add(nil, s)
		f(t, w)
	})
}

// shared runs f in virtual time with n instances that have one Redis.
func shared(t *testing.T, n int, s settings, f func(t *testing.T, w *world)) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) {
		r := vredis.Start(t, n)
		w := newWorld(t)
		w.r = r
		for _, rdb := range r.Clients {
			w.add(rdb, s)
		}
		f(t, w)
	})
}

// both runs f with one instance that has no Redis, and then with two that share one.
func both(t *testing.T, s settings, f func(t *testing.T, w *world)) {
	t.Helper()
	alone(t, s, f)
	shared(t, 2, s, f)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, tl: timeline.New(), loads: map[string]int{}, ended: map[string]int{}}
	// Whatever still waits when a check ends has a minute to find out that it is over.
	t.Cleanup(func() { time.Sleep(time.Minute) })
	return w
}

func (w *world) add(rdb redis.UniversalClient, s settings) {
	w.caches = append(w.caches, herd.New(rdb, s.ttl, s.stale, s.lease, s.jitter))
}

// with says in a message what the instances have.
func (w *world) with() string {
	if w.r == nil {
		return "without Redis: "
	}
	return fmt.Sprintf("with %d instances and one Redis: ", len(w.caches))
}

// cache is an instance: the i-th, or the only one.
func (w *world) cache(i int) *herd.Cache { return w.caches[i%len(w.caches)] }

func (w *world) lane(i int) string { return fmt.Sprint("instance ", i%len(w.caches)+1) }

// outcome is what becomes of a load.
type outcome struct {
	takes time.Duration
	err   error
	half  []byte // what a load that fails returns beside the error
	panic any
	fixed []byte // in place of the value that tells the number of the load
	isNil bool   // in place of the value there is nil
	plain bool   // not to be drawn
}

// value is what the n-th load of a key gives.
func value(key string, n int) string { return fmt.Sprintf("%s, load %d", key, n) }

// load is a query: it takes its time, and ends when its context does.
func (w *world) load(i int, key string, o outcome) herd.Load {
	return func(ctx context.Context) ([]byte, error) {
		n := w.begin(key)
		var span timeline.Recorded
		if !o.plain {
			span = w.tl.Begin("source", "load %d, for %s", n, w.lane(i))
		}
		done := time.NewTimer(o.takes)
		defer done.Stop()
		select {
		case <-done.C:
		case <-ctx.Done():
			w.broke(key)
			w.draw(o, span, "its context ended")
			return nil, fmt.Errorf("load %d of %s: %w", n, key, ctx.Err())
		}
		switch {
		case o.panic != nil:
			w.draw(o, span, "panics")
			panic(o.panic)
		case o.err != nil:
			w.draw(o, span, "fails")
			return o.half, o.err
		case o.fixed != nil || o.isNil:
			w.draw(o, span, "done")
			return o.fixed, nil
		}
		w.draw(o, span, "done")
		return []byte(value(key, n)), nil
	}
}

func (w *world) draw(o outcome, span timeline.Recorded, how string) {
	if !o.plain {
		span.End("%s", how)
	}
}

func (w *world) begin(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads[key]++
	return w.loads[key]
}

// broke counts a load that its context has ended.
func (w *world) broke(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended[key]++
}

// loaded counts the loads of a key that have begun.
func (w *world) loaded(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loads[key]
}

// count is the number of loads of a key since there were so many, in words.
func (w *world) count(key string, before int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	words := loads(w.loads[key] - before)
	if n := w.ended[key]; n > 0 {
		words += fmt.Sprintf(", and %d ended with their contexts before they were done", n)
	}
	return words
}

// answer is what a Get has returned, and how long that took.
type answer struct {
	value string
	err   error
	took  time.Duration
}

func (a answer) String() string {
	if a.err != nil {
		return fmt.Sprintf("error: %v, after %v", a.err, a.took)
	}
	return fmt.Sprintf("%q, after %v", a.value, a.took)
}

// is reports whether the answer is the value of the n-th load and was there in time.
func (a answer) is(key string, n int, within time.Duration) bool {
	return a.err == nil && a.value == value(key, n) && a.took <= within
}

// get asks an instance as a web server would: the context is cancelled as soon as the request has been answered.
func (w *world) get(i int, key string, load herd.Load) answer {
	return w.getCtx(w.t.Context(), i, key, load)
}

func (w *world) getCtx(ctx context.Context, i int, key string, load herd.Load) answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	v, err := w.cache(i).Get(ctx, key, load)
	return answer{string(v), err, time.Since(start)}
}

// ask is get, drawn.
func (w *world) ask(i int, key string, o outcome) answer {
	return w.askCtx(w.t.Context(), i, key, o)
}

func (w *world) askCtx(ctx context.Context, i int, key string, o outcome) answer {
	span := w.tl.Begin(w.lane(i), "Get")
	a := w.getCtx(ctx, i, key, w.load(i, key, o))
	switch {
	case a.err != nil:
		span.End("an error")
	default:
		span.End("%s", a.value)
	}
	return a
}

// crowd lets n callers ask, one every gap, instance by instance in turn, and returns when all are answered.
func (w *world) crowd(n int, gap time.Duration, key string, o outcome) []answer {
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = w.get(i, key, w.load(i, key, o)) })
		if gap > 0 {
			time.Sleep(gap)
		}
	}
	wg.Wait()
	return answers
}

// later is something that runs beside the check; wait returns what it gave.
type later[T any] struct {
	done chan struct{}
	v    T
}

func start[T any](f func() T) *later[T] {
	l := &later[T]{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.v = f()
	}()
	return l
}

// wait gives what f gave, or ends the check after ten minutes of virtual time.
func (l *later[T]) wait(t *testing.T, m expect.Message) T {
	t.Helper()
	limit := time.NewTimer(10 * time.Minute)
	defer limit.Stop()
	select {
	case <-l.done:
	case <-limit.C:
		m.Got = "no answer within 10 minutes"
		expect.Fatal(t, m)
	}
	return l.v
}

// wrong lists the answers that are not as they should be: each kind once, and how many there are of it.
func wrong(answers []answer, right func(answer) bool) string {
	kinds, order := map[string]int{}, []string{}
	for _, a := range answers {
		if right(a) {
			continue
		}
		if kinds[a.String()]++; kinds[a.String()] == 1 {
			order = append(order, a.String())
		}
	}
	var all []string
	for i, k := range order {
		if i == 3 {
			all = append(all, fmt.Sprintf("and %d other kinds of answers", len(order)-i))
			break
		}
		all = append(all, fmt.Sprintf("%d× %s", kinds[k], k))
	}
	return strings.Join(all, "; ")
}

func loads(n int) string {
	if n == 1 {
		return "1 load"
	}
	return fmt.Sprintf("%d loads", n)
}
