package workspace_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// The tests start this binary again, to be another labs command at work in the folder that the
// variable names.
const (
	countIn   = "WORKSPACE_TEST_COUNT_IN" // adds countMost hints, one by one
	writeIn   = "WORKSPACE_TEST_WRITE_IN" // writes without end, and prints a line after each time
	countMost = 5
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(countIn) != "":
		w := workspace.Open(&course.Course{Root: os.Getenv(countIn)})
		for range countMost {
			if err := addHint(w, 0); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	case os.Getenv(writeIn) != "":
		w := workspace.Open(&course.Course{Root: os.Getenv(writeIn)})
		for {
			if err := addHint(w, 256<<10); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println("written")
		}
	}
	os.Exit(m.Run())
}

// addHint adds one to a file of this size: writing a large one takes a while.
func addHint(w *workspace.Workspace, size int) error {
	return w.Update(context.Background(), func(p *workspace.Progress) {
		p.Entry("B01").Hints++
		p.Entry("B02").Result = &run.Result{Output: strings.Repeat("x", size)}
	})
}

// again is this binary as another command, with a variable set.
func again(t *testing.T, variable, root string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+root)
	cmd.Stderr = os.Stderr
	return cmd
}

// empty is a workspace in which nothing has happened.
func empty(t *testing.T) *workspace.Workspace {
	t.Helper()
	return workspace.Open(&course.Course{Root: t.TempDir()})
}

