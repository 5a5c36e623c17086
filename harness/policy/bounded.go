package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// What the types of one submission may take. The largest lab needs a hundredth of it. A checker of
// types cannot be interrupted, and types can be written that it never gets to the end of: so it
// works in a process of its own.
const (
	maxTime   = 10 * time.Second
	maxMemory = 1 << 30
	maxStack  = 256 << 20
)

// work is what the process is asked to do.
type work struct {
	Source *source
	Time   time.Duration // that it may take
}

// processName is the name that this program has when it applies the rules about types, and exitBomb
// its exit code if they take too much.
const (
	processName = "labs-policy"
	exitBomb    = 3
)

// errBomb says that the types of a submission take too much.
var errBomb = errors.New("looking at the types takes more time or memory than a lab's may take")

// init makes the process that [bounded] starts of this program. It cannot be left to main: the
// program may be any that grades, the binary of a test as well, and one that forgot it would start
// itself again and again.
func init() {
	if len(os.Args) == 1 && os.Args[0] == processName {
		debug.SetGCPercent(400)
		debug.SetMaxStack(maxStack)
		os.Exit(serve(os.Stdin, os.Stdout, os.Stderr, os.Exit))
	}
}

// bounded applies the rules about types in bounded time and memory.
func bounded(ctx context.Context, s *source) (verdict, error) {
	return within(ctx, s, maxTime)
}

func within(ctx context.Context, s *source, limit time.Duration) (verdict, error) {
	v, err := apart(ctx, work{s, limit})
	if errors.Is(err, errBomb) {
		return verdict{Violations: []Violation{s.first(RuleNesting, "the types of this source",
			"looking at them takes more time or memory than a lab's may take")}}, nil
	}
	return v, err
}

// first is a violation of the submission as a whole.
func (s *source) first(rule Rule, what, why string) Violation {
	name := slices.Sorted(maps.Keys(s.Files))[0]
	return Violation{File: name, Line: 1, Rule: rule, What: what, Why: why}
}

// apart has another process of this program apply the rules.
func apart(ctx context.Context, w work) (v verdict, err error) {
	in, err := json.Marshal(w)
	if err != nil {
		return v, err
	}
	exe, err := os.Executable()
	if err != nil {
		return v, fault.Of("look for this program", err)
	}
	limited, cancel := context.WithTimeout(ctx, 2*w.Time) // should it not end itself
	defer cancel()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(limited, exe)
	cmd.Args = []string{processName}
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	err = cmd.Run()
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if exit.ExitCode() == exitUnable {
			return v, errors.New(stderr.String())
		}
		return v, errBomb // whatever has ended it, such as a stack that is too deep
	}
	if err != nil {
		return v, fault.Of("start the process that looks at types", err)
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		return v, fmt.Errorf("read what the process that looks at types says: %w", err)
	}
	return v, nil
}

// exitUnable is the exit code of a process that could not do its work, for no fault of the
// submission's. It says why on its standard error.
const exitUnable = 4

// serve is what that process does. It returns its exit code, or exits earlier if it takes too much.
func serve(in io.Reader, out, errors io.Writer, exit func(int)) int {
	defer watchMemory(maxMemory, func() { exit(exitBomb) })()
	var w work
	var v verdict
	err := json.NewDecoder(in).Decode(&w)
	if err == nil {
		defer time.AfterFunc(w.Time, func() { exit(exitBomb) }).Stop()
		v, err = w.Source.inspect()
	}
	if err == nil {
		err = json.NewEncoder(out).Encode(v)
	}
	if err != nil {
		fmt.Fprint(errors, err)
		return exitUnable
	}
	return 0
}

// watchMemory calls tooMuch when the process has more than that many bytes, unless it has been
// stopped.
func watchMemory(limit uint64, tooMuch func()) (stop func()) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	tick, stopped := time.NewTicker(5*time.Millisecond), make(chan struct{})
	go func() {
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			metrics.Read(samples)
			if samples[0].Value.Uint64() > limit {
				tooMuch()
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(stopped) })
}
