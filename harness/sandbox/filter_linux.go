package sandbox

import (
	"slices"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/net/bpf"
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
// unshare is its table of descriptors: the account of a check does. more is refused besides.
func loadFilter(more seccomp.SyscallGroup) error {
	deny := seccomp.SyscallGroup{Action: seccomp.ActionErrno, Names: slices.Concat(refused, more.Names),
		NamesWithCondtions: more.NamesWithCondtions}
	var other seccomp.ArgumentConditions
	for _, f := range families {
		other = append(other, seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: f})
	}
	for _, name := range []string{"socket", "socketpair"} {
		if !slices.Contains(more.Names, name) {
			deny.NamesWithCondtions = append(deny.NamesWithCondtions,
				seccomp.NameWithConditions{Name: name, Conditions: other})
		}
	}
	deny.NamesWithCondtions = append(deny.NamesWithCondtions,
		where("unshare", 0, seccomp.NotEqual, unix.CLONE_FILES))
	for _, flag := range []uint64{unix.CLONE_NEWNS, unix.CLONE_NEWUSER, unix.CLONE_NEWPID,
		unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP} {
		deny.NamesWithCondtions = append(deny.NamesWithCondtions,
			where("clone", 0, seccomp.BitsSet, flag))
	}
	noSuchCall := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
		Names: []string{"clone3"}}
	own, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	if err := oneArchitecture(uint32(own.ID)); err != nil {
		return err
	}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{noSuchCall, known(own, deny)}},
	})
}

// where is a system call with a value in one of its arguments.
func where(name string, argument uint32, op seccomp.Operation,
	value uint64) seccomp.NameWithConditions {
	return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{
		Argument: argument, Operation: op, Value: value}}}
}

// known leaves out the system calls that an architecture has not.
func known(on *arch.Info, g seccomp.SyscallGroup) seccomp.SyscallGroup {
	lacks := func(name string) bool { _, ok := on.SyscallNames[name]; return !ok }
	g.Names = slices.DeleteFunc(slices.Clone(g.Names), lacks)
	g.NamesWithCondtions = slices.DeleteFunc(slices.Clone(g.NamesWithCondtions),
		func(n seccomp.NameWithConditions) bool { return lacks(n.Name) })
	return g
}

// oneArchitecture ends whoever makes a system call of another architecture, as a 64-bit process can
// do on x86: the filter by names knows the numbers of one alone and lets all others pass.
func oneArchitecture(id uint32) error {
	const whichArchitecture = 4 // its place in what a filter sees (seccomp(2), struct seccomp_data)
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: whichArchitecture, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: id, SkipFalse: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
	})
	if err != nil {
		return err
	}
	_, err = install(program, unix.SECCOMP_FILTER_FLAG_TSYNC)
	return err
}

// install adds a filter to those of this thread.
func install(program []bpf.RawInstruction, flags uintptr) (int, error) {
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
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
