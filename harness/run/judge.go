package run

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// expectedExit is the exit code of an honest process: the canary has failed, so package testing says 1.
const expectedExit = 1

const incomplete = "the check's report did not arrive once and whole, and with nothing else, so it does not count: something in this process writes where it should not"

// judge demands the full account: the check's verdict exactly once, the canary failed exactly once, nothing else on the
// pipe, and the expected exit. Whatever is missing is a failure.
func judge(p Process, l *ledger, exit sandbox.Exit, canary, output string) Outcome {
	o := Outcome{Verdict: Failed, Findings: l.findings, Output: output}
	own, birds := l.verdicts[p.Test], l.verdicts[canary]
	if len(own) == 1 {
		o.Duration = own[0].Elapsed
	}
	switch {
	case exit.TimedOut:
		o.Verdict = TimedOut
		o.Message, o.Location = explainHang(output, p.Timeout)
	case len(own) == 0 && l.strange > 0 && exit.Code == expectedExit && exit.Signal == "":
		o.Message = incomplete
	case len(own) == 0:
		o.Message, o.Location = explainEnd(p, output, exit, len(birds) > 0)
		if len(l.findings) > 0 { // it could not go on after what it found
			o.Message = Say(l.findings[0])
		}
	case len(own) > 1 || len(birds) != 1 || len(l.verdicts) != 2 || l.strange > 0:
		o.Message = incomplete
	case birds[0].Verdict != account.Failed:
		o.Message = "a check that must fail did not: something has changed how tests are judged, so no result counts"
	case own[0].Verdict == account.Skipped:
		o.Message = "the check was skipped, and what was not tried has not passed"
	case own[0].Verdict == account.Passed && exit.Code == expectedExit && exit.Signal == "":
		if len(l.findings) == 0 {
			o.Verdict = Passed
			return o
		}
		o.Message = "the check reported a failure and then a pass"
	case own[0].Verdict == account.Passed:
		o.Message, o.Location = explainEnd(p, output, exit, true)
	default:
		o.Message, o.Location = explainFailure(p, output, l.findings)
	}
	if len(o.Findings) > 0 && o.Location == "" {
		o.Location = o.Findings[0].Where
	}
	return o
}

