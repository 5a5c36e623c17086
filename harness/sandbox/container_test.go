//go:build linux

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// containerBox is the sandbox, with the probes' binary as its first process, if an engine answers.
func containerBox(t *testing.T) *sandbox.Container {
	t.Helper()
	box := &sandbox.Container{Helper: probeBinary(t)}
	_, err := box.Run(t.Context(), sandbox.Command{KeepUser: true})
	if errors.Is(err, sandbox.ErrNoEngine) && !strings.Contains(os.Getenv("LABS_TEST_REQUIRE"),
		"container") {
		t.Skip(err)
	}
	if noBuild := new(sandbox.NoBuild); !errors.As(err, &noBuild) || noBuild.GOOS != "linux" {
		t.Fatalf("got %v, want an engine that answers, and that it does not build", err)
	}
	return box
}

// inContainer runs one of the probes.
func inContainer(t *testing.T, name string, change func(*sandbox.Command)) (string, sandbox.Exit) {
	t.Helper()
	var out bytes.Buffer
	c := probeCommand(t, name, &out)
	if change != nil {
		change(&c)
	}
	exit, err := containerBox(t).Run(t.Context(), c)
	if err != nil {
		t.Fatalf("the sandbox did not start: %v", err)
	}
	return out.String(), exit
}

func probeCommand(t *testing.T, name string, out io.Writer) sandbox.Command {
	return sandbox.Command{
		Path: probeBinary(t), Env: []string{"PROBE=" + name}, Output: out, MaxOutput: 1 << 20,
		Timeout: 20 * time.Second, Grace: time.Second,
	}
}

// TestContainer_Holds tries it all in one container, since the engine takes a second to start one.
func TestContainer_Holds(t *testing.T) {
	conforms(t, func(t *testing.T, names []string) map[string]string {
		text, exit := inContainer(t, "all", func(c *sandbox.Command) { c.Args = names })
		t.Logf("%+v\n%s", exit, text)
		got := map[string]string{}
		for line := range strings.Lines(text) {
			name, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
			got[name] = result
		}
		return got
	}, map[string]string{"list root": "[.labs-command dev lib lib64 proc tmp] <nil>"})
}

func TestContainer_Probe(t *testing.T) { allHold(t, containerBox(t)) }

func TestContainer_Run(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	reported := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(r)
		reported <- string(text)
	}()
	text := strings.Repeat("0123456789", 100_000) // more than any buffer on the way
	got, exit := inContainer(t, "echo", func(c *sandbox.Command) {
		c.Stdin, c.Report, c.MaxOutput = []byte(text), w, 1<<21
	})
	if got != text {
		t.Errorf("got %d bytes of output, want %d", len(got), len(text))
	}
	if got := <-reported; got != text {
		t.Errorf("got a report of %d bytes, want %d", len(got), len(text))
	}
	if exit.Wall <= 0 || exit.Wall > 5*time.Second {
		t.Errorf("got a wall time of %v", exit.Wall)
	}
	exit.Wall = 0
	if want := (sandbox.Exit{Code: 7}); exit != want {
		t.Errorf("got %+v, want %+v", exit, want)
	}
}

func TestContainer_MemoryIsBounded(t *testing.T) {
	got, exit := inContainer(t, "fill memory",
		func(c *sandbox.Command) { c.Limits.Memory = 200 << 20 })
	if strings.Contains(got, "achieved") || exit.Code == 0 || !exit.OutOfMemory {
		t.Errorf("got %q, %+v; want it to be ended for its memory", got[:min(len(got), 200)], exit)
	}
}

func TestContainer_TimeIsBounded(t *testing.T) {
	for probe, stacks := range map[string]bool{"loop": true, "deaf": false} {
		t.Run(probe, func(t *testing.T) {
			got, exit := inContainer(t, probe,
				func(c *sandbox.Command) { c.Timeout = 300 * time.Millisecond })
			if !exit.TimedOut || strings.Contains(got, "goroutine 1") != stacks {
				t.Errorf("got %+v and %q; want a timeout, and the stacks: %v", exit,
					got[:min(len(got), 300)], stacks)
			}
			if exit.Wall < 300*time.Millisecond || exit.Wall > 5*time.Second {
				t.Errorf("got a wall time of %v", exit.Wall)
			}
		})
	}
}

