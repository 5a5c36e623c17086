package sandbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

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
		// there is no network of one's own to have a loopback interface in
		"own loopback":       "refused",
		"hoard":              "refused",
		"list root":          "refused",
		"signal its parent":  "refused",
		"file without name":  "refused",
		"memory as a file":   "refused",
		"remove a file":      "refused",
		"leave the group":    "refused",
		"change modes":       "refused",
		"limit another":      "refused",
		"shared memory":      "refused",
		"daemon":             "refused",
		"resolver of a host": "refused",
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
		if strings.Contains(got, "achieved") || exit.Signal == "" || !exit.OutOfMemory {
			t.Errorf("%s: got %q, %+v; want it to be ended", probe, got[:min(len(got), 200)], exit)
		}
	}
}

func TestLandlock_FolderIsBounded(t *testing.T) {
	t.Parallel()
	for _, probe := range []string{"fill tmp with files", "fill tmp with names"} {
		got, exit := probeIn(t, landlocked(t), probe, nil)
		if strings.Contains(got, "achieved") || exit.Signal != "killed" || exit.OutOfMemory {
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

func TestLandlock_NoBackends(t *testing.T) {
	t.Parallel()
	box := landlocked(t)
	c := probeCommand(t, "bridge", nil)
	bridged(t)(&c)
	if _, err := box.Run(t.Context(), c); err == nil || err.Error() != sandbox.NoBridges(box) {
		t.Errorf("got %v, want that no backend can be kept apart", err)
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
