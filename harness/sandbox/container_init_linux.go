package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/hashicorp/yamux"
	"golang.org/x/sys/unix"
)

// nobody is the user of the command in a container. The first process is root there, so they cannot
// meet.
const nobody = 65534

// initContainer becomes the first process of a container, if this process was started to be one;
// else it does nothing.
func initContainer() {
	if len(os.Args) != 2 || os.Args[1] != containerInit || os.Getpid() != 1 {
		return
	}
	if err := supervise(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	os.Exit(0)
}

// supervise runs one command as standard input tells, in a root without anything, and tells on
// standard output how it ended. Its end is the end of the container, and the end of the connection
// is its end.
func supervise() error {
	// Where memory runs out the kernel shall take the command, which inherits the score, and not
	// this process.
	score, err := os.OpenFile("/proc/self/oom_score_adj", os.O_WRONLY, 0)
	if err == nil {
		score.WriteString("1000")
		defer score.Close()
	}
	memory := openMemoryEvents()
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("not dumpable: %w", err)
	}
	mux, err := yamux.Server(wire{os.Stdin, os.Stdout, os.Stdin.Close}, muxConfig())
	if err != nil {
		return err
	}
	var streams [3]*yamux.Stream
	for i := range streams {
		if streams[i], err = mux.AcceptStream(); err != nil {
			return fmt.Errorf("nobody says what to run: %w", err)
		}
	}
	go func() {
		<-mux.CloseChan()
		os.Exit(0)
	}()
	answer := json.NewEncoder(streams[0])
	var o order
	if err := json.NewDecoder(streams[0]).Decode(&o); err != nil {
		return fmt.Errorf("read what to run: %w", err)
	}
	run, err := prepare(mux, o)
	if err == nil {
		err = run.start(score)
	}
	if err != nil {
		answer.Encode(news{Err: err.Error()})
		io.Copy(io.Discard, streams[0])
		return err
	}
	if err := answer.Encode(news{}); err != nil {
		return err
	}
	exit := run.wait(streams[1], streams[2])
	exit.OutOfMemory = memory.killed()
	if err := answer.Encode(news{Exit: &exit}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, streams[0]) // until the other side has everything
	return err
}

// child is the command in a container.
type child struct {
	order
	cmd            exec.Cmd
	stdin          *os.File // our ends of its pipes
	output, report *os.File
	theirs         []*os.File
	begin          time.Time
	quit, kill     *time.Timer
	timedOut       atomic.Bool
}

// prepare listens for the bridges, goes into the box for good, and gives up every system call that
// no check needs.
func prepare(mux *yamux.Session, o order) (*child, error) {
	for i, address := range o.Listen {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("bridge: %w", err)
		}
		go forward(l, mux, byte(i))
	}
	if err := writeEnviron(box, o.Env); err != nil {
		return nil, fmt.Errorf("show the environment: %w", err)
	}
	if err := unix.Chroot(box); err != nil {
		return nil, fmt.Errorf("chroot: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return nil, err
	}
	if err := loadFilter(seccomp.SyscallGroup{}); err != nil {
		return nil, fmt.Errorf("seccomp: %w", err)
	}
	c := &child{order: o}
	pipe := func(write bool) (ours, theirs *os.File, err error) {
		r, w, err := os.Pipe()
		if write {
			r, w = w, r
		}
		c.theirs = append(c.theirs, w)
		return r, w, err
	}
	stdin, theirIn, err := pipe(true)
	if err != nil {
		return nil, err
	}
	output, theirOut, err := pipe(false)
	if err != nil {
		return nil, err
	}
	report, theirReport, err := pipe(false)
	if err != nil {
		return nil, err
	}
	c.stdin, c.output, c.report = stdin, output, report
	c.cmd = exec.Cmd{
		Path: inside, Args: append([]string{inside}, o.Args...), Env: o.Env, Dir: o.Dir,
		Stdin: theirIn, Stdout: theirOut, Stderr: theirOut,
		ExtraFiles: append(make([]*os.File, o.ReportFD-firstExtra), theirReport),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true,
			Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	}
	if c.cmd.Env == nil {
		c.cmd.Env = []string{}
	}
	return c, nil
}

// start starts the command and the clock. score is this process's own for the kernel, if it could
// be opened.
func (c *child) start(score *os.File) error {
	c.begin = time.Now()
	err := c.cmd.Start()
	for _, f := range c.theirs {
		f.Close()
	}
	if score != nil {
		score.WriteString("0")
	}
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	go func() {
		io.Copy(c.stdin, bytes.NewReader(c.Stdin))
		c.stdin.Close()
	}()
	c.quit = time.AfterFunc(c.Timeout, func() {
		c.timedOut.Store(true)
		c.cmd.Process.Signal(syscall.SIGQUIT)
	})
	c.kill = time.AfterFunc(c.Timeout+c.Grace, func() { c.cmd.Process.Kill() })
	return nil
}

// wait passes on output and report until the command has ended, and kills what it has left behind.
func (c *child) wait(output, report *yamux.Stream) Exit {
	var copies sync.WaitGroup
	pass := func(to *yamux.Stream, from *os.File) {
		io.Copy(to, from)
		to.Close()
	}
	copies.Go(func() { pass(output, c.output) })
	copies.Go(func() { pass(report, c.report) })
	st, err := c.cmd.Process.Wait()
	exit := Exit{Code: -1, TimedOut: c.timedOut.Load(), Wall: time.Since(c.begin)}
	c.quit.Stop()
	c.kill.Stop()
	if err == nil {
		exit.Code, exit.Signal = st.ExitCode(), signalOf(st)
	}
	syscall.Kill(-1, syscall.SIGKILL) // all but this process: it is the first of its pid namespace
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			break
		}
	}
	copies.Wait()
	return exit
}

// forward sends every connection over a stream of its own.
func forward(l net.Listener, mux *yamux.Session, index byte) {
	for {
		conn, err := l.Accept()
		if err != nil {
			time.Sleep(10 * time.Millisecond) // too many files are open, for now
			continue
		}
		go func() {
			stream, err := mux.OpenStream()
			if err != nil {
				conn.Close()
				return
			}
			stream.Write([]byte{index})
			join(stream, conn)
		}()
	}
}

// memoryEvents is where the kernel counts what it has killed for want of memory.
type memoryEvents struct{ file *os.File }

// openMemoryEvents looks where the two versions of cgroups have it.
func openMemoryEvents() memoryEvents {
	for _, path := range []string{"/sys/fs/cgroup/memory.events",
		"/sys/fs/cgroup/memory/memory.oom_control"} {
		if f, err := os.Open(path); err == nil {
			return memoryEvents{f}
		}
	}
	return memoryEvents{}
}

func (m memoryEvents) killed() bool {
	if m.file == nil {
		return false
	}
	text := make([]byte, 4096)
	n, _ := m.file.ReadAt(text, 0)
	for line := range bytes.Lines(text[:n]) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == "oom_kill" {
			return string(f[1]) != "0"
		}
	}
	return false
}
