package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// ledger is all that arrived on the report pipe.
type ledger struct {
	verdicts map[string][]account.Report // by test
	findings []Finding
	shown    []Shown
	hang     account.Report // of one whose time was up
	broken   string         // why nothing was run
	strange  int            // lines that no honest process writes
}

// maxReport bounds a line of the pipe in bytes, and maxReports the number of those that are sealed:
// an honest process writes a few findings and two verdicts.
const (
	maxReport  = 256 << 10
	maxReports = 100
)

// readLedger reads to the end, whatever comes: nothing may block on the pipe, and the account's own
// lines are found in any amount of others.
func readLedger(r io.Reader, k *account.Key) *ledger {
	l := &ledger{verdicts: map[string][]account.Report{}}
	lines := bufio.NewReaderSize(r, maxReport)
	for next := uint64(0); ; {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // the rest of it is strange, too
			l.strange++
		case err != nil:
			if len(line) > 0 {
				l.strange++
			}
			return l
		case l.enter(line[:len(line)-1], k, next):
			next++
		default:
			l.strange++
		}
	}
}

// enter takes a line if it is the one that is sealed with that number.
func (l *ledger) enter(line []byte, k *account.Key, next uint64) bool {
	n, content, ok := k.Open(line)
	if !ok || n != next || n >= maxReports {
		return false
	}
	var rep account.Report
	if json.Unmarshal(content, &rep) != nil {
		return false
	}
	switch {
	case rep.Verdict != "":
		l.verdicts[rep.Test] = append(l.verdicts[rep.Test], rep)
	case rep.Hang != "" || rep.Memory > 0:
		l.hang = rep
	case rep.Broken != "":
		l.broken = rep.Broken
	case rep.Finding != nil:
		l.findings = append(l.findings, findingOf(*rep.Finding))
	case rep.Shown != nil:
		if p := pictureOf(rep.Shown.Picture); p != nil {
			l.shown = append(l.shown, Shown{Title: rep.Shown.Title, Picture: p})
		}
	}
	return true
}

func findingOf(f account.Finding) Finding {
	return Finding{Did: f.Did, Want: f.Want, Got: f.Got, Why: f.Why, When: f.When, Where: f.Where,
		Picture: pictureOf(f.Picture)}
}

// pictureOf is a picture that can be drawn, or nil: the words beside it say what is to be said.
func pictureOf(data []byte) *timeline.Picture {
	p, err := timeline.Decode(data)
	if err != nil {
		return nil
	}
	return p
}
