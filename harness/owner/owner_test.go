package owner_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// TestMain makes this binary also a process that makes a folder and waits until its input ends.
func TestMain(m *testing.M) {
	if parent := os.Getenv("OWNER_TEST_PARENT"); parent != "" {
		dir, err := owner.TempDir(parent, "check")
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(dir)
		os.Stdout.Close()
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestProcess(t *testing.T) {
	t.Parallel()
	self := owner.Self()
	if !self.Alive() || self.PID != os.Getpid() {
		t.Errorf("got %+v, alive: %v; want this process", self, self.Alive())
	}
	if back, ok := owner.Parse(self.String()); !ok || back != self {
		t.Errorf("%q is read as %+v, %v", self, back, ok)
	}
	before := self
	before.Start += "0"
	if before.Alive() {
		t.Error("an earlier process of the same id is taken for this one")
	}
	for _, bad := range []string{"", "12", "x-1", "-1-1", "0-1"} {
		if p, ok := owner.Parse(bad); ok {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	mine, err := owner.TempDir(parent, "check")
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "labs-check_0123456789ab_1-1_2") // of another machine
	other := filepath.Join(parent, "labs-notes")
	for _, dir := range []string{foreign, other} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OWNER_TEST_PARENT="+parent)
	stay, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := said.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			break
		}
	}
	his := out.String()
	if removed, err := owner.Sweep(parent); len(removed) > 0 || err != nil {
		t.Errorf("got %v, %v while all live, want nothing removed", removed, err)
	}
	stay.Close()
	cmd.Wait()
	if removed, err := owner.Sweep(parent); !slices.Equal(removed, []string{his}) || err != nil {
		t.Errorf("got %v, %v; want %s removed, whose process has ended", removed, err, his)
	}
	for _, dir := range []string{mine, foreign, other} {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s is removed", dir)
		}
	}
}
