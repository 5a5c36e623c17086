// Package nologs finds out what a service suffers from that has no logs, and leaves something behind
// that will know the next time.
package nologs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Diagnose begins with what costs least, and goes on only while nothing has been found.
func Diagnose(ctx context.Context, t Target) (Finding, error) {
	d := &doctor{ctx: ctx, target: t}
	for _, stage := range []func() *Finding{d.stacks, d.cpu, d.memory} {
		f := stage()
		switch {
		case ctx.Err() != nil:
			return Finding{}, ctx.Err()
		case f != nil:
			return *f, nil
		}
	}
	if len(d.errs) > 0 {
		return Finding{}, errors.Join(d.errs...)
	}
	return Finding{Cause: Healthy, Evidence: []string{fmt.Sprintf("nothing found in %d goroutines", d.seen)}}, nil
}

type doctor struct {
	ctx    context.Context
	target Target
	errs   []error
	seen   int
}

func (d *doctor) failed(err error) bool {
	if err != nil {
		d.errs = append(d.errs, err)
	}
	return err != nil
}

func (d *doctor) pause(t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.ctx.Done():
	}
}

// tally counts, or sums up, by kind and function.
type tally map[[2]string]int64

func (t tally) top(kind string) (function string, n int64) {
	for key, v := range t {
		if key[0] == kind && (v > n || v == n && key[1] < function) {
			function, n = key[1], v
		}
	}
	return function, n
}

func (t tally) minus(before tally) tally {
	diff := tally{}
	for key, v := range t {
		diff[key] = v - before[key]
	}
	return diff
}

// name finds a candidate in a name as it stands in stacks and profiles.
var name = regexp.MustCompile(`[./)](` + strings.Join(Candidates, "|") + `)(?:[.(\s]|$)`)

// goroutines counts what they do; stuck are those that wait for locks, with their numbers.
func (d *doctor) goroutines() (all, stuck tally, ok bool) {
	dump, err := d.target.Goroutines(d.ctx)
	if d.failed(err) {
		return nil, nil, false
	}
	all, stuck = tally{}, tally{}
	for g := range strings.SplitSeq(dump, "\n\n") {
		d.seen++
		var m []string
		for line := range strings.SplitSeq(g, "\n") {
			if _, call, ok := strings.Cut(line, "/shop."); ok && m == nil {
				m = name.FindStringSubmatch("." + call)
			}
		}
		if m == nil {
			continue
		}
		title, _, _ := strings.Cut(g, "\n")
		all[[2]string{"all", m[1]}]++
		switch {
		case strings.Contains(g, "(*pool).acquire"):
			all[[2]string{"waits", m[1]}]++
		case strings.Contains(g, "(*conn).query"):
			all[[2]string{"holds", m[1]}]++
		case strings.Contains(g, "net/http.(*Transport)"):
			all[[2]string{"calls", m[1]}]++
		case strings.Contains(title, "sync.Mutex.Lock"):
			number := strings.Fields(title)[1]
			stuck[[2]string{number, m[1]}]++
		}
	}
	return all, stuck, true
}

// stacks looks for who waits for what, and for goroutines that become more.
func (d *doctor) stacks() *Finding {
	before, stuckBefore, ok := d.goroutines()
	locks := d.profile(d.target.Mutex)
	d.pause(700 * time.Millisecond)
	after, stuck, ok2 := d.goroutines()
	locksAfter := d.profile(d.target.Mutex)
	seen := after
	if !ok2 {
		seen = before
	}
	if _, n := seen.top("waits"); n >= 10 {
		f, n := seen.top("holds")
		return &Finding{PoolExhausted, f, []string{fmt.Sprintf("%d connections are held", n)}}
	}
	if f, n := seen.top("calls"); n >= 35 {
		return &Finding{SlowDependency, f, []string{fmt.Sprintf("%d calls wait", n)}}
	}
	if locks != nil && locksAfter != nil {
		_, ns := locksAfter.minus(locks).top("")
		if s := time.Duration(ns).Seconds(); s > 1 {
			return &Finding{LockContention, "", []string{fmt.Sprintf("%.1f s of waiting", s)}}
		}
	}
	for key := range stuck {
		if stuckBefore[key] > 0 && len(stuck) > 1 {
			return &Finding{Deadlock, key[1], []string{"goroutine " + key[0] + " waits for a lock at two looks"}}
		}
	}
	if f, n := after.minus(before).top("all"); ok && ok2 && n >= 25 {
		return &Finding{GoroutineLeak, f, []string{fmt.Sprintf("%d more", n)}}
	}
	return nil
}

// profile reads one of them; nil: it cannot be had.
func (d *doctor) profile(get func(context.Context) ([]byte, error)) tally {
	data, err := get(d.ctx)
	if d.failed(err) {
		return nil
	}
	samples, err := Samples(data)
	if d.failed(err) {
		return nil
	}
	sums := tally{}
	for _, s := range samples {
		for _, call := range s.Stack {
			if m := name.FindStringSubmatch(call); m != nil {
				sums[[2]string{"", m[1]}] += s.Value
				break
			}
		}
	}
	return sums
}

func (d *doctor) cpu() *Finding {
	const long = 800 * time.Millisecond
	used := d.profile(func(ctx context.Context) ([]byte, error) { return d.target.CPUProfile(ctx, long) })
	if f, ns := used.top(""); time.Duration(ns) > long/6 {
		return &Finding{HotLoop, f, []string{time.Duration(ns).String() + " of CPU"}}
	}
	return nil
}

func (d *doctor) memory() *Finding {
	before := d.profile(d.target.Heap)
	d.pause(900 * time.Millisecond)
	after := d.profile(d.target.Heap)
	if before == nil || after == nil {
		return nil
	}
	if f, n := after.minus(before).top(""); n > 2<<20 {
		return &Finding{MemoryLeak, f, []string{fmt.Sprintf("%d bytes more", n)}}
	}
	return nil
}

// What follows is given.

// Target is a service that runs, and what it can be asked. Each call is a burden on it.
type Target interface {
	// Goroutines are the stacks of all goroutines, as text: a goroutine profile with debug=2.
	Goroutines(ctx context.Context) (string, error)
	// CPUProfile takes d. Samples reads what it, Heap and Mutex return.
	CPUProfile(ctx context.Context, d time.Duration) ([]byte, error)
	// Heap is the memory in use, by where it was allocated. Garbage is collected first.
	Heap(ctx context.Context) ([]byte, error)
	// Mutex is how long others have waited for locks since the service started, by where these were
	// given back in the end.
	Mutex(ctx context.Context) ([]byte, error)
	// Metrics are counters and gauges; the README lists them.
	Metrics(ctx context.Context) (map[string]float64, error)
	// Restart ends the service and starts it again.
	Restart(ctx context.Context) error
}

// Cause is what a service suffers from.
type Cause string

// The causes.
const (
	Healthy        Cause = "healthy"
	GoroutineLeak  Cause = "goroutine leak"  // goroutines that nothing ends, more and more of them
	Deadlock       Cause = "deadlock"        // two that wait for each other's lock
	PoolExhausted  Cause = "pool exhausted"  // all connections to the database are in use, for long
	HotLoop        Cause = "hot loop"        // a function that comes to no end, and uses the CPU
	MemoryLeak     Cause = "memory leak"     // memory that nothing gives back, more and more of it
	LockContention Cause = "lock contention" // many that take turns at one lock
	SlowDependency Cause = "slow dependency" // another service that does not answer
)

// Finding is what is wrong, where, and what shows it.
type Finding struct {
	Cause    Cause
	Function string // one of Candidates
	Evidence []string
}
