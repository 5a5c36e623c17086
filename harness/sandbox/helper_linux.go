package sandbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
)

// findHelper is the path of the helper that lies beside this program, or "" if there is none that
// fits.
func findHelper() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	return helperBeside(exe)
}

func helperBeside(exe string) string {
	path := filepath.Join(filepath.Dir(exe), HelperName)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	if stamp, err := exec.Command(path, StampArgument).Output(); err != nil ||
		string(bytes.TrimSpace(stamp)) != Stamp() {
		return ""
	}
	return path
}
