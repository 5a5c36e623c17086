package sandbox

import (
	"fmt"
	"math"
	"os"
	"syscall"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// becomeLandlock gives everything up from inside and turns into the command. It returns only if
// that fails.
func becomeLandlock() error {
	var c cell
	if err := readSetup(&c); err != nil {
		return err
	}
	if err := os.Chdir(c.Dir); err != nil {
		return err
	}
	if c.UID == 0 && !c.Trusted {
		// The kernel counts all of this user's processes.
		c.Limits.Processes = tasksOfUser(os.Getuid()) + 2*c.Limits.Processes
	}
	if c.Trusted { // it is watched, and its user has many
		c.Limits.Processes = math.MaxInt
	}
	if err := limit(c.setup); err != nil {
		return err
	}
	if err := landlock.V6.BestEffort().Restrict(c.rules()...); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := dropPrivileges(c.UID); err != nil {
		return err
	}
	// The change of the user has cleared it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with the parent: %w", err)
	}
	if err := loadFilter(c.refused()); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if !c.Trusted {
		asked, err := askForSockets()
		if err == nil { // the kernel closes our end with the execution
			err = unix.Sendmsg(statusFD, []byte{1}, unix.UnixRights(asked), nil, 0)
		}
		if err != nil {
			return fmt.Errorf("sockets: %w", err)
		}
	}
	return fmt.Errorf("exec %s: %w", c.Path, syscall.Exec(c.Path, c.Args, c.Env))
}

// ownFolder are the rights to a check's own folder. What lies in it can be neither removed nor renamed,
// so that all that takes room there can be seen and counted; it goes with the folder.
const ownFolder = llsyscall.AccessFSReadFile | llsyscall.AccessFSWriteFile | llsyscall.AccessFSReadDir |
	llsyscall.AccessFSMakeReg | llsyscall.AccessFSMakeDir | llsyscall.AccessFSTruncate

// rules are the files and ports that the command may use.
func (c cell) rules() []landlock.Rule {
	rules := []landlock.Rule{landlock.ROFiles(c.Path, environFile),
		landlock.RWFiles("/dev/null", "/dev/zero", "/dev/urandom")}
	if c.Trusted {
		rules = append(rules, landlock.RWDirs(c.Own).WithRefer())
	} else {
		rules = append(rules, landlock.PathAccess(ownFolder, c.Own))
	}
	for _, port := range c.Connect {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	for _, port := range c.Bind {
		rules = append(rules, landlock.BindTCP(port))
	}
	for _, b := range c.Binds {
		info, err := os.Stat(b.Source)
		switch {
		case err == nil && !info.IsDir():
			rules = append(rules, landlock.ROFiles(b.Source))
		case b.Writable:
			rules = append(rules, landlock.RWDirs(b.Source).WithRefer())
		default:
			rules = append(rules, landlock.RODirs(b.Source))
		}
	}
	return rules
}

// refused are the system calls that namespaces would make harmless, and those that use room or time
// where nobody can see it.
func (c cell) refused() seccomp.SyscallGroup {
	g := seccomp.SyscallGroup{
		// no way out of the process group by which all is ended
		Names: []string{"socketpair", "setsid", "setpgid"},
	}
	if c.Trusted {
		g.Names = append(g.Names, "socket")
		return g
	}
	g.Names = append(g.Names,
		// memory and files without a name
		"memfd_create", "memfd_secret", "shmget", "semget", "msgget", "mq_open", "openat2",
		// what is written in inodes: Landlock has no say in it, and the user may be whoever grades
		"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime",
		"utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
		"removexattr", "lremovexattr", "fremovexattr", "removexattrat",
		// other processes of the user
		"setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr",
		"process_mrelease", "inotify_init", "inotify_init1",
	)
	const unnamed = unix.O_TMPFILE &^ unix.O_DIRECTORY
	g.NamesWithCondtions = []seccomp.NameWithConditions{
		where("open", 1, seccomp.BitsSet, unnamed), where("openat", 2, seccomp.BitsSet, unnamed),
		where("prlimit64", 0, seccomp.NotEqual, 0),
		where("sched_setaffinity", 0, seccomp.NotEqual, 0),
	}
	g.NamesWithCondtions = append(g.NamesWithCondtions, socketsRefused()...)
	return g
}

// socketsRefused are the kinds of sockets that are not of TCP, for which Landlock has no rules, and
// what would undo how a socket was made (see portRange). The kernel takes these arguments as
// integers of 32 bits, and so equal to them what is equal in these bits alone.
func socketsRefused() []seccomp.NameWithConditions {
	not := func(argument uint32, values ...uint64) seccomp.NameWithConditions {
		n := seccomp.NameWithConditions{Name: "socket"}
		for _, v := range values {
			n.Conditions = append(n.Conditions, seccomp.Condition{Argument: argument,
				Operation: seccomp.NotEqual, Value: v})
		}
		return n
	}
	const stream, both = unix.SOCK_STREAM, unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	all := []seccomp.NameWithConditions{
		not(1, stream, stream|unix.SOCK_CLOEXEC, stream|unix.SOCK_NONBLOCK, stream|both),
		not(2, 0, unix.IPPROTO_TCP),
		// a connection without connect(2), which is where Landlock looks
		where("sendto", 3, seccomp.BitsSet, unix.MSG_FASTOPEN),
		where("sendmsg", 2, seccomp.BitsSet, unix.MSG_FASTOPEN),
		where("sendmmsg", 3, seccomp.BitsSet, unix.MSG_FASTOPEN),
		where("setsockopt", 1, seccomp.GreaterThan, math.MaxUint32),
		where("setsockopt", 2, seccomp.GreaterThan, math.MaxUint32),
	}
	for _, o := range [][2]uint64{
		{unix.SOL_SOCKET, unix.SO_RCVBUF}, {unix.SOL_SOCKET, unix.SO_SNDBUF},
		{unix.SOL_SOCKET, unix.SO_BINDTODEVICE}, {unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX},
		{unix.IPPROTO_IP, localPortRange},
	} {
		all = append(all, seccomp.NameWithConditions{Name: "setsockopt",
			Conditions: seccomp.ArgumentConditions{
				{Argument: 1, Operation: seccomp.Equal, Value: o[0]},
				{Argument: 2, Operation: seccomp.Equal, Value: o[1]},
			}})
	}
	return all
}
