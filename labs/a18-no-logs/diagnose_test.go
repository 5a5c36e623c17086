package nologs_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
)

// examination is what Diagnose has found out about a shop.
type examination struct {
	*service
	finding nologs.Finding
	err     error
	fair    bool // the shop had enough of the machine for its sickness to show
}

// examine has shops diagnosed, all at the same time. Where one is not found to be what it is, on a
// machine that had no time for it, all are tried again: twice, if there is time.
func examine(t *testing.T, sickness string, seeds []uint64, right func(examination) bool) []examination {
	t.Helper()
	var shops []ill
	for _, seed := range seeds {
		shops = append(shops, ill{sickness, seed})
	}
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		all := make([]examination, len(seeds))
		var wg sync.WaitGroup
		for i, s := range open(t, shops...) {
			wg.Go(func() { all[i] = diagnose(t, s) })
		}
		wg.Wait()
		unfair := func(e examination) bool { return !right(e) && !e.fair }
		if !slices.ContainsFunc(all, unfair) || attempt == 3 || time.Since(begun) > 6*time.Second {
			return all
		}
	}
}

func diagnose(t *testing.T, s *service) examination {
	e := examination{service: s}
	ticks, at, _ := s.pace()
	e.finding, e.err = nologs.Diagnose(t.Context(), s.veiled(t))
	after, then, _ := s.pace()
	s.proc.Signal(os.Kill)
	s.proc.Wait(time.Second)
	rate := float64(after-ticks) / max((then-at).Seconds(), 0.001)
	e.fair = rate >= 50 && (s.sickness != "loop" || s.cpu >= 200*time.Millisecond)
	return e
}

// says is what the verdict is, in words.
func (e examination) says() string {
	if e.err != nil {
		return fmt.Sprintf("the error %q", e.err)
	}
	return fmt.Sprintf("%s, %q; evidence: %s", e.finding.Cause, e.finding.Function, strings.Join(e.finding.Evidence, "; "))
}

// mark puts a verdict that is wrong into the picture.
func (e examination) mark(right func(examination) bool) {
	if right(e) {
		return
	}
	says := string(e.finding.Cause)
	if e.err != nil {
		says = "an error"
	}
	e.tl.Point("Diagnose", "says %s", says).Breaks()
}

// sick has shops diagnosed that suffer from the same.
func sick(t *testing.T, sickness string, seeds []uint64, story string, cause nologs.Cause,
	functions func(examination) []string, why string) {
	t.Helper()
	right := func(e examination) bool {
		return e.err == nil && e.finding.Cause == cause &&
			(functions == nil || slices.Contains(functions(e), e.finding.Function))
	}
	all := examine(t, sickness, seeds, right)
	for _, e := range all {
		e.mark(right)
		want := string(cause)
		if functions != nil {
			want = fmt.Sprintf("%s, in %s", cause, strings.Join(functions(e), " or "))
		}
		expect.That(t, right(e), expect.Message{
			Did: fmt.Sprintf("diagnosed a shop (seed %d) in which %s", e.seed, story), Want: want, Got: e.says(),
			Why: why, Picture: e.tl})
	}
	expect.Show(t, "what there was to be seen: the function at fault, and one that catches the eye", all[0].seen)
}

func culprit(e examination) []string { return []string{e.roles.Culprit} }

func TestHealthy(t *testing.T) {
	right := func(e examination) bool { return e.err == nil && e.finding.Cause == nologs.Healthy }
	all := examine(t, "none", []uint64{1, 2, 3, 4}, right)
	for _, e := range all {
		e.mark(right)
		expect.That(t, right(e), expect.Message{
			Did: fmt.Sprintf("diagnosed a shop (seed %d) that is well: 300 requests a second, 200 idle workers in %s, "+
				"a full cache of %s, and when it started many had to wait for a lock in %s", e.seed, e.roles.Worker, e.roles.Cache,
				e.roles.Startup),
			Want: string(nologs.Healthy), Got: e.says(),
			Why:     "a big number is no symptom. Whoever is called at night for a healthy service will not come the next time",
			Picture: e.tl})
	}
	bounds(t, "none", "", "four functions have 10 goroutines, 500 kB and 0.5 s of waiting more after a second, and use 0.1 s of CPU",
		"nothing stands still in a service; what is well varies by so much, says the README")
}

func TestGoroutineLeak(t *testing.T) {
	sick(t, "goroutines", []uint64{3, 18}, "a hundred goroutines a second are started that nothing will end", nologs.GoroutineLeak, culprit,
		"the pool of idle workers has more goroutines, but always the same; what grows is what the shop will die of")
	bounds(t, "goroutines", "sendReceipts", "50 goroutines a second are started that nothing will end",
		"a leak has at least so many, says the README")
}

func TestDeadlock(t *testing.T) {
	sick(t, "deadlock", []uint64{8, 13}, "two requests wait for each other's lock", nologs.Deadlock,
		func(e examination) []string { return []string{e.roles.Culprit, e.roles.Partner} },
		"two goroutines of two hundred do not show in any graph; what tells them is that nothing happens to them")
}

func TestPoolExhausted(t *testing.T) {
	sick(t, "pool", []uint64{7, 21}, "eight of ten connections are held by one slow query, and everybody waits for one", nologs.PoolExhausted,
		culprit, "whoever waits for a connection is a victim. The one to find is who holds them")
}

func TestHotLoop(t *testing.T) {
	sick(t, "loop", []uint64{22}, "three requests have come into a loop that does not end", nologs.HotLoop, culprit,
		"the service burns money and makes everything else slow, and nothing but a CPU profile says where")
	bounds(t, "loop", "rankProducts", "one request is in a loop, and gets a quarter of a CPU",
		"a loop uses at least so much, says the README: the machine has other things to do as well")
}

func TestMemoryLeak(t *testing.T) {
	sick(t, "memory", []uint64{4, 24}, "6 MB a second are kept for ever, beside a cache of 28 MB that is as big as it should be",
		nologs.MemoryLeak, culprit, "who has the most memory need not be who gets more and more of it")
	bounds(t, "memory", "findProduct", "3 MB a second are kept for ever", "a leak has at least so much, says the README")
}

func TestLockContention(t *testing.T) {
	sick(t, "lock", []uint64{5, 6}, "twelve take turns at one lock, 3 ms each", nologs.LockContention, nil,
		"nobody is stuck, and everybody waits: more machines will not help, a smaller lock will")
	bounds(t, "lock", "countStock", "twelve take turns at one lock, and wait for 3 s a second in all",
		"at a contended lock they wait for at least so long, says the README")
}

func TestSlowDependency(t *testing.T) {
	sick(t, "upstream", []uint64{14, 47}, "more and more requests wait for another service, and hold goroutines and memory meanwhile",
		nologs.SlowDependency, culprit,
		"the requests that pile up look like a leak, and who looks for it in the code will not find it there")
	bounds(t, "upstream", "chargeCard", "40 requests wait for another service", "at least so many do, says the README")
}
