package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Finding is what one probe found: whether something that a sandbox must prevent was prevented.
type Finding struct {
	Probe  string `json:"probe"` // what was tried
	Holds  bool   `json:"holds"` // it was prevented
	Detail string `json:"detail"`
}

// probeName is the first argument by which a process is told to probe the sandbox that it is in.
const probeName = "labs-sandbox-probe"

// Probe runs probes inside a sandbox and returns what they found. secret is a file that nothing
// inside may read, such as the course's go.mod. thorough adds those that take a second: they fork
// and allocate until they are stopped.
func Probe(ctx context.Context, s Sandbox, secret string, thorough bool) ([]Finding, error) {
	if s.Name() == (None{}).Name() {
		return nil, errors.New("probe the sandbox: there is none, and the probes would do here what " +
			"they try")
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("probe the sandbox: %w", err)
	}
	var found []Finding
	run := func(name string, limits Limits) (string, Exit, error) {
		var out bytes.Buffer
		exit, err := s.Run(ctx, Command{
			Path: exe, Args: []string{probeName, name, secret}, Dir: os.TempDir(), Output: &out,
			MaxOutput: 1 << 16,
			Timeout:   20 * time.Second, Grace: time.Second, Limits: limits,
		})
		return out.String(), exit, err
	}
	text, _, err := run("quick", Limits{})
	if err != nil {
		return nil, err
	}
	// The runtime of the race detector complains first of all that there is no /proc.
	if err := json.Unmarshal([]byte(text[max(0, strings.Index(text, "[{")):]), &found); err != nil {
		return nil, fmt.Errorf("probe the sandbox: it answered %q", text)
	}
	if !thorough {
		return found, nil
	}
	text, exit, err := run("fork", Limits{Processes: 64})
	if err != nil {
		return nil, err
	}
	var started int
	fmt.Sscan(text, &started)
	// Some sandboxes start no more, and landlock may have to end it.
	found = append(found, Finding{"start 10,000 processes", started < 100 && (exit.Code == 0 || exit.Signal != ""),
		fmt.Sprintf("%d were started", started)})
	text, exit, err = run("allocate", Limits{Memory: 256 << 20})
	if err != nil {
		return nil, err
	}
	detail := "it was stopped at the limit"
	if text == "done" {
		detail = "10 GiB were allocated"
	}
	return append(found, Finding{"allocate 10 GiB", text != "done" &&
		(exit.Code != 0 || exit.Signal != ""), detail}), nil
}

// Broken are the findings that do not hold.
func Broken(found []Finding) (broken []Finding) {
	for _, f := range found {
		if !f.Holds {
			broken = append(broken, f)
		}
	}
	return broken
}

func initProbe() {
	if len(os.Args) >= 3 && os.Args[1] == probeName {
		probe(os.Args[2], append(os.Args, "")[3])
	}
}

// probe is what a process does that has been told to.
func probe(name, secret string) {
	switch name {
	case "fork":
		fmt.Print(forkMany(10_000))
	case "allocate":
		allocate(10 << 30)
		fmt.Print("done")
	case "sleep":
		time.Sleep(time.Minute)
	default:
		json.NewEncoder(os.Stdout).Encode(quickProbes(secret))
	}
	os.Exit(0)
}

func forkMany(n int) (started int) {
	var all []*os.Process
	defer func() {
		for _, p := range all {
			p.Kill()
		}
	}()
	for range n {
		p, err := os.StartProcess(os.Args[0], []string{os.Args[0], probeName, "sleep"},
			&os.ProcAttr{})
		if err != nil {
			return started
		}
		all = append(all, p)
		started++
	}
	return started
}

var kept [][]byte

func allocate(n int) {
	for range n >> 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
}
