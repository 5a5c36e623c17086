package batch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/batch"
	"github.com/backend-labs/backend-labs/harness/course"
)

// TestRevisionOf makes a repository, edits a learner's file in it, and then one of the course.
func TestRevisionOf(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here")
	}
	t.Setenv("GIT_DIR", filepath.Join(t.TempDir(), "of", "another")) // as in a hook
	root := t.TempDir()
	c := &course.Course{Root: root, Module: "example.com/course",
		Labs: []*course.Lab{{ID: "B01", Slug: "b01-adder", Files: []string{"adder.go"}}}}
	if got := batch.RevisionOf(t.Context(), c); got.Module != c.Module || got.Commit != "" ||
		got.Modified {
		t.Errorf("without a repository: got %+v", got)
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=ann", "-c",
			"user.email=ann@example.com"}, args...)...)
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "GIT_") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	learners, ours := filepath.Join(root, "labs", "b01-adder", "adder.go"),
		filepath.Join(root, "labs", "b01-adder", "adder_test.go")
	put(t, learners, "package adder\n")
	put(t, ours, "package adder_test\n")
	git("init", "-q")
	git("add", "-A")
	git("commit", "-q", "-m", "the course")
	put(t, learners, "package adder // mine\n")
	got := batch.RevisionOf(t.Context(), c)
	if got.Commit != git("rev-parse", "HEAD") || got.Modified {
		t.Errorf("with a learner's edit: got %+v", got)
	}
	put(t, ours, "package adder_test // touched\n")
	if got := batch.RevisionOf(t.Context(), c); !got.Modified {
		t.Errorf("with an edit of the course: got %+v", got)
	}
}
