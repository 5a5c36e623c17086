package windows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	windows "github.com/backend-labs/backend-labs/labs/i04-windows"
)

// TestCounterWeighsTheWindowBefore has values that tell the formula from those that look like it.
func TestCounterWeighsTheWindowBefore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, c := range []weighed{
			{100, time.Minute, time.Minute + 15*time.Second, 25, 25},
			{350, time.Minute, time.Minute + 14950*time.Millisecond, 87, 88},
			{100, time.Minute, time.Minute, 0, 0},
			{100, time.Minute, 2*time.Minute - 1, 99, 100},
			{100, time.Minute, 2 * time.Minute, 100, 100},
			{100, time.Minute, 2*time.Minute + 15*time.Second, 100, 100},
			{100, 7 * time.Second, 12250 * time.Millisecond, 75, 75},
			{1000, 777 * time.Millisecond, 777 * 1125 * time.Microsecond, 125, 125},
			{12, 1600 * time.Microsecond, 2 * time.Millisecond, 3, 3},
			{3, time.Second, 1900 * time.Millisecond, 2, 3},
			{1, time.Second, 1900 * time.Millisecond, 0, 1},
			{200_000, 24 * time.Hour, 32 * time.Hour, 66_666, 66_667},
		} {
			c.try(t)
		}
		chain(t)
	})
}

// weighed fills a window to its limit, and asks at a later moment, counted from its beginning.
type weighed struct {
	limit       int
	window, at  time.Duration
	least, most int
}

func (c weighed) try(t *testing.T) {
	t.Helper()
	l := windows.NewCounter(c.limit, c.window)
	edge := nextEdge(c.window)
	until(edge.Add(c.window / 2))
	admitted(l, "alice", c.limit)
	until(edge.Add(c.at))
	got := admitted(l, "alice", c.limit+1)
	expect.That(t, got >= c.least && got <= c.most, expect.Message{
		Did: fmt.Sprintf("filled a window of NewCounter(%d, %v), and made %d requests %v after "+
			"the beginning of that window: %s", c.limit, c.window, c.limit+1, c.at,
			fromEdge(c.at, c.window)),
		Want: fmt.Sprintf("admitted: %s: the window directly before weighs as much as the part of "+
			"it that lies within the last %v", span(c.least, c.most), c.window),
		Got: fmt.Sprintf("%d of %d", got, c.limit+1),
		Why: "the weight is all that makes two counters slide: without it, or with a coarse one, " +
			"they are a fixed window again, or refuse who is within the limit",
	})
}

// chain asks in three windows in a row.
func chain(t *testing.T) {
	t.Helper()
	l := windows.NewCounter(100, time.Minute)
	edge := nextEdge(time.Minute)
	var got []int
	for _, at := range []time.Duration{30 * time.Second, 75 * time.Second, 150 * time.Second} {
		until(edge.Add(at))
		got = append(got, admitted(l, "alice", 100))
	}
	expect.That(t, between(got, []int{100, 25, 87}, []int{100, 25, 88}), expect.Message{
		Did: "made 100 requests of NewCounter(100, 1m) in each of three minutes in a row: 30 s, " +
			"15 s and 30 s after they began",
		Want: "admitted: 100, 25, and 87 (or 88): in the third, prev is the 25 of the second",
		Got:  fmt.Sprint(got),
		Why:  "prev is what was admitted, neither what was asked for nor an estimate of it",
	})
}
