package run

import (
	"strings"
)

// explainBreakdown is for a process that the Go runtime has ended: by a panic, or by what it calls
// a fatal error.
func (p Process) explainBreakdown(output string) (message, location string) {
	panicked, fatal := panicText(output), ""
	if m := fatalLine.FindStringSubmatch(output); m != nil {
		fatal = m[1]
	}
	if panicked == "" && fatal == "" {
		return "", ""
	}
	location = firstLearnerLine(output)
	if p.Hunt {
		location = firstTestFrame(output)
	}
	at := ""
	if location != "" {
		at = " at " + location
	}
	switch {
	case strings.Contains(panicked, "or runtime.Goexit"): // testing's own words
		return "runtime.Goexit was called" + at +
			": it ends the goroutine of whoever made the call", location
	case panicked != "":
		return "panic" + at + ": " + explainPanic(panicked), location
	}
	return explainFatal(fatal, at), location
}

func explainPanic(text string) string {
	switch {
	case strings.Contains(text, "nil pointer dereference"):
		return "a nil pointer was used (a pointer, interface or function that was never set, or " +
			"a result used without looking at its error)"
	case strings.Contains(text, "assignment to entry in nil map"):
		return "an entry was written to a map that was never made"
	case strings.Contains(text, "send on closed channel"):
		return "a value was sent on a channel that had been closed"
	case strings.Contains(text, "close of closed channel"):
		return "a channel was closed twice"
	}
	return text
}

func explainFatal(text, at string) string {
	switch {
	case strings.Contains(text, "concurrent map"):
		return text + at + ": a map is used by several goroutines at once without a lock, and " +
			"Go ends the whole process for that"
	case strings.Contains(text, "stack overflow"), strings.Contains(text, "stack exceeds"):
		return "the stack overflowed" + at + ": a function calls itself without end"
	case strings.Contains(text, "all goroutines are asleep"):
		return "deadlock" + at + ": every goroutine waits for another"
	}
	return "fatal error" + at + ": " + text
}
