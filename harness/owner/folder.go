package owner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// The name of a folder: labs-check_<machine>_<process>_<random>.
const separator = "_"

// TempDir makes a folder in parent, or in the system's folder for temporary files if that is "",
// which belongs to this process. kind, a word without an underscore, tells people what it is for.
// The error says what to do.
func TempDir(parent, kind string) (string, error) {
	dir, err := os.MkdirTemp(parent, strings.Join([]string{"labs-" + kind, Machine(),
		Self().String(), "*"}, separator))
	if err == nil || parent != "" {
		return dir, fault.Of("make a folder", err)
	}
	if why := fault.TempFolder(); why != nil {
		return "", why
	}
	return "", fault.Of("make a temporary folder", err)
}

// Sweep removes the folders in parent that [TempDir] made for processes of this machine that have
// ended. What belongs to another user stays.
func Sweep(parent string) (removed []string, err error) {
	if parent == "" {
		parent = os.TempDir()
	}
	found, err := filepath.Glob(filepath.Join(parent, "labs-*"+separator+Machine()+separator+"*"))
	for _, dir := range found {
		parts := strings.Split(filepath.Base(dir), separator)
		if len(parts) != 4 || !Orphan(parts[1], parts[2]) {
			continue
		}
		switch failed := os.RemoveAll(dir); {
		case failed == nil:
			removed = append(removed, dir)
		case !errors.Is(failed, os.ErrPermission):
			err = errors.Join(err, failed)
		}
	}
	return removed, err
}
