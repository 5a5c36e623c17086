package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// NS isolates a process with Linux namespaces, resource limits, seccomp and, where the kernel has
// it, Landlock. It works as root and as an ordinary user.
//
// The process is the first one of a pid namespace of its own, so that nothing that it starts can
// outlive it. It sees a read-only root on tmpfs with its executable and what [Command] binds, no
// /proc, and a network namespace with nothing but loopback, in which the bridges answer. It has no
// capabilities and cannot get any.
type NS struct {
	// Helper is the program that calls [Init] as the first process; "" is this one.
	Helper string

	// cgroup is where the limits on memory and processes are set, if this process may do so.
	cgroup *cgroupParent
	once   sync.Once
	// crowd leaves the shares of the processors out: for a test of what they are good for.
	crowd bool
}

// initName is what the first stage inside the namespaces is called, as its arguments' first word.
const initName = "labs-sandbox-init"

// firstUID is the first of the user ids under which root runs sandboxed processes: each runs under
// one of its own, so that the kernel's limits for a user are the process's own. Nobody has these
// ids.
const firstUID, uids = 1_879_048_192, 1 << 20

// lastUID counts them from a random one, since other processes take some, too.
var lastUID atomic.Uint32

func init() { lastUID.Store(rand.Uint32()) }

// Name is "ns".
func (*NS) Name() string { return "ns" }

// setup is what the first stage reads before it becomes the command.
type setup struct {
	Path, Dir string
	Args, Env []string
	Binds     []Bind
	Listen    []string
	Limits    Limits
	CPU       uint64 // seconds
	UID       int    // to change to, if not 0
	DataLimit bool   // bound memory by RLIMIT_DATA, since there is no cgroup
}

// The descriptors of the first stage; standard input, output and error are the command's.
const (
	setupFD  = 4 // the setup is read from it
	statusFD = 5 // a socket: listeners go out, then an error's text or nothing
)

// Run starts the command in a sandbox of its own.
func (n *NS) Run(ctx context.Context, c Command) (Exit, error) {
	n.once.Do(func() { n.cgroup = findCgroup() })
	st := setup{
		Path: c.Path, Dir: "/tmp", Args: append([]string{inside}, c.Args...), Env: c.Env,
		Binds:  append(libraries(c.Path), c.Binds...),
		Limits: c.Limits.orDefault(),
		CPU:    uint64((c.Timeout+c.Grace)/time.Second)*uint64(runtime.NumCPU()) + 1,
	}
	for _, b := range c.Bridges {
		st.Listen = append(st.Listen, b.Inside)
	}
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		if !c.KeepUser {
			st.UID = firstUID + int(lastUID.Add(1)%uids)
		}
	} else {
		flags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	attr.Cloneflags = flags

	groups := n.cgroup
	if n.crowd {
		attr.Setsid, attr.Setpgid = false, true
		groups = groups.withoutCPU()
	}
	group, err := groups.make(st.Limits)
	if err != nil {
		return Exit{}, fmt.Errorf("limit memory and processes: %w", err)
	}
	defer group.remove()
	st.DataLimit = group == nil
	if group != nil && group.fd >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, group.fd
	}
	return launch{program: n.Helper, name: initName, setup: st, attr: attr,
		guard: group}.run(ctx, c)
}

// guard bounds and watches a process with all that it starts.
type guard interface {
	// add takes in a process that is waiting for its setup.
	add(pid int) error
	// ended is told when that process has ended and been waited for.
	ended()
	outOfMemory() bool
}

// launch is how a first stage is started: a program that becomes the command.
type launch struct {
	program string // that calls [Init]; "" is this one
	name    string // its arguments' first word
	setup   any    // what it reads
	attr    *syscall.SysProcAttr
	guard   guard
	asked   func(fd int) // serves what the kernel asks for the command, if that is not nil
}

