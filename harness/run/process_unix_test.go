//go:build unix

package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// scratch is removed when all tests are done.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "run-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// fixture has the binaries of the labs in testdata, by lab and, for the one with the race detector,
// by "race".
var fixture = sync.OnceValues(func() (map[string]string, error) {
	if err := coursetest.Write(scratch, "testdata"); err != nil {
		return nil, err
	}
	c, err := course.Load(scratch)
	if err != nil {
		return nil, err
	}
	b := &compile.Builder{Course: c, Dir: filepath.Join(scratch, "bin")}
	var reqs []compile.Request
	for _, slug := range []string{"b01-rogue", "b02-exits-in-init", "b03-loops-in-init",
		"b04-sets-flags-in-init", "b05-eats-the-request", "b06-bubbles",
		"b07-upsets", "b08-starts-in-init", "b09-one-error"} {
		l, err := coursetest.Lab(scratch, slug)
		if err != nil {
			return nil, err
		}
		reqs = append(reqs, compile.Request{Lab: l, Dir: l.Dir})
	}
	reqs = append(reqs, compile.Request{Lab: reqs[0].Lab, Dir: reqs[0].Dir, Race: true})
	binaries := map[string]string{}
	for i, bin := range b.Build(context.Background(), reqs) {
		name := reqs[i].Lab.Slug
		if reqs[i].Race {
			name = "race"
		}
		switch {
		case bin.Err != nil:
			return nil, bin.Err
		case bin.Compile != nil:
			return nil, errors.New(bin.Compile.Raw)
		}
		binaries[name] = bin.Path
	}
	return binaries, nil
})

func binary(t *testing.T, name string) string {
	t.Helper()
	binaries, err := fixture()
	if err != nil {
		t.Fatal(err)
	}
	return binaries[name]
}

// process is one check of a fixture, with nobody in a hurry.
func process(t *testing.T, binaryName, test string) run.Process {
	t.Helper()
	return run.Process{Binary: binary(t, binaryName), Test: test, Seed: 1,
		Timeout: 30 * time.Second, Sandbox: sandbox.None{}}
}

