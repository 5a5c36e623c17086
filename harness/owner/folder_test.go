package owner_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// ended is a process of this machine that has ended and was waited for.
func ended(t *testing.T) owner.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OWNER_TEST_PARENT="+t.TempDir())
	stay, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := owner.Of(cmd.Process.Pid)
	if !p.Alive() || p.Start == "" {
		t.Errorf("got %+v, alive: %v, want a process that lives", p, p.Alive())
	}
	stay.Close()
	cmd.Wait()
	return p
}

// TestOrphan is about marks that processes leave on what is theirs.
func TestOrphan(t *testing.T) {
	t.Parallel()
	gone := ended(t)
	if gone.Alive() {
		t.Errorf("got %+v alive after its end", gone)
	}
	if now := owner.Of(gone.PID); now == gone {
		t.Errorf("got %+v again, want another process, or none", now)
	}
	for name, tt := range map[string]struct {
		machine, process string
		want             bool
	}{
		"of one that has ended":          {owner.Machine(), gone.String(), true},
		"of this one":                    {owner.Machine(), owner.Self().String(), false},
		"of an earlier one with its id":  {owner.Machine(), owner.Self().String() + "0", true},
		"of another machine":             {"0123456789ab", gone.String(), false},
		"of no machine":                  {"", gone.String(), false},
		"of something that is not a one": {owner.Machine(), "somebody", false},
		"of nobody":                      {owner.Machine(), "", false},
		"of a group":                     {owner.Machine(), "-5-x", false},
	} {
		if got := owner.Orphan(tt.machine, tt.process); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestSweep_leaves is about folders whose names only look like ours.
func TestSweep_leaves(t *testing.T) {
	t.Parallel()
	parent, gone := t.TempDir(), ended(t)
	mark := owner.Machine() + "_" + gone.String()
	ours := "labs-check_" + mark + "_123"
	others := []string{"labs-check_" + mark, "labs-check_" + mark + "_1_2", "check_" + mark +
		"_123",
		"labs-my_check_" + mark + "_123", "labs-check_0123456789ab_" + gone.String() + "_123",
		"labs-check_" + owner.Machine() + "_" + owner.Self().String() + "_123",
		"labs-check_" + owner.Machine() + "_nobody_123"}
	for _, name := range append(others, ours) {
		if err := os.MkdirAll(filepath.Join(parent, name, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := owner.Sweep(parent)
	if err != nil || len(removed) != 1 || removed[0] != filepath.Join(parent, ours) {
		t.Errorf("got %q, %v removed, want %s alone", removed, err, ours)
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(parent, name, "below")); err != nil {
			t.Errorf("%s is removed: %v", name, err)
		}
	}
	if again, err := owner.Sweep(parent); len(again) > 0 || err != nil {
		t.Errorf("got %q, %v removed the second time, want nothing", again, err)
	}
	if none, err := owner.Sweep(filepath.Join(parent, "missing")); len(none) > 0 || err != nil {
		t.Errorf("got %q, %v of a folder that is not there, want nothing", none, err)
	}
}

func TestTempDir(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	one, err := owner.TempDir(parent, "check")
	if err != nil {
		t.Fatal(err)
	}
	two, err := owner.TempDir(parent, "check")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(filepath.Base(one), "_")
	if one == two || filepath.Dir(one) != parent || len(parts) != 4 || parts[0] != "labs-check" ||
		parts[1] != owner.Machine() || parts[2] != owner.Self().String() {
		t.Errorf("got %s and %s, want two folders of this process in %s", one, two, parent)
	}
	missing := filepath.Join(parent, "missing")
	if dir, err := owner.TempDir(missing, "check"); !errors.Is(err, fs.ErrNotExist) ||
		!strings.HasPrefix(err.Error(), "make a folder: ") {
		t.Errorf("got %q, %v in a folder that is not there", dir, err)
	}
}
