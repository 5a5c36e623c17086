package run

import (
	"regexp"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

var (
	frameLine    = regexp.MustCompile(`(?m)^\s+(\S.*\.go:\d+)(?: \+0x.*)?$`)
	testFrame    = regexp.MustCompile(`(?m)^\s+\S.*/(\w+_test\.go:\d+)(?: \+0x.*)?$`)
	testFileLine = regexp.MustCompile(`(?m)^\s*(\w+_test\.go:\d+):`)
	panicLine    = regexp.MustCompile(`(?m)^panic: (.*)$`)
	fatalLine    = regexp.MustCompile(`(?m)^fatal error: (.*)$`)
	failLine     = regexp.MustCompile(`(?m)^ *--- (?:FAIL|PASS|SKIP): .*\n`)
)

// firstLearnerLine is the first frame of a stack that is the lab's own code and no check's.
func firstLearnerLine(output string) string {
	for _, m := range frameLine.FindAllStringSubmatch(output, -1) {
		if stacks.IsLab(m[1]) {
			return stacks.Short(m[1])
		}
	}
	return ""
}

// firstTestFrame is the first frame of a stack that is in a test's file.
func firstTestFrame(output string) string {
	if m := testFrame.FindStringSubmatch(output); m != nil {
		return m[1]
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

// logOf is what the check itself said by t.Error and the like: package testing prints that below
// the check's last line.
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
