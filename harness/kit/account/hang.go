package account

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// maxDump bounds the report of a hang, in bytes: what the runner takes for one line, with room for
// what JSON adds.
const maxDump = 120 << 10

// exitHung is the exit code of a process whose time was up.
const exitHung = 2

// watch reports, when the time is up or the memory is, what every goroutine is doing, and ends the
// process. A dump that is asked for from outside (SIGQUIT) depends on which thread gets the signal:
// of a goroutine that runs on another one it says only that there is no stack. Here the world is
// stopped first, so that each goroutine is seen, also one in a loop without end.
func (s *session) watch() {
	used := s.wait()
	if !s.over.CompareAndSwap(false, true) {
		return
	}
	r := Report{Test: s.Check, Goroutines: stacks.Many(), Memory: used}
	if r.Goroutines > 0 {
		r.Hang = crowd()
	} else {
		r.Hang, r.Cut = telling(clearest())
	}
	s.send(r)
	os.Exit(exitHung)
}

// memoryPace is how often the memory is looked at: in between, a process fills some hundred
// megabytes.
const memoryPace = 50 * time.Millisecond

// wait returns when the time is up, or with the memory that the process has, in bytes, as soon as
// that is more than it may.
func (s *session) wait() (used int64) {
	end := time.Now().Add(s.Timeout)
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}}
	for {
		left := time.Until(end)
		if left <= 0 {
			return 0
		}
		if s.Memory == 0 {
			time.Sleep(left)
			continue
		}
		time.Sleep(min(left, memoryPace))
		metrics.Read(sample)
		if used := int64(sample[0].Value.Uint64() - sample[1].Value.Uint64()); used > s.Memory {
			return used
		}
	}
}

// Of what runs in the lab's code dumps are taken until one place was seen looks times, with breath
// between two. None is begun after enough: with thousands of goroutines on a busy machine each takes
// long.
const (
	looks  = 9
	breath = 20 * time.Millisecond
	enough = time.Second
)

// clearest takes a dump. Of what runs it takes several, and gives one that shows it where it was
// most often: a loop is now and then caught at an instruction that belongs to another line, such as
// that of the check into which the compiler has put it.
func clearest() string {
	text, _ := stacks.Dump()
	count, dumps := map[string]int{}, map[string]string{}
	best := ""
	for begun := time.Now(); count[best] < looks && time.Since(begun) < enough; {
		at := running(stacks.Parse(text))
		if at == "" {
			return text
		}
		dumps[at] = text
		// One that shows no line of the lab's is good for nothing but to be told of nothing better.
		if count[at]++; best == "" || best == nowhere || at != nowhere && count[at] > count[best] {
			best = at
		}
		time.Sleep(breath)
		text, _ = stacks.Dump()
	}
	return dumps[best]
}

// nowhere is what running says of a check that runs, in no line of the lab's.
const nowhere = "in a check"

// running is where in the lab's code something runs, "" if nothing does.
func running(all []stacks.Goroutine) string {
	at := ""
	for _, g := range all {
		switch {
		case g.Moves() && g.Where() != "":
			return g.Where()
		case g.Moves() && g.InCheck() != "":
			at = nowhere
		}
	}
	return at
}

// crowd is a dump of one goroutine: where most of very many are. What each waits for is not known.
func crowd() string {
	var records []runtime.StackRecord
	for n, ok := runtime.NumGoroutine(), false; !ok; {
		records = make([]runtime.StackRecord, n+n/8)
		n, ok = runtime.GoroutineProfile(records)
		records = records[:min(n, len(records))]
	}
	count, most := map[[32]uintptr]int{}, [32]uintptr{}
	for _, r := range records {
		if count[r.Stack0]++; count[r.Stack0] > count[most] {
			most = r.Stack0
		}
	}
	var b strings.Builder
	b.WriteString("goroutine 1 [of many]:\n")
	for frames := runtime.CallersFrames(slices.DeleteFunc(most[:],
		func(pc uintptr) bool { return pc == 0 })); ; {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s(...)\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}

// telling shortens a dump to the goroutines that say most: those that run in the lab's code, those that
// wait there, then those in a check's, then the others, without the one that took the dump. cut says
// that some are left out.
func telling(dump string) (text string, cut bool) {
	var parts [4][]string
	for i, block := range strings.Split(dump, "\n\n") {
		if i == 0 {
			continue
		}
		rank := 3
		for _, g := range stacks.Parse(block) {
			switch {
			case g.Where() != "" && g.Moves():
				rank = 0
			case g.Where() != "":
				rank = 1
			case g.InCheck() != "":
				rank = 2
			}
		}
		parts[rank] = append(parts[rank], block)
	}
	var b strings.Builder
	for _, part := range parts {
		for _, block := range part {
			if b.Len()+len(block) > maxDump {
				return b.String(), true
			}
			b.WriteString(block + "\n\n")
		}
	}
	return b.String(), false
}
