package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
)

// pristine is the folder that keeps a lab's files as they were before the learner's first edit.
func (w *Workspace) pristine(l *course.Lab) string { return filepath.Join(w.Dir, "pristine", l.Slug) }

// Remember keeps the lab's stub, if that has not been done: as git has it, else as it is now. It is called whenever a
// lab is looked at, so it comes before the first edit.
func (w *Workspace) Remember(l *course.Lab) error {
	dir := w.pristine(l)
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp, err := makeSibling(dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, file := range l.Files {
		data, err := w.committed(l, file)
		if err != nil {
			if data, err = os.ReadFile(filepath.Join(l.Dir, filepath.FromSlash(file))); err != nil {
				return fmt.Errorf("keep the stub: %w", err)
			}
		}
		if err := writeFile(filepath.Join(tmp, filepath.FromSlash(file)), data); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return fmt.Errorf("keep the stub: %w", err)
		}
	}
	return nil
}

// Stub returns the folder that has the lab's files as they were before the first edit.
func (w *Workspace) Stub(l *course.Lab) (dir string, err error) {
	return w.pristine(l), w.Remember(l)
}

// committed is a file as the current commit has it.
func (w *Workspace) committed(l *course.Lab, file string) ([]byte, error) {
	cmd := exec.Command("git", "show", "HEAD:./labs/"+l.Slug+"/"+file)
	cmd.Dir = w.Course.Root
	return cmd.Output()
}

// Untouched reports whether the lab's files are still the stub's.
func (w *Workspace) Untouched(l *course.Lab) bool {
	now, err := compile.SourceSHA256(l, l.Dir)
	if err != nil {
		return false
	}
	before, err := compile.SourceSHA256(l, w.pristine(l))
	return err == nil && now == before
}

// Reset puts the stub back and returns the folder with the backup of what was there.
func (w *Workspace) Reset(l *course.Lab, now time.Time) (backup string, err error) {
	if err := w.Remember(l); err != nil {
		return "", err
	}
	backup = filepath.Join(w.Dir, "backups", l.Slug, now.Format("2006-01-02T15-04-05.000"))
	if err := copyFiles(l, l.Dir, backup); err != nil {
		return "", fmt.Errorf("nothing was reset, because the backup failed: %w", err)
	}
	return backup, copyFiles(l, w.pristine(l), l.Dir)
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

func makeSibling(dir string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("keep the stub: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return "", fmt.Errorf("keep the stub: %w", err)
	}
	return tmp, nil
}
