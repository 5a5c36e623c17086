package run

import (
	"fmt"
	"strings"
)

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
	return fmt.Sprintf("data race: %s at %s and %s at %s, with nothing that puts one before the "+
		"other (a lock, a channel, an atomic)",
		access(now), placeOf(now), access(before), placeOf(before))
}

// placeOf is where one side of a race is: in the learner's code, else in a check that uses what
// that code handed out.
func placeOf(report string) string {
	if at := firstLearnerLine(report); at != "" {
		return at
	}
	if at := firstTestFrame(report); at != "" {
		return at + " (a check's line)"
	}
	return "an unknown place"
}

func access(report string) string {
	if strings.Contains(strings.ToLower(firstLine(report)), "write") {
		return "a write"
	}
	return "a read"
}
