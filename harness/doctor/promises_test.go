package doctor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// holding are the lines of a machine on which everything holds in a sandbox.
func holding(box string) []Line {
	all := []Line{{Part: "go", OK: true, Needed: true}, {Part: racePart, OK: true},
		{Part: box, OK: true, lacks: "sandbox"}}
	for _, p := range promises {
		for _, probe := range p.probes {
			all = append(all, Line{Part: box, OK: true, Minor: true, probe: probe})
		}
	}
	return all
}

func TestGraded(t *testing.T) {
	t.Parallel()
	const all = "ready for graded runs: sandbox ns, all promises hold"
	for _, tt := range []struct {
		name string
		edit func([]Line) []Line
		want string
		kept int // promises that hold, of all
	}{
		{"all holds", func(l []Line) []Line { return l }, all, 7},
		{"another sandbox does not hold", func(l []Line) []Line {
			return append(l, Line{Part: "sandbox container", lacks: "sandbox"})
		}, all, 7},
		{"one sandbox does not hold, and the next does", func(l []Line) []Line {
			return append([]Line{{Part: "sandbox other", lacks: "sandbox"}}, l...)
		}, all, 7},
		{"no race detector", func(l []Line) []Line { l[1].OK = false; return l },
			"not ready for graded runs; missing: the race detector, which needs a C compiler", 6},
		{"no sandbox", func(l []Line) []Line { l[2].OK = false; return l },
			"not ready for graded runs; missing: a sandbox that holds", 1},
		{"no sandbox, and no race detector", func(l []Line) []Line { l[1].OK, l[2].OK = false, false; return l },
			"not ready for graded runs; missing: a sandbox that holds; the race detector, which needs a C compiler", 0},
		{"no Go", func(l []Line) []Line { l[0].OK = false; return l },
			"not ready for graded runs; missing: what labs itself needs", 7},
		{"a probe that has not been made", func(l []Line) []Line { return l[:len(l)-1] },
			"not ready for graded runs; missing: nothing fills the machine: not shown that a process in " +
				"sandbox ns cannot have the kernel keep megabytes for one connection", 6},
		{"nothing was looked at", func([]Line) []Line { return nil },
			"not ready for graded runs; missing: a sandbox that holds; the race detector, which needs a C compiler", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lines := tt.edit(holding("sandbox ns"))
			if got := Graded(lines); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			kept := 0
			for _, l := range Promises(lines) {
				if l.OK {
					kept++
				}
			}
			if kept != tt.kept {
				t.Errorf("got %d promises that hold, want %d: %+v", kept, tt.kept, Promises(lines))
			}
		})
	}
}

func TestPromises_sayBySomething(t *testing.T) {
	t.Parallel()
	lines := Promises(holding("sandbox ns"))
	want := "nobody gets out: a process in sandbox ns cannot make a user namespace, mount a file " +
		"system or take a capability"
	if !slices.ContainsFunc(lines, func(l Line) bool { return l.Detail == want }) {
		t.Errorf("got %+v, want a line %q", lines, want)
	}
	for _, l := range lines {
		if l.Part != promisePart || !strings.Contains(l.Detail, ": ") {
			t.Errorf("got %+v, want a promise and what shows it", l)
		}
	}
}

// TestPromises_probes holds the names of the probes against those that there are.
func TestPromises_probes(t *testing.T) {
	t.Parallel()
	// Outside of a sandbox the probes would do what they try.
	box, err := sandbox.ForGrading(t.Context(), "ns", "/etc/passwd")
	if err != nil {
		t.Skip(err)
	}
	found, err := sandbox.Probe(t.Context(), box, "/etc/passwd", false)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{"start 10,000 processes": true, "allocate 10 GiB": true}
	for _, f := range found {
		there[f.Probe] = true
	}
	for _, p := range promises {
		for _, probe := range p.probes {
			if !there[probe] {
				t.Errorf("%q rests on a probe that there is not: %q", p.text, probe)
			}
			delete(there, probe)
		}
	}
	for probe := range there {
		t.Errorf("no promise says by what it is shown: %q", probe)
	}
}
