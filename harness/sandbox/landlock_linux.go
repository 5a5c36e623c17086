package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// Landlock isolates a process where there are neither namespaces nor an engine: inside a container
// that somebody else has started. The kernel's Landlock keeps it from all files but its own and,
// from version 6 on, from signalling others; it has the loopback interface alone, and there ports that
// no other check has (see portRange); seccomp keeps it from what is neither; a process group that it
// cannot leave ends with it. Whoever starts it as root gives each process a user of its own. See
// [Landlock.Caveats] for what it promises less than the others.
//
// What the kernel does not bound here, this process watches: memory, processes and the size of its
// folder (see census).
type Landlock struct {
	// Helper is the program that calls [Init] as the first stage; "" is this one.
	Helper string

	users users
}

// landlockInit is what the first stage is called, as its arguments' first word.
const landlockInit = "labs-landlock-init"

// The versions of Landlock that are needed. Before 4 it knew nothing of TCP; before 6 a process
// could signal all others of its user.
const (
	landlockForUsers = 4
	landlockForOne   = 6
)

func newLandlock() (Sandbox, error) {
	l := &Landlock{Helper: findHelper(), users: findUsers()}
	needed, because := landlockForUsers, ""
	if !l.users.many() {
		needed, because = landlockForOne, ", since this user can start nothing as another one"
	}
	v, err := llsyscall.LandlockGetABIVersion()
	switch {
	case errors.Is(err, unix.EPERM):
		return nil, &noLandlock{"the container that this runs in forbids Landlock",
			"run it by an engine whose seccomp profile knows Landlock (Docker 23 and later), or " +
				"with --security-opt seccomp=unconfined"}
	case err != nil:
		return nil, &noLandlock{fmt.Sprintf("the kernel has no Landlock: %v", err),
			"use Linux 6.12 or later, with landlock among the kernel's parameter lsm"}
	case v < needed:
		return nil, &noLandlock{fmt.Sprintf("the kernel's Landlock has version %d, and %d is needed%s",
			v, needed, because), "use Linux 6.12 or later, or run it as root on 6.7 or later"}
	}
	// What has lost its parent becomes ours, so that it is waited for. Source: prctl(2).
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopt processes: %w", err)
	}
	return l, nil
}

// noLandlock says why there is none.
type noLandlock struct{ problem, remedy string }

func (e *noLandlock) Error() string { return e.problem + "; " + e.remedy }

// Name is "landlock".
func (*Landlock) Name() string { return "landlock" }

// Caveats are what this sandbox promises less than ns and container.
func (l *Landlock) Caveats() []string {
	less := "the sandbox landlock promises less than the others: memory and disk are watched, " +
		"not bounded by the kernel; what else runs on the machine can be told from names and " +
		"times; what is started goes on if labs itself is killed"
	if !l.users.many() {
		less += "; all submissions have the user of whoever grades them"
	}
	return []string{less}
}

// cell is what the first stage reads before it becomes the command.
type cell struct {
	setup
	Own     string // the folder that it may write to
	Trusted bool   // it is the toolchain
	// the ports that it may connect to, and those that it may listen on
	Connect, Bind []uint16
}

// Run starts the command in a sandbox of its own.
func (l *Landlock) Run(ctx context.Context, c Command) (Exit, error) {
	fail := func(err error) (Exit, error) {
		if c.Report != nil {
			c.Report.Close()
		}
		return Exit{}, fmt.Errorf("set up a sandbox: %w", err)
	}
	cl, remove, err := l.furnish(c)
	if err != nil {
		return fail(err)
	}
	defer remove()
	var own portRange
	if !c.KeepUser {
		if own, err = leasePorts(); err != nil {
			return fail(err)
		}
		defer own.close()
		if err := cl.allow(own, c.Bridges); err != nil {
			return fail(err)
		}
	}
	c.Bridges = nil // they lead where they begin
	return launch{
		program: l.Helper, name: landlockInit, setup: cl,
		attr:  &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		guard: &census{limits: c.Limits.orDefault(), dirs: writable(cl)},
		asked: func(fd int) { serveSockets(fd, own) },
	}.run(ctx, c)
}

// allow lets the command use the ports of its range and those of its backends.
func (c *cell) allow(own portRange, bridges []Bridge) error {
	for port := int(own.first); port <= int(own.last); port++ {
		c.Connect = append(c.Connect, uint16(port))
	}
	c.Bind = append(slices.Clone(c.Connect), 0) // 0: whichever is free
	for _, b := range bridges {
		_, port, err := net.SplitHostPort(b.Inside)
		n, err2 := strconv.ParseUint(port, 10, 16)
		if err != nil || err2 != nil || !b.Direct {
			return &NoBridge{Sandbox: "landlock"}
		}
		c.Connect = append(c.Connect, uint16(n))
	}
	return nil
}

// writable are the folders that a command may fill.
func writable(c cell) []string {
	dirs := []string{c.Own}
	for _, b := range c.Binds {
		if b.Writable {
			dirs = append(dirs, b.Source)
		}
	}
	return dirs
}

// furnish makes the folders of a command: one with the executable, and below it the one that the
// command may write to, which it is told to use for what is temporary.
func (l *Landlock) furnish(c Command) (cell, func(), error) {
	dir, err := owner.TempDir("", "landlock")
	if err != nil {
		return cell{}, nil, err
	}
	remove := func() { os.RemoveAll(dir) }
	cl := cell{Own: filepath.Join(dir, "tmp"), Trusted: c.KeepUser, setup: setup{
		Path: c.Path, Dir: filepath.Join(dir, "tmp"), Args: append([]string{c.Path}, c.Args...),
		Binds: append(libraries(c.Path), c.Binds...), Limits: c.Limits.orDefault(),
		CPU: uint64((c.Timeout+c.Grace)/time.Second)*uint64(runtime.NumCPU()) + 1,
	}}
	// A count comes too late for who is quick; but the race detector, which alone needs libraries,
	// reserves more than there is.
	cl.DataLimit = !c.KeepUser && len(cl.Binds) == len(c.Binds)
	cl.Env = moved(c.Env, cl.Own)
	if c.KeepUser { // its cache is as it is: an index of a module could not be kept
		cl.Env = append(cl.Env, "GODEBUG=goindex=0")
	}
	err = errors.Join(os.Chmod(dir, 0o711), os.Mkdir(cl.Own, 0o700))
	if err == nil && !c.KeepUser {
		cl.Path = filepath.Join(dir, "command")
		cl.Args[0] = cl.Path
		err = place(c.Path, cl.Path)
		if cl.UID = l.users.next(); err == nil && cl.UID != 0 {
			err = os.Chown(cl.Own, cl.UID, cl.UID)
		}
	}
	for _, b := range c.Binds {
		if b.Source != b.Target {
			err = errors.Join(err, fmt.Errorf("%s cannot be shown as %s: there are no mounts",
				b.Source, b.Target))
		}
	}
	if err != nil {
		remove()
		return cell{}, nil, err
	}
	return cl, remove, nil
}

// moved are the variables of an environment, with the folder that a command may write to in the
// place of /tmp, which it is in the other sandboxes.
func moved(env []string, own string) []string {
	all, told := make([]string, 0, len(env)+1), false
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if value == "/tmp" {
			v = name + "=" + own
		}
		told = told || name == "TMPDIR"
		all = append(all, v)
	}
	if !told {
		all = append(all, "TMPDIR="+own)
	}
	return all
}

// place makes an executable appear at another path: the command's user may have no way to where it
// lies.
func place(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o555 == 0o555 && os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return cmp.Or(errors.Join(err, out.Close()), os.Chmod(to, 0o755))
}
