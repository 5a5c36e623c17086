package account_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

func init() { helpers["lab"] = func() { account.Main(checks) } }

// checks are what the binary of a lab could have, by what they do.
var checks = map[string]func(*testing.T){
	"passes":        func(*testing.T) {},
	"fails":         func(t *testing.T) { t.Error("less") },
	"stops":         func(t *testing.T) { t.Fatal("less") },
	"skips":         func(t *testing.T) { t.Skip("not here") },
	"fails, skips":  func(t *testing.T) { t.Fail(); t.SkipNow() },
	"panics":        func(*testing.T) { panic("thing") },
	"panics of nil": func(*testing.T) { panic(nil) },
	"goes":          func(*testing.T) { runtime.Goexit() },
	"ends well":     func(*testing.T) { os.Exit(0) },
	"ends":          func(*testing.T) { os.Exit(3) },
	"subtest fails": func(t *testing.T) { t.Run("one", func(t *testing.T) { t.Fail() }) },
	"subtest skips": func(t *testing.T) { t.Run("one", func(t *testing.T) { t.SkipNow() }) },
	"late subtest fails": func(t *testing.T) {
		t.Run("one", func(t *testing.T) { t.Parallel(); t.Fail() })
	},
	"cleanup fails":  func(t *testing.T) { t.Cleanup(func() { t.Fail() }) },
	"cleanup stops":  func(t *testing.T) { t.Cleanup(func() { t.FailNow() }) },
	"cleanup panics": func(t *testing.T) { t.Cleanup(func() { panic("thing") }) },
	"first cleanup fails": func(t *testing.T) {
		t.Cleanup(func() { t.Fail() })
		t.Cleanup(func() { t.Cleanup(func() {}) })
	},
	"records": func(*testing.T) { record(1) },
	"records many": func(t *testing.T) {
		record(account.MaxFindings + 2)
		t.Fail()
	},
	"records much": func(*testing.T) {
		// The letter é has two bytes: the cut comes in the middle of one.
		long := "x" + strings.Repeat("é", account.MaxPart/2)
		account.Record(account.Finding{Did: long, Want: long, Got: long, Why: long, Where: "a:1"})
		account.Record(account.Finding{Got: long[:account.MaxPart-1] + "x"})
	},
	"is served": func(t *testing.T) {
		if r, served := account.Current(); !served || r.Seed != 42 || r.Redis != "redis://r" {
			t.Errorf("got %+v, %v", r, served)
		}
	},
	"reads": func(t *testing.T) {
		if text, err := io.ReadAll(os.Stdin); err != nil || len(text) > 0 {
			t.Errorf("got %q, %v", text, err)
		}
	},
	"shows many": func(*testing.T) {
		for i := range account.MaxShown + 2 {
			account.Show(account.Shown{Title: fmt.Sprint("picture ", i)})
		}
	},
	"spins":     func(*testing.T) { spinInLab() },
	"waits":     func(*testing.T) { waitInLab() },
	"is late":   func(*testing.T) { spinInLabFor(late) },
	"cleans up": func(t *testing.T) { t.Cleanup(waitInLab) },
	"fills": func(*testing.T) {
		for kept := [][]byte{}; ; {
			kept = append(kept, bytes.Repeat([]byte("x"), 16<<20))
		}
	},
	"crowds": func(*testing.T) {
		for range 11_000 {
			go waitInLab()
		}
		<-endless
	},
}

// late is longer than the time of the checks that end too late, and shorter than what the look at
// what runs takes besides.
const late = 350 * time.Millisecond

func record(n int) {
	for i := range n {
		account.Record(account.Finding{Got: fmt.Sprint("thing ", i)})
	}
}

// told is what a process has said.
type told struct {
	reports []account.Report
	code    int
	output  string
}

const canary = "TestCanary"

