package sandbox

import (
	"os"
	"os/exec"
	"syscall"
)

// PrepareReport makes the pipe inheritable and returns the handle under which the process will know
// it.
func PrepareReport(report *os.File) uint64 {
	syscall.SetHandleInformation(syscall.Handle(report.Fd()), syscall.HANDLE_FLAG_INHERIT,
		syscall.HANDLE_FLAG_INHERIT)
	return uint64(report.Fd())
}

func inherit(cmd *exec.Cmd, report *os.File) {
	if report != nil {
		cmd.SysProcAttr.AdditionalInheritedHandles = []syscall.Handle{syscall.Handle(report.Fd())}
	}
}

func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func killGroup(cmd *exec.Cmd) { cmd.Process.Kill() }

// askForStacks does nothing: the test binary's own -test.timeout prints the stacks.
func askForStacks(*exec.Cmd) {}

func signalOf(*os.ProcessState) string { return "" }

func mostKillable(int) {}
