package prove

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
)

func TestNewSubject(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	s := newSubject(l, t.TempDir())
	if len(s.problems) > 0 {
		t.Errorf("got the problems %q, want none", s.problems)
	}
	var rows []string
	for _, r := range s.rows {
		rows = append(rows, string(r.Kind)+" "+r.Name)
	}
	if want := []string{"stub stub", "reference reference", "alternative loop", "mutant off-by-one",
		"mutant saturates"}; !slices.Equal(rows, want) {
		t.Errorf("got the rows %q, want %q", rows, want)
	}
	if got := read(t, filepath.Join(s.rows[3].dir, "adder.go")); !strings.Contains(got,
		"return a + b + 1\n") {
		t.Errorf("got the mutant\n%s", got)
	}
}

// TestNewSubject_problems breaks the lab in one place each time.
func TestNewSubject_problems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		breaks   func(t *testing.T, l *course.Lab)
		problems []string // the beginnings
	}{
		{"no brief", func(t *testing.T, l *course.Lab) { remove(t, l.Dir, "README.md") }, []string{"there is no brief: labs/b01-adder/README.md cannot be read"}},
		{
			"a brief that quotes another question",
			func(t *testing.T, l *course.Lab) { l.Question = "How do you add three numbers?" },
			[]string{`README.md does not quote the question word for word: "> How do you add three numbers?"`},
		},
		{"no model answer", func(t *testing.T, l *course.Lab) { remove(t, l.SolutionDir, "ANSWER.md") }, []string{"there is no model answer: solutions/b01-adder/ANSWER.md cannot be read"}},
		{
			"a stub that is solved",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.Dir, "adder.go"),
					read(t, filepath.Join(l.SolutionDir, "adder.go")))
			},
			[]string{"labs/b01-adder/adder.go is no stub: it differs from .stub/adder.go"},
		},
		{
			"no recorded stub",
			func(t *testing.T, l *course.Lab) { remove(t, l.Dir, ".stub") },
			[]string{"the stub is not recorded: labs stub b01-adder --record does it"},
		},
		{
			"a file of the lab that is not there",
			func(t *testing.T, l *course.Lab) { remove(t, l.Dir, "adder.go") },
			[]string{"the lab's folder has no adder.go, which lab.yaml names in files"},
		},
		{
			"a file that nobody names",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.Dir, "helper.go"),
					"package adder\n")
			},
			[]string{"helper.go is neither in files nor in given of lab.yaml"},
		},
		{
			"a model answer that is too short",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.SolutionDir, "ANSWER.md"), "With a plus.\n")
			},
			[]string{"ANSWER.md has 3 words; "},
		},
		{
			"a model answer that is too long",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.SolutionDir, "ANSWER.md"), strings.Repeat("plus ", 700))
			},
			[]string{"ANSWER.md has 700 words; "},
		},
		{
			"no solution",
			func(t *testing.T, l *course.Lab) { remove(t, l.SolutionDir, ".") },
			[]string{"there is no folder solutions/b01-adder: it holds the reference " +
				"(adder.go), ANSWER.md, mutants/ and alternatives/; labs/README.md"},
		},
		{
			"no reference",
			func(t *testing.T, l *course.Lab) { remove(t, l.SolutionDir, "adder.go") },
			[]string{"the reference has no adder.go, which lab.yaml names in files"},
		},
		{
			"an alternative without its file",
			func(t *testing.T, l *course.Lab) {
				remove(t, l.SolutionDir,
					"alternatives/loop/adder.go")
			},
			[]string{"the alternative loop has no adder.go, which lab.yaml names in files"},
		},
		{
			"a check that lab.yaml does not name",
			func(t *testing.T, l *course.Lab) { l.Checks = l.Checks[:1] },
			[]string{"TestAddsLarge in adder_test.go is no check of lab.yaml: give it a title " +
				"and points there"},
		},
		{
			"a check without its test",
			func(t *testing.T, l *course.Lab) { l.Checks[1].Test = "TestNothing" },
			[]string{"TestAddsLarge in adder_test.go is no check of lab.yaml",
				"lab.yaml has the check TestNothing, and no _test.go file of labs/b01-adder has " +
					"that test"},
		},
		{
			"checks that are no Go",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.Dir, "adder_test.go"), "package adder_test\n}\n")
			},
			[]string{"a file of checks is no Go: adder_test.go:2:1: "},
		},
		{
			"two beliefs with one signature",
			func(t *testing.T, l *course.Lab) { l.Mutants[0].Fails = l.Mutants[1].Fails },
			[]string{"the mutants off-by-one and saturates fail the same checks and claim " +
				"different beliefs: "},
		},
		{
			"two mutants of one belief",
			func(t *testing.T, l *course.Lab) {
				l.Mutants[0].Fails, l.Mutants[0].Misconception = l.Mutants[1].Fails,
					l.Mutants[1].Misconception
			},
			nil,
		},
		{"one hint", func(t *testing.T, l *course.Lab) { l.Hints = l.Hints[:1] }, []string{"there is 1 hint; "}},
		{"too few hints", func(t *testing.T, l *course.Lab) { l.Hints = l.Hints[:2] }, []string{"there are 2 hints; "}},
		{"too many hints", func(t *testing.T, l *course.Lab) { l.Hints = make([]string, 6) }, []string{"there are 6 hints; "}},
		{
			"a patch that nobody names",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.SolutionDir, "mutants", "other.patch"), "")
			},
			[]string{"mutants/other.patch is not in lab.yaml"},
		},
		{
			"no alternative",
			func(t *testing.T, l *course.Lab) { remove(t, l.SolutionDir, "alternatives") },
			[]string{"there is no alternative: "},
		},
		{
			"a mutant without its patch",
			func(t *testing.T, l *course.Lab) {
				remove(t, l.SolutionDir,
					"mutants/saturates.patch")
			},
			[]string{"mutant saturates: there is no " +
				"solutions/b01-adder/mutants/saturates.patch, which lab.yaml names"},
		},
		{
			"a patch that is none",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.SolutionDir, "mutants", "saturates.patch"),
					"--- a/adder.go\n+++ b/adder.go\n@@ -1,5 +1,5 @@\n x\n")
			},
			[]string{"mutant saturates: saturates.patch is no patch: "},
		},
		{
			"an empty patch",
			func(t *testing.T, l *course.Lab) {
				write(t, filepath.Join(l.SolutionDir, "mutants", "saturates.patch"), "")
			},
			[]string{"mutant saturates: saturates.patch changes nothing: make it with diff -u " +
				"a/adder.go b/adder.go"},
		},
		{
			"a patch of another file",
			func(t *testing.T, l *course.Lab) {
				file := filepath.Join(l.SolutionDir, "mutants", "saturates.patch")
				write(t, file, strings.ReplaceAll(read(t, file), "adder.go", "other.go"))
			},
			[]string{"mutant saturates: saturates.patch changes other.go, which is none of the " +
				"files that lab.yaml names: adder.go"},
		},
		{
			"a reference that has moved on",
			func(t *testing.T, l *course.Lab) {
				file := filepath.Join(l.SolutionDir, "adder.go")
				write(t, file, strings.ReplaceAll(read(t, file), "a + b", "b + a"))
			},
			[]string{"mutant off-by-one: off-by-one.patch does not apply to the reference, " +
				"which may have changed since: ",
				"mutant saturates: saturates.patch does not apply to the reference, which " +
					"may have changed since: "},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := coursetest.Adder(t)
			tt.breaks(t, l)
			got := newSubject(l, t.TempDir()).problems
			if !slices.EqualFunc(got, tt.problems, strings.HasPrefix) {
				t.Errorf("got the problems\n\t%q\nwant\n\t%q", got, tt.problems)
			}
		})
	}
}

