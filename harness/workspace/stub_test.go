package workspace_test

import (
	"errors"
	"os"
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
	l := &course.Lab{ID: "B01", Slug: "b01-thing", Files: []string{"thing.go", "inner/more.go"},
		Dir: filepath.Join(root, "labs", "b01-thing")}
	for _, file := range l.Files {
		write(t, filepath.Join(l.Dir, file), stub)
		write(t, filepath.Join(l.StubDir(), file), stub)
	}
	return workspace.Open(&course.Course{Root: root, Labs: []*course.Lab{l}}), l
}

func TestReset(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	if !w.Untouched(l) {
		t.Error("got touched at first")
	}
	for _, file := range l.Files {
		write(t, filepath.Join(l.Dir, file), mine)
	}
	write(t, filepath.Join(l.Dir, "notes.txt"), "not the lab's\n")
	if w.Untouched(l) {
		t.Error("got untouched after an edit")
	}
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	backup, err := w.Reset(l, at)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(w.Dir, "backups", "b01-thing",
		"2026-03-01T12-30-00.000"); backup != want {
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
	if err := os.Remove(filepath.Join(l.Dir, "thing.go")); err != nil {
		t.Fatal(err)
	}
	if w.Untouched(l) {
		t.Error("got untouched without a file")
	}
	backup, err := w.Reset(l, time.Now())
	if err != nil || read(t, filepath.Join(l.Dir, "thing.go")) != stub ||
		read(t, filepath.Join(backup, "inner", "more.go")) != stub {
		t.Errorf("got %v, want the stub back, and a backup of the other file", err)
	}
	for _, file := range l.Files {
		if err := os.Remove(filepath.Join(l.Dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	if backup, err := w.Reset(l, time.Now().Add(time.Minute)); err != nil || backup != "" ||
		!w.Untouched(l) {
		t.Errorf("with nothing there: got the backup %q, %v, want the stub back, and none", backup,
			err)
	}
}

func TestReset_keepsTheFilesIfThereCanBeNoBackup(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	write(t, filepath.Join(l.Dir, "thing.go"), mine)
	write(t, filepath.Join(w.Dir, "backups"), "a file where the folder should be\n")
	_, err := w.Reset(l, time.Now())
	if err == nil || !strings.HasPrefix(err.Error(),
		"nothing was reset, because the backup failed: ") {
		t.Errorf("got %v", err)
	}
	if got := read(t, filepath.Join(l.Dir, "thing.go")); got != mine {
		t.Errorf("got %q, want mine still there", got)
	}
}

// TestReset_withoutAStub has what earlier versions kept, and what somebody's repository has
// committed: both may be the learner's solution.
func TestReset_withoutAStub(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	write(t, filepath.Join(w.Dir, "pristine", l.Slug, "thing.go"),
		"package thing // kept by an older version\n")
	if err := os.RemoveAll(l.StubDir()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(l.Dir, "thing.go"), mine)
	_, err := w.Reset(l, time.Now())
	var none *course.NoStub
	if !errors.As(err, &none) || none.Lab != l.Slug || none.File != "thing.go" {
		t.Errorf("got %v, want an error that says that no stub is recorded", err)
	}
	if got := read(t, filepath.Join(l.Dir, "thing.go")); got != mine || w.Untouched(l) {
		t.Errorf("got %q, untouched = %v; want mine as it was", got, w.Untouched(l))
	}
	if _, err := os.Stat(filepath.Join(w.Dir, "backups")); !os.IsNotExist(err) {
		t.Error("a backup was made for nothing")
	}
}

func TestUntouched_whateverEndsTheLines(t *testing.T) {
	t.Parallel()
	w, l := withLab(t)
	write(t, filepath.Join(l.Dir, "thing.go"), strings.ReplaceAll(stub, "\n", "\r\n"))
	if !w.Untouched(l) {
		t.Error("got touched, and only the line endings differ")
	}
}
