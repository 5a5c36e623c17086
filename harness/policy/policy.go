// Package policy says what a submission may contain. Its rules are static: they look at the source
// before anything is compiled, first at its text and its imports, then at what the names in it
// mean, which its types tell. They keep out what could reach behind the checks (unsafe memory,
// other processes, the test framework, the compiler's and linker's directives, the variables that
// the checks share with it), what begins before a check does, and what a lab is about building
// oneself.
//
// The rules do not make code harmless; the sandbox does that. They take away the means by which
// code inside a test process could talk the process's own account of the checks round.
package policy

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Rule is the stable name of a rule.
type Rule string

// The rules.
const (
	RuleImport    Rule = "import"    // a package that is not on the list, or a way to import it
	RuleForbidden Rule = "forbidden" // what the lab is about building oneself
	RuleName      Rule = "name"      // a name of an allowed package that is not allowed
	// a variable of another package, used in a way that is not listed
	RuleVariable Rule = "variable"
	// a goroutine, a timer, a file or a socket that is there before a check begins
	RuleInitialiser Rule = "initialiser"
	// a variable of the submission's own in which something could be kept
	RuleState Rule = "state"
	// a declaration of the stub's that is another one
	RuleContract Rule = "contract"
	// a value of the checks' that is looked into
	RuleHanded Rule = "handed"
	// a comment that speaks to the compiler, the linker or the go command
	RuleDirective Rule = "directive"
	RuleCgo       Rule = "cgo"      // what is not written in Go
	RuleEncoding  Rule = "encoding" // bytes that could make the source look other than it is
	RuleNesting   Rule = "nesting"  // source that these rules cannot read in bounded time
	RuleTypes     Rule = "types"    // source that these rules cannot read, though the compiler can
)

// Violation is one breach of a rule.
type Violation struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Rule Rule   `json:"rule"`
	What string `json:"what"` // the offending text
	Why  string `json:"why"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s:%d: %s (rule %s): %s", v.File, v.Line, v.What, v.Rule, v.Why)
}

// What is told of a file: whoever breaks a rule ten thousand times need not read so many lines.
const (
	maxFound = 20
	maxKept  = 1000 // of which those are the first
	maxWhat  = 100  // bytes
)

// Unread is the error for source that the rules about types cannot judge, as it has mistakes in its
// syntax or its types. The compiler refuses it, too, and says it better; if ever it does not, the
// source has broken a rule all the same, and Doubt says which.
type Unread struct{ Doubt Violation }

func (e *Unread) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.Doubt.File, e.Doubt.Line, e.Doubt.What)
}

// Checker holds submissions against the rules.
type Checker struct {
	Course *course.Course
	// Exports finds the files in which the go command keeps the types of packages, by import path.
	Exports func(ctx context.Context, paths []string) (map[string]string, error)

	apply func(context.Context, *source) (verdict, error) // nil: bounded
}

// Text applies the rules about the text of the files and their imports alone, which takes no time.
// The files have their names as in lab.yaml; one that is not there is no violation.
func Text(l *course.Lab, files map[string][]byte) []Violation {
	all, _ := texts(l, files)
	return all
}

// texts also returns what the files import: by the path, the violation that it would be if it were
// not to be had.
func texts(l *course.Lab, files map[string][]byte) (all []Violation,
	imports map[string]Violation) {
	imports = map[string]Violation{}
	for _, name := range l.Files {
		src, ok := files[name]
		if !ok {
			continue
		}
		t := &text{lab: l, findings: findings{name: name}}
		t.encoding(src)
		t.directives(src)
		t.imports(src, imports)
		all = append(all, t.sorted()...)
	}
	return all, imports
}

// Check applies all rules to the files. The error is an [*Unread] if they have mistakes, or says
// why the rules could not be applied; there are no violations then.
func (c *Checker) Check(ctx context.Context, l *course.Lab, files map[string][]byte) ([]Violation,
	error) {
	all, imports := texts(l, files)
	if len(all) > 0 || len(files) == 0 {
		return all, nil
	}
	s := &source{Path: path.Join(c.Course.Module, "labs", l.Slug), Files: map[string]string{},
		Given: map[string]string{}, Hunt: l.HuntOf != nil, State: !l.NoPackageState}
	for _, name := range l.Files {
		if src, ok := files[name]; ok {
			s.Files[name] = string(src)
		}
	}
	return c.typed(ctx, l, s, imports)
}

// findings are the violations in one file.
type findings struct {
	name  string
	found []Violation
}

func (f *findings) add(line int, rule Rule, what, why string) {
	if len(what) > maxWhat {
		what = strings.ToValidUTF8(what[:maxWhat], "") + "…"
	}
	v := Violation{File: f.name, Line: line, Rule: rule, What: what, Why: why}
	if len(f.found) < maxKept && !slices.Contains(f.found, v) {
		f.found = append(f.found, v)
	}
}

// sorted are the first of them, in the order of their lines.
func (f *findings) sorted() []Violation {
	slices.SortStableFunc(f.found, func(a, b Violation) int { return cmp.Compare(a.Line, b.Line) })
	return f.found[:min(len(f.found), maxFound)]
}
