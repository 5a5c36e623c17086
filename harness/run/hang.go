package run

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// explainHang says what the code was doing when the time was up, by its own report, or by what its
// runtime has printed. output is what the process has printed.
func (p Process) explainHang(r account.Report, output string) (message, location string) {
	message = fmt.Sprintf("not done after %v, so it was stopped", p.Timeout)
	if strings.Contains(output, leftOut) {
		message += "; by then it had printed more than is kept, which takes time, too"
	}
	all := stacks.Parse(r.Hang)
	g, ok := guilty(all)
	if !ok {
		return message, ""
	}
	location = p.place(g)
	if r.Goroutines > 0 {
		return fmt.Sprintf("%s; there were about %d000 goroutines by then, most of them at %s: "+
			"does each call start one that nothing ends?", message, (r.Goroutines+500)/1000,
			location), location
	}
	if jam, jammed := stacks.FindJam(all); jammed && !r.Cut {
		return message + "; " + jam.Got(), location
	}
	message += "; it was then at " + location
	switch {
	case g.In("errors.Is", "errors.is", "errors.As", "errors.as"):
		return message + ", in errors.Is or errors.As: does an Unwrap return its own error, " +
			"or an Is or As never return?", location
	case g.Where() == "" && !p.Hunt:
		return message + " (a check's line), " + g.Doing(), location
	case g.Moves():
		return message + ", running: a loop that does not end, there or in what is called there?", location
	}
	return message + ", " + g.Doing(), location
}

// place is where a goroutine is in the code of whoever is told, else in the other's.
func (p Process) place(g stacks.Goroutine) string {
	place := cmp.Or(g.Where(), g.InCheck())
	if p.Hunt {
		place = cmp.Or(g.InCheck(), g.Where())
	}
	return place
}

// leftOut is in an output of which a part is missing.
const leftOut = " bytes of output left out]"

// guilty chooses the goroutine that a hang is told by: one that runs in the lab's code, since
// others may well be waiting for it; else the first one that waits there, and last one that is in a
// check.
func guilty(all []stacks.Goroutine) (g stacks.Goroutine, ok bool) {
	best := 0
	for _, one := range all {
		rank := 0
		switch {
		case one.Where() != "" && one.Moves() && !one.In("runtime.Gosched"):
			rank = 5
		case one.Where() != "" && one.Moves():
			rank = 4
		case one.Where() != "" && one.InCheck() != "":
			rank = 3
		case one.Where() != "":
			rank = 2
		case one.InCheck() != "":
			rank = 1
		}
		if rank > best {
			g, best = one, rank
		}
	}
	return g, best > 0
}

// explainMemory is for a process that was about to take more memory than it may.
func (p Process) explainMemory(r account.Report) (message, location string) {
	message = fmt.Sprintf("it had allocated %.1f GiB of memory, and so it was stopped",
		float64(r.Memory)/(1<<30))
	g, ok := guilty(stacks.Parse(r.Hang))
	if !ok {
		return message, ""
	}
	location = p.place(g)
	return message + "; it was then at " + location, location
}
