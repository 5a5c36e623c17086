package bubble

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	fixture "github.com/backend-labs/backend-labs/harness/kit/bubble/testdata/labs/b00-fixture"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestRun_timeIsVirtual(t *testing.T) {
	t.Parallel()
	began := time.Now()
	Run(t, func(t *testing.T) {
		if got := time.Now().UTC().Format(time.RFC3339); got != "2000-01-01T00:00:00Z" {
			t.Errorf("got the time %s at the start", got)
		}
		start := time.Now()
		time.Sleep(time.Hour)
		if got := time.Since(start); got != time.Hour {
			t.Errorf("got %v after an hour", got)
		}
	})
	if took := time.Since(began); took > time.Minute {
		t.Errorf("an hour took %v", took)
	}
}

func TestRun_accepts(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*testing.T){
		"nothing": func(*testing.T) {},
		"a goroutine that is stopped in a cleanup": func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			t.Cleanup(cancel)
			fixture.Stoppable(ctx)
		},
		"a goroutine that ends with the check's context": func(
			t *testing.T) {
			fixture.Stoppable(t.Context())
		},
		"a goroutine that is about to end": func(*testing.T) { fixture.Ends(0) },
		"a timer that nobody waits for": func(
			*testing.T) {
			time.AfterFunc(time.Hour, func() {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			Run(t, f)
		})
	}
}

// TestExplore holds the words for each way in which a bubble goes wrong. {x} is the line that is
// marked with x.
func TestExplore(t *testing.T) {
	t.Parallel()
	const moves = "nothing can go on: every goroutine waits, and no timer is left that could " +
		"wake one"
	for _, tt := range []struct {
		name  string
		f     func(*testing.T)
		leaky bool
		got   string // none if empty
	}{
		{"a leak", func(*testing.T) { fixture.Leak() }, false,
			"1 goroutine still there: a goroutine is waiting to receive from a channel at {leak " +
				"waits} (started at {leak starts})"},
		{"a leak that does not matter", func(*testing.T) { fixture.Leak() }, true, ""},
		{"many leaks", func(*testing.T) { fixture.LeakMany(5) }, false,
			"5 goroutines still there: " +
				strings.Repeat(
					"a goroutine is waiting to receive from a channel at {leak waits} (started "+
						"at {leak starts}); ", 3) + "and 2 more"},
		{"a leak beside one that ends too late", func(*testing.T) { fixture.Ends(time.Second); fixture.Leak() }, false,
			"2 goroutines still there: a goroutine is asleep (time.Sleep) at {ends late} " +
				"(started at {ends late starts}); a goroutine is waiting"},
		{"a deadlock", func(*testing.T) { fixture.Deadlock() }, false,
			moves + ". a goroutine is waiting to receive from a channel at {deadlock}"},
		{"a deadlock of two", func(*testing.T) { fixture.WaitForGroup() }, false,
			moves + ". a goroutine is waiting for a sync.WaitGroup at {group waits}; a " +
				"goroutine is waiting to receive from a channel at {worker waits}"},
		{"a deadlock that the check itself makes", func(*testing.T) { <-make(chan int) }, false, moves},
		{"nothing", func(*testing.T) { fixture.Ends(0) }, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := explore(t, tt.f, !tt.leaky)
			switch want := places(t, tt.got); {
			case m == nil && want == "":
			case m == nil || want == "":
				t.Errorf("got %+v, want %q", m, want)
			case !strings.HasPrefix(m.Got, want):
				t.Errorf("got\n\t%s\nwant\n\t%s", m.Got, want)
			case m.Did == "" || m.Want == "" || m.Why == "":
				t.Errorf("got %+v, want all of it said", *m)
			}
		})
	}
}

func TestRun_panicIsTheChecks(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "panic" {
		Run(t, func(*testing.T) { fixture.Panic() })
	}
	out := again(t, "panic")
	if !strings.Contains(out, "panic: boom") || !strings.Contains(out, "fixture.go:") {
		t.Errorf("got\n%s\nwant the panic and where it was", out)
	}
}

// TestWatch_lock is about golang/go#77687: a mutex that is held by a sleeper stops virtual time.
func TestWatch_lock(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "lock" {
		Run(t, func(*testing.T) {
			var s fixture.Store
			done := make(chan bool)
			for range 3 {
				go func() { s.Get(); done <- true }()
			}
			for range 3 {
				<-done
			}
		})
	}
	began := time.Now()
	out := again(t, "lock")
	want := places(t, "got:  2 goroutines wait for a mutex, the first at {lock waits}, while "+
		"its holder is blocked: a goroutine is asleep (time.Sleep) at {lock sleeps}")
	for _, part := range []string{"--- FAIL: TestWatch_lock\n", want,
		"want: no mutex is held across a sleep, a call of somebody else's code, or I/O\n",
		" of real time in which virtual time could not move\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("got\n%s\nwant in it\n%s", out, part)
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the diagnosis took %v", took)
	}
}

