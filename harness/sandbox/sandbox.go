// Package sandbox runs one process within limits, and ends it with all that it started.
package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Command is a process to run.
type Command struct {
	Path  string // of the executable, absolute
	Args  []string
	Env   []string // the whole environment
	Dir   string   // the working directory
	Stdin []byte

	// Output receives standard output and standard error. If they are longer than MaxOutput, it
	// gets their beginning and, when the process has ended, their end, so many bytes in all; what
	// is between is read and dropped, so that the process never blocks on it.
	Output    io.Writer
	MaxOutput int64

	// Report, if not nil, is the write end of a pipe that the process inherits under the descriptor
	// (on Windows: the handle) that PrepareReport returned. Run closes it.
	Report *os.File

	// Timeout is the wall time after which the process is asked for its stacks and then killed.
	// Grace is how long the printing of the stacks may take.
	Timeout time.Duration
	Grace   time.Duration

	// What follows is for a sandbox that isolates; None takes no notice of it.

	// Binds are the files and folders of this machine that the process sees besides the
	// executable's own file.
	Binds []Bind
	// Bridges are the addresses that answer inside, each a TCP address on the sandbox's own
	// loopback interface, and what is dialled for them outside.
	Bridges []Bridge
	Limits  Limits
	// KeepUser leaves the process the user id of whoever starts it, without any capability. It is
	// for the trusted toolchain, which owns its cache; what it compiles is not trusted, and not
	// run.
	KeepUser bool
}

// inside is where the command's executable lies in a sandbox. What is bound keeps its path, so no
// course may live below a folder of this name.
const inside = "/.labs-command"

// Bind makes a file or folder visible inside.
type Bind struct {
	Source, Target string // absolute
	Writable       bool
	// Scratch lets the process write, and forgets what it has written: the source is not changed.
	Scratch bool
}

// Bridge is a way out of a sandbox without network: whoever connects to Inside talks to what Dial
// gives.
type Bridge struct {
	Inside string // host:port, the host a loopback address
	Dial   func(ctx context.Context) (net.Conn, error)
	// Direct says that Dial dials Inside, which is on this machine's own loopback interface.
	Direct bool
}

// NoBridge says that a sandbox has no way to a backend by which nothing else can be reached.
type NoBridge struct{ Sandbox string }

func (e *NoBridge) Error() string {
	return "the sandbox " + e.Sandbox + " cannot keep a backend apart that is not on the loopback " +
		"interface of this machine; use --backend local or embedded, or grade this lab where " +
		"there are namespaces or a Docker engine"
}

// Limits bound what a process and all its children may use together. Zero means the default of
// [DefaultLimits].
type Limits struct {
	Memory    int64 // bytes
	Processes int   // and threads
	FileSize  int64 // bytes a file
	Scratch   int64 // bytes in all that is writable
	Files     int   // open at once
}

// environFile shows a process its environment. There is no /proc in a sandbox, but the race detector's
// runtime looks for GORACE there and nowhere else: without it, it would not end the process at the
// first race.
const environFile = "/proc/self/environ"

// DefaultLimits are those of a check. Files bounds what the kernel keeps for it as well: see the
// buffers of sockets.
var DefaultLimits = Limits{Memory: 1 << 30, Processes: 512, FileSize: 64 << 20, Scratch: 128 << 20,
	Files: 256}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	return Limits{
		Memory: cmp.Or(l.Memory, d.Memory), Processes: cmp.Or(l.Processes, d.Processes),
		FileSize: cmp.Or(l.FileSize, d.FileSize),
		Scratch:  cmp.Or(l.Scratch, d.Scratch), Files: cmp.Or(l.Files, d.Files),
	}
}

// Exit is how a process ended.
type Exit struct {
	Code     int    // the exit code, or -1 after a signal
	Signal   string // the name of the signal that ended it, or ""
	TimedOut bool   // Timeout had passed
	// OutOfMemory says that the kernel killed something because the memory limit was reached.
	OutOfMemory bool
	Wall        time.Duration
}

// Sandbox runs processes. An error of Run means that the process could not be run at all, which is
// never the fault of what is run; it wraps ctx's error where ctx ended.
type Sandbox interface {
	// Name is none, ns, container or landlock.
	Name() string
	// Run starts the command, waits for its end, and returns when nothing of what it started is
	// left.
	Run(ctx context.Context, c Command) (Exit, error)
}

// capped passes on the beginning of what is written to it and, when it is flushed, the end: n bytes
// in all. The end is where a panic or the stacks stand.
type capped struct {
	w       io.Writer
	n       int64
	written int64  // of the beginning
	end     []byte // what came after the beginning, or the last of it
	dropped int64
}

// noteSize is what the line between the beginning and the end may take.
const noteSize = 64

func (c *capped) endSize() int { return int(c.n / 4) }

func (c *capped) Write(p []byte) (int, error) {
	head := min(int64(len(p)), max(0, c.n-int64(c.endSize())-noteSize-c.written))
	if head > 0 {
		c.written += head
		if _, err := c.w.Write(p[:head]); err != nil {
			return 0, err
		}
	}
	c.end = append(c.end, p[head:]...)
	if len(c.end) > 2*c.endSize() {
		c.trim()
	}
	return len(p), nil
}

// trim forgets all but the last bytes of the end.
func (c *capped) trim() {
	if excess := len(c.end) - c.endSize(); excess > 0 {
		c.dropped += int64(excess)
		c.end = c.end[:copy(c.end, c.end[excess:])]
	}
}

func (c *capped) flush() error {
	if c.written+c.dropped+int64(len(c.end)) > c.n {
		c.trim()
	}
	if c.dropped > 0 {
		fmt.Fprintf(c.w, "\n[%d bytes of output left out]\n", c.dropped)
	}
	_, err := c.w.Write(c.end)
	return err
}
