package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// landlocked is the sandbox, if the kernel has it.
func landlocked(t *testing.T) sandbox.Sandbox {
	t.Helper()
	secret, err := filepath.Abs("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.ForGrading(t.Context(), "landlock", secret)
	if err != nil && !strings.Contains(os.Getenv("LABS_TEST_REQUIRE"), "landlock") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestLandlock_Holds(t *testing.T) {
	t.Parallel()
	differs := map[string]string{
		"listen on a port of another":  "refused",
		"leave the loopback interface": "refused",
		"choose other ports":           "refused",
		"list root":                    "refused",
		"signal its parent":            "refused",
		"file without name":            "refused",
		"memory as a file":             "refused",
		"remove a file":                "refused",
		"leave the group":              "refused",
		"change modes":                 "refused",
		"limit another":                "refused",
		"shared memory":                "refused",
		"daemon":                       "refused",
		"resolver of a host":           "refused",
	}
	if os.Getuid() != 0 { // it is ended for it
		differs["fork bomb"] = ""
	}
	conforms(t, oneByOne(landlocked(t)), differs)
}

func TestLandlock_Probe(t *testing.T) {
	t.Parallel()
	allHold(t, landlocked(t))
}

func TestLandlock_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	for _, probe := range []string{"fill memory", "have children fill memory"} {
		got, exit := probeIn(t, landlocked(t), probe,
			func(c *sandbox.Command) { c.Limits.Memory = 200 << 20 })
		if strings.Contains(got, "achieved") || exit.Code == 0 {
			t.Errorf("%s: got %q, %+v; want it to be ended", probe, got[:min(len(got), 200)], exit)
		}
	}
}

func TestLandlock_FolderIsBounded(t *testing.T) {
	t.Parallel()
	for _, probe := range []string{"fill tmp with files", "fill tmp with names"} {
		got, exit := probeIn(t, landlocked(t), probe, nil)
		if strings.Contains(got, "achieved") || exit.Signal != "killed" || exit.OutOfMemory ||
			exit.TimedOut {
			t.Errorf("%s: got %q, %+v; want it to be ended", probe, got[:min(len(got), 200)], exit)
		}
	}
}

func TestLandlock_TimeIsBounded(t *testing.T) {
	t.Parallel()
	got, exit := probeIn(t, landlocked(t), "loop",
		func(c *sandbox.Command) { c.Timeout = 300 * time.Millisecond })
	if !exit.TimedOut || !strings.Contains(got, "goroutine 1") {
		t.Errorf("got %+v and %q; want a timeout and the stacks", exit, got[:min(len(got), 300)])
	}
}

func TestLandlock_NothingOutlivesIt(t *testing.T) {
	t.Parallel()
	before := time.Now()
	if got, _ := probeIn(t, landlocked(t), "child", nil); got != "achieved" {
		t.Fatalf("the child did not start: %q", got)
	}
	leftSince(t, before)
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "labs-landlock_*"))
	left = slices.DeleteFunc(left, func(dir string) bool { // those of the tests beside this one
		info, err := os.Stat(filepath.Join(dir, "tmp"))
		return err != nil || time.Since(info.ModTime()) < time.Minute
	})
	if len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

func TestLandlock_Backends(t *testing.T) {
	t.Parallel()
	box := landlocked(t)
	var c sandbox.Command
	bridged(t)(&c)
	got, _ := probeIn(t, box, "bridge", func(to *sandbox.Command) {
		conn, err := c.Bridges[0].Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		b := sandbox.Bridge{Inside: conn.RemoteAddr().String(), Direct: true}
		to.Bridges, to.Env = []sandbox.Bridge{b}, append(to.Env, "BRIDGE="+b.Inside)
	})
	if want := "pong for ping<nil>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	elsewhere := probeCommand(t, "bridge", nil)
	elsewhere.Bridges = c.Bridges
	if _, err := box.Run(t.Context(), elsewhere); err == nil ||
		!strings.Contains(err.Error(), "cannot keep a backend apart") {
		t.Errorf("got %v, want that this backend cannot be kept apart", err)
	}
}

// TestLandlock_PortsOfOthers has somebody listen whom a check must not reach.
func TestLandlock_PortsOfOthers(t *testing.T) {
	t.Parallel()
	box := landlocked(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, probe := range []string{"connect to a port of another", "connect in passing"} {
		got, _ := probeIn(t, box, probe, func(c *sandbox.Command) {
			c.Env = append(c.Env, "OTHER="+l.Addr().String())
		})
		if got != "refused" {
			t.Errorf("%s: got %q", probe, got)
		}
	}
}

// TestLandlock_SignalsWhileItAsks interrupts whoever hands sockets over, as the runtime's own signals
// do at any time.
func TestLandlock_SignalsWhileItAsks(t *testing.T) {
	t.Parallel()
	box := landlocked(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Microsecond):
			}
			threads, _ := os.ReadDir("/proc/self/task")
			for _, thread := range threads {
				if id, err := strconv.Atoi(thread.Name()); err == nil {
					unix.Tgkill(os.Getpid(), id, unix.SIGURG)
				}
			}
		}
	})
	got, _ := probeIn(t, box, "many sockets", nil)
	close(done)
	wg.Wait()
	if got != "20000 sockets" {
		t.Errorf("got %q", got)
	}
}