// TestProcess holds the outcome of everything that a learner's code may do against what the learner
// should read. In the messages and locations, {x} stands for the file and line that is marked with
// x.
func TestProcess(t *testing.T) {
	t.Parallel()
	const fatal = "the process ended with exit code %d before the check was done: look for " +
		"os.Exit or log.Fatal; a server must not end because of one call"
	const init = "the process ended with exit code 0 before any check began: look for os.Exit " +
		"or log.Fatal in an init function or in the value of a package-level variable"
	for _, tt := range []struct {
		binary, test string // binary: b01-rogue if empty
		verdict      run.Verdict
		message      string
		location     string
	}{
		{test: "TestNothing", verdict: run.Passed},
		{test: "TestRace", verdict: run.Passed}, // without the race detector nobody sees it
		{test: "TestPrintMuch", verdict: run.Passed},
		{test: "TestLeaveAChild", verdict: run.Passed},

		{test: "TestPlainError", message: "{plain error}: got 1, want 2", location: "{plain error}"},
		{test: "TestFailInSubtest", message: "{subtest}: the inner one fails\n        in two lines", location: "{subtest}"},
		{test: "TestExpectation", message: "another: did a thing", location: "{expectation}"},
		{test: "TestExpectationInAHelper", message: "another: did a thing", location: "{helper}"},
		{test: "TestExpectationInAGoroutine", message: "another: did a thing", location: "{goroutine}"},
		{test: "TestManyExpectations", message: "another: did a thing again", location: "{many}"},
		{test: "TestSkip", message: "the check was skipped, and what was not tried has not passed"},
		{test: "TestRaceAndFail", message: "one: counted", location: "{race and fail}"},
		{test: "TestFindingAndPanic", message: "another: did a thing", location: "{finding and panic}"},

		{binary: "b06-bubbles", test: "TestLeak", message: "1 goroutine still there: a goroutine is waiting to receive from a channel at {leak waits} (started at {leak starts}): let the check run to its end, stopped everything that the API lets a caller stop, and looked for goroutines that are left", location: "{leaks}"},
		{binary: "b06-bubbles", test: "TestDeadlock", message: "nothing can go on: every goroutine waits, and no timer is left that could wake one. a goroutine is waiting to receive from a channel at {deadlock}: ran the check until nothing moved any more", location: "{deadlocks}"},
		{binary: "b06-bubbles", test: "TestLock", message: "a goroutine waits for a mutex at {lock waits}, while its holder is blocked: a goroutine is asleep (time.Sleep) at {lock sleeps}: ran the check until nothing moved any more", location: ""},
		{binary: "b06-bubbles", test: "TestProperty", message: "999: doubled 500", location: "{property}"},

		{test: "TestPanic", message: "panic at {panic}: boom", location: "{panic}"},
		{test: "TestPanicInGoroutine", message: "panic at {panic in goroutine}: boom in a goroutine", location: "{panic in goroutine}"},
		{test: "TestPanicInSubtest", message: "panic at {panic}: boom", location: "{panic}"},
		{test: "TestPanicInCleanup", message: "panic at {panic}: boom", location: "{panic}"},
		{test: "TestPanicInHelperOfStd", message: "panic at {panic in sort}: no order", location: "{panic in sort}"},
		{test: "TestPanicWithError", message: "panic at {panic with error}: read the order: no row", location: "{panic with error}"},
		{test: "TestNil", message: "panic at {nil}: a nil pointer was used (a pointer, interface or function that was never set, or a result used without looking at its error)", location: "{nil}"},
		{test: "TestNilMap", message: "panic at {nil map}: an entry was written to a map that was never made", location: "{nil map}"},
		{test: "TestIndex", message: "panic at {index}: runtime error: index out of range [13] with length 3", location: "{index}"},
		{test: "TestSendOnClosed", message: "panic at {send on closed}: a value was sent on a channel that had been closed", location: "{send on closed}"},
		{test: "TestCloseTwice", message: "panic at {close twice}: a channel was closed twice", location: "{close twice}"},
		{test: "TestNegativeWaitGroup", message: "panic at {negative}: sync: negative WaitGroup counter", location: "{negative}"},
		{test: "TestGoexit", message: "runtime.Goexit was called at {goexit}: it ends the goroutine of whoever made the call", location: "{goexit}"},

		{test: "TestUnlockOfUnlocked", message: "fatal error at {unlock}: sync: unlock of unlocked mutex", location: "{unlock}"},
		{test: "TestMapRace", message: "concurrent map writes at {map race}: a map is used by several goroutines at once without a lock, and Go ends the whole process for that", location: "{map race}"},
		{test: "TestOverflow", message: "the stack overflowed at {overflow}: a function calls itself without end", location: "{overflow}"},

		{test: "TestExit0", message: fmt.Sprintf(fatal, 0)},
		{test: "TestExit1", message: fmt.Sprintf(fatal, 1)},
		{test: "TestLogFatal", message: fmt.Sprintf(fatal, 1) + "; the last line that it printed: the lab cannot go on"},
		{test: "TestKillMyself", message: "the process was killed from outside, most likely because the machine ran out of memory"},
		{test: "TestTerminate", message: "the process was ended by the signal terminated"},
		{binary: "b02-exits-in-init", test: "TestNothing", message: init},
		{binary: "b04-sets-flags-in-init", test: "TestNothing", message: init + "; the last line that it printed: PASS"},
		// it comes too late
		{binary: "b05-eats-the-request", test: "TestNothing", verdict: run.Passed},

		{test: "TestForged", message: "{forged}: fails all the same", location: "{forged}"},
		{test: "TestReportAndFail", message: "{reports and fails}: and fails", location: "{reports and fails}"},
	} {
		t.Run(tt.binary+tt.test, func(t *testing.T) {
			t.Parallel()
			slug := orElse(tt.binary, "b01-rogue")
			o := mustRun(t, process(t, slug, tt.test))
			want := run.Outcome{Verdict: tt.verdict, Message: tt.message, Location: tt.location}
			if want.Verdict == "" {
				want.Verdict = run.Failed
			}
			compare(t, slug, o, want)
		})
	}
}

