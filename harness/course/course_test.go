package course_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
)

// some makes a course of these labs. A name that ends in ! is a lab that is broken.
func some(t *testing.T, slugs ...string) *course.Course {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "// a comment\nmodule example.com/course\n\ngo 1.26\n")
	for _, slug := range slugs {
		slug, broken := strings.CutSuffix(slug, "!")
		text := valid(t)
		id := strings.ToUpper(slug[:3])
		level := map[string]string{"B": "beginner", "I": "intermediate", "A": "advanced"}[id[:1]]
		text = strings.Replace(text, "id: B01", "id: "+id, 1)
		text = strings.Replace(text, "level: beginner", "level: "+level, 1)
		if broken {
			text = strings.Replace(text, "minutes: 20", "minutes: 0", 1)
		}
		write(t, filepath.Join(root, "labs", slug, "lab.yaml"), text)
		write(t, filepath.Join(root, "solutions", slug, "thing.go"), "package thing\n")
	}
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func slugs(labs []*course.Lab) []string {
	var names []string
	for _, l := range labs {
		names = append(names, l.Slug)
	}
	return names
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c := some(t, "i02-queue", "b10-token-bucket", "a01-limiter", "b02-cache", "i01-retry")
	want := []string{"b02-cache", "b10-token-bucket", "i01-retry", "i02-queue", "a01-limiter"}
	if got := slugs(c.Labs); !slices.Equal(got, want) {
		t.Errorf("got %q, want by level and id %q", got, want)
	}
	if c.Module != "example.com/course" {
		t.Errorf("got the module %q", c.Module)
	}
	if len(c.Broken) != 0 {
		t.Errorf("got %v broken, want none", c.Broken)
	}
	if got := c.Labs[0].Package(); got != "./labs/b02-cache" {
		t.Errorf("got the package %q", got)
	}
}

func TestLoad_aBrokenLabStopsNoOther(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-one", "b02-two!", "b03-three", "b03-again")
	if got, want := slugs(c.Labs), []string{"b01-one", "b03-again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var all []string
	for _, err := range c.Broken {
		all = append(all, err.Error())
	}
	want := []string{
		"labs/b02-two/lab.yaml:7: minutes: the estimate is less than a minute",
		"labs/b03-three/lab.yaml:1: id: B03 is the id of b03-again, too",
	}
	if !slices.Equal(all, want) {
		t.Errorf("got %q, want %q", all, want)
	}
}

func TestLoad_noCourse(t *testing.T) {
	t.Parallel()
	if _, err := course.Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "go 1.26\n")
	if _, err := course.Load(root); err == nil || !strings.Contains(err.Error(), "no module line") {
		t.Errorf("got %v, want an error about the module line", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-one")
	for _, below := range []string{".", "labs", "labs/b01-one", "solutions/b01-one"} {
		if got, err := course.Find(filepath.Join(c.Root, below)); got != c.Root || err != nil {
			t.Errorf("from %s: got %s, %v, want %s", below, got, err, c.Root)
		}
	}
	outside := t.TempDir()
	write(t, filepath.Join(outside, "go.mod"), "module example.com/other\n")
	if got, err := course.Find(filepath.Join(c.Root, "go.mod")); !errors.Is(err, course.ErrNoCourse) {
		t.Errorf("a file: got %q, %v", got, err)
	}
	if got, err := course.Find(outside); !errors.Is(err, course.ErrNoCourse) {
		t.Errorf("from a folder with a go.mod and no labs: got %s, %v, want %v", got, err,
			course.ErrNoCourse)
	}
}

func TestCourse_Named(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-cache", "b02-cache-aside", "b10-token-bucket", "b11-tracing", "i01-queue",
		"b12-broken-one!")
	for _, tt := range []struct{ name, want string }{
		{"b10", "b10-token-bucket"},
		{"B10", "b10-token-bucket"},
		{"b10-token-bucket", "b10-token-bucket"},
		{"B10-Token-Bucket", "b10-token-bucket"},
		{"token-bucket", "b10-token-bucket"},
		{"Token", "b10-token-bucket"},
		{"to", "b10-token-bucket"},
		{"b10-t", "b10-token-bucket"},
		{"i", "i01-queue"},
		{"cache", "b01-cache"}, // the whole name of one, and the beginning of another
		{"cache-", "b02-cache-aside"},
		{"labs/b10-token-bucket", "b10-token-bucket"},
		{"labs/b10-token-bucket/", "b10-token-bucket"},
		{"./labs/b10-token-bucket", "b10-token-bucket"},
		{filepath.Join(c.Root, "labs", "b10-token-bucket"), "b10-token-bucket"},
		{filepath.Join(c.Root, "labs", "b10-token-bucket", "bucket.go"), "b10-token-bucket"},
		{filepath.Join(c.Root, "solutions", "b10-token-bucket"), "b10-token-bucket"},
	} {
		if l, err := c.Named(tt.name); err != nil || l.Slug != tt.want {
			t.Errorf("%q: got %v, %v, want %s", tt.name, l, err, tt.want)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"b1", `unknown lab: "b1" could be b10-token-bucket, b11-tracing`},
		{"T", `unknown lab: "T" could be b10-token-bucket, b11-tracing`},
		{"b", `unknown lab: "b" could be b01-cache, b02-cache-aside, b10-token-bucket, b11-tracing`},
		{"tokn-bucket", `unknown lab: "tokn-bucket"; nearest: b10-token-bucket`},
		{"queues", `unknown lab: "queues"; nearest: i01-queue`},
		{"bucket", `unknown lab: "bucket"; nearest: b10-token-bucket`},
		{"labs/nothing", `unknown lab: "labs/nothing"`},
		{"", `unknown lab: ""`},
	} {
		l, err := c.Named(tt.name)
		if !errors.Is(err, course.ErrUnknownLab) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: got %v, %v, want %s", tt.name, l, err, tt.want)
		}
	}
	for _, name := range []string{"b12", "broken", "b12-broken-one"} {
		var broken *course.Error
		if l, err := c.Named(name); !errors.As(err, &broken) {
			t.Errorf("%q: got %v, %v, want what is wrong with its lab.yaml", name, l, err)
		}
	}
}

