package sandbox

import (
	"os"
	"strconv"
	"syscall"
)

// dieWithParent ends the process when the one that started it is killed, even by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// mostKillable has the kernel choose this process, and none that somebody works with, when the
// machine runs out of memory. Source: proc(5), oom_score_adj. Where it cannot be had, nothing is
// lost.
func mostKillable(pid int) {
	os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("1000"), 0)
}