// plain is the result of a run of each check, once and without the race detector: v says which
// passed, in the order of the checks.
func plain(l *course.Lab, v ...run.Verdict) run.Result {
	r := run.Result{Verdict: run.Passed}
	for i, c := range l.Checks {
		check := run.Check{Test: c.Test, Verdict: v[i]}
		if v[i] != run.Passed {
			r.Verdict, check.Message, check.Findings = v[i], "it does not",
				[]run.Finding{{Got: "less"}}
		}
		r.Checks = append(r.Checks, check)
	}
	return r
}

// counted is the result of several runs of each check.
func counted(l *course.Lab, runs ...run.Runs) run.Result {
	r := run.Result{Verdict: run.Passed}
	for i, c := range l.Checks {
		n := runs[i]
		check := run.Check{Test: c.Test, Verdict: run.Passed, Runs: &n}
		if n.PlainPassed < n.Plain || n.RacePassed < n.Race {
			check.Verdict, r.Verdict, check.Message, check.Findings = run.Failed, run.Failed,
				"it does not", []run.Finding{{Got: "less"}}
		}
		r.Checks = append(r.Checks, check)
	}
	return r
}

// failsAll is the note on the example's first mutant.
const failsAll = "mutant off-by-one fails every check, as what is not begun does, so its belief " +
	"is never named"

