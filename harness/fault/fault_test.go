package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/backend-labs/backend-labs/harness/fault"
)

func TestOf(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	path := func(err error) error {
		return &fs.PathError{Op: "open", Path: filepath.Join(at, "not", "there"), Err: err}
	}
	for _, tt := range []struct {
		name       string
		err        error
		want, hint string // of what comes of it
	}{
		{"a full disk", path(syscall.ENOSPC), "keep it: open ", "make room on that disk"},
		{"a quota", path(syscall.EDQUOT), "keep it: open ", "make room on that disk"},
		{"a disk that can only be read", path(syscall.EROFS), "keep it: open ", "work in a copy of the course"},
		{"an owner who has closed it", path(syscall.EACCES), "keep it: open ", "chmod u+rwX " + at},
		{"another owner, without a path", syscall.EPERM, "keep it: ", "you ("},
		{"no go command", &exec.Error{Name: "go", Err: exec.ErrNotFound}, "keep it: ", "install Go"},
		{"nothing known", errors.New("it is broken"), "keep it: it is broken", ""},
		{"one with a hint", fault.New("do this", "it is so"), "it is so", "do this"},
		{"the end of a context", context.Canceled, "context canceled", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fault.Of("keep it", tt.err)
			if !strings.HasPrefix(got.Error(), tt.want) || !errors.Is(got, tt.err) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if hint := fault.HintOf(got, ""); !strings.Contains(hint, tt.hint) || tt.hint == "" &&
				hint != "" {
				t.Errorf("got the hint %q, want %q", hint, tt.hint)
			}
		})
	}
	if err := fault.Of("keep it", nil); err != nil {
		t.Errorf("of no error: got %v", err)
	}
}

// TestOf_foreign has files of somebody else: nobody is told to take what does not lie in a folder of their own.
func TestOf_foreign(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	home, course, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	if err := errors.Join(os.MkdirAll(filepath.Join(course, "labs", "b10"), 0o755),
		os.WriteFile(filepath.Join(course, "go.mod"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, want, not string }{
		{filepath.Join(course, "labs", "b10"), "sudo chown -R", "name a place"},
		{home, "sudo chown -R", "name a place"},
		{elsewhere, "name a place that you may write to", "chown"},
	} {
		file := filepath.Join(tt.dir, "x")
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chown(file, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		err := fault.Of("keep it", &fs.PathError{Op: "open", Path: file, Err: syscall.EACCES})
		hint := fault.HintOf(err, "")
		if !strings.Contains(hint, tt.want) || strings.Contains(hint, tt.not) || !strings.Contains(hint, file) {
			t.Errorf("got %q, want %q", hint, tt.want)
		}
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("it is so"), "it is so\nhint: " + fault.Doctor},
		{errors.New("it is so\nhint: do this"), "it is so\nhint: do this"},
		{fmt.Errorf("begin: %w", fault.New("do this", "%d are so", 2)), "begin: 2 are so\nhint: do this"},
	} {
		if got := fault.Message(tt.err); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := fault.Runs(dir); err != nil {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("got %v, want nothing left behind", left)
	}
	if err := fault.Runs(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the folder is not there", err)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	denied := &fs.PathError{Op: "fork/exec", Path: file, Err: syscall.EACCES}
	if err := fault.Start(file, denied); !errors.Is(err, fault.ErrNoExec) {
		t.Errorf("an executable file: got %v, want %v", err, fault.ErrNoExec)
	}
	if err := fault.Start(filepath.Dir(file)+"/none",
		&fs.PathError{Op: "fork/exec", Path: file, Err: syscall.ENOENT}); errors.Is(err,
		fault.ErrNoExec) {
		t.Errorf("no file: got %v", err)
	}
}
