package proc_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/proc"
)

func init() {
	proc.Handle("speaks", func() int {
		fmt.Println("one")
		fmt.Fprintln(os.Stderr, "two")
		fmt.Print("half")
		return 0
	})
	proc.Handle("speaks", func() int { panic("the second of a name is not run") })
}

// judged is a test that can fail without the one that runs it.
type judged struct {
	testing.TB
	fatal    string
	cleanups []func()
}

func (*judged) Helper()            {}
func (j *judged) Cleanup(f func()) { j.cleanups = append(j.cleanups, f) }
func (j *judged) Fatalf(format string, args ...any) {
	j.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// judge runs f as a test, and its cleanups, and gives it back with what it said.
func judge(f func(*judged)) *judged {
	j := new(judged)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, clean := range slices.Backward(j.cleanups) {
				clean()
			}
		}()
		f(j)
	}()
	<-done
	return j
}

// TestWaitLine_ended is what a learner reads of a program that ends too soon.
func TestWaitLine_ended(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ program, prefix, want string }{
		"well": {"speaks", "listening on ",
			`the program "speaks" ended (exit status 0) before it ` +
				`printed a line that begins with "listening on ". Its output: "one\nhalf"; its error ` +
				`output: "two\n"`},
		"in the middle of the line": {"speaks", "half",
			`the program "speaks" ended (exit status 0) ` +
				`before it printed a line that begins with "half". Its output: "one\nhalf"; its error ` +
				`output: "two\n"`},
		"with an error": {"exit", "",
			`the program "exit" ended (exit status 7) before it printed ` +
				`a line that begins with "". Its output: ""; its error output: "going\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := judge(func(j *judged) {
				p := proc.Start(j, tt.program, proc.Options{})
				p.WaitLine(tt.prefix)
			})
			if j.fatal != tt.want {
				t.Errorf("got %q, want %q", j.fatal, tt.want)
			}
		})
	}
}

// TestWaitLine_afterTheEnd gives what was printed to whoever asks later.
func TestWaitLine_afterTheEnd(t *testing.T) {
	t.Parallel()
	p := proc.Start(t, "speaks", proc.Options{})
	exit, ended := p.Wait(time.Minute)
	if !ended || exit.Code != 0 || exit.Status != "exit status 0" || exit.At.IsZero() {
		t.Errorf("got %+v, ended %v", exit, ended)
	}
	if again, ended := p.Wait(0); !ended || again != exit {
		t.Errorf("got %+v, ended %v the second time, want the same", again, ended)
	}
	if got := p.WaitLine("o"); got != "ne" {
		t.Errorf("got %q, want the rest of the line", got)
	}
}

// TestStart_endsWithTheTest is about a program that goes on: the test's cleanup ends it, and waits.
func TestStart_endsWithTheTest(t *testing.T) {
	t.Parallel()
	var p *proc.Proc
	judge(func(j *judged) {
		p = proc.Start(j, "stubborn", proc.Options{Stdin: "x"})
		p.WaitLine("ready")
	})
	if exit, ended := p.Wait(0); !ended || runtime.GOOS != "windows" && !exit.Signaled() {
		t.Errorf("got %+v, ended %v, want it killed when the test is over", exit, ended)
	}
}

func TestSignal_says(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals")
	}
	p := proc.Start(t, "stubborn", proc.Options{})
	p.WaitLine("ready")
	p.Signal(syscall.SIGTERM)
	p.WaitLine("got terminated")
	p.Signal(syscall.SIGKILL)
	if exit, _ := p.Wait(time.Minute); exit.Status != "signal: killed" {
		t.Errorf("got %q, want the signal in words", exit.Status)
	}
	j := judge(func(j *judged) {
		p := proc.Start(j, "stubborn", proc.Options{})
		p.WaitLine("ready")
		p.Signal(syscall.Signal(99)) // there is none of this number
	})
	if !strings.HasPrefix(j.fatal, "signal signal 99 to stubborn: ") {
		t.Errorf("got %q, want that the signal could not be sent", j.fatal)
	}
}

// TestOutput is about lines that come in pieces, and lines that nobody waits for.
func TestOutput(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prefix string
		pieces []string
		want   []string
	}{
		"nothing":                {"", nil, nil},
		"a line in one piece":    {"a", []string{"ab\n"}, []string{"ab"}},
		"a line in three":        {"a", []string{"a", "b", "\n"}, []string{"ab"}},
		"no end of the line":     {"a", []string{"ab"}, nil},
		"two lines in one piece": {"a", []string{"ab\nac\n"}, []string{"ab", "ac"}},
		"others between":         {"a", []string{"x\nab\ny\nac\n"}, []string{"ab", "ac"}},
		"not in the middle":      {"a", []string{"xa\n a\n"}, nil},
		"any line":               {"", []string{"x\n\ny\n"}, []string{"x", "", "y"}},
		"lines of Windows":       {"a", []string{"ab\r\n", "a\rb\r\n"}, []string{"ab", "a\rb"}},
	} {
		got, all := proc.NextOf(tt.prefix, tt.pieces...)
		if !slices.Equal(got, tt.want) || all != strings.Join(tt.pieces, "") {
			t.Errorf("%s: got %q of %q, want %q", name, got, all, tt.want)
		}
	}
}
