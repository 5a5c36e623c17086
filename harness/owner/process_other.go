//go:build !linux && !darwin && !windows

package owner

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// startOf gives the start of a running process, as ps tells it; a zombie does not run.
func startOf(pid int) (string, bool) {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return "", false
	}
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	state, start, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || !ok || strings.HasPrefix(state, "Z") {
		return "", false
	}
	return strings.NewReplacer(" ", "", ":", "").Replace(start), true
}
