package sandbox_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// probes are what a sandboxed process tries: this test binary, started with the name of one in
// PROBE. Each prints what it achieved, or "refused".
var probes = map[string]func() string{
	"hello": func() string {
		wd, _ := os.Getwd()
		return fmt.Sprintf("pid %d in %s", os.Getpid(), wd)
	},
	"uid": func() string { return fmt.Sprint(os.Getuid() >= 0) },
	"list root": func() string {
		entries, err := os.ReadDir("/")
		if err != nil {
			return outcome(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return fmt.Sprint(names, err)
	},
	"environ": func() string {
		got, err := os.ReadFile("/proc/self/environ")
		same := string(got) == strings.Join(os.Environ(), "\x00")+"\x00"
		return fmt.Sprint(same, err, " ", outcome(os.WriteFile("/proc/self/environ", nil, 0o644)))
	},
	"proc":   func() string { return outcome(readable("/proc/1/status")) },
	"passwd": func() string { return outcome(readable("/etc/passwd")) },
	"read bound": func() string {
		data, err := os.ReadFile(os.Getenv("BOUND"))
		return fmt.Sprint(string(data), err)
	},
	"write bound": func() string { return outcome(os.WriteFile(os.Getenv("BOUND"), nil, 0o644)) },
	"write root":  func() string { return outcome(os.WriteFile("/x", nil, 0o644)) },
	"write self":  func() string { return outcome(os.WriteFile(os.Args[0], []byte("x"), 0o755)) },
	"write tmp":   func() string { return outcome(os.WriteFile(inTmp("x"), []byte("x"), 0o644)) },
	"fill tmp":    func() string { return outcome(fill(inTmp("big"))) },
	"fill memory": func() string { return fillMemory() },
	"dial out":    func() string { return outcome(dial("tcp", "192.0.2.1:80")) },
	"vsock":       func() string { return outcome(socket(unix.AF_VSOCK, unix.SOCK_STREAM)) },
	"unix":        func() string { return outcome(socket(unix.AF_UNIX, unix.SOCK_STREAM)) },
	"pair": func() string {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return outcome(err)
	},
	"hoard":   hoard,
	"netlink": func() string { return outcome(socket(unix.AF_NETLINK, unix.SOCK_RAW)) },
	"bridge": func() string {
		c, err := net.Dial("tcp", cmp.Or(os.Getenv("BRIDGE"), "127.0.0.1:6379"))
		if err != nil {
			return err.Error()
		}
		fmt.Fprintln(c, "ping")
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		return fmt.Sprint(string(buf[:n]), err)
	},
	"unshare more than descriptors": func() string {
		return outcome(unix.Unshare(unix.CLONE_FILES | unix.CLONE_FS))
	},
	"own loopback": func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return outcome(err)
		}
		return outcome(dial("tcp", l.Addr().String()))
	},
	"mount":   func() string { return outcome(unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "")) },
	"unshare": func() string { return outcome(unix.Unshare(unix.CLONE_NEWUSER)) },
	"ptrace":  func() string { return outcome(unix.PtraceAttach(1)) },
	"setuid":  func() string { return outcome(syscall.Setuid(0)) },
	"fork bomb": func() string {
		started := 0
		for range 10_000 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = []string{"PROBE=sleep"}
			if cmd.Start() != nil {
				return fmt.Sprintf("refused after fewer than 600: %v", started < 600)
			}
			started++
		}
		return "10000 started"
	},
	"daemon": func() string {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"PROBE=linger"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return outcome(cmd.Start())
	},
	"sleep":  func() string { time.Sleep(time.Hour); return "" },
	"linger": func() string { time.Sleep(time.Hour); return "" },
	"loop": func() string {
		for n := 0; n >= 0; n ^= 1 {
		}
		return ""
	},
	"spin": func() string {
		for range 30 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = []string{"PROBE=loop"}
			cmd.Start()
		}
		for range 200 {
			go func() {
				for n := 0; n >= 0; n ^= 1 {
				}
			}()
		}
		select {}
	},
	"work": func() string {
		begin, sum := time.Now(), [32]byte{}
		for range 1_000_000 {
			sum = sha256.Sum256(sum[:])
		}
		return fmt.Sprint(int64(time.Since(begin)))
	},
}

// inTmp is a path in the folder that a process may write to.
func inTmp(name string) string { return filepath.Join(os.TempDir(), name) }

// startProbe starts one that goes on beside this one.
func startProbe(name string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"PROBE=" + name}
	return cmd.Start()
}

func outcome(err error) string {
	if err != nil {
		return "refused"
	}
	return "achieved"
}

func readable(path string) error { _, err := os.ReadFile(path); return err }

func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, 2*time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

func socket(family, kind int) error {
	fd, err := unix.Socket(family, kind, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for range 1000 {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return nil
}

// hoard has the kernel keep as much as it takes in connections that nobody reads from.
func hoard() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return outcome(err)
	}
	kept, block := 0, make([]byte, 1<<20)
	for range 200 {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			break // so many connections wait, or are open
		}
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, _ := c.Write(block)
		kept += n
	}
	return fmt.Sprintf("refused beyond 48 MiB: %v", kept <= 48<<20)
}

