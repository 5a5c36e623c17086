package proc_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/proc"
)

func init() {
	proc.Handle("exit", func() int {
		fmt.Fprintln(os.Stderr, "going")
		return 7
	})
	proc.Handle("environment", func() int {
		fmt.Println("environment", os.Environ())
		return 0
	})
	proc.Handle("echo", func() int {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			fmt.Println("heard", in.Text())
		}
		return 0
	})
	proc.Handle("stubborn", func() int {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		for s := range signals {
			fmt.Println("got", s)
		}
		return 0
	})
	proc.Handle("parent", func() int {
		p := proc.Start(noTest{}, "listener", proc.Options{})
		fmt.Println("child at", p.WaitLine("listening on "))
		select {}
	})
	proc.Handle("listener", func() int {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		fmt.Println("listening on", ln.Addr())
		for {
			ln.Accept()
		}
	})
}

// noTest is a test that never comes to its cleanups.
type noTest struct{ testing.TB }

func (noTest) Helper()        {}
func (noTest) Cleanup(func()) {}

func TestExitCode(t *testing.T) {
	t.Parallel()
	p := proc.Start(t, "exit", proc.Options{})
	exit, ended := p.Wait(time.Minute)
	if !ended || exit.Code != 7 || exit.Signaled() {
		t.Errorf("got %+v, ended %v, want exit code 7", exit, ended)
	}
	if got := p.Stderr(); got != "going\n" {
		t.Errorf("stderr %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	os.Setenv("LABS_PROC_TEST", "the parent's own")
	got := proc.Start(t, "environment",
		proc.Options{Env: []string{"ADDR=127.0.0.1:0"}}).WaitLine("environment ")
	if !strings.Contains(got, "ADDR=127.0.0.1:0") || strings.Contains(got, "LABS_PROC_TEST") {
		t.Errorf("environment: %s", got)
	}
}

func TestStdin(t *testing.T) {
	t.Parallel()
	p := proc.Start(t, "echo", proc.Options{Stdin: "one\ntwo\nthree\n"})
	got := []string{p.WaitLine("heard "), p.WaitLine("heard th")}
	if !slices.Equal(got, []string{"one", "ree"}) {
		t.Errorf("lines %q", got)
	}
	if exit, ended := p.Wait(time.Minute); !ended || exit.Code != 0 {
		t.Errorf("got %+v, ended %v", exit, ended)
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	p := proc.Start(t, "stubborn", proc.Options{})
	p.WaitLine("ready")
	p.Signal(syscall.SIGTERM)
	if got := p.WaitLine("got "); got != "terminated" {
		t.Errorf("got %q", got)
	}
	if exit, ended := p.Wait(10 * time.Millisecond); ended {
		t.Errorf("ended: %+v", exit)
	}
	p.Signal(os.Kill)
	exit, ended := p.Wait(time.Minute)
	if !ended || exit.Code == 0 || runtime.GOOS != "windows" && !exit.Signaled() {
		t.Errorf("got %+v, ended %v, want killed", exit, ended)
	}
	p.Signal(syscall.SIGTERM) // no error
}

func TestChildDoesNotOutliveItsParent(t *testing.T) {
	t.Parallel()
	p := proc.Start(t, "parent", proc.Options{})
	c, err := net.Dial("tcp", p.WaitLine("child at "))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.Signal(os.Kill)
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("20 s after the death of its parent the child still holds its connection")
	}
}

// TestOurs is about a binary into which several variants of a lab are linked: each has a part of
// its import path of its own.
func TestOurs(t *testing.T) {
	t.Parallel()
	for variant, want := range map[string]bool{"": true, "kit": true, "ki": false, "other": false} {
		if got := proc.Ours(variant); got != want {
			t.Errorf("%q: got %v, want %v", variant, got, want)
		}
	}
}