// TestProcess_writesOnThePipe is about code that writes where the report goes. On Linux it does not
// reach it; where that defence is left out, nothing of the process counts.
func TestProcess_writesOnThePipe(t *testing.T) {
	t.Parallel()
	const incomplete = "the check's report did not arrive once and whole, and with nothing " +
		"else, so it does not count: something in this process writes where it should not"
	for test, shared := range map[string]string{
		"TestGarbageOnThePipe": incomplete,
		"TestMuchOnThePipe":    incomplete,
		"TestGuessedLine":      incomplete,
		"TestReportTwice":      incomplete,
		"TestCloseThePipe": "the process ended with exit code 1 before the check was done: look " +
			"for os.Exit or log.Fatal; a server must not end because of one call",
	} {
		t.Run(test, func(t *testing.T) {
			t.Parallel()
			p := process(t, "b01-rogue", test)
			if o := mustRun(t, p); runtime.GOOS == "linux" && o.Verdict != run.Passed {
				t.Errorf("got %s, %q, want it passed: nothing of that has arrived", o.Verdict,
					o.Message)
			}
			p.Without.Table = true
			if o := mustRun(t, p); o.Verdict != run.Failed || o.Message != shared {
				t.Errorf("where all threads share the pipe: got %s, %q, want %s, %q", o.Verdict,
					o.Message, run.Failed, shared)
			}
		})
	}
}

// TestProcess_guards is about code that changes what a check relies on, or that has begun before it.
// With that defence left out nobody notices.
func TestProcess_guards(t *testing.T) {
	t.Parallel()
	library := account.Without{Library: true}
	variables := account.Without{Variables: true}
	outside := account.Without{Outside: true}
	for _, tt := range []struct {
		binary, test, message string
		without               account.Without
	}{
		{"b07-upsets", "TestCount", "", account.Without{}},
		{"b07-upsets", "TestRestored", "", account.Without{}},
		{"b07-upsets", "TestEOF", "changed meanwhile: io.EOF", library},
		{"b07-upsets", "TestUTC", "changed meanwhile: *time.UTC", library},
		{"b07-upsets", "TestEncoding", "changed meanwhile: *base64.StdEncoding", library},
		{"b07-upsets", "TestProcessors", "changed meanwhile: runtime.GOMAXPROCS", library},
		{"b07-upsets", "TestEnvironment", "changed meanwhile: the environment", library},
		{"b07-upsets", "TestNilError", "ErrA had another value when the package was loaded", variables},
		{"b07-upsets", "TestSwap", "ErrA, ErrB had another value when the package was loaded", variables},
		{"b08-starts-in-init", "TestNothing", "a goroutine is … (started at {started}); " +
			"a socket is open (descriptor 5); a file was made: left", account.Without{Census: true}},
		{"b09-one-error", "TestNothing", "ErrA and ErrB are one and the same", variables},
		{"b06-bubbles", "TestOutsideBefore",
			"1 goroutine there: a goroutine is … (started at {leak starts})", outside},
		{"b06-bubbles", "TestOutsideMeanwhile",
			"1 goroutine there: a goroutine is … (started at {leak starts})", outside},
	} {
		t.Run(tt.binary+"/"+tt.test, func(t *testing.T) {
			t.Parallel()
			p := process(t, tt.binary, tt.test)
			o := mustRun(t, p)
			if tt.message == "" {
				if o.Verdict != run.Passed {
					t.Errorf("got %s, %q, want it passed", o.Verdict, o.Message)
				}
				return
			}
			got := descriptor.ReplaceAllString(o.Message, "(descriptor 5)")
			got = doing.ReplaceAllString(got, "a goroutine is … (started")
			if want := places(t, tt.binary, tt.message); o.Verdict != run.Failed ||
				!strings.HasPrefix(got, want+": ") {
				t.Errorf("got %s, %q, want %s, %q…", o.Verdict, got, run.Failed, want)
			}
			p.Without = tt.without
			if o := mustRun(t, p); o.Verdict != run.Passed {
				t.Errorf("with that left out: got %s, %q", o.Verdict, o.Message)
			}
		})
	}
}

