package sandbox_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// promises are what every sandbox keeps, by the name of the probe that tries it.
var promises = map[string]string{
	"uid":                           "true",
	"proc":                          "refused",
	"environ":                       "true <nil> refused",
	"passwd":                        "refused",
	"write root":                    "refused",
	"write self":                    "refused",
	"write tmp":                     "achieved",
	"fill tmp":                      "refused",
	"dial out":                      "refused",
	"vsock":                         "refused",
	"netlink":                       "refused",
	"unix":                          "refused",
	"pair":                          "refused",
	"hoard":                         "refused beyond 48 MiB: true",
	"own loopback":                  "achieved",
	"mount":                         "refused",
	"unshare":                       "refused",
	"unshare more than descriptors": "refused",
	"call another architecture":     "refused",
	"ptrace":                        "refused",
	"setuid":                        "refused",
	"chroot":                        "refused",
	"descriptors":                   "0 1 2 3",
	"kill the first process":        "refused",
	"execute in tmp":                "refused",
	"fork bomb":                     "refused after fewer than 600: true",
}

// conforms holds what was achieved against the promises, apart from where a sandbox differs: there
// "" says that it makes none.
func conforms(t *testing.T, try func(t *testing.T, names []string) map[string]string,
	differs map[string]string) {
	t.Helper()
	want := maps.Clone(promises)
	maps.Copy(want, differs)
	maps.DeleteFunc(want, func(_, result string) bool { return result == "" })
	names := slices.Sorted(maps.Keys(want))
	got := try(t, names)
	for _, name := range names {
		if got[name] != want[name] {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
}

// oneByOne tries each in a sandbox of its own.
func oneByOne(box sandbox.Sandbox) func(t *testing.T, names []string) map[string]string {
	return func(t *testing.T, names []string) map[string]string {
		t.Helper()
		got := map[string]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		slots := make(chan bool, 4)
		for _, name := range names {
			slots <- true
			wg.Go(func() {
				defer func() { <-slots }()
				text, exit := probeIn(t, box, name, func(c *sandbox.Command) {
					if name == "fork bomb" { // it is to be their number that ends it, and not their memory
						c.Limits.Memory = 16 << 30
					}
				})
				if text == "" {
					t.Logf("%s: no answer, %+v", name, exit)
				}
				mu.Lock()
				defer mu.Unlock()
				got[name] = text
			})
		}
		wg.Wait()
		return got
	}
}

// probeIn runs one of the probes.
func probeIn(t *testing.T, box sandbox.Sandbox, name string,
	change func(*sandbox.Command)) (string, sandbox.Exit) {
	t.Helper()
	var out bytes.Buffer
	c := probeCommand(t, name, &out)
	if change != nil {
		change(&c)
	}
	exit, err := box.Run(t.Context(), c)
	if err != nil {
		t.Errorf("%s: the sandbox did not start: %v", name, err)
	}
	return out.String(), exit
}

// allHold runs the probes that a grader begins with.
func allHold(t *testing.T, box sandbox.Sandbox) {
	t.Helper()
	secret, err := filepath.Abs("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found, err := sandbox.Probe(t.Context(), box, secret, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Errorf("got %d findings: %+v", len(found), found)
	}
	for _, f := range sandbox.Broken(found) {
		t.Errorf("a process inside can %s (%s)", f.Probe, f.Detail)
	}
}

// leftSince fails if a lingering probe is alive that was started since.
func leftSince(t *testing.T, before time.Time) {
	t.Helper()
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		env, _ := os.ReadFile(p)
		if strings.Contains(string(env), "PROBE=linger") {
			st, err := os.Stat(p)
			if err == nil && st.ModTime().After(before) {
				t.Errorf("%s is still there", p)
			}
		}
	}
}
