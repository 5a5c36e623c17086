//go:build unix

package backends

import (
	"strconv"
	"syscall"

	"github.com/backend-labs/backend-labs/harness/owner"
)

const sigquit = syscall.SIGQUIT

// signalGroup signals the process and those that it has started, unless it has ended.
func signalGroup(p owner.Process, sig syscall.Signal) {
	if p.Alive() {
		syscall.Kill(-p.PID, sig)
	}
}

// underLimits is a program of the shell: it sets limits in blocks of 512 bytes and in KiB, as far
// as the system knows them, and becomes the rest of its arguments. Whoever starts a process cannot
// limit it afterwards without a capability, if it is another user's.
const underLimits = `ulimit -f "$1" 2>/dev/null; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"`

// limited are the arguments with which the server runs within its limits.
func limited(s spawn) []string {
	limit := func(bytes, unit uint64) string {
		if bytes == 0 {
			return "unlimited"
		}
		return strconv.FormatUint(bytes/unit, 10)
	}
	return append([]string{"/bin/sh", "-c", underLimits, "sh", limit(s.file, 512),
		limit(s.memory, 1024)}, s.argv...)
}
