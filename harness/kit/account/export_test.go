package account

import (
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// Send opens a pipe for a report and sends that many lines on it. It takes a descriptor and no file:
// a file that nobody needs any more closes the number again, which is by then another's.
func Send(fd uintptr, k Key, lines int, between func()) error {
	p, err := openPipe(fd, k, true, false)
	if err != nil {
		return err
	}
	for range lines {
		p.send([]byte("{}"))
		between()
	}
	return nil
}

const (
	MaxDump     = maxDump
	MaxFindings = maxFindings
	MaxShown    = maxShown
	MaxPart     = maxPart
	MaxRequest  = maxRequest
)

// Telling is a dump, shortened.
func Telling(dump string) (text string, cut bool) { return telling(dump) }

// Running is where in the lab's code one of these runs.
func Running(all []stacks.Goroutine) string { return running(all) }

// Crowd is a dump of the goroutine that stands for most.
func Crowd() string { return crowd() }

// Wait returns as the watch over a process with that request does before it ends it.
func Wait(r Request) (used int64) { return (&session{Request: r}).wait() }

// Muddle is what a check finds of the exported variables of a variant.
func Muddle(variant string) *Finding { return muddle(variant) }
