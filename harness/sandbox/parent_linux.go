package sandbox

import "syscall"

// dieWithParent ends the process when the one that started it is killed, even by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
