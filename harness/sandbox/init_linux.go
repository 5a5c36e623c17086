package sandbox

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"syscall"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// Init becomes a sandboxed command, if this process was started to be one; else it does nothing.
// Every program that uses [NS] or [Container] calls it first thing in main.
func Init() {
	initProbe()
	initContainer()
	become, ok := map[string]func() error{
		initName: becomeNS, landlockInit: becomeLandlock,
	}[os.Args[0]]
	if !ok || len(os.Args) != 1 {
		return
	}
	runtime.LockOSThread() // capabilities and Landlock are a thread's own
	err := become()
	unix.Write(statusFD, []byte(err.Error()))
	os.Exit(125)
}

// readSetup reads what is to be set up. From here on it shows that the command has been executed.
func readSetup(st any) error {
	f := os.NewFile(setupFD, "setup")
	defer f.Close()
	if err := json.NewDecoder(f).Decode(st); err != nil {
		return fmt.Errorf("read the setup: %w", err)
	}
	unix.CloseOnExec(statusFD)
	// What whoever started labs has left open is nothing for the command.
	unix.CloseRange(statusFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	return nil
}

// becomeNS sets everything up from inside and turns into the command. It returns only if that
// fails.
func becomeNS() error {
	var st setup
	if err := readSetup(&st); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("lab")); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	boundSockets()
	if err := loopback(st.Listen); err != nil {
		return err
	}
	if err := buildRoot(st); err != nil {
		return err
	}
	if err := limit(st); err != nil {
		return err
	}
	restrictFiles(st)
	if err := dropPrivileges(st.UID); err != nil {
		return err
	}
	if err := loadFilter(seccomp.SyscallGroup{}); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return fmt.Errorf("exec %s: %w", st.Path, syscall.Exec(inside, st.Args, st.Env))
}

// loopback brings the sandbox's only interface up and sends a listener for each bridge outside.
func loopback(addresses []string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
		if err := unix.Sendmsg(statusFD, []byte{1}, unix.UnixRights(int(f.Fd())), nil,
			0); err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
		f.Close()
		l.Close()
	}
	return nil
}

// limit sets the resource limits. Never RLIMIT_AS: the Go runtime reserves address space that it
// does not use.
func limit(st setup) error {
	limits := []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, uint64(st.Limits.FileSize)},
		{unix.RLIMIT_NOFILE, uint64(st.Limits.Files)},
		{unix.RLIMIT_NPROC, uint64(st.Limits.Processes)},
		{unix.RLIMIT_CPU, st.CPU},
		{unix.RLIMIT_MEMLOCK, 0},
		{unix.RLIMIT_MSGQUEUE, 0},
	}
	if st.DataLimit {
		limits = append(limits, struct {
			what  int
			value uint64
		}{unix.RLIMIT_DATA, uint64(st.Limits.Memory)})
	}
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.what, &now); err == nil {
			l.value = min(l.value, now.Max) // more is not to be had, and less is as good
		}
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("rlimit %d: %w", l.what, err)
		}
	}
	return nil
}

// dropPrivileges gives up every capability, now and for whatever is executed later, and changes to
// the user.
func dropPrivileges(uid int) error {
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		// Who may not drop one cannot get it either: nothing that is executed has new privileges.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil &&
			err != unix.EINVAL && err != unix.EPERM {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if uid != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("setgroups: %w", err)
		}
		if err := syscall.Setresgid(uid, uid, uid); err != nil {
			return fmt.Errorf("setgid: %w", err)
		}
		if err := syscall.Setresuid(uid, uid, uid); err != nil {
			return fmt.Errorf("setuid: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("not dumpable: %w", err)
	}
	return nil
}
