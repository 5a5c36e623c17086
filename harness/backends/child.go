package backends

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// child is a server that this process, or an earlier "labs up", has started.
type child struct {
	owner.Process
	dir  string         // its temporary folder
	log  string         // where its output goes
	dead chan struct{}  // closed when it has ended; nil if it is not this process's child
	quit syscall.Signal // asks it to end at once, and cleanly
}

// spawn says how to start a server.
type spawn struct {
	kind string // names the temporary folder and the kept log: "redis", "postgres"
	argv []string
	dir  string
	as   *user
	quit syscall.Signal
	// memory is the address space that each of its processes may take, and file how long a file
	// that they write may be, the log too: in bytes, where the system can limit that; 0 is no
	// limit.
	memory, file uint64
}

// starter runs functions on one operating system thread that lives as long as the process: Linux
// ends a child whose death signal is set when the thread that made it ends, and the threads of the
// Go runtime come and go.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func start(cmd *exec.Cmd) error {
	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	return <-started
}

// spawn starts a server. It is written down before anything can go wrong, and ends with this
// process unless the site is for "labs up".
func (st *site) spawn(s spawn) (*child, error) {
	logFile, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	argv := limited(s)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, logFile, logFile
	cmd.Env = []string{"PATH=" + st.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + s.dir}
	if isWindows {
		cmd.Env = os.Environ()
	}
	cmd.SysProcAttr = processAttributes(s.as, s.quit, st.up)
	if err := start(cmd); err != nil {
		return nil, err
	}
	c := &child{dir: s.dir, log: logFile.Name(), dead: make(chan struct{}), quit: s.quit}
	c.PID = cmd.Process.Pid
	c.Process = owner.Of(c.PID)
	go func() { cmd.Wait(); close(c.dead) }()
	if err := st.journal.add(entry{Process: &c.Process, Name: s.kind}); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// end asks the server to end, waits, and kills what does not listen.
func (c *child) end() {
	signalGroup(c.Process, c.quit)
	if !c.gone(5 * time.Second) {
		signalGroup(c.Process, syscall.SIGKILL)
		c.gone(5 * time.Second)
	}
}

func (c *child) gone(limit time.Duration) bool {
	if c.dead != nil {
		select {
		case <-c.dead:
			return true
		case <-time.After(limit):
			return false
		}
	}
	for end := time.Now().Add(limit); c.Alive(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// discard ends the server and removes its folder.
func (c *child) discard() {
	c.end()
	removeTemp(c.dir)
}

// output is the end of what the server has printed.
func (c *child) output() string {
	data, _ := os.ReadFile(c.log)
	return string(data[max(0, len(data)-4096):])
}

// keepLog copies the log of a server that failed to where it can be read after the temporary folder
// is gone.
func (st *site) keepLog(kind, log string) string {
	data, err := os.ReadFile(log)
	to := filepath.Join(st.logDir(), kind+".log")
	if err != nil || os.MkdirAll(st.logDir(), 0o755) != nil ||
		os.WriteFile(to, data, 0o644) != nil {
		return ""
	}
	return to
}

// programVersion is the first line of what the program prints when asked for its version.
func programVersion(path string) (string, error) {
	out, err := exec.Command(path, "--version").CombinedOutput()
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		return "", fmt.Errorf("%s --version: %w: %s", path, err, first)
	}
	return first, nil
}
