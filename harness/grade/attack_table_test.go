//go:build linux

package grade_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/run"
)

var update = flag.Bool("update", false, "rewrite the table of attacks")

// TestAttacks_table holds the table in the README against the attacks.
func TestAttacks_table(t *testing.T) {
	t.Parallel()
	const file = "testdata/attacks/README.md"
	want := table(attacks(t))
	if *update {
		must(t, os.WriteFile(file, want, 0o644))
		return
	}
	got, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not say what the attacks are: go test ./harness/grade -run "+
			"TestAttacks_table -update", file)
	}
}

const tableHead = `# Attacks on a graded verdict

Each folder is a submission for a lab of ../attacked, with what it tries and what stops it in its
attack.yaml. TestAttacks grades it with all defences, then without the policy, then without just
those that are named here: there it must succeed. Where several are named each alone is enough, which
the test shows, too. *Never* stands for an attack that has no success to show without the one defence
that meets it first. This table is made by: go test ./harness/grade -run TestAttacks_table -update

| attack | tries it on | it | stopped by | verdict |
|---|---|---|---|---|
`

func table(all []attack) []byte {
	var b bytes.Buffer
	b.WriteString(tableHead)
	count := map[string]int{}
	for _, a := range all {
		by := strings.Join(a.StoppedBy, ", ")
		for _, name := range a.StoppedBy {
			count[name]++
		}
		if a.Never {
			by += " (never)"
		}
		if a.Why != "" {
			by += ": " + a.Why
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.Name, a.Lab, a.Tries, by, a.Verdict)
	}
	b.WriteString("\n| defence | attacks that it stops |\n|---|---|\n")
	for _, d := range defenceNames {
		fmt.Fprintf(&b, "| %s: %s | %d |\n", d.name, d.means, count[d.name])
	}
	fmt.Fprintf(&b, "\n%d attacks in all.\n", len(all))
	return b.Bytes()
}

// defenceNames are all that may stand in an attack.yaml, in the order in which an attack meets them.
var defenceNames = []struct{ name, means string }{
	{"intake", "only the lab's files are taken, and regular ones"},
	{"policy", "what the source may contain, by its types"},
	{"limits", "of time, memory and size, for the build and the run"},
	{"sandbox", "what a process may reach"},
	{"begin", "the account begins before the learner's code"},
	{"table", "the report has a table of descriptors of its own"},
	{"seal", "each line of the report is sealed"},
	{"account", "a check counts only by its own report, beside one that must fail"},
	{"census", "nothing is there before the check begins"},
	{"variables", "the package's errors are distinct and stay so"},
	{"library", "what the process shares stays as it was"},
	{"bubble", "nothing runs outside of virtual time, or goes on behind its end"},
	{"race", "a second run under the race detector"},
	{"instances", "several instances are several processes"},
	{"report", "output is inert in every format"},
}

// TestAttacks_namesDefences keeps the words of the attacks to those of the table, and has an attack
// for each.
func TestAttacks_namesDefences(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	known := map[string]bool{}
	for _, d := range defenceNames {
		known[d.name] = true
	}
	for _, a := range attacks(t) {
		if len(a.StoppedBy) == 0 || a.Verdict == "" || a.Never != (a.Why != "") {
			t.Errorf("%s: got %+v, want a defence, a verdict, and a reason where it never succeeds",
				a.Name, a)
		}
		for _, name := range a.StoppedBy {
			if !known[name] {
				t.Errorf("%s: there is no defence %q", a.Name, name)
			}
			used[name] = used[name] || !a.Never
		}
	}
	for name := range known {
		if !used[name] {
			t.Errorf("no attack shows what %s is good for", name)
		}
	}
}

// TestAttacked_passes shows that the labs that are attacked can be passed, and are not by their
// stubs.
func TestAttacked_passes(t *testing.T) {
	if raceEnabled {
		t.Skip("a process of the race detector takes a second to start")
	}
	t.Parallel()
	box := underAttack(t)
	c, err := attacked()
	must(t, err)
	b := &compile.Builder{Course: c, Dir: t.TempDir(), Sandbox: box}
	g := &grade.Grader{Builder: b, Sandbox: box}
	var jobs []grade.Job
	for _, slug := range attackedLabs {
		l, err := coursetest.Lab(c.Root, slug)
		must(t, err)
		jobs = append(jobs, grade.Job{Lab: l, Dir: l.SolutionDir}, grade.Job{Lab: l, Dir: l.Dir})
	}
	for i, r := range mustGrade(t, g, jobs, grade.Options{Race: true, EveryLab: true}, nil) {
		if want := []run.Verdict{run.Passed, run.Failed}[i%2]; r.Verdict != want {
			t.Errorf("%s: got %s, %s, want it %s", r.Slug, r.Verdict, start(output(r)), want)
		}
	}
}
