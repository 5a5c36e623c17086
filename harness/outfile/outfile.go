// Package outfile writes results to where somebody has said they shall go, and leaves what lies
// there what it is: a regular file is replaced as a whole or not at all, a device, a pipe or a
// link is written to.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/workspace"
)

// Unwritable says that a path cannot be written to.
type Unwritable struct {
	Path, Reason, Remedy string
}

const noFolder = "no such folder"

func (e *Unwritable) Error() string {
	if e.Reason == noFolder {
		return noFolder + ": " + e.Path
	}
	return fmt.Sprintf("%s cannot be written: %s", e.Path,
		e.Reason)
}

// Hint says what to do.
func (e *Unwritable) Hint() string { return e.Remedy }

// Check tells before the work whether [Write] can write to a path, and changes nothing. The error
// is an [*Unwritable].
func Check(path string) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil { // a link to what is not there yet
			if to, err := os.Readlink(path); err == nil {
				return CheckFolder(folderOf(path, to))
			}
		}
		return CheckFolder(filepath.Dir(path))
	case err != nil:
		return &Unwritable{path, reason(err), "name a file that you may write"}
	case st.IsDir():
		return &Unwritable{path, "it is a folder", "name a file in it"}
	case !st.Mode().IsRegular():
		return nil // to open a pipe or a device may wait, or mean something
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return &Unwritable{path, reason(err), "name a file that you may write"}
	}
	return f.Close()
}

// folderOf is the folder that a link leads into.
func folderOf(link, to string) string {
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(link), to)
	}
	return filepath.Dir(to)
}

// CheckFolder tells whether files can be made in a folder. The error is an [*Unwritable].
func CheckFolder(dir string) error {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Unwritable{dir, noFolder, "make it first, or name another one"}
	case err == nil && !st.IsDir():
		return &Unwritable{dir, "it is no folder", "name another one"}
	}
	f, err := os.CreateTemp(dir, ".labs-*")
	if err != nil {
		return &Unwritable{dir, reason(err), "name a folder that you may write to"}
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Write writes data to a path. A regular file is, at any moment, the old one or the new one as a
// whole, unless nothing can be made beside it; of a link that is true for what it leads to.
func Write(path string, data []byte) error {
	target := path
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		// such as /proc/self/fd/1, or to what is not there yet
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return direct(path, data)
		}
		st, err = os.Lstat(target)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return workspace.WriteAtomically(target, data)
	case err != nil:
		return err
	case !st.Mode().IsRegular(), special(path):
		return direct(path, data)
	case CheckFolder(filepath.Dir(target)) != nil: // the file may be written, but none beside it
		return os.WriteFile(target, data, st.Mode().Perm())
	}
	err = workspace.WriteAtomically(target, data)
	return errors.Join(err, os.Chmod(target, st.Mode().Perm()))
}

// special reports whether a path is one of the links by which a system names the files that a
// process has opened. What has been written to such a file before stays there.
func special(path string) bool {
	dir, err := filepath.Abs(filepath.Dir(path))
	return err == nil && (dir == "/dev" || dir == "/dev/fd" || filepath.Base(dir) == "fd" &&
		strings.HasPrefix(dir, "/proc/"))
}

// direct writes to what is there.
func direct(path string, data []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if special(path) {
		flags = os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// reason is an error without the path, which is said already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
