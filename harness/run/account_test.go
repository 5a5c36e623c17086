package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/run/runtest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// caged is an actor that has no network.
type caged struct{ runtest.Actor }

func (caged) Name() string { return "caged" }

// TestProcess_account holds every way in which a report may be incomplete or inconsistent against
// the rule that a check passes only by a full account.
func TestProcess_account(t *testing.T) {
	t.Parallel()
	const incomplete = "the check's report did not arrive once and whole, and with nothing " +
		"else, so it does not count"
	const ended = "the process ended with exit code"
	honest := runtest.Honest
	for _, tt := range []struct {
		name    string
		play    func(p runtest.Pipe)
		exit    sandbox.Exit
		verdict run.Verdict
		message string // its beginning
	}{
		{"an honest pass", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, honest, run.Passed, ""},
		{"an honest pass in the other order", func(p runtest.Pipe) { p.Own(account.Passed); p.Canary() }, honest, run.Passed, ""},
		{"an honest failure", func(p runtest.Pipe) { p.Canary(); p.Own(account.Failed) }, honest, run.Failed, ""},
		{"a skip", func(p runtest.Pipe) { p.Canary(); p.Own(account.Skipped) }, honest, run.Failed, "the check was skipped"},
		{"nothing", func(runtest.Pipe) {}, honest, run.Failed, ended},
		{"nothing, and exit code 0", func(runtest.Pipe) {}, sandbox.Exit{}, run.Failed, ended + " 0 before any check began"},
		{"no canary", func(p runtest.Pipe) { p.Own(account.Passed) }, honest, run.Failed, incomplete},
		{"no verdict", func(p runtest.Pipe) { p.Canary() }, honest, run.Failed, ended + " 1 before the check was done"},
		{"a canary that passes", func(p runtest.Pipe) {
			p.Report(account.Report{Test: p.Request.Canary, Verdict: account.Passed})
			p.Own(account.Passed)
		}, honest, run.Failed, "a check that must fail did not"},
		{"a canary that is skipped", func(p runtest.Pipe) {
			p.Report(account.Report{Test: p.Request.Canary, Verdict: account.Skipped})
			p.Own(account.Passed)
		}, honest, run.Failed, "a check that must fail did not"},
		{"two canaries", func(p runtest.Pipe) { p.Canary(); p.Canary(); p.Own(account.Passed) }, honest, run.Failed, incomplete},
		{"two passes", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed); p.Own(account.Passed) }, honest, run.Failed, incomplete},
		{"a failure and a pass", func(p runtest.Pipe) { p.Canary(); p.Own(account.Failed); p.Own(account.Passed) }, honest, run.Failed, incomplete},
		{"a pass of another check too", func(p runtest.Pipe) {
			p.Canary()
			p.Own(account.Passed)
			p.Report(account.Report{Test: "TestOther", Verdict: account.Passed})
		}, honest, run.Failed, incomplete},
		{"a pass of another check only", func(p runtest.Pipe) { p.Canary(); p.Report(account.Report{Test: "TestOther", Verdict: account.Passed}) }, honest, run.Failed, ended},
		{"a verdict nobody knows", func(p runtest.Pipe) { p.Canary(); p.Own("great") }, honest, run.Failed, ""},
		{"a line that is not sealed", func(p runtest.Pipe) {
			p.Canary()
			fmt.Fprintf(p, "%s\n", runtest.Content(account.Report{Test: p.Check, Verdict: account.Passed}))
		}, honest, run.Failed, incomplete},
		{"a line sealed with another key", func(p runtest.Pipe) {
			p.Canary()
			p.Own(account.Passed)
			other := account.NewKey()
			p.Write(other.Seal(2, runtest.Content(account.Report{Test: p.Check, Verdict: account.Passed})))
		}, honest, run.Failed, incomplete},
		{"a seal of another number", func(p runtest.Pipe) {
			p.Canary()
			p.Write(p.Key.Seal(2, runtest.Content(account.Report{Test: p.Check, Verdict: account.Passed})))
		}, honest, run.Failed, incomplete},
		{"a line once more", func(p runtest.Pipe) {
			var twice bytes.Buffer
			p.Writer = io.MultiWriter(p.Writer, &twice)
			p.Canary()
			p.Own(account.Passed)
			p.Write(twice.Bytes())
		}, honest, run.Failed, incomplete},
		{"a line that was changed", func(p runtest.Pipe) {
			p.Canary()
			line := p.Key.Seal(1, runtest.Content(account.Report{Test: p.Check, Verdict: account.Failed}))
			p.Write(bytes.Replace(line, []byte(account.Failed), []byte(account.Passed), 1))
		}, honest, run.Failed, incomplete},
		{"a failure that was lost before a pass", func(p runtest.Pipe) {
			p.Canary()
			lost := p
			lost.Writer = io.Discard
			lost.Found("less")
			p.Own(account.Passed)
		}, honest, run.Failed, incomplete},
		{"sealed nonsense", func(p runtest.Pipe) { p.Canary(); p.Write(p.Key.Seal(1, []byte("{"))) }, honest, run.Failed, incomplete},
		{"a failure behind much junk", func(p runtest.Pipe) {
			for range 5000 {
				fmt.Fprintln(p, "junk")
			}
			p.Canary()
			p.Found("less")
			p.Own(account.Failed)
		}, honest, run.Failed, incomplete},
		{"a report that cannot be kept apart", func(p runtest.Pipe) { p.Report(account.Report{Test: p.Check, Broken: "no table"}) },
			sandbox.Exit{Code: 2}, run.InfraError, "the report of a check cannot be kept apart here: no table\nhint: "},
		{"garbage besides", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed); fmt.Fprintln(p, "garbage") }, honest, run.Failed, incomplete},
		{"an empty line besides", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed); fmt.Fprintln(p) }, honest, run.Failed, incomplete},
		{"a line too long", func(p runtest.Pipe) { fmt.Fprintln(p, strings.Repeat("x", 1<<20)); p.Canary(); p.Own(account.Passed) }, honest, run.Failed, incomplete},
		{"half a line at the end", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed); fmt.Fprint(p, `{"nonce":`) }, honest, run.Failed, incomplete},
		{"a finding and a pass", func(p runtest.Pipe) {
			p.Canary()
			p.Found("less")
			p.Own(account.Passed)
		}, honest, run.Failed, "the check reported a failure and then a pass"},
		{"findings without end", func(p runtest.Pipe) {
			for range 5000 {
				p.Found("less")
			}
			p.Canary()
			p.Own(account.Passed)
		}, honest, run.Failed, incomplete},
		{"a pass and exit code 0", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, sandbox.Exit{}, run.Failed, ended + " 0"},
		{"a pass and exit code 2", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, sandbox.Exit{Code: 2}, run.Failed, ended + " 2"},
		{"a pass and a signal", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, sandbox.Exit{Code: 1, Signal: "segmentation fault"}, run.Failed, "the process was ended by the signal segmentation fault"},
		{"a pass, and no end", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, sandbox.Exit{Code: 2, TimedOut: true}, run.TimedOut, "not done after 1m0s, so it was stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := mustRunActor(t, func(_ context.Context, c sandbox.Command,
				p runtest.Pipe) (sandbox.Exit, error) {
				tt.play(p)
				return tt.exit, nil
			})
			if o.Verdict != tt.verdict || !strings.HasPrefix(o.Message, tt.message) ||
				o.Verdict == run.Passed && o.Message != "" {
				t.Errorf("got %s, %q, want %s, %q…", o.Verdict, o.Message, tt.verdict, tt.message)
			}
		})
	}
}

