//go:build !unix

package backends

import (
	"os"
	"syscall"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// sigquit stands for a clean end, which these systems cannot ask for.
const sigquit = syscall.SIGKILL

func processAttributes(*user, syscall.Signal, bool) *syscall.SysProcAttr { return nil }

// signalGroup ends the process, unless it has ended.
func signalGroup(p owner.Process, _ syscall.Signal) {
	if !p.Alive() {
		return
	}
	if found, err := os.FindProcess(p.PID); err == nil {
		found.Kill()
	}
}

func limited(s spawn) []string { return s.argv }
