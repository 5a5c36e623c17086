package outfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/backend-labs/backend-labs/harness/outfile"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), got, err, want)
	}
}

// write checks and writes, as a command does.
func write(t *testing.T, path string) {
	t.Helper()
	if err := outfile.Check(path); err != nil {
		t.Fatal(err)
	}
	if err := outfile.Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
}

func TestWrite_regularFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fresh, old := filepath.Join(dir, "fresh"), filepath.Join(dir, "old")
	put(t, old, "something longer")
	open, err := os.Open(old)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	write(t, fresh)
	write(t, old)
	has(t, fresh, "new")
	has(t, old, "new")
	if st, _ := os.Stat(old); runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("got the mode %v, want that of before", st.Mode())
	}
	if before, _ := io.ReadAll(open); string(before) != "something longer" {
		t.Errorf("who has read the old file meanwhile has got %q", before)
	}
	if list, _ := os.ReadDir(dir); len(list) != 2 {
		t.Errorf("something is left in the folder: %v", list)
	}
}

func TestWrite_links(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, to := range map[string]string{"link": "real", "dangling": "later", "twice": "link"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	put(t, filepath.Join(dir, "real"), "old")
	for name, to := range map[string]string{"link": "real", "dangling": "later", "twice": "real"} {
		write(t, filepath.Join(dir, name))
		has(t, filepath.Join(dir, to), "new")
		if st, err := os.Lstat(filepath.Join(dir, name)); err != nil ||
			st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is a link no more: %v, %v", name, st.Mode(), err)
		}
	}
}

func TestWrite_devices(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/null"); err != nil {
		t.Skip("there is no /dev/null here")
	}
	write(t, "/dev/null")
	if st, err := os.Stat("/dev/null"); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("/dev/null is a device no more: %v, %v", st.Mode(), err)
	}
	if err := outfile.Write("/dev/full", []byte("new")); runtime.GOOS == "linux" &&
		!errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v for a disk that is full", err)
	}
}

// TestWrite_descriptors writes to what a process has opened by its name below /dev/fd, as a
// shell's >(…) does.
func TestWrite_descriptors(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the names are of Linux")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := "/proc/self/fd/" + itoa(w.Fd())
	write(t, name)
	w.Close()
	if got, _ := io.ReadAll(r); string(got) != "new" {
		t.Errorf("got %q through the pipe", got)
	}
	file := filepath.Join(t.TempDir(), "log")
	put(t, file, "before, ")
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, "/proc/self/fd/"+itoa(f.Fd()))
	has(t, file, "before, new")
}

func itoa(fd uintptr) string {
	digits := ""
	for ; fd > 0 || digits == ""; fd /= 10 {
		digits = string(rune('0'+fd%10)) + digits
	}
	return digits
}

func TestCheck_refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "")
	for _, tt := range []struct{ path, want string }{
		{dir, "it is a folder"},
		{filepath.Join(dir, "none", "file"), "no such folder: "},
		{filepath.Join(dir, "file", "file"), "not a directory"},
	} {
		no, ok := errors.AsType[*outfile.Unwritable](outfile.Check(tt.path))
		if !ok || !strings.Contains(no.Error(), tt.want) || no.Hint() == "" {
			t.Errorf("%s: got %v, want that %s", tt.path, no, tt.want)
		}
	}
	if os.Getuid() > 0 {
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if err := outfile.Check(filepath.Join(dir, "new")); err == nil {
			t.Error("a folder that cannot be written to is said to be fine")
		}
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	dir, cause := t.TempDir(), errors.New("the disk is full")
	put(t, filepath.Join(dir, "file"), "")
	for _, dirs := range [][]string{{filepath.Join(dir, "new")},
		{filepath.Join(dir, "file"), filepath.Join(dir, "other")}} {
		err := outfile.Keep(cause, "results-*.json", []byte("[]"), dirs...)
		kept, ok := errors.AsType[*outfile.Kept](err)
		if !ok || !errors.Is(err, cause) || !strings.Contains(kept.Hint(), kept.Path) ||
			filepath.Dir(kept.Path) != dirs[len(dirs)-1] {
			t.Fatalf("got %v, %+v", err, kept)
		}
		has(t, kept.Path, "[]")
	}
}