// A race that did not end the process is a failure all the same, whatever the report says.
func TestProcess_raceBesideAPass(t *testing.T) {
	t.Parallel()
	for race, want := range map[bool]run.Verdict{true: run.Failed, false: run.Passed} {
		p := run.Process{Binary: "/bin/none", Test: "TestX", Race: race, Seed: 1,
			Timeout: time.Minute}
		p.Sandbox = runtest.Actor(func(_ context.Context, c sandbox.Command,
			p runtest.Pipe) (sandbox.Exit, error) {
			fmt.Fprintln(c.Output, "WARNING: DATA RACE\nWrite at 0x0 by goroutine 7:")
			p.Canary()
			p.Own(account.Passed)
			return sandbox.Exit{Code: 1}, nil
		})
		if o := mustRun(t, p); o.Verdict != want {
			t.Errorf("race %v: got %s, %q, want %s", race, o.Verdict, o.Message, want)
		}
	}
}

// A crash is told by the learner's line, wherever the course, Go and the modules lie.
func TestProcess_location(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, library, learner string }{
		{"a home", "/usr/local/go/src/sync/mutex.go:46", "/home/ada/course/labs/b01-thing/thing.go:12"},
		{"a folder of labs", "/srv/labs/go/src/sync/mutex.go:46",
			"/srv/labs/course/labs/b01-thing/thing.go:12"},
		{"a folder with a space", "/Users/Ada Lovelace/solutions/go/src/sync/mutex.go:46",
			"/Users/Ada Lovelace/labs/b01-thing/thing.go:12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := run.Process{Binary: "/bin/none", Test: "TestX", Seed: 1, Timeout: time.Minute}
			p.Sandbox = runtest.Actor(func(_ context.Context, c sandbox.Command,
				_ runtest.Pipe) (sandbox.Exit, error) {
				fmt.Fprintf(c.Output, "panic: oh\n\ngoroutine 1 [running]:\nsync.fatal(...)\n\t%s\n"+
					"thing.Get()\n\t%s +0x1d\nexit status 2\n", tt.library, tt.learner)
				return sandbox.Exit{Code: 2}, nil
			})
			if o := mustRun(t, p); o.Location != "thing.go:12" || o.Message != "panic at thing.go:12: oh" {
				t.Errorf("got %q, %q, want the panic at thing.go:12", o.Location, o.Message)
			}
		})
	}
}