func TestCourse_Named_manyMatches(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 9 {
		names = append(names, fmt.Sprintf("b0%d-lab", i+1))
	}
	_, err := some(t, names...).Named("b0")
	if want := `unknown lab: "b0" could be b01-lab, b02-lab, b03-lab, b04-lab, b05-lab, …`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCourse_Containing(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-one", "b02-two")
	for _, tt := range []struct{ dir, want string }{
		{"labs/b01-one", "b01-one"},
		{"labs/b01-one/inner/more", "b01-one"},
		{"solutions/b02-two/mutants", "b02-two"},
		{"labs", ""},
		{".", ""},
		{"labs/b03-three", ""},
		{"harness/b01-one", ""},
		{"..", ""},
	} {
		got := ""
		if l := c.Containing(filepath.Join(c.Root, filepath.FromSlash(tt.dir))); l != nil {
			got = l.Slug
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.dir, got, tt.want)
		}
	}
}

func TestCourse_Containing_throughASymlink(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-one")
	link := filepath.Join(t.TempDir(), "here")
	if err := os.Symlink(filepath.Join(c.Root, "labs", "b01-one"), link); err != nil {
		t.Skip(err)
	}
	if l := c.Containing(link); l == nil || l.Slug != "b01-one" {
		t.Errorf("got %v, want b01-one", l)
	}
}

func TestLab_Alternatives(t *testing.T) {
	t.Parallel()
	c := some(t, "b01-one")
	l := c.Labs[0]
	if got, err := l.Alternatives(); len(got) != 0 || err != nil {
		t.Errorf("got %q, %v, want none", got, err)
	}
	write(t, filepath.Join(l.SolutionDir, "alternatives", "b", "thing.go"), "package thing\n")
	write(t, filepath.Join(l.SolutionDir, "alternatives", "a", "thing.go"), "package thing\n")
	write(t, filepath.Join(l.SolutionDir, "alternatives", "README.md"), "no folder\n")
	want := []string{filepath.Join(l.SolutionDir, "alternatives", "a"),
		filepath.Join(l.SolutionDir, "alternatives", "b")}
	if got, err := l.Alternatives(); !slices.Equal(got, want) || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestDrift holds what lies in labs/ and solutions/ of this repository against each lab.yaml.
func TestDrift(t *testing.T) {
	t.Parallel()
	root, err := course.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range c.Broken {
		t.Error(broken)
	}
	folders, err := filepath.Glob(filepath.Join(root, "labs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range folders {
		if dir := filepath.Dir(file); !exists(filepath.Join(dir, "lab.yaml")) {
			t.Errorf("%s has no lab.yaml", dir)
		}
	}
	for _, l := range c.Labs {
		t.Run(l.Slug, func(t *testing.T) {
			t.Parallel()
			drift(t, l)
		})
	}
}

func drift(t *testing.T, l *course.Lab) {
	var want []string
	for _, check := range l.Checks {
		want = append(want, check.Test)
	}
	files, err := filepath.Glob(filepath.Join(l.Dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, file := range files {
		tests, err := coursetest.Tests(file)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, tests...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the tests are\n\t%q\nand the checks in lab.yaml\n\t%q", got, want)
	}

	wanted := []string{filepath.Join(l.Dir, "README.md"), filepath.Join(l.SolutionDir, "ANSWER.md")}
	alternatives, err := l.Alternatives()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(alternatives, l.Dir, l.SolutionDir) {
		for _, file := range l.Files {
			wanted = append(wanted, filepath.Join(dir, filepath.FromSlash(file)))
		}
	}
	for _, m := range l.Mutants {
		wanted = append(wanted, filepath.Join(l.SolutionDir, "mutants", m.Patch))
	}
	for _, file := range wanted {
		if !exists(file) {
			t.Errorf("%s is missing", file)
		}
	}
	patches, err := filepath.Glob(filepath.Join(l.SolutionDir, "mutants", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range patches {
		if !slices.ContainsFunc(l.Mutants,
			func(m course.Mutant) bool { return m.Patch == filepath.Base(file) }) {
			t.Errorf("%s is not in lab.yaml", file)
		}
	}
	if slices.Contains(l.After, l.ID) {
		t.Error("the lab comes after itself")
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// TestLoad_noLabYAML is about folders that look like those of labs.
func TestLoad_noLabYAML(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.com/course\n")
	for _, name := range []string{"b16-queue/queue.go", "scratch/x.go", "b1-old/x.go", "c01-other/x.go"} {
		write(t, filepath.Join(root, "labs", filepath.FromSlash(name)), "package x\n")
	}
	c, err := course.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	const want = "labs/b16-queue/lab.yaml:1: there is no such file, and a lab is read from it"
	if len(c.Broken) != 1 || c.Broken[0].Error() != want {
		t.Errorf("got %v, want %s", c.Broken, want)
	}
	if _, err := c.Named("queue"); err == nil || err.Error() != want {
		t.Errorf("by its name: got %v, want %s", err, want)
	}
}
