package prove

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
)

const sum = "The sum is exact, however large the numbers are."

// TestPromises changes what the example's lab.yaml says of its contract, or the contract.
func TestPromises(t *testing.T) {
	t.Parallel()
	free := func(f course.Freedom) func(*testing.T, *course.Lab) {
		return func(t *testing.T, l *course.Lab) {
			brief(t, l, sum+"\nHow it is found is up to you.\n")
			if f.Text != "" {
				l.Freedoms = []course.Freedom{f}
			}
		}
	}
	const how = "How it is found is up to you"
	for _, tt := range []struct {
		name     string
		change   func(t *testing.T, l *course.Lab)
		problems []string // the beginnings
	}{
		{"a sentence that nobody breaks",
			func(t *testing.T, l *course.Lab) { l.Mutants[1].Breaks = nil },
			[]string{`no mutant breaks the promise "` + sum + `" (README.md:11): `}},
		{"a comment that nobody breaks",
			func(t *testing.T, l *course.Lab) { l.Mutants[0].Breaks = nil },
			[]string{`no mutant breaks the promise "Add adds two numbers." (adder.go:4): `}},
		{"a quote that is not there",
			func(t *testing.T, l *course.Lab) {
				l.Mutants[1].Breaks = append(l.Mutants[1].Breaks, "however small the numbers are")
			},
			[]string{`mutant saturates, breaks: the contract does not say "however small the ` +
				`numbers are" (any more?); nearest is "` + sum}},
		{"a brief without a contract",
			func(t *testing.T, l *course.Lab) { write(t, l.Dir+"/README.md", "> "+l.Question) },
			[]string{`README.md has no section "The contract", so it promises nothing: `}},
		{"a promise that is unbroken, with its reason",
			func(t *testing.T, l *course.Lab) {
				l.Mutants[1].Breaks = nil
				l.Unbroken = []course.Unbroken{{Text: sum, Why: "It is so in Go."}}
			}, nil},
		{"a part that is unbroken, and another that is broken",
			func(t *testing.T, l *course.Lab) {
				l.Unbroken = []course.Unbroken{{Text: "The sum is exact", Why: "It is so in Go."}}
			}, nil},
		{"unbroken without a reason",
			func(t *testing.T, l *course.Lab) {
				l.Unbroken = []course.Unbroken{{Text: "The sum is exact", Why: " "}}
			},
			[]string{`unbroken "The sum is exact" has no reason: `}},
		{"unbroken, and yet broken",
			func(t *testing.T, l *course.Lab) {
				l.Unbroken = []course.Unbroken{{Text: "however large", Why: "It is so in Go."}}
			},
			[]string{`unbroken has "however large", and the mutant saturates breaks it: `}},
		{"unbroken, but not there",
			func(t *testing.T, l *course.Lab) {
				l.Unbroken = []course.Unbroken{{Text: "in any order", Why: "It is so in Go."}}
			},
			[]string{`unbroken: the contract does not say "in any order"`}},
		{"a freedom that nobody uses", free(course.Freedom{}),
			[]string{`nothing uses the freedom "` + how + `." (README.md:11): `}},
		{"a freedom with an alternative", free(course.Freedom{Text: how, Alternative: "loop"}), nil},
		{"a freedom with a reason", free(course.Freedom{Text: how, Why: "Nobody sees it."}), nil},
		{"a freedom with neither", free(course.Freedom{Text: how}),
			[]string{`the freedom "` + how + `" has neither an alternative that uses it nor, in why, `,
				`nothing uses the freedom`}},
		{"a freedom whose alternative is not there",
			free(course.Freedom{Text: how, Alternative: "pool"}),
			[]string{`the freedom "` + how + `" names the alternative pool, and there is none of ` +
				`that name in solutions/b01-adder/alternatives (loop)`}},
		{"a freedom that is not there", free(course.Freedom{Text: "as you like", Why: "It is so."}),
			[]string{`freedoms: the contract does not say "as you like"`, "nothing uses the freedom"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := coursetest.Adder(t)
			tt.change(t, l)
			s := &subject{lab: l}
			s.promises()
			if !slices.EqualFunc(s.problems, tt.problems, strings.HasPrefix) {
				t.Errorf("got the problems\n\t%q\nwant\n\t%q", s.problems, tt.problems)
			}
		})
	}
}

// brief writes a brief with a contract.
func brief(t *testing.T, l *course.Lab, contract string) {
	t.Helper()
	write(t, filepath.Join(l.Dir, "README.md"),
		"# Adder\n\n> "+l.Question+"\n\nAdd.\n\n## The task\n\n## The contract\n\n"+contract)
}

// TestPromises_stub looks for promises in the stub as it is recorded, whatever has become of it.
func TestPromises_stub(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	write(t, filepath.Join(l.Dir, "adder.go"), "package adder\n\n// Add waits.\nfunc Add() {}\n")
	s := &subject{lab: l}
	s.promises()
	if len(s.problems) > 0 {
		t.Errorf("got the problems %q, want none", s.problems)
	}
}

func TestPromises_text(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	brief(t, l, "And:\n\n- "+sum+"\n- The first.\n- The numbers are given.\n- Up to you.\n")
	l.Unbroken = []course.Unbroken{{Text: "The numbers are given", Why: "By the caller."}}
	l.Freedoms = []course.Freedom{{Text: "Up to you", Alternative: "loop"}}
	proofs, err := Form([]*course.Lab{l})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	Promises(&out, proofs, false)
	want := `B01 b01-adder: 5 promises, 1 of them broken by nobody

  And: README.md:11
      heading: need not be broken

  The sum is exact, however large the numbers are. README.md:13
      ✗ saturates

  The first. README.md:14
      ! nobody breaks it

  The numbers are given. README.md:15
      unbroken: By the caller.

  Up to you. README.md:16
      a freedom: alternative loop

  Add adds two numbers. adder.go:4
      ✗ off-by-one

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