// clean removes what is not of the learner: the canary's lines, testing's last word, and what the race detector's runtime
// says in a sandbox without /proc.
func clean(output, canary string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if strings.Contains(line, canary) || strings.TrimRight(line, "\n") == "FAIL" || noProc.MatchString(line) {
			continue
		}
		b.WriteString(line)
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// noProc matches what the race detector's runtime prints where there is no /proc.
var noProc = regexp.MustCompile(`^==\d+==WARNING: reading executable name failed with errno \d+`)

// explainFailure is for a check that said itself that it failed.
func explainFailure(p Process, output string, findings []Finding) (message, location string) {
	if race := explainRace(output); race != "" {
		return race, firstLearnerLine(output)
	}
	if len(findings) > 0 {
		return Say(findings[0]), ""
	}
	if broken, location := explainBreakdown(output); broken != "" {
		return broken, location
	}
	message = logOf(p.Test, output)
	return message, firstTestLine(message)
}

// Say is a finding as one line.
func Say(f Finding) string {
	var parts []string
	for _, p := range [...]string{f.Got, f.Did} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// explainEnd is for a process that ended without the check's verdict, or not as one ends that has passed. begun says
// that it came as far as the first test.
func explainEnd(p Process, output string, exit sandbox.Exit, begun bool) (message, location string) {
	if race := explainRace(output); race != "" {
		return race, firstLearnerLine(output)
	}
	if broken, location := explainBreakdown(output); broken != "" {
		return broken, location
	}
	switch {
	case exit.Signal == "killed":
		return "the process was killed from outside, most likely because the machine ran out of memory", ""
	case exit.Signal != "":
		return "the process was ended by the signal " + exit.Signal, ""
	case exit.Code == 2 && strings.Contains(output, "account: "):
		return "the check did not begin: " + strings.TrimSpace(between(output, "account: ", "\n")), ""
	case !begun:
		return fmt.Sprintf("the process ended with exit code %d before any check began: look for os.Exit or log.Fatal in an init function or in the value of a package-level variable", exit.Code) + lastWords(output), ""
	}
	return fmt.Sprintf("the process ended with exit code %d before the check was done: look for os.Exit or log.Fatal; a server must not end because of one call", exit.Code) + lastWords(output), ""
}

// lastWords is what log.Fatal and its like print before the end.
func lastWords(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := []rune(strings.TrimSpace(lines[len(lines)-1]))
	if len(last) == 0 {
		return ""
	}
	if len(last) > 200 {
		last = append(last[:200], '…')
	}
	return "; the last line that it printed: " + string(last)
}

// explainBreakdown is for a process that the Go runtime has ended: by a panic, or by what it calls a fatal error.
func explainBreakdown(output string) (message, location string) {
	panicked, fatal := panicText(output), ""
	if m := fatalLine.FindStringSubmatch(output); m != nil {
		fatal = m[1]
	}
	if panicked == "" && fatal == "" {
		return "", ""
	}
	location = firstLearnerLine(output)
	at := ""
	if location != "" {
		at = " at " + location
	}
	switch {
	case strings.Contains(panicked, "or runtime.Goexit"): // testing's own words
		return "runtime.Goexit was called" + at + ": it ends the goroutine of whoever made the call", location
	case panicked != "":
		return "panic" + at + ": " + explainPanic(panicked), location
	}
	return explainFatal(fatal, at), location
}

func explainPanic(text string) string {
	switch {
	case strings.Contains(text, "nil pointer dereference"):
		return "a nil pointer was used (a pointer, interface or function that was never set, or a result used without looking at its error)"
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
		return text + at + ": a map is used by several goroutines at once without a lock, and Go ends the whole process for that"
	case strings.Contains(text, "stack overflow"), strings.Contains(text, "stack exceeds"):
		return "the stack overflowed" + at + ": a function calls itself without end"
	case strings.Contains(text, "all goroutines are asleep"):
		return "deadlock" + at + ": every goroutine waits for another"
	}
	return "fatal error" + at + ": " + text
}

// explainHang says what the learner's code was doing when the time was up.
func explainHang(output string, after time.Duration) (message, location string) {
	location = firstLearnerLine(output)
	message = fmt.Sprintf("not done after %v, so it was stopped", after)
	if location == "" {
		return message, ""
	}
	return message + "; it was then at " + location + stateOf(output, location), location
}

var goroutineHeader = regexp.MustCompile(`^goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\],]*)[^\]]*\]:`)

// stateOf looks up what the goroutine whose stack has the location was waiting for.
func stateOf(output, location string) string {
	for block := range strings.SplitSeq(output, "\n\n") {
		if !strings.Contains(block, "/"+location) {
			continue
		}
		m := goroutineHeader.FindStringSubmatch(strings.TrimSpace(block))
		if m == nil {
			continue
		}
		return ", " + doing(m[1])
	}
	return ""
}

// doing translates the runtime's words for what a goroutine waits for.
func doing(state string) string {
	state, _, _ = strings.Cut(state, " (")
	switch state {
	case "running", "runnable", "syscall", "copystack":
		return "running: a loop that does not end?"
	case "chan receive":
		return "waiting to receive from a channel"
	case "chan send":
		return "waiting to send on a channel"
	case "select":
		return "waiting in a select"
	case "sleep":
		return "asleep (time.Sleep)"
	case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
		return "waiting for a mutex"
	case "sync.WaitGroup.Wait":
		return "waiting for a sync.WaitGroup"
	case "sync.Cond.Wait":
		return "waiting for a sync.Cond"
	case "IO wait":
		return "waiting for the network"
	}
	return "waiting (" + state + ")"
}

// explainRace turns the race detector's report into the two lines that race.
func explainRace(output string) string {
	_, report, ok := strings.Cut(output, "WARNING: DATA RACE\n")
	if !ok {
		return ""
	}
	report, _, _ = strings.Cut(report, "==================")
	now, before, _ := strings.Cut(report, "Previous ")
	before, _, _ = strings.Cut(before, "\n\n")
	now, _, _ = strings.Cut(now, "\n\n")
	return fmt.Sprintf("data race: %s at %s and %s at %s, with nothing that puts one before the other (a lock, a channel, an atomic)",
		access(now), placeOf(now), access(before), placeOf(before))
}

// placeOf is where one side of a race is: in the learner's code, else in a check that uses what that code handed out.
func placeOf(report string) string {
	if at := firstLearnerLine(report); at != "" {
		return at
	}
	if m := testFrame.FindStringSubmatch(report); m != nil {
		return m[1] + " (a check's line)"
	}
	return "an unknown place"
}

func access(report string) string {
	if strings.Contains(strings.ToLower(firstLine(report)), "write") {
		return "a write"
	}
	return "a read"
}

var (
	frameLine    = regexp.MustCompile(`(?m)^\s+(\S*/(?:labs|solutions)/\S+\.go:\d+)(?: \+0x.*)?$`)
	testFrame    = regexp.MustCompile(`(?m)^\s+\S*/(\w+_test\.go:\d+)(?: \+0x.*)?$`)
	testFileLine = regexp.MustCompile(`(?m)^\s*(\w+_test\.go:\d+):`)
	panicLine    = regexp.MustCompile(`(?m)^panic: (.*)$`)
	fatalLine    = regexp.MustCompile(`(?m)^fatal error: (.*)$`)
	failLine     = regexp.MustCompile(`(?m)^ *--- (?:FAIL|PASS|SKIP): .*\n`)
)

// firstLearnerLine is the first frame of a stack that is the lab's own code and no check's.
func firstLearnerLine(output string) string {
	for _, m := range frameLine.FindAllStringSubmatch(output, -1) {
		place := m[1]
		// The course may itself lie in a folder of such a name, so what counts is what comes last.
		below := place[max(strings.LastIndex(place, "/labs/"), strings.LastIndex(place, "/solutions/")):]
		if strings.HasSuffix(place, ".go:1") { // what the compiler gives an empty loop that it has inlined
			continue
		}
		if !strings.Contains(below, "_test.go:") && !strings.Contains(below, "/harness/") && !strings.Contains(below, "/pkg/mod/") {
			return place[strings.LastIndex(place, "/")+1:]
		}
	}
	return ""
}

func firstTestLine(output string) string {
	if m := testFileLine.FindStringSubmatch(output); m != nil {
		return m[1]
	}
	return ""
}

func panicText(output string) string {
	m := panicLine.FindStringSubmatch(output)
	if m == nil {
		return ""
	}
	text, _, _ := strings.Cut(m[1], " [recovered")
	return strings.TrimSpace(text)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// logOf is what the check itself said by t.Error and the like: package testing prints that below the check's last line.
func logOf(test, output string) string {
	if at := strings.LastIndex(output, "--- FAIL: "+test+" "); at >= 0 {
		output = output[at:]
	}
	log := strings.Trim(failLine.ReplaceAllString(output, ""), "\n")
	margin := len(log) - len(strings.TrimLeft(log, " "))
	return strings.TrimSpace(strings.ReplaceAll("\n"+log, "\n"+log[:margin], "\n"))
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
