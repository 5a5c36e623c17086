package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// demoLabs are the labs of the demonstration, each with a known wrong answer: a pure one, one with
// Redis, one with Postgres.
var demoLabs = [...]struct{ lab, mutant string }{
	{"b10", "lost-fractions"},
	{"a01", "local-clock"},
	{"i02", "no-fingerprint"},
}

func newDemo(a *app) *cobra.Command {
	provider := "auto"
	c := &cobra.Command{
		Use: "demo",
		Short: "Show it at work: stubs fail and teach, a wrong answer is recognised, references " +
			"pass",
		Long: `Demo judges three labs, one of them pure, one with Redis, one with Postgres: first the untouched stub, then a known
wrong answer, then the reference. Your own files are neither judged nor touched.

` + exitHelp,
		Example: `  labs demo
  labs demo --backend local`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), a, provider) },
	}
	c.Flags().StringVar(&provider, "backend", "auto",
		"where Redis and Postgres come from: {auto|url|container|local|embedded}")
	return c
}

// act is one step of the demonstration.
type act struct {
	lab    *course.Lab
	says   string
	dir    string
	mutant string // whose misconception must be named
	want   run.Verdict
}

func runDemo(ctx context.Context, a *app, provider string) error {
	if err := checkProvider(provider); err != nil {
		return err
	}
	w, err := a.openAnywhere()
	if err == nil && workspace.IsOne(w.Course.Root) { // which may have other labs
		var root string
		if root, err = origin(w.Course.Root); err == nil {
			w, err = a.openAt(root)
		}
	}
	if err != nil {
		return err
	}
	tmp, err := owner.TempDir("", "demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	acts, err := demoActs(w, tmp)
	if err != nil {
		return err
	}
	j := newJudging(a, w, provider, grade.Options{})
	defer j.close()
	j.Stubs = true
	jobs := make([]grade.Job, len(acts))
	for i, act := range acts {
		jobs[i] = grade.Job{Lab: act.lab, Dir: act.dir}
	}
	// Each part is told as soon as it and those before it are known.
	line := a.NewLive("building three labs")
	defer line.Close()
	if !a.ErrTerminal {
		a.note("building and judging three labs")
	}
	known := make([]*run.Result, len(acts))
	next, wrong := 0, 0
	_, err = j.Judge.Judge(ctx, jobs, func(v judge.Verdict) {
		if v.Plain {
			return
		}
		r := v.Result
		known[v.Job] = &r
		for ; next < len(acts) && known[next] != nil; next++ {
			line.Above(func() {
				if !a.demonstrate(acts[next], *known[next]) {
					wrong++
				}
			})
		}
		line.Set("judging, %d of %d parts", next, len(acts))
	})
	line.Close()
	if err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d steps did not end as they should", wrong, len(acts))
	}
	fmt.Fprintf(a.Out, `Now you. Type:
  %[1]s list                     what there is
  %[1]s show token-bucket        the brief of a lab
  %[1]s watch token-bucket       then edit its bucket.go: every save is judged
`, a.command)
	return nil
}

func demoActs(w *workspace.Workspace, tmp string) ([]act, error) {
	var acts []act
	for _, d := range demoLabs {
		l, err := w.Course.Named(d.lab)
		if err != nil {
			return nil, err
		}
		stub, err := l.Stub()
		if err != nil {
			return nil, err
		}
		wrong := filepath.Join(tmp, "labs", l.Slug)
		m := l.Mutant(d.mutant)
		if m == nil {
			return nil, fmt.Errorf("%s has no mutant %s", l.Slug, d.mutant)
		}
		if err := l.WriteMutant(m, wrong); err != nil {
			return nil, err
		}
		acts = append(acts,
			act{lab: l, says: "the untouched stub: it fails, and says what is wanted", dir: stub,
				want: run.Failed},
			act{lab: l, says: "a wrong answer: it fails, and the belief behind it is recognised",
				dir: wrong, mutant: d.mutant, want: run.Failed},
			act{lab: l, says: "the reference: it passes", dir: l.SolutionDir, want: run.Passed})
	}
	return acts, nil
}

// demonstrate shows one step and tells whether it ended as it should. What cannot be judged on this
// machine is said, and is no failure of the demonstration.
func (a *app) demonstrate(act act, r run.Result) bool {
	r.Race = run.Race{State: run.RaceNotNeeded} // the demonstration does without
	p := a.Paint()
	fmt.Fprintf(a.Out, "%s\n\n", p.Accent("── "+act.says))
	report.Terminal(a.Out, r, report.Style{Colour: a.Colour, Columns: a.Columns, Brief: true})
	fmt.Fprintln(a.Out)
	unjudged := 0
	for _, c := range r.Checks {
		if c.Verdict == run.NotJudged {
			unjudged++
		}
	}
	switch {
	case unjudged == len(r.Checks) && unjudged > 0, act.want == run.Passed &&
		r.Verdict == run.InfraError && unjudged > 0:
		return true
	case r.Verdict != act.want:
		fmt.Fprintf(a.Out, "%s the verdict should have been %s\n\n", p.Bad("✗"), act.want)
		return false
	case act.mutant != "" && unjudged == 0 && (r.Likely == nil || r.Likely.Mutant != act.mutant):
		fmt.Fprintf(a.Out, "%s the misconception was not recognised\n\n", p.Bad("✗"))
		return false
	}
	return true
}