func TestContainer_Bridge(t *testing.T) {
	got, _ := inContainer(t, "bridge", bridged(t))
	if want := "pong for ping<nil>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestContainer_CannotStart(t *testing.T) {
	box := containerBox(t)
	notProgram := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(notProgram, []byte("text"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/no/such/program": "create a container: ",
		notProgram:         "set up a container: exec: ",
	} {
		c := probeCommand(t, "", io.Discard)
		c.Path = path
		if _, err := box.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
	notThere := &sandbox.Container{Helper: notProgram}
	if _, err := notThere.Run(t.Context(), probeCommand(t, "hello", io.Discard)); err == nil {
		t.Error("a first process that is no program was started")
	}
}

func TestForGrading_noEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	box, err := sandbox.ForGrading(t.Context(), "container", "go.mod")
	unsafe := new(sandbox.Unsafe)
	if box != nil || !errors.Is(err, sandbox.ErrNoEngine) || !errors.As(err, &unsafe) ||
		unsafe.Sandbox != "container" {
		t.Errorf("got %v, %v, want that no engine answers, and no other sandbox", box, err)
	}
}

// TestContainer_NothingOutlivesIt ends commands in every way and looks for their containers.
func TestContainer_NothingOutlivesIt(t *testing.T) {
	box := containerBox(t)
	cli, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	before := containers(t, cli)
	left := func() (n int) {
		for id := range containers(t, cli) {
			if !before[id] {
				n++
			}
		}
		return n
	}
	t.Run("a daemon", func(t *testing.T) {
		if got, _ := inContainer(t, "daemon", nil); got != "achieved" {
			t.Errorf("the daemon did not start: %q", got)
		}
		if n := left(); n != 0 {
			t.Errorf("%d containers are left", n)
		}
	})
	t.Run("its context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := box.Run(ctx, probeCommand(t, "say and sleep", writer(func(string) { cancel() })))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if n := left(); n != 0 {
			t.Errorf("%d containers are left", n)
		}
	})
	t.Run("whoever started it is killed", func(t *testing.T) {
		cmd := exec.Command(probeBinary(t))
		cmd.Env = append(os.Environ(), "PROBE=run a container")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 100)
		n, _ := out.Read(line)
		if got := string(line[:n]); got != "here" || left() != 1 {
			t.Errorf("got %q and %d containers, want one that runs", got, left())
		}
		cmd.Process.Kill()
		cmd.Wait()
		for end := time.Now().Add(20 * time.Second); left() != 0; time.Sleep(
			50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the container is still there")
			}
		}
	})
}

// containers lists those of the sandbox.
func containers(t *testing.T, cli *client.Client) map[string]bool {
	t.Helper()
	list, err := cli.ContainerList(t.Context(), client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", "org.backend-labs.sandbox"),
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, c := range list.Items {
		all[c.ID] = true
	}
	return all
}

// writer is told what is written.
type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

// init adds what only containers are tried with.
func init() {
	probes["all"] = func() string {
		for _, name := range os.Args[1:] {
			fmt.Printf("%s: %s\n", name, probes[name]())
		}
		return ""
	}
	probes["kill the first process"] = func() string {
		p, err := os.FindProcess(1)
		if err != nil {
			return err.Error()
		}
		return outcome(p.Kill())
	}
	probes["chroot"] = func() string { return outcome(syscall.Chroot("/tmp")) }
	probes["execute in tmp"] = func() string {
		if err := os.WriteFile(inTmp("x"), []byte("#!"+os.Args[0]+"\n"), 0o755); err != nil {
			return err.Error()
		}
		return outcome(exec.Command(inTmp("x")).Run())
	}
	probes["descriptors"] = func() string {
		var open []string
		for fd := range 100 {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			if err == nil && flags&unix.FD_CLOEXEC == 0 { // the runtime's own are closed on exec
				open = append(open, fmt.Sprint(fd))
			}
		}
		return strings.Join(open, " ")
	}
	probes["echo"] = func() string {
		report := os.NewFile(3, "report")
		text, _ := io.ReadAll(os.Stdin)
		report.Write(text)
		os.Stdout.Write(text)
		os.Exit(7)
		return ""
	}
	probes["deaf"] = func() string {
		signal.Ignore(syscall.SIGQUIT)
		time.Sleep(time.Hour)
		return ""
	}
	probes["say and sleep"] = func() string {
		fmt.Print("here")
		time.Sleep(time.Hour)
		return ""
	}
	probes["run a container"] = func() string {
		exe, _ := os.Executable()
		box := &sandbox.Container{}
		_, err := box.Run(context.Background(), sandbox.Command{
			Path: exe, Env: []string{"PROBE=say and sleep"}, Output: os.Stdout, MaxOutput: 1 << 10,
			Timeout: time.Hour,
		})
		return fmt.Sprint(err)
	}
}
