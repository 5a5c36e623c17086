package prove

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/git"
)

// TestSince changes a course in one place each time.
func TestSince(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file string // appended to, or made; "" for none
		want       []string
	}{
		{"nothing", "", nil},
		{"a brief", "labs/b01-adder/README.md", []string{"B01"}},
		{"a mutant that is new", "solutions/i01-counter/mutants/new.patch", []string{"I01"}},
		{"a text for all", "README.md", nil},
		{"the modules", "go.mod", []string{"B01", "I01", "A01"}},
		{"the kit", "harness/kit/expect/expect.go", []string{"B01", "I01", "A01"}},
		{"how labs are built", "harness/compile/new.go", []string{"B01", "I01", "A01"}},
		{"a test of the kit", "harness/kit/expect/expect_test.go", nil},
		{"another part of the harness", "harness/report/report.go", nil},
		{"a lab that begins alike", "labs/b01-adder-2/lab.yaml", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := repository(t)
			if tt.file != "" {
				change(t, filepath.Join(c.Root, filepath.FromSlash(tt.file)))
			}
			labs, err := Since(t.Context(), c, c.Labs, "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range labs {
				got = append(got, l.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSince_moved(t *testing.T) {
	t.Parallel()
	c := repository(t)
	if err := os.Rename(filepath.Join(c.Root, "labs", "i01-counter", "README.md"),
		filepath.Join(c.Root, "labs", "b01-adder", "NOTES.md")); err != nil {
		t.Fatal(err)
	}
	labs, err := Since(t.Context(), c, c.Labs, "HEAD")
	if err != nil || len(labs) != 2 {
		t.Errorf("got %d labs and %v, want the one that has lost a file and the one that has it",
			len(labs), err)
	}
}

func TestSince_unknown(t *testing.T) {
	t.Parallel()
	c := repository(t)
	outside := coursetest.New(t, filepath.Join(c.Root, ".none"))
	for _, tt := range []struct {
		name     string
		course   *course.Course
		revision string
		want     string
	}{
		{"a revision that is not there", c, "v7", `git knows no revision "v7"`},
		{"one that looks like a flag", c, "--all", `git knows no revision "--all"`},
		{"no repository", outside, "HEAD", "is in no git repository"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Since(t.Context(), tt.course, tt.course.Labs, tt.revision)
			if err == nil || !strings.Contains(err.Error(), tt.want) ||
				fault.HintOf(err, "") == "" {
				t.Errorf("got %v, want %q and what to do", err, tt.want)
			}
		})
	}
}

// repository is the example, committed.
func repository(t *testing.T) *course.Course {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	dir, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	c := coursetest.New(t, dir)
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=ann", "-c",
		"user.email=ann@example.com", "commit", "-q", "-m", "the course"}} {
		if out, err := git.Run(t.Context(), c.Root, args...); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if err := os.Mkdir(filepath.Join(c.Root, ".none"), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

func change(t *testing.T, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n// changed\n"); err != nil {
		t.Fatal(err)
	}
}