func TestProof(t *testing.T) {
	t.Parallel()
	const p, f = run.Passed, run.Failed
	always := run.Runs{Plain: 3, PlainPassed: 3, Race: 3, RacePassed: 3}
	for _, tt := range []struct {
		name     string
		row      int // which of the stub, the reference, the alternative, off-by-one, saturates
		result   func(l *course.Lab) run.Result
		problems []string
		notes    []string
	}{
		{"all as it must be", 1, func(l *course.Lab) run.Result { return counted(l, always, always) }, nil, nil},
		{"a stub that passes", 0, func(l *course.Lab) run.Result { return plain(l, f, p) }, []string{"the untouched stub passes TestAddsLarge"}, nil},
		{
			"a stub that does not compile", 0,
			func(*course.Lab) run.Result {
				return run.Result{Verdict: run.BuildFailed,
					Message: "adder.go:3: no"}
			},
			[]string{"stub stub: build_failed: adder.go:3: no"}, nil,
		},
		{
			"a reference that fails now and then", 1,
			func(l *course.Lab) run.Result {
				return counted(l, always, run.Runs{Plain: 3, PlainPassed: 3, Race: 3,
					RacePassed: 2})
			},
			[]string{"reference reference: TestAddsLarge passed 3 of 3 plain runs and 2 of 3 " +
				"runs under the race detector: failed: it does not"}, nil,
		},
		{
			"an alternative that fails", 2,
			func(l *course.Lab) run.Result { return plain(l, f, p) },
			[]string{"alternative loop: TestAddsSmall passed 0 of 1 plain run: failed: it does not"}, nil,
		},
		{
			"a reference that could not be judged", 1,
			func(l *course.Lab) run.Result { return plain(l, p, run.NotJudged) },
			[]string{"reference reference: TestAddsLarge could not be judged: not_judged: it " +
				"does not"}, nil,
		},
		{
			"a mutant that a named check lets through", 3,
			func(l *course.Lab) run.Result { return plain(l, p, f) },
			[]string{"mutant off-by-one: TestAddsSmall passed 1 of 1 plain run on it",
				"no mutant fails TestAddsSmall every time: is the check needed?"}, nil,
		},
		{
			"a mutant that is caught now and then", 4,
			func(l *course.Lab) run.Result {
				return counted(l, always, run.Runs{Plain: 3, PlainPassed: 1, Race: 3,
					RacePassed: 1})
			},
			[]string{"mutant saturates: TestAddsLarge passed 1 of 3 plain runs and 1 of 3 runs " +
				"under the race detector on it",
				"no mutant that is caught breaks the promise \"The sum is exact, however large " +
					"the numbers are.\" (README.md:11)"}, nil,
		},
		{
			"a mutant that only the race detector catches", 4,
			func(l *course.Lab) run.Result {
				return counted(l, always, run.Runs{Plain: 3, PlainPassed: 3, Race: 3,
					RacePassed: 0})
			},
			nil, nil,
		},
		{
			"a mutant that fails more than it says", 4,
			func(l *course.Lab) run.Result { return plain(l, f, f) },
			nil, []string{"mutant saturates also fails TestAddsSmall; its belief is not named then, " +
				"unless its also or its fails has that"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := coursetest.Adder(t)
			s := newSubject(l, t.TempDir())
			right := []run.Result{plain(l, f, f), counted(l, always, always),
				counted(l, always, always), plain(l, f, f), plain(l, p, f)}
			right[tt.row] = tt.result(l)
			for i, r := range s.rows {
				r.add(right[i])
			}
			got := s.proof()
			got.Notes = slices.DeleteFunc(got.Notes, func(n string) bool { return n == failsAll })
			if !slices.Equal(got.Problems, tt.problems) || got.Holds != (len(tt.problems) == 0) {
				t.Errorf("got the problems\n\t%q\nand holds = %v, want\n\t%q", got.Problems,
					got.Holds, tt.problems)
			}
			if !slices.Equal(got.Notes, tt.notes) {
				t.Errorf("got the notes %q, want %q", got.Notes, tt.notes)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	s := newSubject(l, t.TempDir())
	const p, f = run.Passed, run.Failed
	for i, result := range []run.Result{plain(l, f, p), plain(l, p, p), plain(l, p, f),
		plain(l, f, f), plain(l, f, f)} {
		s.rows[i].add(result)
	}
	var out strings.Builder
	Text(&out, []Proof{s.proof()}, false)
	want := `B01 b01-adder
                                      1  2
  stub                                ✗  !
  reference                           ·  ·
  alternative loop                    ·  !
  off-by-one                          ✗  ✗
  saturates                           x  ✗
   1 TestAddsSmall
   2 TestAddsLarge
  note: mutant saturates also fails TestAddsSmall; its belief is not named then, unless its also or its fails has that
  note: mutant off-by-one fails every check, as what is not begun does, so its belief is never named
  does not hold: the untouched stub passes TestAddsLarge
  does not hold: alternative loop: TestAddsLarge passed 0 of 1 plain run: failed: it does not
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the text differs (-want +got):\n%s", diff)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestText_whatDoesNotHoldIsLast(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	Text(&out, []Proof{{Lab: "B02", Problems: []string{"it is broken"}}, {Lab: "B01", Holds: true}, {Lab: "B03", Holds: true}}, false)
	if want := "B01 \n  holds\nB03 \n  holds\nB02 \n  does not hold: it is broken\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	Text(&out, []Proof{{Lab: "B02", Problems: []string{"it is broken"}}, {Lab: "B01", Problems: []string{"it is\nodd", "it is old"}}}, false)
	if want := "B02 does not hold: it is broken\nB01 does not hold: it is odd (and 1 more)\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %q, want it to end with %q", out.String(), want)
	}
}

func TestProof_saysWhatWasPrinted(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	s := newSubject(l, t.TempDir())
	failed := plain(l, run.Failed, run.Passed)
	failed.Checks[0].Output = strings.Repeat("ä", 4<<10) + "the end\n"
	s.rows[1].add(failed)
	said := strings.Join(s.proof().Problems, "\n")
	if !strings.Contains(said, "\nit printed:\n…ä") || !strings.Contains(said, "äthe end") || len(said) > 6<<10 {
		t.Errorf("got %q, want the end of what was printed", said)
	}
}

// A data race now and then does harm without the race detector, which does not get its turn then.
func TestRow_aRaceThatIsSeenPlainNowAndThen(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	result := func(m *course.Mutant, plainly, race bool) (result run.Result) {
		c := run.Check{Verdict: run.Passed, Race: !plainly && race, Message: fmt.Sprint("raced: ", !plainly)}
		if plainly || race {
			c.Verdict = run.Failed
		}
		for _, c.Test = range m.Fails {
			result.Checks = append(result.Checks, c)
		}
		return result
	}
	type step struct {
		plainly, race bool
		raced         int
		caught, known bool
	}
	byLuck := step{plainly: true, race: true} // so that the race detector was left out
	for _, steps := range [][]step{
		{{}, byLuck, {race: true, raced: 1, caught: true, known: true}},
		{{plainly: true, caught: true}, {race: true, raced: 1, caught: true, known: true}},
	} {
		r := newSubject(l, t.TempDir()).rows[3]
		r.mutant.Shows = "raced: true"
		for _, step := range steps {
			r.add(result(r.mutant, step.plainly, step.race))
			if r.raced() != step.raced || r.caught() != step.caught || r.known() != step.known {
				t.Errorf("after %+v: raced %d times, caught: %v, known: %v", step, r.raced(), r.caught(), r.known())
			}
		}
		if got := r.tally[r.mutant.Fails[0]].failed.Message; got != r.mutant.Shows {
			t.Errorf("told is %q, not what the race detector says", got)
		}
	}
}
