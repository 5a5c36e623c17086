// Package windows limits how many requests a client may make in a window of time, in three ways: by a fixed window, by
// a log of what was admitted, and by two counters.
//
// Here keys are kept in the order in which they were used, so that those that are silent stand at the front of a list;
// windows are found with Time.Truncate, and the estimate is compared in integers of 128 bits.
package windows

import (
	"container/list"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// Limiter decides which requests may pass.
type Limiter interface {
	// Allow reports whether one more request of key is admitted now.
	Allow(key string) bool
}

// Footprint tells how much a limiter remembers.
type Footprint interface {
	// Entries is what is stored, over all keys: a number of requests is one entry, the time of a request is one.
	Entries() int
}

// NewFixed returns a limiter that counts in fixed windows.
func NewFixed(limit int, window time.Duration) Limiter {
	return newRecent(window, func() allower { return &fixed{limit: limit, window: window} })
}

// NewLog returns a limiter that keeps the times of what it has admitted.
func NewLog(limit int, window time.Duration) Limiter {
	return newRecent(window, func() allower { return &log{limit: limit, window: window} })
}

// NewCounter returns a limiter that estimates the last window from two fixed ones.
func NewCounter(limit int, window time.Duration) Limiter {
	return newRecent(window, func() allower {
		return &counter{limit: uint64(limit), window: window}
	})
}

type allower interface {
	allow(now time.Time) bool
	entries() int
}

// recent has the keys that were used within the last two windows, the one that was used last at the back.
type recent struct {
	window time.Duration
	fresh  func() allower

	mu     sync.Mutex
	byKey  map[string]*list.Element
	byTime *list.List
}

type used struct {
	key string
	at  time.Time
	allower
}

func newRecent(window time.Duration, fresh func() allower) *recent {
	return &recent{window: window, fresh: fresh, byKey: map[string]*list.Element{}, byTime: list.New()}
}

func (r *recent) Allow(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for e := r.byTime.Front(); e != nil && now.Sub(e.Value.(*used).at)-r.window >= r.window; e = r.byTime.Front() {
		delete(r.byKey, r.byTime.Remove(e).(*used).key)
	}
	e, ok := r.byKey[key]
	if !ok {
		e = r.byTime.PushBack(&used{key: key, allower: r.fresh()})
		r.byKey[key] = e
	}
	r.byTime.MoveToBack(e)
	u := e.Value.(*used)
	u.at = now
	return u.allow(now)
}

func (r *recent) Entries() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byKey {
		n += e.Value.(*used).entries()
	}
	return n
}

type fixed struct {
	limit  int
	window time.Duration
	begin  time.Time
	n      int
}

func (f *fixed) allow(now time.Time) bool {
	if begin := sinceEpoch(now, f.window).Truncate(f.window); !begin.Equal(f.begin) {
		f.begin, f.n = begin, 0
	}
	if f.n >= f.limit {
		return false
	}
	f.n++
	return true
}

func (f *fixed) entries() int { return 1 }

type log struct {
	limit  int
	window time.Duration
	times  []time.Time
}

func (l *log) allow(now time.Time) bool {
	i, _ := slices.BinarySearchFunc(l.times, now.Add(-l.window+1), time.Time.Compare)
	l.times = slices.Delete(l.times, 0, i)
	if len(l.times) == l.limit {
		return false
	}
	l.times = append(l.times, now)
	return true
}

func (l *log) entries() int { return len(l.times) }

type counter struct {
	limit      uint64
	window     time.Duration
	begin      time.Time
	curr, prev uint64
}

func (c *counter) allow(now time.Time) bool {
	now = sinceEpoch(now, c.window)
	begin := now.Truncate(c.window)
	switch begin.Sub(c.begin) {
	case 0:
	case c.window:
		c.prev, c.curr = c.curr, 0
	default:
		c.prev, c.curr = 0, 0
	}
	c.begin = begin

	if c.curr >= c.limit {
		return false
	}
	// prev × left/window + curr + 1 > limit, with both sides multiplied by window
	left := begin.Add(c.window).Sub(now)
	high, low := bits.Mul64(c.prev, uint64(left))
	maxHigh, maxLow := bits.Mul64(c.limit-c.curr-1, uint64(c.window))
	if high > maxHigh || high == maxHigh && low > maxLow {
		return false
	}
	c.curr++
	return true
}

func (c *counter) entries() int { return 2 }

// sinceEpoch moves t so that Time.Truncate, which counts windows from the year 1, finds those that are counted from the
// Unix epoch.
func sinceEpoch(t time.Time, window time.Duration) time.Time {
	epoch := time.Unix(0, 0)
	return t.Add(epoch.Truncate(window).Sub(epoch))
}
