// Package coursetest makes small courses for the tests of the packages that work on one. A course
// of this kind has the go.mod, the go.sum and the kit of this repository, so that a lab in it is
// built as a real one is, and labs of a few lines.
package coursetest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// kit are the packages of the kit that the labs of a test may import: those that are quick to
// compile.
var kit = []string{"account", "account/begin", "stacks", "expect", "bubble", "lockstep", "memhttp",
	"moment", "proc", "timeline"}

// Example is the folder of an example to write: three labs, one of each level. B01 is complete, I01
// is checked with the race detector, and A01 needs a real Redis.
func Example() (dir string, err error) {
	root, err := course.Find(".")
	return filepath.Join(root, "harness", "course", "coursetest", "testdata", "course"), err
}

// Write makes a course in dir, which may be there already, out of the trees in from: folders that
// have labs/ and maybe solutions/.
func Write(dir string, from ...string) error {
	root, err := course.Find(".")
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := copyFile(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, pkg := range kit {
		files, err := filepath.Glob(filepath.Join(root, "harness", "kit", pkg, "*.go"))
		if err != nil {
			return err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			if err := copyFile(file, filepath.Join(dir, "harness", "kit", pkg,
				filepath.Base(file))); err != nil {
				return err
			}
		}
	}
	for _, tree := range from {
		if err := os.CopyFS(dir, os.DirFS(tree)); err != nil {
			return err
		}
	}
	return nil
}

// New makes a course in a folder that is removed at the end of the test, and reads it.
func New(t testing.TB, from ...string) *course.Course {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, from...); err != nil {
		t.Fatal(err)
	}
	c, err := course.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Adder is the lab B01 of the example, complete and proven, in a folder of the test's own.
func Adder(t testing.TB) *course.Lab {
	t.Helper()
	dir, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(t, dir).Named("b01")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Lab is the lab in labs/<slug> below root for tests that need no lab.yaml: its files are the Go
// files that are no tests, its checks the tests of the others, a point each, in the order in which
// they stand there.
func Lab(root, slug string) (*course.Lab, error) {
	id, _, _ := strings.Cut(slug, "-")
	l := &course.Lab{
		ID: strings.ToUpper(id), Slug: slug, Title: slug, Level: course.Beginner,
		Dir: filepath.Join(root, "labs", slug), SolutionDir: filepath.Join(root, "solutions", slug),
	}
	files, err := filepath.Glob(filepath.Join(l.Dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			l.Files = append(l.Files, filepath.Base(file))
			continue
		}
		tests, err := Tests(file)
		if err != nil {
			return nil, err
		}
		for _, test := range tests {
			l.Checks = append(l.Checks, course.Check{Test: test, Title: test, Points: 1})
		}
	}
	if len(l.Files) == 0 || len(l.Checks) == 0 {
		return nil, fmt.Errorf("the lab in %s has %d files and %d checks", l.Dir, len(l.Files),
			len(l.Checks))
	}
	return l, nil
}

// Tests are the names of the top-level tests in a Go file, in their order.
func Tests(file string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var tests []string
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil &&
			strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
			tests = append(tests, fn.Name.Name)
		}
	}
	return tests, nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
