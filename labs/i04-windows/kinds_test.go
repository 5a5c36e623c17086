package windows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	windows "github.com/backend-labs/backend-labs/labs/i04-windows"
)

// start is when virtual time begins: a full minute.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// kind is one of the three limiters.
type kind struct {
	name  string
	make  func(limit int, window time.Duration) windows.Limiter
	each  int // entries of a key with one request
	least int // and of one that has 100 of 100
	most  int
	holds string
}

var (
	fixed = kind{"NewFixed", windows.NewFixed, 1, 1, 1, "one number for each key"}
	log   = kind{"NewLog", windows.NewLog, 1, 100, 100,
		"the times that still count, at most 100 for each key"}
	counter = kind{"NewCounter", windows.NewCounter, 2, 1, 2, "one or two numbers for each key"}

	kinds = []kind{fixed, log, counter}
)

// live is how many entries there are at least when so many requests lie within the last window.
func (k kind) live(requests int) int { return min(k.least, requests) }

// virtual runs f in virtual time. A limiter has no Close, so what it leaves behind is the business
// of one check alone.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// admitted makes n requests at one instant and counts those admitted.
func admitted(l windows.Limiter, key string, n int) (got int) {
	for range n {
		if l.Allow(key) {
			got++
		}
	}
	return got
}

// saturate makes a request each step and counts those admitted.
func saturate(l windows.Limiter, length, step time.Duration) (got int) {
	for range length / step {
		got += admitted(l, "alice", 1)
		time.Sleep(step)
	}
	return got
}

func until(at time.Time) { time.Sleep(time.Until(at)) }

// nextEdge is when the next window begins.
func nextEdge(window time.Duration) time.Time {
	w := int64(window)
	return time.Unix(0, (time.Now().UnixNano()/w+1)*w).UTC()
}

// fromEdge says where a moment lies that is so long after an edge.
func fromEdge(d, window time.Duration) string {
	d = (d%window + window) % window
	switch {
	case d == 0:
		return "the very beginning of a window"
	case d > window/2:
		return fmt.Sprintf("%v before the end of a window", window-d)
	}
	return fmt.Sprintf("%v after the beginning of a window", d)
}

func clock(at time.Time) string { return at.UTC().Format("15:04:05.999999999") }

// clocks writes moments as minutes and seconds.
func clocks(at []time.Duration) string {
	var s []string
	for _, d := range at {
		s = append(s, start.Add(d).Format("4:05.99"))
	}
	return strings.Join(s, ", ")
}

func span(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func or(least, most []int) string {
	if slices.Equal(least, most) {
		return ""
	}
	return fmt.Sprintf(" or, with the estimate rounded down, up to %v", most)
}

func verdict(ok bool) string {
	if ok {
		return "admitted"
	}
	return "denied"
}