// A check whose backend the sandbox cannot keep apart is not judged, and says why in one line.
func TestProcess_noBridge(t *testing.T) {
	t.Parallel()
	none := &sandbox.NoBridge{Sandbox: "landlock"}
	p := run.Process{Binary: "/bin/none", Test: "TestX", Seed: 1, Timeout: time.Minute}
	p.Sandbox = runtest.Actor(func(context.Context, sandbox.Command,
		runtest.Pipe) (sandbox.Exit, error) {
		return sandbox.Exit{}, fmt.Errorf("set up a sandbox: %w", none)
	})
	if o := mustRun(t, p); o.Verdict != run.NotJudged || o.Message != none.Error() {
		t.Errorf("got %s, %q, want it not judged: %q", o.Verdict, o.Message, none)
	}
}

func TestProcess_duration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play func(runtest.Pipe)
		want time.Duration
	}{
		{"is the check's own", func(p runtest.Pipe) { p.Canary(); p.Own(account.Passed) }, runtest.Elapsed},
		{"is the process's where the check said nothing", func(runtest.Pipe) {}, runtest.Honest.Wall},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := mustRunActor(t, func(_ context.Context, c sandbox.Command,
				p runtest.Pipe) (sandbox.Exit, error) {
				tt.play(p)
				return runtest.Honest, nil
			})
			if o.Duration != tt.want {
				t.Errorf("got %v, want %v", o.Duration, tt.want)
			}
		})
	}
}

func TestProcess_request(t *testing.T) {
	t.Parallel()
	var requests []account.Request
	var keys []account.Key
	process := run.Process{
		Binary: "/bin/none", Test: "TestX", Seed: 7, Timeout: time.Minute,
		Redis: "127.0.0.1:1", RedisReal: true, Postgres: "postgres://x",
		Sandbox: runtest.Actor(func(_ context.Context, c sandbox.Command,
			p runtest.Pipe) (sandbox.Exit, error) {
			requests, keys = append(requests, p.Request), append(keys, p.Key)
			if c.Path != "/bin/none" || c.Timeout <= time.Minute || c.Dir == "" {
				t.Errorf("got the command %+v", c)
			}
			for _, want := range []string{"GORACE=atexit_sleep_ms=0 halt_on_error=1", "HOME=" + c.Dir,
				"TMPDIR=" + c.Dir} {
				if !strings.Contains(strings.Join(c.Env, "\n"), want) {
					t.Errorf("got the environment %q, want %s in it", c.Env, want)
				}
			}
			return sandbox.Exit{Code: 1}, nil
		}),
	}
	for range 2 {
		if o := mustRun(t, process); o.Verdict == run.InfraError {
			t.Fatal(o.Message)
		}
	}
	a, b := requests[0], requests[1]
	if keys[0] == keys[1] || a.Canary == b.Canary || !strings.HasPrefix(a.Canary, "Test") {
		t.Errorf("got the keys %x and the canaries %s and %s, want new ones each time", keys,
			a.Canary, b.Canary)
	}
	want := account.Request{Check: "TestX", Canary: a.Canary, ReportFD: a.ReportFD,
		Seed: 7, Timeout: time.Minute, Redis: "127.0.0.1:1", RedisReal: true,
		Postgres: "postgres://x"}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v, want %+v", a, want)
	}
}

