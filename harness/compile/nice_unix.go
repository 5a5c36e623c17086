//go:build unix

package compile

import (
	"os/exec"
	"syscall"
)

// giveWay lets the build of a race binary, which is wanted second, take only what the plain one
// leaves over.
func giveWay(pid int) { syscall.Setpriority(syscall.PRIO_PROCESS, pid, 15) }

// endTogether makes a cancelled go command take its compilers and linkers with it.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
