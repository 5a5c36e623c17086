package sandbox

import (
	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// refused are the system calls that no check needs and that have carried escapes, leaks or noise:
// namespaces and mounts, other processes' memory, kernel facilities that are not namespaced, and
// ways to start what the filter cannot see.
var refused = []string{
	"acct", "add_key", "bpf", "chroot", "clock_adjtime", "clock_settime", "delete_module",
	"fanotify_init", "finit_module",
	"fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
	"io_uring_setup", "ioperm",
	"iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind",
	"migrate_pages", "mount", "move_mount",
	"move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at", "open_tree",
	"perf_event_open", "personality",
	"pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev",
	"ptrace", "quotactl", "reboot",
	"request_key", "set_mempolicy", "setdomainname", "sethostname", "setns", "settimeofday",
	"swapoff", "swapon", "syslog",
	"umount2", "userfaultfd", "vhangup",
}

// families are the kinds of sockets that a check may open. Others, such as vsock, do not stop at a
// network namespace; and unix sockets, which no lab needs, pass on descriptors, and keep what is
// sent, descriptors too, where no limit counts it.
var families = []uint64{unix.AF_INET, unix.AF_INET6}

// loadFilter installs the seccomp filter. clone3, whose flags no filter can see, does not exist
// inside, so everybody falls back to clone, which may not make namespaces. All that a thread may
// unshare is its table of descriptors: the account of a check does.
func loadFilter() error {
	deny := seccomp.SyscallGroup{Action: seccomp.ActionErrno, Names: refused}
	var other seccomp.ArgumentConditions
	for _, f := range families {
		other = append(other, seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: f})
	}
	for _, name := range []string{"socket", "socketpair"} {
		deny.NamesWithCondtions = append(deny.NamesWithCondtions,
			seccomp.NameWithConditions{Name: name, Conditions: other})
	}
	deny.NamesWithCondtions = append(deny.NamesWithCondtions,
		seccomp.NameWithConditions{Name: "unshare",
			Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.NotEqual,
				Value: unix.CLONE_FILES}}})
	for _, flag := range []uint64{unix.CLONE_NEWNS, unix.CLONE_NEWUSER, unix.CLONE_NEWPID,
		unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP} {
		deny.NamesWithCondtions = append(deny.NamesWithCondtions,
			seccomp.NameWithConditions{Name: "clone",
				Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet,
					Value: flag}}})
	}
	noSuchCall := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
		Names: []string{"clone3"}}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{noSuchCall, deny}},
	})
}

// restrictFiles adds Landlock as a second layer over the mounts, for files only, where the kernel
// has it: its network rules know TCP alone. It is best effort, since the mounts already hold.
func restrictFiles(st setup) {
	if v, err := llsyscall.LandlockGetABIVersion(); err != nil || v < 1 {
		return
	}
	rules := []landlock.Rule{landlock.RODirs("/"), landlock.RWDirs("/tmp"),
		landlock.RWFiles("/dev/null", "/dev/zero", "/dev/urandom")}
	for _, b := range st.Binds {
		if b.Writable || b.Scratch {
			rules = append(rules, landlock.RWDirs(b.Target))
		}
	}
	_ = landlock.V5.BestEffort().RestrictPaths(rules...)
}
