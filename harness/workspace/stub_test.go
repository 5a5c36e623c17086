package workspace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

const stub, mine = "package thing // the stub\n", "package thing // mine\n"

// withLab is a workspace of a course with one lab of two files.
func withLab(t *testing.T) (*workspace.Workspace, *course.Lab) {
	t.Helper()
	root := t.TempDir()
	l := &course.Lab{ID: "B01", Slug: "b01-thing", Files: []string{"thing.go", "inner/more.go"}, Dir: filepath.Join(root, "labs", "b01-thing")}
	for _, file := range l.Files {
		write(t, filepath.Join(l.Dir, file), stub)
	}
	return workspace.Open(&course.Course{Root: root, Labs: []*course.Lab{l}}), l
}

func TestReset(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	if err := w.Remember(l); err != nil {
		t.Fatal(err)
	}
	if !w.Untouched(l) {
		t.Error("got touched at first")
	}
	for _, file := range l.Files {
		write(t, filepath.Join(l.Dir, file), mine)
	}
	write(t, filepath.Join(l.Dir, "notes.txt"), "not the lab's\n")
	if err := w.Remember(l); err != nil { // a second time changes nothing
		t.Fatal(err)
	}
	if w.Untouched(l) {
		t.Error("got untouched after an edit")
	}
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	backup, err := w.Reset(l, at)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(w.Dir, "backups", "b01-thing", "2026-03-01T12-30-00.000"); backup != want {
		t.Errorf("got the backup %s, want %s", backup, want)
	}
	for _, file := range l.Files {
		if got := read(t, filepath.Join(l.Dir, file)); got != stub {
			t.Errorf("%s: got %q, want the stub", file, got)
		}
		if got := read(t, filepath.Join(backup, file)); got != mine {
			t.Errorf("%s in the backup: got %q, want mine", file, got)
		}
	}
	if !w.Untouched(l) || read(t, filepath.Join(l.Dir, "notes.txt")) != "not the lab's\n" {
		t.Error("the lab is not the stub again, or what is not the lab's has changed")
	}
	// A second reset keeps the first backup.
	write(t, filepath.Join(l.Dir, "thing.go"), "package thing // again\n")
	second, err := w.Reset(l, at.Add(time.Minute))
	if err != nil || second == backup || read(t, filepath.Join(backup, "thing.go")) != mine {
		t.Errorf("got %s, %v; the first backup must stay", second, err)
	}
}

func TestReset_ofWhatIsGone(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	if err := w.Remember(l); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(l.Dir, "thing.go")); err != nil {
		t.Fatal(err)
	}
	if w.Untouched(l) {
		t.Error("got untouched without a file")
	}
	if _, err := w.Reset(l, time.Now()); err != nil || read(t, filepath.Join(l.Dir, "thing.go")) != stub {
		t.Errorf("got %v, want the stub back", err)
	}
}

func TestReset_keepsTheFilesIfThereCanBeNoBackup(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	if err := w.Remember(l); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(l.Dir, "thing.go"), mine)
	write(t, filepath.Join(w.Dir, "backups"), "a file where the folder should be\n")
	_, err := w.Reset(l, time.Now())
	if err == nil || !strings.HasPrefix(err.Error(), "nothing was reset, because the backup failed: ") {
		t.Errorf("got %v", err)
	}
	if got := read(t, filepath.Join(l.Dir, "thing.go")); got != mine {
		t.Errorf("got %q, want mine still there", got)
	}
}

// TestRemember_fromGit edits the lab before it is looked at for the first time.
func TestRemember_fromGit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		git  [][]string
		want string
	}{
		{"the commit has the stub", [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "labs"}}, stub},
		{"a repository without commits", [][]string{{"init", "-q"}}, mine},
		{"no repository", nil, mine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("git"); err != nil {
				t.Skip(err)
			}
			w, l := withLab(t)
			for _, args := range tt.git {
				git(t, w.Course.Root, args...)
			}
			write(t, filepath.Join(l.Dir, "thing.go"), mine)
			if err := w.Remember(l); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(l.Dir, "thing.go"), "package thing // later\n")
			if _, err := w.Reset(l, time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := read(t, filepath.Join(l.Dir, "thing.go")); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func TestRemember_concurrently(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	errs := make(chan error)
	for range 8 {
		go func() { errs <- w.Remember(l) }()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(w.Dir, "pristine", ".new-*"))
	if len(left) > 0 || !w.Untouched(l) {
		t.Errorf("got %q left, and untouched = %v", left, w.Untouched(l))
	}
}

func TestRemember_withoutTheFile(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	if err := os.Remove(filepath.Join(l.Dir, "thing.go")); err != nil {
		t.Fatal(err)
	}
	if err := w.Remember(l); err == nil || !strings.HasPrefix(err.Error(), "keep the stub: ") {
		t.Errorf("got %v, want an error that says what for", err)
	}
	if _, err := os.Stat(filepath.Join(w.Dir, "pristine", l.Slug)); !os.IsNotExist(err) {
		t.Error("half a stub is kept")
	}
}
