// Package fault says what of a machine or a course stands in the way of a verdict, and what to do
// about it. Whatever is told this way is nobody's answer that is wrong: it costs no points.
package fault

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
)

// Fault is what stands in the way.
type Fault struct {
	Text   string // what is wrong with which value, in one line, lower case
	Remedy string // what to do about it, in one line
	Err    error  // what it was seen by, or nil
}

// Error is the line that says what is wrong.
func (f *Fault) Error() string { return f.Text }

// Hint is the line that says what to do.
func (f *Fault) Hint() string { return f.Remedy }

func (f *Fault) Unwrap() error { return f.Err }

// New makes a fault of a text and its remedy.
func New(remedy, format string, args ...any) *Fault {
	return &Fault{Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Doctor is the remedy where nothing better is known.
const Doctor = "labs doctor looks at what labs needs here"

// hinted is an error with what to do about it.
type hinted interface {
	error
	Hint() string
}

// HintOf is what an error says about what to do, or otherwise where it says nothing.
func HintOf(err error, otherwise string) string {
	if h, ok := errors.AsType[hinted](err); ok && h.Hint() != "" {
		return h.Hint()
	}
	return otherwise
}

// Message is an error and, in a line of its own, what to do about it: what a report says where
// there is no verdict.
func Message(err error) string {
	if strings.Contains(err.Error(), "\nhint: ") {
		return err.Error()
	}
	return err.Error() + "\nhint: " + HintOf(err, Doctor)
}

// Of says what an error of a file or a program means for whoever has to do something about it. An
// error that it does not know, one that has a hint already, and the end of a context come back as
// they are. doing is what failed, such as "keep the progress".
func Of(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		HintOf(err, "") != "":
		return err
	}
	if remedy := remedyFor(err); remedy != "" {
		return &Fault{Text: fmt.Sprintf("%s: %v", doing, err), Remedy: remedy, Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Remedy is what to do about an error of a file, or "" where nothing is known.
func Remedy(err error) string {
	if errors.Is(err, exec.ErrNotFound) {
		return "" // whose program it is, is not known
	}
	return remedyFor(err)
}

func remedyFor(err error) string {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return NoGo("").Remedy
	case DiskFull(err):
		return "make room on that disk; go clean -cache frees the build cache"
	case errors.Is(err, syscall.EROFS):
		return "that disk can only be read: work in a copy of the course on another one"
	case errors.Is(err, fs.ErrPermission):
		return notYours(err)
	case errors.Is(err, syscall.EISDIR):
		return isFolder(err)
	}
	return ""
}

// isFolder is what to do about a folder that lies where a file is to be.
func isFolder(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Path + " is a folder, where a file is to be: move it away"
	}
	return "a folder lies where a file is to be: move it away"
}

// notYours is what to do about a file that may not be read or written: its owner gives the right, who
// has made it with sudo in a folder of their own takes it back, and whatever is elsewhere is left alone.
func notYours(err error) string {
	path, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return "you (" + user() + ") may not do that: labs doctor shows where"
	}
	at := path.Path
	if abs, err := filepath.Abs(at); err == nil {
		at = abs
	}
	info, missing := os.Stat(at)
	for missing != nil && filepath.Dir(at) != at {
		at = filepath.Dir(at)
		info, missing = os.Stat(at)
	}
	switch {
	case missing == nil && owned(info):
		return fmt.Sprintf("%s is yours, and closed to you: chmod u+rwX %s", at, at)
	case own(at):
		return fmt.Sprintf("%s is not yours (you are %s): sudo chown -R \"$USER\" %s, or work in a "+
			"copy of the course", at, user(), at)
	}
	return fmt.Sprintf("%s is not yours (you are %s): name a place that you may write to", at, user())
}

// own reports whether a path lies where everything is meant to be the user's: below the home folder, or in
// a course.
func own(path string) bool {
	home, _ := os.UserHomeDir()
	for dir := path; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if dir == home {
			return dir != path
		}
		if isDir(filepath.Join(dir, "labs")) && exists(filepath.Join(dir, "go.mod")) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// NoGo says that there is no go command. path is where it was looked for, or "" for the PATH.
func NoGo(path string) *Fault {
	if path == "" {
		path = "on the PATH"
	}
	return &Fault{
		Text: "there is no go command " + path, Err: exec.ErrNotFound,
		Remedy: "install Go (https://go.dev/dl), or put the folder that has it on the PATH; " +
			"labs doctor shows what is found",
	}
}

// windowsDiskFull is ERROR_DISK_FULL.
const windowsDiskFull = syscall.Errno(112)

// DiskFull reports whether an error says that there is no room left.
func DiskFull(err error) bool {
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	return full || errors.Is(err, windowsDiskFull) && os.PathSeparator == '\\'
}

// user is who this is, as chown wants it.
func user() string {
	if uid := os.Getuid(); uid >= 0 {
		return fmt.Sprintf("user id %d", uid)
	}
	return "this user"
}