// TestWatch_slowIsNoLock keeps a lock for long, in real time: whoever works holds no bubble up.
func TestWatch_slowIsNoLock(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) {
		for range 100 {
			var s fixture.Store
			s.Get() // a second of virtual time each
		}
	})
}

// TestProperty_shrinks looks for the smallest plan that fails.
func TestProperty_shrinks(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "property" {
		Property(t,
			func(rt *rapid.T) int { return rapid.IntRange(0, 1_000_000).Draw(rt, "n") },
			func(n int) *expect.Message {
				if got := fixture.Double(n); got != 2*n {
					return &expect.Message{Did: fmt.Sprintf("doubled %d", n),
						Want: fmt.Sprint(2 * n), Got: fmt.Sprint(got)}
				}
				return nil
			})
	}
	first := again(t, "property", "-rapid.seed=7", "-rapid.nofailfile")
	if !strings.Contains(first, "did:  doubled 1000\n") {
		t.Errorf("got\n%s\nwant the smallest number that is wrong", first)
	}
	if second := again(t, "property", "-rapid.seed=7",
		"-rapid.nofailfile"); finding(second) != finding(first) {
		t.Errorf("with the same seed: got\n%s\nand\n%s", first, second)
	}
}

func TestProperty_sameSeedSamePlans(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "plans" {
		Property(t,
			func(rt *rapid.T) int { return rapid.Int().Draw(rt, "n") },
			func(n int) *expect.Message { fmt.Println("plan", n); return nil })
		return
	}
	first, second, other := plans(again(t, "plans", "-rapid.seed=7")),
		plans(again(t, "plans", "-rapid.seed=7")), plans(again(t, "plans", "-rapid.seed=8"))
	if len(first) != 100 {
		t.Errorf("got %d plans, want 100", len(first))
	}
	if fmt.Sprint(first) != fmt.Sprint(second) || fmt.Sprint(first) == fmt.Sprint(other) {
		t.Errorf("with seed 7 got %v and %v, with seed 8 %v", first, second, other)
	}
}

func TestProperty_aDeadlockIsTheMessage(t *testing.T) {
	t.Parallel()
	if os.Getenv(helper) == "deadlock" {
		Property(t,
			func(rt *rapid.T) bool { return rapid.Bool().Draw(rt, "wait") },
			func(wait bool) *expect.Message {
				if wait {
					fixture.Deadlock()
				}
				return nil
			})
	}
	if out, want := again(t, "deadlock", "-rapid.nofailfile"),
		places(t, "a goroutine is waiting to receive from a channel at {deadlock}"); !strings.Contains(out, want) {
		t.Errorf("got\n%s\nwant in it\n%s", out, want)
	}
}

func plans(out string) []string {
	return regexp.MustCompile(`(?m)^plan .*$`).FindAllString(out,
		-1)
}

// finding is the part of an output that says what was found, without when.
func finding(out string) string {
	_, out, _ = strings.Cut(out, "did:")
	out, _, _ = strings.Cut(out, "when:")
	return out
}

// helper is set where this test binary runs as a process of its own, for what ends or fails the
// process.
const helper = "BUBBLE_TEST_HELPER"

// again runs the current test in a process of its own, and returns what that printed.
func again(t *testing.T, what string, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=^" + t.Name() + "$",
		"-test.timeout=60s"}, args...)...)
	cmd.Env = append(os.Environ(), helper+"="+what)
	out, err := cmd.CombinedOutput()
	if err == nil && what != "plans" {
		t.Errorf("the process has passed:\n%s", out)
	}
	return string(out)
}

// places puts file:line of the fixture for each {mark} in text.
func places(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join("testdata", "labs", "b00-fixture", "fixture.go")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\{[a-z ]+\}`).ReplaceAllStringFunc(text, func(mark string) string {
		for i, line := range strings.Split(string(data), "\n") {
			if strings.HasSuffix(line, "// mark: "+strings.Trim(mark, "{}")) {
				return fmt.Sprintf("fixture.go:%d", i+1)
			}
		}
		t.Fatalf("nothing is marked with %s", mark)
		return ""
	})
}