// What depends on the moment is left out.
var doing = regexp.MustCompile(`a goroutine is .* \(started`)

var descriptor = regexp.MustCompile(`\(descriptor \d+\)`)

// TestProcess_hangs is about what has no end. It is stopped and explained after its time.
func TestProcess_hangs(t *testing.T) {
	t.Parallel()
	const loop, at = ", running: a loop that does not end, there or in what is called there?", "it was then at "
	for _, tt := range []struct{ binary, test, message, mark string }{
		{"b01-rogue", "TestLoop", at + "{loop}" + loop, "loop"},
		{"b01-rogue", "TestSpinLoop", at + "{spin loop}" + loop, "spin loop"},
		{"b01-rogue", "TestLoopInGoroutine", at + "{loop}" + loop, "loop"},
		{"b01-rogue", "TestWait", at + "{wait}, waiting to receive from a channel", "wait"},
		{"b01-rogue", "TestSleep", at + "{sleep}, asleep (time.Sleep)", "sleep"},
		{"b01-rogue", "TestWaitInCheck", at + "{wait in check} (a check's line), waiting to receive from a channel", "wait in check"},
		{"b01-rogue", "TestUnwrapItself", at + "{itself}, in errors.Is or errors.As: does an Unwrap return its own error, " +
			"or an Is or As never return?", "itself"},
		{"b01-rogue", "TestLockTwice", "a goroutine waits for a mutex at {lock twice}, and no other goroutine is in a call that could unlock it: " +
			"the same call has locked it before, or an earlier one has returned without " +
			"unlocking it", "lock twice"},
		{"b01-rogue", "TestLoopWithTheLock", at + "{loop with the lock}" + loop, "loop with the lock"},
		{"b01-rogue", "TestManyGoroutines", "there were about many goroutines by then, most of them at {one of many}: does each call start one that nothing ends?", "one of many"},
		{"b03-loops-in-init", "TestNothing", at + "{loop in init}" + loop, "loop in init"},
	} {
		t.Run(tt.binary+tt.test, func(t *testing.T) {
			t.Parallel()
			p := process(t, tt.binary, tt.test)
			p.Timeout = time.Second
			if tt.mark == "one of many" { // which it has to have started by then
				p.Timeout = 5 * time.Second
			}
			stopped := fmt.Sprintf("not done after %v, so it was stopped; ", p.Timeout)
			start := time.Now()
			o := mustRun(t, p)
			o.Message = regexp.MustCompile(`about \d+ goroutines`).ReplaceAllString(o.Message,
				"about many goroutines")
			if begins := places(t, tt.binary, "{"+tt.mark+" begins}"); begins != "" && o.Location == begins {
				// A loop may be caught at its jump back, which the compiler counts to the function's line.
				o.Message = strings.ReplaceAll(o.Message, begins, places(t, tt.binary, "{"+tt.mark+"}"))
				o.Location = places(t, tt.binary, "{"+tt.mark+"}")
			}
			compare(t, tt.binary, o, run.Outcome{Verdict: run.TimedOut,
				Message: stopped + tt.message, Location: "{" + tt.mark + "}"})
			if took := time.Since(start); took > 9*time.Second+p.Timeout {
				t.Errorf("took %v, want little more than %v", took, p.Timeout)
			}
		})
	}
}

func TestProcess_memoryIsBounded(t *testing.T) {
	t.Parallel()
	p := process(t, "b01-rogue", "TestFillMemory")
	p.Memory = 256 << 20
	o := mustRun(t, p)
	form := regexp.MustCompile(
		`^it had allocated \d\.\d GiB of memory, and so it was stopped; it was then at rogue\.go:\d+$`)
	if o.Verdict != run.Failed || !o.OutOfMemory || !form.MatchString(o.Message) {
		t.Errorf("got %s, %v, %q, want failed, for its memory, %s", o.Verdict, o.OutOfMemory,
			o.Message, form)
	}
}

