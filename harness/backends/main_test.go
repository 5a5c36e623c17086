package backends_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/backends"
)

// childVar makes the test binary do a part of a test in a process of its own.
const childVar = "BACKENDS_TEST_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(childVar); task != "" {
		var c child
		if err := json.Unmarshal([]byte(task), &c); err != nil {
			panic(err)
		}
		c.run()
		return
	}
	os.Exit(m.Run())
}

// child is what another process is to do.
type child struct {
	Provider, Dir string
	Need          backends.Need
	Up            bool // labs up, and a normal end; otherwise a lease that is held for ever
}

func (c child) options() backends.Options {
	return backends.Options{Provider: c.Provider, Dir: c.Dir, Slots: 2}
}

func (c child) run() {
	ctx := context.Background()
	if c.Up {
		if _, err := backends.Up(ctx, c.options(), c.Need); err != nil {
			fmt.Println("error:", err)
		}
		return
	}
	s, err := backends.Open(ctx, c.options(), c.Need)
	if err != nil {
		panic(err)
	}
	l, err := s.Acquire(ctx, c.Need)
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(l)
	select {}
}

// start runs it.
func (c child) start(t *testing.T) *exec.Cmd {
	t.Helper()
	task, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVar+"="+string(task))
	cmd.Stderr = os.Stderr
	return cmd
}

// needs skips the test where the provider does not work, or fails it if LABS_TEST_REQUIRE names it.
func needs(t *testing.T, provider string) {
	t.Helper()
	for _, s := range backends.Probe(t.Context(), backends.Options{Dir: t.TempDir()}) {
		if s.Provider == provider && !s.OK {
			skip(t, provider, fmt.Sprintf("%s %s: %s", provider, s.Backend, s.Detail))
		}
	}
}

// skip skips the test, or fails it if LABS_TEST_REQUIRE names what it would have tested.
func skip(t *testing.T, what, why string) {
	t.Helper()
	if strings.Contains(os.Getenv("LABS_TEST_REQUIRE"), what) {
		t.Fatalf("LABS_TEST_REQUIRE asks for %s: %s", what, why)
	}
	t.Skip(why)
}

// script writes a program.
func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// environment is a Getenv that answers from here first.
func environment(pairs ...string) func(string) string {
	return func(key string) string {
		for _, p := range pairs {
			if v, ok := strings.CutPrefix(p, key+"="); ok {
				return v
			}
		}
		return os.Getenv(key)
	}
}

// await polls for what happens in other processes.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