// serve starts this binary as a lab's, with that request, and takes down what it says.
func serve(t *testing.T, play string, r account.Request, env ...string) (is told) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process is given a pipe in another way there")
	}
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	k := account.NewKey()
	r.Canary, r.ReportFD = canary, 3
	in, err := account.Encode(&k, r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	// What others put into the folder for temporary files would be taken for the lab's.
	cmd.Env = append(append(os.Environ(), helper+"="+play, "TMPDIR="+t.TempDir()), env...)
	cmd.Stdin, cmd.ExtraFiles = bytes.NewReader(in), []*os.File{to}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Start()
	to.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for n := uint64(0); lines.Scan(); n++ {
		number, content, ok := k.Open(lines.Bytes())
		var report account.Report
		if err := json.Unmarshal(content, &report); !ok || number != n || err != nil {
			t.Errorf("got the line %q (%v), want number %d", lines.Text(), err, n)
		}
		is.reports = append(is.reports, report)
	}
	cmd.Wait()
	is.code, is.output = cmd.ProcessState.ExitCode(), out.String()
	return is
}

// verdicts are those of the check, after that of the canary, which always fails.
func (is told) verdicts(t *testing.T, check string) (all []string) {
	t.Helper()
	for i, r := range is.reports {
		switch {
		case i == 0:
			if r.Test != canary || r.Verdict != account.Failed {
				t.Errorf("got %+v first, want the canary, failed", r)
			}
		case r.Test != check:
			t.Errorf("got a report on %q, want none but of %q", r.Test, check)
		case r.Verdict != "":
			all = append(all, r.Verdict)
		}
	}
	return all
}

// findings are what the check has found.
func (is told) findings() (all []account.Finding) {
	for _, r := range is.reports {
		if r.Finding != nil {
			all = append(all, *r.Finding)
		}
	}
	return all
}

// TestMain_verdict runs checks that end in all the ways there are.
func TestMain_verdict(t *testing.T) {
	t.Parallel()
	const failed, panicked = 1, 2 // exit codes; the canary's failure makes the first
	for _, tt := range []struct {
		check   string
		verdict string // "" for none
		code    int
		says    string
	}{
		{"passes", account.Passed, failed, ""},
		{"fails", account.Failed, failed, "less"},
		{"stops", account.Failed, failed, "less"},
		{"skips", account.Skipped, failed, ""},
		{"fails, skips", account.Failed, failed, ""},
		{"panics", account.Failed, panicked, "panic: thing"},
		{"panics of nil", account.Failed, panicked, "panic called with nil argument"},
		{"goes", account.Failed, panicked, "runtime.Goexit"},
		{"ends well", "", 0, ""},
		{"ends", "", 3, ""},
		{"subtest fails", account.Failed, failed, ""},
		{"subtest skips", account.Passed, failed, ""},
		{"late subtest fails", account.Failed, failed, ""},
		{"cleanup fails", account.Failed, failed, ""},
		{"cleanup stops", account.Failed, failed, ""},
		// No cleanup sees the panic of a later one: this pass counts for nothing, by the exit code.
		{"cleanup panics", account.Passed, panicked, "panic: thing"},
		{"first cleanup fails", account.Failed, failed, ""},
		{"is served", account.Passed, failed, ""},
		{"reads", account.Passed, failed, ""},
	} {
		t.Run(tt.check, func(t *testing.T) {
			t.Parallel()
			is := serve(t, "lab", account.Request{Check: tt.check, Seed: 42, Redis: "redis://r",
				Private: runtime.GOOS == "linux", Timeout: time.Minute})
			var want []string
			if tt.verdict != "" {
				want = []string{tt.verdict}
			}
			if got := is.verdicts(t, tt.check); !cmp.Equal(got, want) {
				t.Errorf("got the verdicts %q, want %q", got, want)
			}
			if is.code != tt.code || !strings.Contains(is.output, tt.says) {
				t.Errorf("got exit code %d, want %d, and %q in:\n%s", is.code, tt.code, tt.says,
					is.output)
			}
		})
	}
}

