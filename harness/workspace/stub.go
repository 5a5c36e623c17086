package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// Untouched reports whether the lab's files are those of the recorded stub. Where none is recorded,
// nothing is known.
func (w *Workspace) Untouched(l *course.Lab) bool {
	touched, err := l.Touched(l.Dir)
	return err == nil && len(touched) == 0
}

// Reset puts the recorded stub back and returns the folder with the backup of what was there, or ""
// if nothing was. Where no stub is recorded it does nothing, and the error is a [*course.NoStub].
func (w *Workspace) Reset(l *course.Lab, now time.Time) (backup string, err error) {
	stub, err := l.Stub()
	if err != nil {
		return "", err
	}
	backup = filepath.Join(w.Dir, "backups", l.Slug, now.Format("2006-01-02T15-04-05.000"))
	if err := copyFiles(l, l.Dir, backup); err != nil {
		return "", fmt.Errorf("nothing was reset, because the backup failed: %w", err)
	}
	if _, err := os.Stat(backup); errors.Is(err, fs.ErrNotExist) {
		backup = "" // there was nothing
	}
	return backup, copyFiles(l, stub, l.Dir)
}

// passed is the folder with the lab's files as they passed last.
func (w *Workspace) passed(l *course.Lab) string { return filepath.Join(w.Dir, "passed", l.Slug) }

// KeepPassed keeps the lab's files, which lie in dir, as those that passed last.
func (w *Workspace) KeepPassed(l *course.Lab, dir string) error {
	return fault.Of("keep what has passed", copyFiles(l, dir, w.passed(l)))
}

// SincePassed is what has changed in the lab's files since they passed last, as a unified diff; "" where nothing has, or
// nothing has passed yet.
func (w *Workspace) SincePassed(l *course.Lab) string {
	text := ""
	for _, file := range l.Files {
		before, err := os.ReadFile(filepath.Join(w.passed(l), filepath.FromSlash(file)))
		if err != nil {
			continue
		}
		now, err := os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(file)))
		if err == nil {
			text += udiff.Unified("passed/"+file, "now/"+file, string(unix(before)), string(unix(now)))
		}
	}
	return text
}

// copyFiles copies those of the lab's files that are there.
func copyFiles(l *course.Lab, from, to string) error {
	for _, file := range l.Files {
		data, err := os.ReadFile(filepath.Join(from, filepath.FromSlash(file)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(to, filepath.FromSlash(file)), data); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
