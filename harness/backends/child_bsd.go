//go:build unix && !linux

package backends

import "syscall"

// processAttributes puts a child into a process group of its own, so that Ctrl-C in a terminal
// reaches only labs, which then ends it; and makes it another user's. If it is to stay, it gets a
// session of its own instead. These systems do not end it when this process is killed; the next
// command does.
func processAttributes(as *user, _ syscall.Signal, stay bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: stay, Setpgid: !stay}
	if as != nil {
		a.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	return a
}
