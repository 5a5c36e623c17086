// Package regions keeps one truth in several regions, each of which answers without asking the others.
package regions

import (
	"cmp"
	"errors"
	"math"
	"sync"
	"time"
)

var ErrSkew = errors.New("a timestamp is too far ahead")

// TS is when something was written, and where.
type TS struct {
	Wall    int64
	Logical uint32
	Region  string
}

func (a TS) Less(b TS) bool {
	return cmp.Or(cmp.Compare(a.Wall, b.Wall), cmp.Compare(a.Logical, b.Logical), cmp.Compare(a.Region, b.Region)) < 0
}

// HLC is a hybrid logical clock: near the time, and never before what it has seen.
type HLC struct {
	region   string
	now      func() time.Time
	maxAhead time.Duration

	mu   sync.Mutex
	last TS // the latest that it has given or seen
}

func NewHLC(region string, now func() time.Time, maxAhead time.Duration) *HLC {
	return &HLC{region: region, now: now, maxAhead: maxAhead}
}

func (c *HLC) Now() TS {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := TS{Wall: c.now().UnixNano(), Region: c.region}
	if next.Wall <= c.last.Wall { // count on where the time does not move on
		next.Wall, next.Logical = c.last.Wall, c.last.Logical+1
		if c.last.Logical == math.MaxUint32 {
			next.Wall++
		}
	}
	c.last = next
	return next
}

func (c *HLC) Observe(ts TS) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One broken clock must not take all others along.
	if ts.Wall > c.now().Add(c.maxAhead).UnixNano() {
		return ErrSkew
	}
	if c.last.Less(ts) {
		c.last = ts
	}
	return nil
}
