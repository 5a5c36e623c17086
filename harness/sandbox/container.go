package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/hashicorp/yamux"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// Container isolates a process in a Docker container, for machines that have no namespaces of their
// own but an engine. The engine must see the files of this machine under their paths, as Docker
// Desktop and an engine on Linux do.
//
// The first process of the container is this very program ([Init]). It is root there with the few
// capabilities that it takes to go into a folder, to become nobody and to kill; the command is its
// child, has another user and none of them, and can neither signal nor trace it. The command sees
// that folder as its root: its executable and libraries, what [Command] binds, three devices and a
// /tmp in memory that nothing is executed from; no /proc, no network but loopback. The container
// ends with the connection to it, and the engine removes it then, so that a command that is killed
// leaves none behind.
//
// All CPUs of the engine may be used. Exit.Wall and Command.Timeout count from the start of the
// command inside: what starting a container takes is nobody's fault.
//
// Two things it cannot do. The toolchain is not run in it (see [NoBuild]). And a binary with the
// race detector needs cgo, which on macOS and Windows does not compile for Linux.
type Container struct {
	// Helper is the program as a Linux executable for the engine's processor. "" is the running
	// executable, which will do on Linux.
	Helper string

	mu     sync.Mutex
	engine *engine
}

// ErrNoEngine says that no Docker engine answers.
var ErrNoEngine = errors.New("no Docker engine answers")

// NoBuild is the error of Run for the toolchain, which a container of another system than this
// machine's cannot run, and whose cache it can only see as it is or change for everybody. What is
// compiled is not run by compiling it, as long as neither cgo nor directives are allowed, so the
// caller builds outside, for this system, within a time.
type NoBuild struct{ GOOS, GOARCH string }

func (e *NoBuild) Error() string {
	return "the sandbox container does not build; build for " + e.GOOS + "/" + e.GOARCH + " outside"
}

// Name is "container".
func (*Container) Name() string { return "container" }

const (
	// containerInit is the argument by which the program is told to be the first process of a
	// container.
	containerInit = "labs-container-init"
	// helperPath is where that program lies in the container, and box the folder that the command
	// has as its root.
	helperPath = "/init"
	box        = "/box"
	// initThreads is what the first process adds to the limit on processes and threads.
	initThreads = 24
	// firstExtra is the first descriptor after standard error.
	firstExtra = 3
	// startPatience is how long the engine may take from the creation of a container to the start
	// of the command, and endPatience how long anything may take that is over at once.
	startPatience = time.Minute
	endPatience   = 15 * time.Second
)

// order is what the first process is told to run: one value in JSON on the first stream. A stream
// for the command's output and one for its report follow, in this order.
type order struct {
	Args, Env []string
	Dir       string
	Stdin     []byte
	// the addresses of the bridges: for each connection comes a stream that begins with the index
	Listen []string
	// what the command takes its report's descriptor to be: on Windows a handle's number
	ReportFD       uint64
	Timeout, Grace time.Duration
}

// news is what the first process answers: that the command has been started, then how it ended; or
// what went wrong.
type news struct {
	Err  string `json:",omitempty"`
	Exit *Exit  `json:",omitempty"`
}

// Run starts the command in a container of its own.
func (b *Container) Run(ctx context.Context, c Command) (Exit, error) {
	if c.Report != nil {
		defer c.Report.Close()
	}
	e, err := b.connect(ctx)
	if err != nil {
		return Exit{}, err
	}
	if c.KeepUser {
		return Exit{}, &NoBuild{"linux", e.arch}
	}
	options, err := b.options(c)
	if err != nil {
		return Exit{}, err
	}
	starting, stop := context.WithTimeout(ctx, startPatience)
	defer stop()
	created, err := e.cli.ContainerCreate(starting, options)
	if err != nil {
		return Exit{}, fmt.Errorf("create a container: %w", err)
	}
	defer e.remove(created.ID)
	attached, err := e.cli.ContainerAttach(starting, created.ID, client.ContainerAttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return Exit{}, fmt.Errorf("attach to a container: %w", err)
	}
	defer attached.Close()
	if _, err := e.cli.ContainerStart(starting, created.ID,
		client.ContainerStartOptions{}); err != nil {
		return Exit{}, fmt.Errorf("start a container: %w", err)
	}
	s, err := newSession(attached.HijackedResponse)
	if err != nil {
		return Exit{}, fmt.Errorf("talk to a container: %w", err)
	}
	defer s.Close()
	return s.run(ctx, c)
}

