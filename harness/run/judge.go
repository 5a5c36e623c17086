package run

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// expectedExit is the exit code of an honest process: the canary has failed, so package testing
// says 1.
const expectedExit = 1

const incomplete = "the check's report did not arrive once and whole, and with nothing else, so " +
	"it does not count: something in this process writes where it should not"

// judge demands the full account: the check's verdict exactly once, the canary failed exactly once,
// nothing else on the pipe, and the expected exit. Whatever is missing is a failure.
func judge(p Process, l *ledger, exit sandbox.Exit, canary, output string) Outcome {
	o := Outcome{Verdict: Failed, Findings: l.findings, Shown: l.shown, Output: output}
	own, birds := l.verdicts[p.Test], l.verdicts[canary]
	o.OutOfMemory = exit.OutOfMemory || exit.Signal == "killed" && !exit.TimedOut
	if len(own) == 1 {
		o.Duration = own[0].Elapsed
	}
	switch {
	case l.broken != "":
		return infra("the report of a check cannot be kept apart here: %s\nhint: labs doctor shows "+
			"which sandbox can", l.broken)
	case l.hang.Memory > 0:
		o.OutOfMemory = true
		o.Message, o.Location = p.explainMemory(l.hang)
	case l.hang.Hang != "":
		o.Verdict = TimedOut
		o.Message, o.Location = p.explainHang(l.hang, output)
	case exit.TimedOut:
		o.Verdict = TimedOut
		o.Message, o.Location = p.explainHang(account.Report{Hang: output}, "")
	case len(own) == 0 && l.strange > 0 && exit.Code == expectedExit && exit.Signal == "":
		o.Message = incomplete
	case len(own) == 0:
		o.Message, o.Location = explainEnd(p, output, exit, len(birds) > 0)
		// It could not go on after what it found; a race is told first, since it ends the process.
		if len(l.findings) > 0 && explainRace(output) == "" {
			o.Message = Say(l.findings[0])
		}
	case len(own) > 1 || len(birds) != 1 || len(l.verdicts) != 2 || l.strange > 0:
		o.Message = incomplete
	case birds[0].Verdict != account.Failed:
		o.Message = "a check that must fail did not: something has changed how tests are " +
			"judged, so no result counts"
	case own[0].Verdict == account.Skipped:
		o.Message = p.what() + " was skipped, and what was not tried has not passed"
	case own[0].Verdict == account.Passed && p.Race && explainRace(output) != "":
		o.Message, o.Location = explainEnd(p, output, exit, true)
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

// what is how the test is called.
func (p Process) what() string {
	if p.Hunt {
		return "the test"
	}
	return "the check"
}

// clean removes what is not of the learner: the canary's lines, testing's last word, and what the
// race detector's runtime says in a sandbox without /proc.
func clean(output, canary string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if strings.Contains(line, canary) || strings.TrimRight(line, "\n") == "FAIL" ||
			noProc.MatchString(line) {
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
	if broken, location := p.explainBreakdown(output); broken != "" {
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

// explainEnd is for a process that ended without the check's verdict, or not as one ends that has
// passed. begun says that it came as far as the first test.
func explainEnd(p Process, output string, exit sandbox.Exit, begun bool) (message,
	location string) {
	if race := explainRace(output); race != "" {
		return race, firstLearnerLine(output)
	}
	if broken, location := p.explainBreakdown(output); broken != "" {
		return broken, location
	}
	switch {
	case exit.Signal == "killed":
		return "the process was killed from outside, most likely because the machine ran out of " +
			"memory", ""
	case exit.Signal != "":
		return "the process was ended by the signal " + exit.Signal, ""
	case exit.Code == 2 && strings.Contains(output, "account: "):
		return "the check did not begin: " + strings.TrimSpace(between(output, "account: ",
			"\n")), ""
	case !begun:
		return fmt.Sprintf("the process ended with exit code %d before any check began: look "+
			"for os.Exit or log.Fatal in an init function or in the value of a package-level "+
			"variable", exit.Code) + lastWords(output), ""
	}
	return fmt.Sprintf("the process ended with exit code %d before the check was done: look for "+
		"os.Exit or log.Fatal; a server must not end because of one call",
		exit.Code) + lastWords(output), ""
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