func TestProcess_endlessOutputIsCappedAndDrained(t *testing.T) {
	t.Parallel()
	p := process(t, "b01-rogue", "TestPrintWithoutEnd")
	p.Timeout = time.Second
	o := mustRun(t, p)
	want := "not done after 1s, so it was stopped; by then it had printed more than is kept, " +
		"which takes time, too; it was then at {print}, running: a loop that does not end, there or in what is called there?"
	if want = places(t, "b01-rogue", want); o.Verdict != run.TimedOut || o.Message != want {
		t.Errorf("got %s, %q, want %q", o.Verdict, o.Message, want)
	}
	if len(o.Output) > run.MaxOutput || len(o.Output) < run.MaxOutput/2 {
		t.Errorf("got %d bytes of output, want at most %d, and not much less", len(o.Output),
			run.MaxOutput)
	}
	if !strings.Contains(o.Output, " bytes of output left out]\n") {
		t.Error("the output does not say that something is left out")
	}
}

func TestProcess_outputOfAPassIsCapped(t *testing.T) {
	t.Parallel()
	o := mustRun(t, process(t, "b01-rogue", "TestPrintMuch"))
	if o.Verdict != run.Passed || len(o.Output) > run.MaxOutput ||
		!strings.HasSuffix(strings.TrimSpace(o.Output), "the last line") {
		t.Errorf("got %s and %d bytes of output that end with %q", o.Verdict, len(o.Output),
			o.Output[max(0, len(o.Output)-20):])
	}
}

func TestProcess_race(t *testing.T) {
	t.Parallel()
	const unordered = ", with nothing that puts one before the other (a lock, a channel, an atomic)"
	for _, tt := range []struct{ test, a, b, location string }{
		{"TestRace", "{race in goroutine}", "{race in caller}", ""},
		{"TestRaceWithCheck", "{race in check} (a check's line)", "{race with check}", "{race with check}"},
		{"TestRaceAndFail", "{race in goroutine}", "{race in caller}", ""},
	} {
		t.Run(tt.test, func(t *testing.T) {
			t.Parallel()
			p := process(t, "race", tt.test)
			p.Race = true
			o := mustRun(t, p)
			a, b := regexp.QuoteMeta(places(t, "b01-rogue", tt.a)),
				regexp.QuoteMeta(places(t, "b01-rogue", tt.b))
			form := regexp.MustCompile(`^data race: a (read|write) at (` + a + `|` + b +
				`) and a (read|write) at (` + a + `|` + b + `)` + regexp.QuoteMeta(unordered) + `$`)
			m := form.FindStringSubmatch(o.Message)
			if o.Verdict != run.Failed || m == nil || m[2] == m[4] {
				t.Errorf("got %s, %q, want %s, %s", o.Verdict, o.Message, run.Failed, form)
			}
			if m != nil && o.Location != m[2] && o.Location != places(t, "b01-rogue", tt.location) {
				t.Errorf("got the location %q, want one of the lines that race", o.Location)
			}
		})
	}
}

func TestProcess_findings(t *testing.T) {
	t.Parallel()
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		o := mustRun(t, process(t, "b01-rogue", "TestExpectation"))
		want := run.Finding{Did: "did a thing", Want: "a result", Got: "another", Why: "it matters",
			Where: places(t, "b01-rogue", "{expectation}")}
		if len(o.Findings) != 1 || o.Findings[0].When == "" {
			t.Fatalf("got %+v, want one with its moment", o.Findings)
		}
		want.When = o.Findings[0].When
		if o.Findings[0] != want {
			t.Errorf("got %+v, want %+v", o.Findings[0], want)
		}
	})
	t.Run("at most ten", func(t *testing.T) {
		t.Parallel()
		if o := mustRun(t, process(t, "b01-rogue", "TestManyExpectations")); len(o.Findings) != 10 {
			t.Errorf("got %d findings, want 10", len(o.Findings))
		}
	})
	t.Run("very long", func(t *testing.T) {
		t.Parallel()
		o := mustRun(t, process(t, "b01-rogue", "TestLongExpectation"))
		if o.Verdict != run.Failed || len(o.Findings) != 1 {
			t.Fatalf("got %s, %.200q and %d findings, want failed and 1", o.Verdict, o.Message,
				len(o.Findings))
		}
		if got := o.Findings[0].Got; len(got) > 10_000 ||
			!strings.HasSuffix(got, "… (2000000 bytes in all)") {
			t.Errorf("got %d bytes that end with %q", len(got), got[max(0, len(got)-40):])
		}
	})
}

