// Package proc runs a program of a lab as a real child process: for what only a process has, such
// as signals, an exit code and an environment.
//
// Where a check runs there is no go command, so the child is the test binary itself. The lab's test
// file says which program it becomes:
//
//	func init() { proc.Handle("server", shutdown.Program) }
//
//	func TestSignal(t *testing.T) {
//		p := proc.Start(t, "server", proc.Options{Env: []string{"ADDR=127.0.0.1:0"}})
//		addr := p.WaitLine("listening on ")
//		p.Signal(syscall.SIGTERM)
//		…
//	}
//
// All of it is in real time: nothing of it belongs into a bubble.
package proc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
)

// What the environment of a child says.
const (
	programVar = "LABS_PROC"         // the program that it is
	variantVar = "LABS_PROC_VARIANT" // the variant whose program, where the binary has a family
	tiedVar    = "LABS_PROC_TIED"    // set: the end of its standard input is the end of its parent
)

// orphaned is the exit code of a child whose parent is gone.
const orphaned = 3

// patience is how long WaitLine waits for what takes milliseconds on an idle machine. It is less
// than a check has.
const patience = 10 * time.Second

// Handle runs the program and exits with its result, if this process has been started to be it;
// otherwise it does nothing. Call it in an init function of the test file.
func Handle(name string, program func() int) {
	if os.Getenv(programVar) != name || !ours(os.Getenv(variantVar)) {
		return
	}
	if os.Getenv(tiedVar) != "" {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(orphaned)
		}()
	}
	os.Exit(program())
}

// ours reports whether Handle is called, by way of other packages of the kit or not, by a variant.
// In a family each has an import path of its own, with the variant's name in it, and all of them
// register a program of one name.
func ours(variant string) bool {
	if variant == "" {
		return true
	}
	var callers [16]uintptr
	for frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])]); ; {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "/"+variant+"/") {
			return true
		}
		if !more {
			return false
		}
	}
}

// variant is the one that this process is of, "" where the binary has only one.
func variant() string {
	if v := os.Getenv(variantVar); v != "" { // a program that starts another
		return v
	}
	request, _ := account.Current()
	return request.Variant
}

// Options are what a child gets.
type Options struct {
	// Env is its environment, as in os.Environ. It inherits nothing but what the system needs.
	Env []string

	// Stdin is all of its standard input. Empty: an input on which nothing comes, and that ends the
	// child when the test process dies.
	Stdin string
}

// Proc is a child process.
type Proc struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	ended  chan struct{}
	exit   Exit // once ended is closed
}

// Exit is how a process ended.
type Exit struct {
	Code   int       // -1: it was killed by a signal
	At     time.Time // when its parent learnt of it
	Status string    // in words: "exit status 1", "signal: terminated"
}

// Signaled reports whether a signal killed the process.
func (e Exit) Signaled() bool { return e.Code == -1 }

// self is this test binary. It is found out before anything can change the working directory;
// /proc, which os.Executable needs, is not there in a sandbox.
var self = func() string {
	if path := os.Args[0]; strings.ContainsRune(path, filepath.Separator) {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
	}
	path, _ := os.Executable()
	return path
}()

// Start starts this binary as the named program. The child is killed when the test ends.
func Start(t testing.TB, name string, o Options) *Proc {
	t.Helper()
	p := &Proc{t: t, name: name, cmd: exec.Command(self), stdout: newOutput(), stderr: newOutput(),
		ended: make(chan struct{})}
	p.cmd.Env = append(system(), programVar+"="+name)
	if v := variant(); v != "" {
		p.cmd.Env = append(p.cmd.Env, variantVar+"="+v)
	}
	p.cmd.Env = append(p.cmd.Env, o.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.WaitDelay = time.Second // should it leave children that hold its output
	if o.Stdin != "" {
		p.cmd.Stdin = strings.NewReader(o.Stdin)
	} else {
		p.cmd.Env = append(p.cmd.Env, tiedVar+"=1")
		tie, err := p.cmd.StdinPipe()
		if err != nil {
			t.Fatalf("start %s: %v", name, err)
		}
		t.Cleanup(func() { tie.Close() })
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait()
		p.exit = Exit{Code: p.cmd.ProcessState.ExitCode(), At: time.Now(),
			Status: p.cmd.ProcessState.String()}
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// system are the variables that a process may need to run at all. GORACE keeps a program that was
// built with -race from sleeping a second when it exits.
func system() []string {
	env := []string{"GORACE=" + strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0")}
	for _, name := range []string{"TMPDIR", "SystemRoot", "TEMP", "TMP"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// WaitLine waits until the program has printed a line that begins with prefix, and returns the rest
// of that line. Lines are handed out once, in order. The test ends if the program does first, or is
// silent for too long.
func (p *Proc) WaitLine(prefix string) string {
	p.t.Helper()
	timeout := time.After(patience)
	ended := false
	for {
		line, ok, more := p.stdout.next(prefix)
		if ok {
			return strings.TrimPrefix(line, prefix)
		}
		if ended {
			p.t.Fatalf("the program %q ended (%s) before it printed a line that begins with %q. %s",
				p.name, p.exit.Status, prefix, p.Output())
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true // one more look: all of its output has been read
		case <-timeout:
			p.t.Fatalf("the program %q printed no line that begins with %q within %v. %s", p.name,
				prefix, patience, p.Output())
		}
	}
}

// Signal sends a signal. On Windows, which has no signals, the test is skipped. It is no error if
// the program has ended.
func (p *Proc) Signal(sig os.Signal) {
	p.t.Helper()
	if runtime.GOOS == "windows" && sig != os.Kill {
		p.t.Skip("not judged here: Windows has no signals; run this check on Linux or macOS, or " +
			"in WSL")
	}
	if err := p.cmd.Process.Signal(sig); err != nil && err != os.ErrProcessDone {
		p.t.Fatalf("signal %v to %s: %v", sig, p.name, err)
	}
}

// Wait waits that long for the program to end. It reports false if it is still running.
func (p *Proc) Wait(timeout time.Duration) (Exit, bool) {
	select {
	case <-p.ended:
		return p.exit, true
	default:
	}
	select {
	case <-p.ended:
		return p.exit, true
	case <-time.After(timeout):
		return Exit{}, false
	}
}

// Output is what the program has printed so far, for a message.
func (p *Proc) Output() string {
	return fmt.Sprintf("Its output: %q; its error output: %q", p.stdout, p.stderr)
}

// Stderr is the program's error output so far.
func (p *Proc) Stderr() string { return p.stderr.String() }

// output keeps what a program prints.
type output struct {
	mu   sync.Mutex
	all  bytes.Buffer
	rest []byte        // what WaitLine has not seen yet
	more chan struct{} // closed when something is added
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(b)
	o.rest = append(o.rest, b...)
	close(o.more)
	o.more = make(chan struct{})
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// next takes whole lines until it finds one with the prefix. If there is none, more tells when to
// look again.
func (o *output) next(prefix string) (line string, ok bool, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		b, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return "", false, o.more
		}
		o.rest = rest
		if line := strings.TrimSuffix(string(b), "\r"); strings.HasPrefix(line, prefix) {
			return line, true, nil
		}
	}
}