// TestProcess_bridges is about sandboxes without network: the process gets addresses on its own
// loopback interface.
func TestProcess_bridges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, redis, postgres string
		want                  []string // the addresses inside: redis, postgres
	}{
		{"none", "", "", nil},
		{"on the loopback interface they stay", "redis://127.0.0.1:7777/0", "postgres://u:p@127.0.0.2:8888/db", []string{"redis://127.0.0.1:7777/0", "postgres://u:p@127.0.0.2:8888/db"}},
		{"elsewhere they move", "redis://10.0.0.1:7777", "postgres://u:p@db.example:8888/db", []string{"redis://127.0.0.1:6379", "postgres://u:p@127.0.0.1:6380/db"}},
		{"localhost and IPv6 move", "redis://localhost:7777", "postgres://[::1]:8888/db", []string{"redis://127.0.0.1:6379", "postgres://127.0.0.1:6380/db"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			play := func(_ context.Context, c sandbox.Command, p runtest.Pipe) (sandbox.Exit,
				error) {
				var got, bridges []string
				for _, address := range []string{p.Redis, p.Postgres} {
					if address != "" {
						got = append(got, address)
					}
				}
				for _, b := range c.Bridges {
					bridges = append(bridges, b.Inside)
				}
				if !slices.Equal(got, tt.want) || len(bridges) != len(tt.want) {
					t.Errorf("got %q and bridges at %q, want %q", got, bridges, tt.want)
				}
				for i, b := range bridges {
					if !strings.Contains(tt.want[i], b) {
						t.Errorf("got a bridge at %s, want it where %s is", b, tt.want[i])
					}
				}
				return sandbox.Exit{Code: 1}, nil
			}
			p := run.Process{Binary: "/bin/none", Test: "TestX", Seed: 1, Timeout: time.Minute,
				Sandbox: caged{play}, Redis: tt.redis, Postgres: tt.postgres}
			if o := mustRun(t, p); o.Verdict == run.InfraError {
				t.Error(o.Message)
			}
		})
	}
	t.Run("an address that is none", func(t *testing.T) {
		t.Parallel()
		p := run.Process{Binary: "/bin/none", Test: "TestX", Seed: 1, Timeout: time.Minute,
			Sandbox: caged{}, Redis: "somewhere"}
		o := mustRun(t, p)
		if want := "the address of a backend is not a URL with a port"; o.Verdict != run.InfraError || o.Message != want {
			t.Errorf("got %s, %q, want %s, %q", o.Verdict, o.Message, run.InfraError, want)
		}
	})
}

func TestProcess_brokenSandbox(t *testing.T) {
	t.Parallel()
	o := mustRunActor(t, func(context.Context, sandbox.Command, runtest.Pipe) (sandbox.Exit,
		error) {
		return sandbox.Exit{}, errors.New("no namespaces here")
	})
	if o.Verdict != run.InfraError || !strings.HasPrefix(o.Message, "no namespaces here\nhint: ") {
		t.Errorf("got %s, %q, want %s", o.Verdict, o.Message, run.InfraError)
	}
}

func mustRun(t *testing.T, p run.Process) run.Outcome {
	t.Helper()
	o, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustRunActor(t *testing.T, play runtest.Actor) run.Outcome {
	t.Helper()
	return mustRun(t, run.Process{Binary: "/bin/none", Test: "TestX", Seed: 1, Timeout: time.Minute,
		Sandbox: play})
}
