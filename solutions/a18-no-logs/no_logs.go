// Package nologs finds out what a service suffers from that has no logs, and leaves something behind
// that will know the next time.
package nologs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What tells sick from healthy. Each is far from what either has.
const (
	look       = time.Second // between the first look and the second
	leaked     = 40          // goroutines that were added
	grown      = 3 << 20     // bytes that were added
	waited     = time.Second // in all, for locks
	hot        = 0.18        // of one CPU
	unanswered = 30          // calls to another service at the same time
)

// Diagnose finds out what the service suffers from, if anything.
func Diagnose(ctx context.Context, t Target) (Finding, error) {
	var e evidence
	first := e.look(ctx, t)
	cpu := gather(&e, ctx, func() ([]byte, error) { return t.CPUProfile(ctx, look) })
	if cpu == nil {
		select { // there has to be time between two looks
		case <-time.After(look):
		case <-ctx.Done():
		}
	}
	second := e.look(ctx, t)
	metrics := gather(&e, ctx, func() (map[string]float64, error) { return t.Metrics(ctx) })
	if ctx.Err() != nil {
		return Finding{}, ctx.Err()
	}
	now := second.goroutines // who waits for what is to be seen at one look
	if now == nil {
		now = first.goroutines
	}
	// Causes that have the symptoms of others, too, come first.
	for _, f := range []Finding{
		exhausted(now, metrics),
		unanswering(now),
		contended(first, second),
		deadlocked(first, second),
		looping(e.samples(cpu)),
		leaking(first.goroutines, second.goroutines),
		growing(first.heap, second.heap),
	} {
		if f.Cause != "" {
			return f, nil
		}
	}
	if e.missing != nil {
		return Finding{}, fmt.Errorf("nothing found, and not everything seen: %w", errors.Join(e.missing...))
	}
	return Finding{Cause: Healthy, Evidence: []string{fmt.Sprintf(
		"within %v, no function has grown: %d goroutines then and %d now", look,
		len(first.goroutines), len(second.goroutines))}}, nil
}

// evidence keeps what could not be had.
type evidence struct{ missing []error }

// gather asks, or notes that there was no answer.
func gather[T any](e *evidence, ctx context.Context, ask func() (T, error)) (answer T) {
	if ctx.Err() != nil {
		return answer
	}
	got, err := ask()
	if err != nil {
		e.missing = append(e.missing, err)
		return answer
	}
	return got
}

func (e *evidence) samples(profile []byte) []Sample {
	if profile == nil {
		return nil
	}
	s, err := Samples(profile)
	if err != nil {
		e.missing = append(e.missing, err)
	}
	return s
}

// snapshot is a look at the service. What could not be had is nil.
type snapshot struct {
	goroutines map[string]goroutine // by number
	heap       map[string]int64     // by function
	mutex      []Sample
}

func (e *evidence) look(ctx context.Context, t Target) (s snapshot) {
	if dump := gather(e, ctx, func() (string, error) { return t.Goroutines(ctx) }); dump != "" {
		s.goroutines = parse(dump)
	}
	if heap := e.samples(gather(e, ctx, func() ([]byte, error) { return t.Heap(ctx) })); heap != nil {
		s.heap = byFunction(heap)
	}
	s.mutex = e.samples(gather(e, ctx, func() ([]byte, error) { return t.Mutex(ctx) }))
	return s
}

// goroutine is one of a dump.
type goroutine struct {
	state    string
	calls    []string // the innermost first, and last where it was created
	function string   // the candidate, or ""
}

var header = regexp.MustCompile(`^goroutine (\d+) .*?\[([^,\]]*)`)

func parse(dump string) map[string]goroutine {
	all := map[string]goroutine{}
	for block := range strings.SplitSeq(dump, "\n\n") {
		top, rest, _ := strings.Cut(block, "\n")
		m := header.FindStringSubmatch(top)
		if m == nil {
			continue
		}
		g := goroutine{state: m[2]}
		for line := range strings.SplitSeq(rest, "\n") {
			if line == "" || line[0] == '\t' {
				continue
			}
			if by, ok := strings.CutPrefix(line, "created by "); ok {
				line, _, _ = strings.Cut(by, " in goroutine")
			} else if i := strings.LastIndexByte(line, '('); i > 0 {
				line = line[:i]
			}
			g.calls = append(g.calls, line)
		}
		g.function = candidate(g.calls)
		all[m[1]] = g
	}
	return all
}

func (g goroutine) in(call string) bool {
	return slices.ContainsFunc(g.calls, func(c string) bool { return strings.Contains(c, call) })
}

// candidate is the innermost one of a stack, or "".
func candidate(stack []string) string {
	for _, call := range stack {
		call = call[strings.LastIndexByte(call, '/')+1:]
		for part := range strings.SplitSeq(call, ".") { // shop.(*orders).sendReceipt.func1
			if slices.Contains(Candidates, part) {
				return part
			}
		}
	}
	return ""
}