// TestMain_findings is about what checks say besides their verdict, and how much of it is let
// through.
func TestMain_findings(t *testing.T) {
	t.Parallel()
	ten := make([]account.Finding, account.MaxFindings)
	for i := range ten {
		ten[i].Got = fmt.Sprint("thing ", i)
	}
	cut := "x" + strings.Repeat("é", account.MaxPart/2-1) + "… (8193 bytes in all)"
	for check, want := range map[string][]account.Finding{
		"passes":       nil,
		"records":      ten[:1],
		"records many": ten,
		"records much": {
			{Did: cut, Want: cut, Got: cut, Why: cut, Where: "a:1"},
			{Got: "x" + strings.Repeat("é", account.MaxPart/2-1) + "x"},
		},
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			is := serve(t, "lab", account.Request{Check: check})
			if diff := cmp.Diff(want, is.findings()); diff != "" {
				t.Errorf("the findings differ (-want +got):\n%s", diff)
			}
			if got := is.verdicts(t, check); len(got) != 1 {
				t.Errorf("got the verdicts %q, want one, after the findings", got)
			}
		})
	}
}

// TestMain_shown lets the first few pictures of a check through.
func TestMain_shown(t *testing.T) {
	t.Parallel()
	is := serve(t, "lab", account.Request{Check: "shows many"})
	var got, want []string
	for _, r := range is.reports {
		if r.Shown != nil {
			got = append(got, r.Shown.Title)
		}
	}
	for i := range account.MaxShown {
		want = append(want, fmt.Sprint("picture ", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMain_timeout is about checks that do not end: the process says what it was doing, and no
// verdict.
func TestMain_timeout(t *testing.T) {
	t.Parallel()
	for check, want := range map[string]string{
		"spins":     "running at thing.go:1", // and one of the lines of the loop
		"waits":     "waiting to receive from a channel at thing.go:20",
		"cleans up": "waiting to receive from a channel at thing.go:20",
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			is := serve(t, "lab", account.Request{Check: check, Timeout: 300 * time.Millisecond})
			last := is.hang(t, check)
			all := stacks.Parse(last.Hang)
			if len(all) == 0 || !strings.Contains(all[0].Describe(), want) {
				t.Errorf("got the dump\n%s\nwant one whose first is %s", last.Hang, want)
			}
			if last.Memory != 0 || last.Goroutines != 0 || last.Cut {
				t.Errorf("got %d bytes, %d goroutines, cut %v, want only the dump", last.Memory,
					last.Goroutines, last.Cut)
			}
		})
	}
}

// TestMain_late is about a check that is done while the process says that its time was up: it gets
// no verdict, and the process does not end before all is said.
func TestMain_late(t *testing.T) {
	t.Parallel()
	is := serve(t, "lab", account.Request{Check: "is late", Timeout: 300 * time.Millisecond})
	if last := is.hang(t, "is late"); last.Hang == "" {
		t.Errorf("got %+v, want what the process was doing", last)
	}
}

// hang is the last report of a process that has ended because it was up to no good.
func (is told) hang(t *testing.T, check string) account.Report {
	t.Helper()
	if got := is.verdicts(t, check); len(got) > 0 || is.code != 2 || len(is.reports) < 2 {
		t.Fatalf("got the verdicts %q, %d reports and exit code %d, want none, the canary's and one "+
			"more, and 2; it said:\n%s", got, len(is.reports), is.code, is.output)
	}
	return is.reports[len(is.reports)-1]
}

func TestMain_memory(t *testing.T) {
	t.Parallel()
	const bound = 128 << 20
	is := serve(t, "lab", account.Request{Check: "fills", Memory: bound, Timeout: time.Minute})
	if last := is.hang(t, "fills"); last.Memory <= bound {
		t.Errorf("got %d bytes, want more than the %d that it may have", last.Memory, bound)
	}
}

func TestMain_crowd(t *testing.T) {
	t.Parallel()
	// On a busy machine under the race detector a second is over before so many have begun.
	is := serve(t, "lab", account.Request{Check: "crowds", Timeout: 10 * time.Second})
	last := is.hang(t, "crowds")
	all := stacks.Parse(last.Hang)
	if last.Goroutines < 10_000 || len(all) != 1 || all[0].Where() != "thing.go:20" {
		t.Errorf("got %d goroutines, and the dump\n%s\nwant one of thousands, at thing.go:20",
			last.Goroutines, last.Hang)
	}
}
