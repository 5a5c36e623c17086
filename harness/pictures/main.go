// Pictures makes the README's pictures: a failure as a terminal shows it, and a timeline, each of a known wrong answer
// that is judged anew. make pictures runs it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/picture"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// folder is where the pictures go, below the course's root.
const folder = ".github/pictures"

func main() {
	if err := draw(); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func draw() error {
	failure, err := judged("b10", "unbounded-refill")
	if err != nil {
		return err
	}
	failure.Checks = failure.Checks[:min(3, len(failure.Checks))] // as much as one looks at
	var text bytes.Buffer
	report.Terminal(&text, failure, report.Style{Colour: true, Columns: columns})
	shown := text.String()
	if end := strings.LastIndex(shown, "\n\n"); end > 0 { // the verdict counts checks that are not in the picture
		shown = shown[:end]
	}
	if err := write("failure.svg", screen(shown)); err != nil {
		return err
	}
	stale, err := judged("i06", "delete-before-commit")
	if err != nil {
		return err
	}
	for _, c := range stale.Checks {
		for _, f := range c.Findings {
			if f.Picture != nil {
				return write("timeline.svg", picture.SVG(*f.Picture))
			}
		}
	}
	return errors.New("i06 has no timeline")
}

// judged is the verdict on a known wrong answer, without what differs from run to run.
func judged(lab, mutant string) (run.Result, error) {
	cmd := exec.Command(filepath.Join("bin", "labs"), "check", lab, "--of", mutant, "--no-race", "--json", "--seed", "1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != 1) {
		return run.Result{}, fmt.Errorf("judge %s: %w", mutant, err)
	}
	var results []run.Result
	if err := json.Unmarshal(out, &results); err != nil {
		return run.Result{}, fmt.Errorf("judge %s: %w", mutant, err)
	}
	if len(results) != 1 {
		return run.Result{}, fmt.Errorf("judge %s: %d results", mutant, len(results))
	}
	results[0].DurationMS, results[0].Times = 0, run.Times{}
	return results[0], nil
}

func write(name, text string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), []byte(strings.TrimRight(text, "\n")+"\n"), 0o644)
}