// options describe the container of a command.
func (b *Container) options(c Command) (client.ContainerCreateOptions, error) {
	helper, err := b.helper()
	if err != nil {
		return client.ContainerCreateOptions{}, err
	}
	path := c.Path
	if own, err := os.Executable(); err == nil && own == path {
		path = helper // as when it probes
	}
	limits := c.Limits.orDefault()
	binds := []Bind{{Source: helper, Target: helperPath}, {Source: path, Target: box + inside}}
	binds = append(binds, libraries(helper)...)
	for _, l := range append(libraries(path), c.Binds...) {
		if l.Scratch {
			return client.ContainerCreateOptions{},
				errors.New("a container has no writable copy of a folder")
		}
		l.Target = box + l.Target
		binds = append(binds, l)
	}
	filter, err := engineFilter()
	if err != nil {
		return client.ContainerCreateOptions{}, fmt.Errorf("the container's seccomp profile: %w", err)
	}
	processes := int64(limits.Processes + initThreads)
	host := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", IpcMode: "none", ReadonlyRootfs: true,
		LogConfig: container.LogConfig{Type: "none"}, SecurityOpt: []string{"no-new-privileges", filter},
		Sysctls: socketSettings,
		CapDrop: []string{"ALL"}, CapAdd: []string{"SYS_CHROOT", "SETUID", "SETGID", "KILL"},
		Tmpfs: map[string]string{
			box + "/tmp": fmt.Sprintf("rw,nosuid,nodev,noexec,mode=1777,size=%d,nr_inodes=65536",
				limits.Scratch),
			box + filepath.Dir(environFile): "rw,nosuid,nodev,noexec,mode=0755,size=1m,nr_inodes=2",
		},
		Resources: container.Resources{
			Memory: limits.Memory, MemorySwap: limits.Memory, PidsLimit: &processes,
			Ulimits: []*container.Ulimit{
				ulimit("nofile", int64(limits.Files)), ulimit("fsize", limits.FileSize),
				ulimit("core", 0), ulimit("memlock", 0), ulimit("msgqueue", 0),
			},
		},
	}
	for _, d := range []string{"/dev/null", "/dev/zero", "/dev/urandom"} {
		host.Devices = append(host.Devices, container.DeviceMapping{
			PathOnHost: d, PathInContainer: box + d, CgroupPermissions: "rw",
		})
	}
	seen := map[string]bool{}
	for _, l := range binds {
		if !seen[l.Target] {
			host.Mounts = append(host.Mounts, mount.Mount{
				Type: mount.TypeBind, Source: l.Source, Target: l.Target, ReadOnly: !l.Writable,
			})
		}
		seen[l.Target] = true
	}
	return client.ContainerCreateOptions{
		HostConfig: host,
		Config: &container.Config{
			Image: containerImage, Hostname: "lab", User: "0:0",
			Entrypoint: []string{helperPath, containerInit},
			OpenStdin:  true, StdinOnce: true, AttachStdin: true, AttachStdout: true,
			AttachStderr: true,
			Labels:       map[string]string{containerLabel: "true"},
		},
	}, nil
}

func (b *Container) helper() (string, error) {
	if b.Helper != "" || runtime.GOOS != "linux" {
		return filepath.Abs(b.Helper)
	}
	return os.Executable()
}

func ulimit(name string, n int64) *container.Ulimit {
	return &container.Ulimit{Name: name, Soft: n, Hard: n}
}

// session is the conversation with the first process of a container.
type session struct {
	*yamux.Session
	complaints *capped // what the process says where nobody asked
	text       *strings.Builder
}

func newSession(conn client.HijackedResponse) (*session, error) {
	r, w := io.Pipe()
	s := &session{text: new(strings.Builder)}
	s.complaints = &capped{w: s.text, n: 4 << 10}
	go func() {
		stdcopy.StdCopy(w, s.complaints, conn.Reader)
		s.complaints.flush()
		w.Close()
	}()
	hangUp := func() error { return errors.Join(conn.Conn.Close(), r.Close()) }
	mux, err := yamux.Client(wire{r, conn.Conn, hangUp}, muxConfig())
	s.Session = mux
	return s, err
}

// wire makes one connection of two directions.
type wire struct {
	io.Reader
	io.Writer
	close func() error
}

func (w wire) Close() error { return w.close() }

// muxConfig leaves time limits to those who know what is waited for.
func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive, c.LogOutput = false, io.Discard
	c.ConnectionWriteTimeout, c.StreamOpenTimeout = time.Hour, 0
	return c
}

