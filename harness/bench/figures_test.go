package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		all  []time.Duration
		want time.Duration
	}{
		{[]time.Duration{5}, 5},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{4, 1, 3, 2}, 3}, // of two in the middle the one that flatters less
		{[]time.Duration{1, 1, 1000}, 1},
	} {
		if got := median(tt.all); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.all, got, tt.want)
		}
	}
}

func TestLatencies(t *testing.T) {
	t.Parallel()
	check := func(test string, ms float64) run.Check {
		return run.Check{Test: test,
			DurationMS: ms}
	}
	results := []run.Result{
		{Lab: "B01", Slug: "b01-adder", Checks: []run.Check{check("TestSum", 3), check("TestSlow",
			40)}},
		{Lab: "I02", Slug: "i02-queue", Checks: []run.Check{check("TestOrder", 900.4)}},
		{Lab: "B02", Slug: "b02-empty"},
	}
	for _, tt := range []struct{ id, want string }{
		{"", "40 ms, 900 ms (i02-queue Order)"},
		{"B", "40 ms, 40 ms (b01-adder Slow)"},
		{"I", "900 ms, 900 ms (i02-queue Order)"},
		{"B02", "none"},
		{"E", "none"},
	} {
		if got := latencies(results, tt.id); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.id, got, tt.want)
		}
	}
	if got := latencies(nil, ""); got != "none" {
		t.Errorf("got %q of nothing", got)
	}
}

// TestEdit edits a file twice: no edit is like another, and the original stays as it is.
func TestEdit(t *testing.T) {
	t.Parallel()
	from, tmp := t.TempDir(), t.TempDir()
	const source = "package adder\n"
	if err := os.WriteFile(filepath.Join(from, "adder.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &suite{tmp: tmp}
	l := &course.Lab{Slug: "b01-adder", Dir: "/course/labs/b01-adder", SolutionDir: from,
		Files: []string{"adder.go"}}
	seen := map[string]bool{source: true}
	for range 2 {
		dir, overlay, err := s.edit(l)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "adder.go"))
		if err != nil || seen[string(text)] || !strings.HasPrefix(string(text), source) {
			t.Errorf("got %q, %v, want the source with something new", text, err)
		}
		seen[string(text)] = true
		var over struct{ Replace map[string]string }
		data, err := os.ReadFile(overlay)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &over); err != nil {
			t.Fatal(err)
		}
		of := filepath.Join(l.Dir, "adder.go")
		if len(over.Replace) != 1 || over.Replace[of] != filepath.Join(dir, "adder.go") {
			t.Errorf("got the overlay %s, want the edited file in the place of %s", data, of)
		}
	}
	if got, _ := os.ReadFile(filepath.Join(from, "adder.go")); string(got) != source {
		t.Errorf("got the reference changed: %q", got)
	}
	l.Files = []string{"missing.go"}
	if _, _, err := s.edit(l); !os.IsNotExist(err) {
		t.Errorf("got %v of a file that is not there", err)
	}
}

func TestPeakKB(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc")
	}
	if kb := peakKB(os.Getpid()); kb < 1<<10 || kb > 1<<30 {
		t.Errorf("got %d KiB of this process", kb)
	}
	if kb := peakKB(-1); kb != 0 {
		t.Errorf("got %d KiB of no process", kb)
	}
}
