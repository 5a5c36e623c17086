package fault_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/fault"
)

func TestTempFolder(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir, want, hint string }{
		{"there", t.TempDir(), "", ""},
		{"not there", gone, "the folder for temporary files, " + gone + ", is not there", "make it, or set TMPDIR to a folder that is there"},
		{"no folder", file, "write to " + file, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", tt.dir)
			if runtime.GOOS == "windows" {
				t.Setenv("TMP", tt.dir)
			}
			err := fault.TempFolder()
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want that it will do", err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if hint := fault.HintOf(err, ""); tt.hint != "" && hint != tt.hint {
				t.Errorf("got the hint %q, want %q", hint, tt.hint)
			}
		})
	}
}

// TestRuns_leavesNothing looks at a folder that was tried.
func TestRuns_leavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := fault.Runs(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing left", left, err)
	}
	if err := fault.Runs(filepath.Join(dir, "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it is not there", err)
	}
}

func TestWritable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := fault.Writable(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want the folder made and empty", left, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := fault.Writable(filepath.Join(file, "below")); err == nil {
		t.Error("got a folder below a file")
	}
}

func TestNoExec(t *testing.T) {
	t.Parallel()
	f := fault.NoExec("/mnt/usb")
	if !errors.Is(f, fault.ErrNoExec) || f.Error() != "/mnt/usb forbids the execution of programs (it is mounted with noexec)" ||
		!strings.Contains(f.Hint(), "another disk") {
		t.Errorf("got %v with %q", f, f.Hint())
	}
}

// TestStart_tellsDisksFromFiles tells a disk that forbids execution from a file that is no program.
func TestStart_tellsDisksFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, text := filepath.Join(dir, "program"), filepath.Join(dir, "text")
	for path, mode := range map[string]os.FileMode{program: 0o755, text: 0o644} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	denied := &fs.PathError{Op: "fork/exec", Path: program, Err: fs.ErrPermission}
	for _, tt := range []struct {
		name   string
		path   string
		err    error
		noExec bool
	}{
		{"a program that may not be executed", program, denied, true},
		{"a file that is no program", text, denied, false},
		{"a program that is not there", filepath.Join(dir, "gone"), denied, false},
		{"another error", program, fs.ErrNotExist, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := fault.Start(tt.path, tt.err)
			if err == nil || errors.Is(err, fault.ErrNoExec) != tt.noExec {
				t.Errorf("got %v, want that the disk forbids execution: %v", err, tt.noExec)
			}
		})
	}
	t.Run("one that labs has made itself", func(t *testing.T) {
		t.Parallel()
		own, err := os.MkdirTemp("", "labs-test-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(own)
		path := filepath.Join(own, "program")
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if hint := fault.HintOf(fault.Start(path, denied), ""); !strings.HasPrefix(hint, "set TMPDIR") {
			t.Errorf("got the hint %q, want TMPDIR named: the course's disk is not to blame", hint)
		}
	})
}