// run has the command run, serves it, and waits for its end.
func (s *session) run(ctx context.Context, c Command) (Exit, error) {
	var streams [3]*yamux.Stream
	for i := range streams {
		stream, err := s.OpenStream()
		if err != nil {
			return Exit{}, s.lost("set up a container", err)
		}
		streams[i] = stream
	}
	o := order{Args: c.Args, Env: c.Env, Dir: "/tmp", Stdin: c.Stdin, ReportFD: firstExtra,
		Timeout: c.Timeout, Grace: c.Grace}
	if c.Report != nil {
		o.ReportFD = PrepareReport(c.Report)
	}
	for _, b := range c.Bridges {
		o.Listen = append(o.Listen, b.Inside)
	}
	if err := json.NewEncoder(streams[0]).Encode(o); err != nil {
		return Exit{}, s.lost("set up a container", err)
	}
	out := &capped{w: c.Output, n: c.MaxOutput}
	var copies sync.WaitGroup
	copies.Go(func() { io.Copy(out, streams[1]) })
	copies.Go(func() {
		if c.Report != nil {
			io.Copy(c.Report, streams[2])
		}
		io.Copy(io.Discard, streams[2])
	})
	bridging, stop := context.WithCancel(ctx)
	defer stop()
	go s.serveBridges(bridging, c.Bridges)

	exit, err := s.await(ctx, json.NewDecoder(streams[0]), c.Timeout+c.Grace)
	finished := make(chan struct{})
	go func() { copies.Wait(); close(finished) }()
	if err == nil {
		select { // nothing is left inside that could write
		case <-finished:
		case <-time.After(endPatience):
		}
	}
	s.Close()
	select {
	case <-finished:
	case <-time.After(endPatience):
		return exit, errors.Join(err, fmt.Errorf("keep the output of %s: nobody takes it", c.Path))
	}
	if err != nil {
		return exit, err
	}
	if err := out.flush(); err != nil {
		return exit, fmt.Errorf("keep the output of %s: %w", c.Path, err)
	}
	return exit, ctx.Err()
}

// await returns how the command ended. limit is what it may take once it has been started; the
// first process keeps the time, and is not waited for if it does not.
func (s *session) await(ctx context.Context, in *json.Decoder, limit time.Duration) (Exit, error) {
	type answer struct {
		news
		err error
	}
	answers := make(chan answer)
	go func() {
		for {
			var a answer
			a.err = in.Decode(&a.news)
			select {
			case answers <- a:
			case <-s.CloseChan():
				return
			}
			if a.err != nil {
				return
			}
		}
	}()
	doing, patience := "set up a container", time.NewTimer(startPatience)
	defer patience.Stop()
	for started := false; ; started = true {
		select {
		case <-ctx.Done():
			return Exit{Code: -1, Signal: "killed"}, ctx.Err()
		case <-patience.C:
			if started {
				return Exit{Code: -1, Signal: "killed", TimedOut: true, Wall: limit}, nil
			}
			return Exit{}, errors.New("set up a container: it does not answer")
		case a := <-answers:
			switch {
			case a.err != nil:
				return Exit{}, s.lost(doing, a.err)
			case a.Err != "":
				return Exit{}, fmt.Errorf("%s: %s", doing, a.Err)
			case a.Exit != nil:
				return *a.Exit, nil
			}
		}
		doing = "run in a container"
		patience.Reset(limit + startPatience)
	}
}

// lost says what the first process said before it was gone.
func (s *session) lost(doing string, err error) error {
	s.Close()
	if text := strings.TrimSpace(s.text.String()); text != "" {
		err = errors.New(text)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// serveBridges connects whoever connects inside with what is dialled outside.
func (s *session) serveBridges(ctx context.Context, bridges []Bridge) {
	for {
		in, err := s.AcceptStream()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			var which [1]byte
			if _, err := io.ReadFull(in, which[:]); err != nil || int(which[0]) >= len(bridges) {
				return
			}
			out, err := bridges[which[0]].Dial(ctx)
			if err != nil {
				return
			}
			defer context.AfterFunc(ctx, func() { out.Close() })()
			join(in, out)
		}()
	}
}

// join copies in both directions until both are at their end, and closes both.
func join(stream *yamux.Stream, conn net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(conn, stream)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
		} else {
			conn.Close()
		}
	})
	wg.Go(func() {
		io.Copy(stream, conn)
		stream.Close() // for writing
	})
	wg.Wait()
	conn.Close()
}

// remove kills the container and waits until the engine has removed it.
func (e *engine) remove(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		_, err := e.cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true,
			RemoveVolumes: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		select { // a conflict: the engine is at it
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