// byFunction sums samples up.
func byFunction(samples []Sample) map[string]int64 {
	sum := map[string]int64{}
	for _, s := range samples {
		if f := candidate(s.Stack); f != "" {
			sum[f] += s.Value
		}
	}
	return sum
}

// most is the function with the greatest sum.
func most(sums map[string]int64) (function string, sum int64) {
	for _, f := range slices.Sorted(maps.Keys(sums)) {
		if function == "" || sums[f] > sum {
			function, sum = f, sums[f]
		}
	}
	return function, sum
}

// count counts those goroutines, by function.
func count(all map[string]goroutine, which func(goroutine) bool) map[string]int64 {
	n := map[string]int64{}
	for _, g := range all {
		if g.function != "" && which(g) {
			n[g.function]++
		}
	}
	return n
}

// grew is the function of which there is more now, if there are both.
func grew(before, after map[string]int64) (function string, by int64) {
	if before == nil || after == nil {
		return "", 0
	}
	diff := maps.Clone(after)
	for f, n := range before {
		diff[f] -= n
	}
	return most(diff)
}

// exhausted looks for who has the connections, not for who waits for one: these are many more, and
// innocent.
func exhausted(all map[string]goroutine, metrics map[string]float64) Finding {
	waiting := count(all, func(g goroutine) bool { return g.in("(*pool).acquire") })
	using := count(all, func(g goroutine) bool { return g.in("(*conn).query") })
	_, n := most(waiting)
	function, held := most(using)
	if n < 10 || function == "" || metrics != nil && metrics["pool_in_use"] < metrics["pool_max"] {
		return Finding{}
	}
	return Finding{PoolExhausted, function, []string{
		fmt.Sprintf("pool_in_use %g of pool_max %g, pool_waiting %g", metrics["pool_in_use"],
			metrics["pool_max"], metrics["pool_waiting"]),
		fmt.Sprintf("%d connections are in use by %s", held, function)}}
}

func unanswering(all map[string]goroutine) Finding {
	function, n := most(count(all, func(g goroutine) bool { return g.in("net/http.(*Transport).roundTrip") }))
	if n < unanswered {
		return Finding{}
	}
	return Finding{SlowDependency, function, []string{
		fmt.Sprintf("%d goroutines in %s wait for an answer over HTTP", n, function)}}
}

// delay is how long locks that have been given back between the looks were waited for.
func delay(first, second snapshot) (string, time.Duration) {
	if first.mutex == nil || second.mutex == nil {
		return "", 0
	}
	function, n := grew(byFunction(first.mutex), byFunction(second.mutex))
	return function, time.Duration(n)
}

func contended(first, second snapshot) Finding {
	function, d := delay(first, second)
	if d < waited {
		return Finding{}
	}
	return Finding{LockContention, function, []string{
		fmt.Sprintf("between two looks locks were waited for %v longer, given back in %s", d, function)}}
}

// deadlocked looks for goroutines that wait for a lock at both looks. That nobody has given one back
// in between has been seen before.
func deadlocked(first, second snapshot) Finding {
	stuck := map[string]int64{}
	for number, g := range second.goroutines {
		was := first.goroutines[number]
		if strings.HasPrefix(g.state, "sync.") && was.state == g.state && slices.Equal(was.calls, g.calls) {
			stuck[g.function]++
		}
	}
	if len(stuck) < 2 {
		return Finding{}
	}
	function, _ := most(stuck)
	return Finding{Deadlock, function, []string{fmt.Sprintf("%d functions wait for a lock at two looks: %v",
		len(stuck), slices.Sorted(maps.Keys(stuck)))}}
}

func looping(cpu []Sample) Finding {
	function, n := most(byFunction(cpu))
	if time.Duration(n).Seconds() < hot*look.Seconds() {
		return Finding{}
	}
	return Finding{HotLoop, function, []string{
		fmt.Sprintf("%s has used %v of CPU in %v", function, time.Duration(n), look)}}
}

func leaking(before, after map[string]goroutine) Finding {
	if before == nil || after == nil {
		return Finding{}
	}
	all := func(goroutine) bool { return true }
	function, n := grew(count(before, all), count(after, all))
	if n < leaked {
		return Finding{}
	}
	return Finding{GoroutineLeak, function, []string{
		fmt.Sprintf("%d goroutines more in %s within %v", n, function, look)}}
}

func growing(before, after map[string]int64) Finding {
	function, n := grew(before, after)
	if n < grown {
		return Finding{}
	}
	return Finding{MemoryLeak, function, []string{
		fmt.Sprintf("%d bytes more of %s within %v, garbage collected", n, function, look)}}
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