func TestLandlock_Caveats(t *testing.T) {
	t.Parallel()
	said := strings.Join(sandbox.Caveats(landlocked(t)), "\n")
	if same := strings.Contains(said, "have the user"); same == (os.Getuid() == 0) ||
		!strings.Contains(said, "promises less") {
		t.Errorf("got %q", said)
	}
	if more := sandbox.Caveats(&sandbox.NS{}); more != nil {
		t.Errorf("got %q of ns, want nothing", more)
	}
}

// init adds what is tried only where there are no namespaces.
func init() {
	probes["connect to a port of another"] = func() string {
		return outcome(dial("tcp", os.Getenv("OTHER")))
	}
	probes["many sockets"] = func() string {
		const all = 20000
		for i := range all {
			s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Sprintf("%d sockets, then %v", i, err)
			}
			if _, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
				return fmt.Sprintf("%d sockets, then the descriptor %d: %v", i, s, err)
			}
			unix.Close(s)
		}
		return fmt.Sprint(all, " sockets")
	}
	probes["connect in passing"] = func() string {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err.Error()
		}
		to, _ := net.ResolveTCPAddr("tcp", os.Getenv("OTHER"))
		return outcome(unix.Sendto(s, []byte("x"), unix.MSG_FASTOPEN,
			&unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}))
	}
	probes["listen on a port of another"] = func() string {
		l, err := net.Listen("tcp", "127.0.0.1:1433")
		if err == nil {
			l.Close()
		}
		return outcome(err)
	}
	probes["leave the loopback interface"] = func() string {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err.Error()
		}
		return outcome(unix.BindToDevice(s, ""))
	}
	probes["choose other ports"] = func() string {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err.Error()
		}
		const level = 1 << 32 // the kernel takes 32 bits of it
		_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(s), level, 51,
			uintptr(unsafe.Pointer(new(uint32))), 4, 0)
		if errno == 0 || unix.SetsockoptInt(s, unix.IPPROTO_IP, 51, 0) == nil {
			return "achieved"
		}
		return "refused"
	}
	probes["file without name"] = func() string {
		_, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_RDWR, 0o600)
		return outcome(err)
	}
	probes["memory as a file"] = func() string {
		_, err := unix.MemfdCreate("x", 0)
		return outcome(err)
	}
	probes["remove a file"] = func() string {
		if err := os.WriteFile(inTmp("y"), nil, 0o600); err != nil {
			return err.Error()
		}
		return outcome(os.Remove(inTmp("y")))
	}
	probes["leave the group"] = func() string { return outcome(syscall.Setpgid(0, 0)) }
	probes["change modes"] = func() string { return outcome(os.Chmod(os.TempDir(), 0o777)) }
	probes["limit another"] = func() string {
		return outcome(unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil))
	}
	probes["shared memory"] = func() string {
		_, err := unix.SysvShmGet(1, 4096, unix.IPC_CREAT|0o600)
		return outcome(err)
	}
	probes["resolver of a host"] = func() string { return outcome(dial("udp", "127.0.0.53:53")) }
	probes["signal its parent"] = func() string { return outcome(syscall.Kill(os.Getppid(), 0)) }
	probes["child"] = func() string {
		return outcome(startProbe("linger"))
	}
	probes["have children fill memory"] = func() string {
		for range 4 {
			if err := startProbe("fill a little memory"); err != nil {
				return err.Error()
			}
		}
		time.Sleep(time.Hour)
		return "achieved"
	}
	probes["fill a little memory"] = func() string {
		kept := make([]byte, 80<<20)
		for i := 0; i < len(kept); i += 4096 {
			kept[i] = 1
		}
		time.Sleep(time.Hour)
		return string(kept[:1])
	}
	probes["fill tmp with files"] = func() string {
		for i := range 20 {
			fill(inTmp(string(rune('a' + i))))
		}
		time.Sleep(time.Hour)
		return "achieved"
	}
	probes["fill tmp with names"] = func() string {
		for i := range 1 << 18 {
			os.WriteFile(inTmp(strings.Repeat("n", i%200)+string(rune(i+256))), nil, 0o600)
		}
		time.Sleep(time.Hour)
		return "achieved"
	}
}
