package prove

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/mutate"
	"github.com/backend-labs/backend-labs/harness/run"
)

// Score is how many of the automatic mutants of a reference the checks kill.
type Score struct {
	Lab       string     `json:"lab"`
	Slug      string     `json:"slug"`
	Variants  int        `json:"variants"`  // those that compile
	Killed    int        `json:"killed"`    // a check fails on them
	Explained int        `json:"explained"` // lab.yaml says why none can
	Survivors []Survivor `json:"survivors"` // all others
	Problems  []string   `json:"problems"`
	Seconds   float64    `json:"seconds"`
}

// Survivor is a variant that no check has noticed and lab.yaml does not explain.
type Survivor struct {
	mutate.Variant
	Diff string `json:"diff"`
}

func (s *Score) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Holds reports whether every variant is killed or explained.
func (s Score) Holds() bool { return len(s.Problems) == 0 && len(s.Survivors) == 0 }

// Percent is how many of a hundred variants are killed or explained.
func (s Score) Percent() float64 {
	if s.Variants == 0 {
		return 100
	}
	return 100 * float64(s.Killed+s.Explained) / float64(s.Variants)
}

// alive are the variants that nothing has killed.
func alive(all []*variant) []*variant {
	return slices.DeleteFunc(slices.Clone(all), func(v *variant) bool {
		return v.out || v.killer != ""
	})
}

// take takes verdicts on a variant into account.
func (v *variant) take(r run.Result) {
	v.out = r.Verdict == run.BuildFailed || r.Verdict == run.Rejected
	for _, c := range r.Checks {
		if c.Verdict == run.Failed || c.Verdict == run.TimedOut {
			v.killer, v.hung = c.Test, c.Verdict == run.TimedOut
			return
		}
	}
}

// count draws the conclusions.
func (s *Score) count(l *course.Lab, all []*variant) {
	s.equivalents(l, all)
	for _, v := range all {
		switch {
		case v.out:
			continue
		case v.killer != "":
			s.Killed++
		case slices.ContainsFunc(l.Equivalent, v.is):
			s.Explained++
		default:
			s.Survivors = append(s.Survivors, Survivor{v.Variant, v.Diff()})
		}
		s.Variants++
	}
}

// is reports whether an entry of lab.yaml names the variant.
func (v *variant) is(e course.Equivalent) bool {
	return mutate.OneLine(e.Was) == v.Was && mutate.OneLine(e.Becomes) == v.Becomes &&
		(e.In == "" || e.In == v.In)
}

// equivalents looks for entries of lab.yaml that are not true, or not any more.
func (s *Score) equivalents(l *course.Lab, all []*variant) {
	for _, e := range l.Equivalent {
		var lives, dies, hang []*variant
		for _, v := range all {
			switch {
			case !v.is(e) || v.out:
			case v.hung: // which on a busy machine says little
				hang = append(hang, v)
			case v.killer != "":
				dies = append(dies, v)
			default:
				lives = append(lives, v)
			}
		}
		text := strconv.Quote(e.Was) + " → " + strconv.Quote(e.Becomes)
		switch {
		case len(lives)+len(dies)+len(hang) == 0:
			s.problem("equivalent: %s is no change of the reference (any more)", text)
		case len(lives) == 0 && len(dies) > 0:
			s.problem("equivalent: %s is none: %s fails on it", text, dies[0].killer)
		case len(lives) > 0 && len(dies) > 0 && dies[0].In != lives[0].In:
			s.problem("equivalent: %s is one in %s, and none in %s: say which by in", text,
				lives[0].In, dies[0].In)
		}
	}
}

// variants are the changes of the lab's reference.
func (h *hunter) variants(ctx context.Context) ([]mutate.Variant, error) {
	b := h.Grader.Builder
	r := mutate.Reference{Path: b.Course.Module + "/labs/" + h.lab.Slug,
		Files: map[string][]byte{}, Given: map[string][]byte{}}
	err := readInto(r.Files, h.lab.SolutionDir, h.lab.Files)
	if err == nil {
		err = readInto(r.Given, h.lab.Dir, h.lab.Given)
	}
	if err != nil {
		return nil, err
	}
	if r.Go, err = b.Course.Language(); err != nil {
		return nil, err
	}
	if r.Exports, err = b.Exports(ctx, append(imports(r.Files), imports(r.Given)...)); err != nil {
		return nil, err
	}
	return mutate.Variants(r)
}

// readInto reads files below a folder.
func readInto(files map[string][]byte, dir string, names []string) (err error) {
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("read the reference: %w", err)
		}
	}
	return nil
}

// imports are the packages that files import, and the one that a change may need.
func imports(files map[string][]byte) []string {
	paths := []string{"context"}
	for name, data := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
		if err != nil {
			continue // said better where the types are read
		}
		for _, spec := range tree.Imports {
			paths = append(paths, strings.Trim(spec.Path.Value, `"`))
		}
	}
	return paths
}
