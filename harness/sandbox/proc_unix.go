//go:build unix

package sandbox

import (
	"os"
	"os/exec"
	"syscall"
)

// reportFD is the descriptor of the first extra file.
const reportFD = 3

// PrepareReport returns the number under which the process will know the pipe.
func PrepareReport(*os.File) uint64 { return reportFD }

func inherit(cmd *exec.Cmd, report *os.File) {
	if report != nil {
		cmd.ExtraFiles = []*os.File{report}
	}
}

func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// askForStacks makes the Go runtime print every goroutine's stack and exit; it works in an endless
// loop, too.
func askForStacks(cmd *exec.Cmd) { syscall.Kill(cmd.Process.Pid, syscall.SIGQUIT) }

func signalOf(st *os.ProcessState) string {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal().String()
	}
	return ""
}
