package hunt_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/golden"
	"github.com/backend-labs/backend-labs/harness/hunt"
)

// example is the course of the example, in a folder of the test's own.
func example(t *testing.T) *course.Course {
	t.Helper()
	dir, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	return coursetest.New(t, dir)
}

func named(t *testing.T, c *course.Course, id string) *course.Lab {
	t.Helper()
	l, err := c.Named(id)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFirst writes the file that a hunt begins with: b01 has a function to call, i01 has none, and
// the time of a01 is real, as its Redis is.
func TestFirst(t *testing.T) {
	t.Parallel()
	c := example(t)
	for _, id := range []string{"b01", "i01", "a01"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			l := named(t, c, id)
			path, err := hunt.First(c, l)
			if err != nil || path != filepath.Join(l.Dir, "hunt", "hunt_test.go") {
				t.Fatalf("got %s and the error %v, want the lab's hunt/hunt_test.go", path, err)
			}
			tests, err := hunt.Read(l, path)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "first."+id+".go.txt", string(tests.Data))
			if len(tests.Names) != 1 || tests.Names[0] != "TestFirst" {
				t.Errorf("got the tests %q, want TestFirst alone", tests.Names)
			}
		})
	}
}

// TestFirst_untouched takes the function from the stub: what the learner has made of the file may
// be no Go.
func TestFirst_untouched(t *testing.T) {
	t.Parallel()
	c := example(t)
	l := named(t, c, "b01")
	overwrite(t, filepath.Join(l.Dir, "adder.go"), "package")
	path, err := hunt.First(c, l)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "first.b01.go.txt", read(t, path))
}

// TestFirst_there leaves tests alone that are there already, whatever is in them.
func TestFirst_there(t *testing.T) {
	t.Parallel()
	c := example(t)
	l := named(t, c, "b01")
	overwrite(t, l.HuntPath(), "mine")
	_, err := hunt.First(c, l)
	unfit, ok := errors.AsType[*hunt.Unfit](err)
	if !ok || !unfit.Absent {
		t.Fatalf("got the error %v, want an Unfit that is not about the text", err)
	}
	const want = "there is a labs/b01-adder/hunt/hunt_test.go already"
	if unfit.Error() != want || unfit.Hint() != "labs hunt b01 holds it against the wrong answers" {
		t.Errorf("got %q and the hint %q, want %q and the command that holds it against them",
			unfit.Error(), unfit.Hint(), want)
	}
	if got := read(t, l.HuntPath()); got != "mine" {
		t.Errorf("got %q in the file, want what was there", got)
	}
}

// TestRead_nothing names the command that makes a first file.
func TestRead_nothing(t *testing.T) {
	t.Parallel()
	l := coursetest.Adder(t)
	_, err := hunt.Read(l, l.HuntPath())
	unfit, ok := errors.AsType[*hunt.Unfit](err)
	if !ok || !unfit.Absent || unfit.Error() != "there is no labs/b01-adder/hunt/hunt_test.go" ||
		unfit.Hint() != "labs hunt b01 --new makes a first one" {
		t.Errorf("got %#v, want an Unfit that says how to make the file", err)
	}
	_, err = hunt.Read(l, l.Dir)
	if _, ok := errors.AsType[*hunt.Unfit](err); ok || err == nil {
		t.Errorf("got the error %v of a folder, want that it cannot be read", err)
	}
}

// TestVariantsSHA256 is another hash as soon as the tests would be held against something else.
func TestVariantsSHA256(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string // below the course
		same       bool
	}{
		{"the reference", "solutions/b01-adder/adder.go", false},
		{"an alternative", "solutions/b01-adder/alternatives/loop/adder.go", false},
		{"a mutant", "solutions/b01-adder/mutants/saturates.patch", false},
		{"a new file", "solutions/b01-adder/mutants/other.patch", false},
		{"lab.yaml", "labs/b01-adder/lab.yaml", false},
		{"the learner's file", "labs/b01-adder/adder.go", true},
		{"the learner's tests", "labs/b01-adder/hunt/hunt_test.go", true},
		{"another lab's solution", "solutions/i01-counter/counter.go", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := coursetest.Adder(t)
			before := variantsSHA256(t, l)
			overwrite(t, filepath.Join(filepath.Dir(filepath.Dir(l.Dir)), c.file), "something else\n")
			if after := variantsSHA256(t, l); len(after) != 64 || (after == before) != c.same {
				t.Errorf("got %s and then %s, want the same: %v", before, after, c.same)
			}
		})
	}
	l := coursetest.Adder(t)
	if err := os.RemoveAll(l.SolutionDir); err != nil {
		t.Fatal(err)
	}
	if hash, err := hunt.VariantsSHA256(l); err == nil {
		t.Errorf("got %s without solutions, want an error", hash)
	}
}

func variantsSHA256(t *testing.T, l *course.Lab) string {
	t.Helper()
	hash, err := hunt.VariantsSHA256(l)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
