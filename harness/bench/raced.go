package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/run"
)

// raced compares what the checks of all references take in a graded run, the run under the race
// detector included, with the plain run alone. Builds are not counted.
func (s *suite) raced() error {
	s.say("the references, graded")
	dir := filepath.Join(s.tmp, "references")
	args := []string{"grade", dir, "--format", "json"}
	for _, l := range s.course.Labs {
		for _, f := range l.Files {
			data, err := os.ReadFile(filepath.Join(l.SolutionDir, filepath.FromSlash(f)))
			if err != nil {
				return err
			}
			to := filepath.Join(dir, "labs", l.Slug, filepath.FromSlash(f))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(to, data, 0o644); err != nil {
				return err
			}
		}
	}
	var ratios, plain, both []float64
	for range 3 {
		cmd := exec.CommandContext(s.ctx, s.labs, args...)
		cmd.Dir = s.course.Root
		out, _ := cmd.Output()
		var results []run.Result
		if err := json.Unmarshal(out, &results); err != nil {
			return fmt.Errorf("grade the references: %w", err)
		}
		var checks, race float64
		for _, r := range results {
			checks, race = checks+r.Times.ChecksMS, race+r.Times.RaceMS
		}
		plain, both = append(plain, checks/1000), append(both, (checks+race)/1000)
		ratios = append(ratios, (checks+race)/checks)
	}
	ratio := median(ratios)
	s.add("a graded verdict with its race run, against the plain run alone",
		fmt.Sprintf("%.2f (%.1f s, %.1f s)", ratio, median(both), median(plain)), "≤ 2.5",
		ratio <= 2.5)
	return nil
}
