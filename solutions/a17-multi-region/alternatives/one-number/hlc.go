// Package regions keeps one truth in several regions, each of which answers without asking the others.
package regions

import (
	"errors"
	"fmt"
	"sync/atomic"
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
	switch {
	case a.Wall != b.Wall:
		return a.Wall < b.Wall
	case a.Logical != b.Logical:
		return a.Logical < b.Logical
	}
	return a.Region < b.Region
}

// HLC counts in nanoseconds: where the time does not move on, it is one later than the last. Logical stays 0.
type HLC struct {
	region   string
	now      func() time.Time
	maxAhead time.Duration
	last     atomic.Int64
}

func NewHLC(region string, now func() time.Time, maxAhead time.Duration) *HLC {
	return &HLC{region: region, now: now, maxAhead: maxAhead}
}

func (c *HLC) Now() TS {
	for {
		last := c.last.Load()
		next := max(c.now().UnixNano(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return TS{Wall: next, Region: c.region}
		}
	}
}

func (c *HLC) Observe(ts TS) error {
	if ahead := c.now().Add(c.maxAhead).UnixNano(); ts.Wall > ahead {
		return fmt.Errorf("%w: by %v", ErrSkew, time.Duration(ts.Wall-ahead))
	}
	for {
		last := c.last.Load()
		if ts.Wall <= last || c.last.CompareAndSwap(last, ts.Wall) {
			return nil
		}
	}
}