// run starts the first stage, serves the bridges, and waits for the command's end.
func (s launch) run(ctx context.Context, c Command) (Exit, error) {
	text, err := json.Marshal(s.setup)
	if err != nil {
		return Exit{}, err
	}
	setupR, setupW, err := os.Pipe()
	if err != nil {
		return Exit{}, fmt.Errorf("start a sandbox: %w", err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Exit{}, errors.Join(fmt.Errorf("start a sandbox: %w", err), setupR.Close(),
			setupW.Close())
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "status"), os.NewFile(uintptr(pair[1]), "status")
	defer ours.Close()

	cmd := exec.Command(cmp.Or(s.program, "/proc/self/exe"))
	cmd.Args = []string{s.name}
	cmd.Env = []string{}
	cmd.Stdin = bytes.NewReader(c.Stdin)
	cmd.WaitDelay = drainDelay // for its input
	cmd.SysProcAttr = s.attr
	report := c.Report
	if report == nil { // the numbers of the descriptors stay the same
		if report, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return Exit{}, fmt.Errorf("start a sandbox: %w", err)
		}
	}
	cmd.ExtraFiles = []*os.File{report, setupR, theirs}
	out, err := outputOf(cmd, c.Output, c.MaxOutput)
	if err != nil {
		return Exit{}, err
	}

	begin := time.Now()
	err = cmd.Start()
	out.begin()
	report.Close()
	setupR.Close()
	theirs.Close()
	if err != nil {
		setupW.Close()
		return Exit{}, fmt.Errorf("start a sandbox: %w", err)
	}
	err = s.guard.add(cmd.Process.Pid)
	if err == nil {
		_, err = setupW.Write(text)
	}
	setupW.Close()
	stop, ready := func() {}, error(nil)
	if err == nil {
		stop, ready = s.awaitReady(ctx, ours, c.Bridges)
	}
	defer stop()
	if err = errors.Join(err, ready); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		s.guard.ended()
		if ctx.Err() != nil {
			return Exit{}, ctx.Err()
		}
		return Exit{}, fmt.Errorf("set up a sandbox: %w", err)
	}
	done, watched := make(chan struct{}), make(chan bool, 1)
	go func() { watched <- watchdog(ctx, cmd, c, done) }()
	err = cmd.Wait()
	s.guard.ended()
	close(done)
	exit := Exit{Code: cmd.ProcessState.ExitCode(), Signal: signalOf(cmd.ProcessState),
		TimedOut: <-watched, Wall: time.Since(begin), OutOfMemory: s.guard.outOfMemory()}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return exit, fmt.Errorf("run %s: %w", c.Path, err)
	}
	if err := out.end(); err != nil {
		return exit, fmt.Errorf("keep the output of %s: %w", c.Path, err)
	}
	return exit, ctx.Err()
}

// setupPatience is how long the first stage may take. It takes milliseconds.
const setupPatience = 20 * time.Second

// awaitReady takes the listeners from the first stage and serves them, until the stage closes its
// end, which it does by becoming the command. What it says before that is why it could not.
func (s launch) awaitReady(ctx context.Context, status *os.File, bridges []Bridge) (stop func(), err error) {
	conn, err := net.FileConn(status)
	if err != nil {
		return func() {}, err
	}
	defer conn.Close()
	uc := conn.(*net.UnixConn)
	uc.SetReadDeadline(time.Now().Add(setupPatience))
	var listeners []net.Listener
	stop = func() {
		for _, l := range listeners {
			l.Close()
		}
	}
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*max(1, len(bridges))))
	for {
		n, oobn, _, _, err := uc.ReadMsgUnix(buf, oob)
		switch {
		case n == 0 && oobn == 0 && (err == nil || isEOF(err)):
			for i, l := range listeners {
				go serveBridge(ctx, l, bridges[i].Dial)
			}
			if len(listeners) != len(bridges) {
				return stop, errors.New("the sandbox has no way to the backends")
			}
			return stop, nil
		case err != nil:
			return stop, err
		case oobn > 0 && s.asked != nil:
			fds, err := received(oob[:oobn])
			if err != nil {
				return stop, err
			}
			for _, fd := range fds {
				go s.asked(fd)
			}
		case oobn > 0:
			got, err := receivedListeners(oob[:oobn])
			if err != nil {
				return stop, err
			}
			listeners = append(listeners, got...)
		default:
			return stop, errors.New(strings.TrimSpace(string(buf[:n])))
		}
	}
}

func newNS() (Sandbox, error) { return &NS{Helper: findHelper()}, nil }
