package backends

import "syscall"

// processAttributes puts a child into a process group of its own, so that Ctrl-C in a terminal
// reaches only labs, which then ends it; lets the kernel end it when this process dies; and makes
// it another user's. If it is to stay, it gets a session of its own instead.
func processAttributes(as *user, quit syscall.Signal, stay bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if stay {
		a.Setsid = true
	} else {
		a.Setpgid, a.Pdeathsig = true, quit
	}
	if as != nil {
		a.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	return a
}