func fillMemory() string {
	var all [][]byte
	for range 10_000 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	return fmt.Sprint("achieved ", len(all))
}

func TestMain(m *testing.M) {
	sandbox.Init()
	if name := os.Getenv("PROBE"); name != "" {
		fmt.Print(probes[name]())
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "probes-")
	if err != nil {
		panic(err)
	}
	probeDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// probeBinary is this package's test binary without the race detector, whose runtime needs /proc
// and much memory.
func probeBinary(t *testing.T) string {
	t.Helper()
	path, err := buildProbes()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var probeDir string

var buildProbes = sync.OnceValues(func() (string, error) {
	path := filepath.Join(probeDir, "probes.test")
	if out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the probes: %w\n%s", err, out)
	}
	return path, nil
})

func probe(t *testing.T, name string, change func(*sandbox.Command)) (string, sandbox.Exit) {
	t.Helper()
	var out bytes.Buffer
	c := sandbox.Command{Path: probeBinary(t), Env: []string{"PROBE=" + name}, Output: &out,
		MaxOutput: 1 << 20, Timeout: 20 * time.Second, Grace: time.Second}
	if change != nil {
		change(&c)
	}
	ns := &sandbox.NS{}
	exit, err := ns.Run(context.Background(), c)
	if err != nil {
		t.Fatalf("the sandbox did not start: %v", err)
	}
	return out.String(), exit
}

func TestNS_Holds(t *testing.T) {
	t.Parallel()
	conforms(t, oneByOne(&sandbox.NS{}), map[string]string{
		"hello":                  "pid 1 in /tmp",
		"kill the first process": "", // that it is itself
		"execute in tmp":         "", // it may: nothing is there that it could not do itself
		"setuid":                 "", // to what it is there, where an ordinary user grades
	})
}

// What is bound is seen at its place, whatever the place is called and in whatever order the binds
// come.
func TestNS_Binds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a,b:c")
	if err := os.MkdirAll(filepath.Join(dir, "main"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "main", "go.mod")
	if err := os.WriteFile(file, []byte("module"), 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/check/main", "/.labs/main", "/tmp/main", "/home/u/main",
		"/init/main", "/box/main", dir + "/main"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			bound := func(scratch bool) func(*sandbox.Command) {
				return func(c *sandbox.Command) {
					c.Env = append(c.Env, "BOUND="+target+"/go.mod")
					c.Binds = []sandbox.Bind{{Source: file, Target: target + "/go.mod"},
						{Source: empty, Target: target}}
					if scratch {
						c.Binds = []sandbox.Bind{{Source: filepath.Dir(file), Target: target,
							Scratch: true}}
						c.KeepUser = true
					}
				}
			}
			if got, _ := probe(t, "read bound", bound(false)); got != "module<nil>" {
				t.Errorf("bound below a folder that is bound after it: %s", got)
			}
			if got, _ := probe(t, "write bound", bound(false)); got != "refused" {
				t.Errorf("write a file that is bound: %s", got)
			}
			if got, _ := probe(t, "write bound", bound(true)); got != "achieved" {
				t.Errorf("write a copy of what is bound: %s", got)
			}
			if data, err := os.ReadFile(file); string(data) != "module" {
				t.Errorf("the file outside is %q, %v now", data, err)
			}
		})
	}
}

func TestNS_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	got, exit := probe(t, "fill memory", func(c *sandbox.Command) { c.Limits.Memory = 200 << 20 })
	if strings.Contains(got, "achieved") || exit.Code == 0 {
		t.Errorf("got %q, %+v; want it to be ended", got[:min(len(got), 200)], exit)
	}
}

func TestNS_TimeIsBounded(t *testing.T) {
	t.Parallel()
	got, exit := probe(t, "loop", func(c *sandbox.Command) { c.Timeout = 300 * time.Millisecond })
	if !exit.TimedOut || !strings.Contains(got, "goroutine 1") {
		t.Errorf("got %+v and %q; want a timeout and the stacks", exit, got[:min(len(got), 300)])
	}
}

func TestNS_NothingOutlivesIt(t *testing.T) {
	t.Parallel()
	before := time.Now()
	if got, _ := probe(t, "daemon", nil); got != "achieved" {
		t.Fatalf("the daemon did not start: %q", got)
	}
	leftSince(t, before)
}

// bridged gives a command a bridge to a server that answers each connection once.
func bridged(t *testing.T) func(*sandbox.Command) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 100)
			n, _ := c.Read(buf)
			fmt.Fprint(c, "pong for "+strings.TrimSpace(string(buf[:n])))
			c.Close()
		}
	}()
	return func(c *sandbox.Command) {
		c.Bridges = []sandbox.Bridge{{Inside: "127.0.0.1:6379",
			Dial: func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
			}}}
	}
}

func TestNS_Bridge(t *testing.T) {
	t.Parallel()
	got, _ := probe(t, "bridge", bridged(t))
	if want := "pong for ping<nil>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