func TestProcess_killsWhatTheCheckLeaves(t *testing.T) {
	t.Parallel()
	o := mustRun(t, process(t, "b01-rogue", "TestLeaveAChild"))
	m := regexp.MustCompile(`child (\d+)`).FindStringSubmatch(o.Output)
	if m == nil {
		t.Fatalf("got the output %q, want the child's pid", o.Output)
	}
	pid, _ := strconv.Atoi(m[1])
	for deadline := time.Now().Add(10 * time.Second); alive(pid); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the child %d outlives its check", pid)
		}
	}
}

func TestProcess_ends(t *testing.T) {
	t.Parallel()
	t.Run("with its context", func(t *testing.T) {
		t.Parallel()
		p := process(t, "b01-rogue", "TestWait")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := p.Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
	t.Run("where there is no binary", func(t *testing.T) {
		t.Parallel()
		p := process(t, "b01-rogue", "TestNothing")
		p.Binary += ".none"
		if o := mustRun(t, p); o.Verdict != run.InfraError ||
			!strings.Contains(o.Message, "no such file") {
			t.Errorf("got %s, %q", o.Verdict, o.Message)
		}
	})
	t.Run("where there is no such check", func(t *testing.T) {
		t.Parallel()
		o := mustRun(t, process(t, "b01-rogue", "TestOther"))
		compare(t, "b01-rogue", o, run.Outcome{Verdict: run.Failed,
			Message: `the check did not begin: this binary has no check "TestOther"`})
	})
}

func compare(t *testing.T, slug string, got, want run.Outcome) {
	t.Helper()
	if got.Verdict != want.Verdict {
		t.Errorf("got the verdict %s, want %s", got.Verdict, want.Verdict)
	}
	if message := places(t, slug, want.Message); got.Message != message {
		t.Errorf("got the message\n\t%.1000s\nwant\n\t%s", got.Message, message)
	}
	if location := places(t, slug, want.Location); got.Location != location {
		t.Errorf("got the location %q, want %q", got.Location, location)
	}
	if t.Failed() {
		t.Logf("the output:\n%.2000s", got.Output)
	}
}

var placeholder = regexp.MustCompile(`\{[a-z ]+\}`)

// places puts file:line for each {mark} in text.
func places(t *testing.T, slug, text string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(mark string) string {
		files, _ := filepath.Glob(filepath.Join("testdata", "labs", slug, "*.go"))
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(string(data), "\n") {
				if strings.HasSuffix(line, "// mark: "+strings.Trim(mark, "{}")) {
					return fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
				}
			}
		}
		if !strings.HasSuffix(mark, " begins}") {
			t.Fatalf("nothing in %s is marked with %s", slug, mark)
		}
		return ""
	})
}

// alive reports whether there is such a process. One that is dead and not yet buried is not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// TestProcess_pictures takes what a check draws of its failure, and what it shows whatever its
// verdict, of which three are enough.
func TestProcess_pictures(t *testing.T) {
	t.Parallel()
	failed := mustRun(t, process(t, "b01-rogue", "TestPicture"))
	if failed.Verdict != run.Failed || len(failed.Findings) != 1 || len(failed.Shown) != 1 {
		t.Fatalf("got %+v, want a finding with a picture, and a picture", failed)
	}
	for _, p := range []*timeline.Picture{failed.Findings[0].Picture, failed.Shown[0].Picture} {
		if p == nil || len(p.Steps) != 1 || p.Steps[0].Text != "called" || !p.Steps[0].Breaks {
			t.Errorf("got the picture %+v, want the call in it", p)
		}
	}
	passed := mustRun(t, process(t, "b01-rogue", "TestShow"))
	if passed.Verdict != run.Passed || len(passed.Shown) != 3 ||
		passed.Shown[0].Title != "what was called" {
		t.Errorf("got %+v, want a pass with three pictures", passed)
	}
}