func mustRead(t *testing.T, w *workspace.Workspace) *workspace.Progress {
	t.Helper()
	p, err := w.Progress()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustUpdate(t *testing.T, w *workspace.Workspace, change func(*workspace.Progress)) {
	t.Helper()
	if err := w.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func TestProgress_isKept(t *testing.T) {
	t.Parallel()
	w := empty(t)
	if p := mustRead(t, w); len(p.Labs) != 0 || p.Last != "" {
		t.Errorf("got %+v at first, want nothing", p)
	}
	if _, err := os.Stat(w.Dir); !os.IsNotExist(err) {
		t.Errorf("reading has made %s", w.Dir)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	result := run.Result{Schema: 1, Lab: "B01", Verdict: run.Passed,
		Race: run.Race{State: run.RaceDone}, Points: 3, SourceSHA256: "source",
		Checks:   []run.Check{{Test: "TestOne", Verdict: run.Passed}},
		Backends: map[string]run.Backend{}}
	mustUpdate(t, w, func(p *workspace.Progress) {
		p.Judge(result, "checks", "", at)
		p.Entry("B02").Hints = 2
		p.Entry("B02").GaveUp = true
	})
	want := &workspace.Progress{Schema: 1, Last: "B01", Labs: map[string]*workspace.Entry{
		"B01": {Result: &result, Checks: "checks", PassedAt: at, PassedSource: "source",
			PassedChecks: "checks", Touched: at},
		"B02": {Hints: 2, GaveUp: true},
	}}
	if diff := cmp.Diff(want, mustRead(t, w)); diff != "" {
		t.Errorf("what is kept differs (-want +got):\n%s", diff)
	}
}

func TestUpdate_concurrently(t *testing.T) {
	t.Parallel()
	const callers, commands = 20, 3
	w := empty(t)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			// Each caller has a Workspace of its own, as each command does.
			if err := addHint(workspace.Open(w.Course), 0); err != nil {
				t.Error(err)
			}
		})
	}
	for range commands {
		wg.Go(func() {
			if err := again(t, countIn, w.Course.Root).Run(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := mustRead(t, w).Entry("B01").Hints, callers+commands*countMost; got != want {
		t.Errorf("got %d, want %d: updates were lost", got, want)
	}
	assertTidy(t, w)
}

// TestUpdate_killed kills a command that writes without end, somewhere in the middle.
func TestUpdate_killed(t *testing.T) {
	t.Parallel()
	w := empty(t)
	last := 0
	for i := range 5 {
		cmd := again(t, writeIn, w.Course.Root)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range i + 1 {
			if !lines.Scan() {
				t.Fatal("the command has ended by itself")
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		now := mustRead(t, w).Entry("B01").Hints
		if now < last+i+1 {
			t.Errorf("got %d, want at least %d: what was written is gone", now, last+i+1)
		}
		last = now
	}
	// The lock is free again, and what the commands left is swept away.
	mustUpdate(t, w, func(*workspace.Progress) {})
	assertTidy(t, w)
}

func assertTidy(t *testing.T, w *workspace.Workspace) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "progress.json" && name != "progress.lock" {
			t.Errorf("%s is left", file)
		}
	}
}

func TestProgress_unreadable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, content, want string }{
		{"cut off", `{"schema": 1, "labs": {"B01"`, " is not readable: unexpected end of JSON input\nhint: move it away to start afresh, or restore it from a backup"},
		{"empty", "", " is not readable: unexpected end of JSON input\nhint: move it away to start afresh, or restore it from a backup"},
		{"of another kind", "[]", " is not readable: json: cannot unmarshal array into Go value of type workspace.Progress\nhint: move it away to start afresh, or restore it from a backup"},
		{"newer", `{"schema": 99}`, " was written by a newer version of labs (schema 99, this one knows 1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := empty(t)
			file := filepath.Join(w.Dir, "progress.json")
			write(t, file, tt.content)
			want := "read progress: " + file + tt.want
			if _, err := w.Progress(); err == nil || err.Error() != want {
				t.Errorf("reading: got %v, want %s", err, want)
			}
			if err := w.Update(t.Context(),
				func(*workspace.Progress) { t.Error("changed all the same") }); err == nil ||
				err.Error() != want {
				t.Errorf("writing: got %v, want %s", err, want)
			}
			if got := read(t, file); got != tt.content {
				t.Errorf("the file has become %q", got)
			}
		})
	}
}

func TestProgress_older(t *testing.T) {
	t.Parallel()
	w := empty(t)
	write(t, filepath.Join(w.Dir, "progress.json"),
		`{"schema": 1, "labs": {"B01": null, "B02": {"hints": 1, "later": true}}, "later": 1}`)
	p := mustRead(t, w)
	now := workspace.Now{Source: "s", Checks: "c", Known: true, Stub: true}
	if p.Standing("B01", now) != workspace.Untouched || p.Standing("B02", now) != workspace.Begun ||
		p.Entry("B01") == nil {
		t.Errorf("got %+v", p)
	}
}

func TestUpdate_locked(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx, cancel := context.WithCancel(t.Context())
	mustUpdate(t, w, func(*workspace.Progress) {
		// While it is being written, another command gives up when it is told to.
		cancel()
		err := workspace.Open(w.Course).Update(ctx,
			func(*workspace.Progress) { t.Error("two are writing at once") })
		if err == nil || !strings.Contains(err.Error(),
			"another labs command holds "+filepath.Join(w.Dir, "progress.lock")) {
			t.Errorf("got %v, want an error that names the lock", err)
		}
	})
}

func TestProgress_Judge(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &workspace.Progress{Labs: map[string]*workspace.Entry{}}
	p.Judge(run.Result{Lab: "B01", Verdict: run.Passed, Race: run.Race{State: run.RaceDone},
		SourceSHA256: "good"}, "checks", "", at)
	p.Judge(run.Result{Lab: "B01", Verdict: run.Failed, SourceSHA256: "bad"}, "checks", "",
		at.Add(time.Hour))
	e := p.Labs["B01"]
	if e.Result.Verdict != run.Failed || !e.PassedAt.Equal(at) || e.PassedSource != "good" ||
		!e.Touched.Equal(at.Add(time.Hour)) {
		t.Errorf("after a pass and a failure: got %+v, want the failure, and the pass still known", e)
	}
	p.Judge(run.Result{Lab: "B01", Verdict: run.InfraError}, "checks", "", at.Add(2*time.Hour))
	if e.Result.Verdict != run.Failed || !e.Touched.Equal(at.Add(2*time.Hour)) {
		t.Errorf("after a breakdown of ours: got %+v, want the verdict before it", e)
	}
	p.Judge(run.Result{Lab: "B02", Verdict: run.BuildFailed}, "checks", "", at)
	if p.Last != "B02" || p.Labs["B02"].Result.Verdict != run.BuildFailed {
		t.Errorf("got the last lab %s and %+v", p.Last, p.Labs["B02"])
	}
}

func TestProgress_Judge_keepsLittleOutput(t *testing.T) {
	t.Parallel()
	p := &workspace.Progress{Labs: map[string]*workspace.Entry{}}
	r := run.Result{Lab: "B01", Checks: []run.Check{{Output: strings.Repeat("ü", 1<<19)},
		{Output: "short"}}}
	p.Judge(r, "checks", "", time.Now())
	kept := p.Labs["B01"].Result.Checks
	if got := kept[0].Output; len(got) > 9000 || !strings.HasSuffix(got,
		"üü\n[1040384 bytes of output not kept]\n") {
		t.Errorf("got %d bytes that end with %q", len(got), got[max(0, len(got)-60):])
	}
	if kept[1].Output != "short" || len(r.Checks[0].Output) != 1<<20 {
		t.Error("a short output has changed, or the result that was judged")
	}
}

// TestProgress_file holds the form of the file, which later versions have to read.
func TestProgress_file(t *testing.T) {
	t.Parallel()
	w := empty(t)
	mustUpdate(t, w, func(p *workspace.Progress) { p.Entry("B01").Hints = 1; p.Last = "B01" })
	var got any
	if err := json.Unmarshal([]byte(read(t, filepath.Join(w.Dir, "progress.json"))),
		&got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"schema": 1.0, "last": "B01",
		"labs": map[string]any{"B01": map[string]any{"hints": 1.0}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file differs (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
