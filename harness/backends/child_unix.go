//go:build unix

package backends

import (
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
