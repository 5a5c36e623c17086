package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

var update = flag.Bool("update", false, "rewrite what the scripts in testdata/script compare with")

func TestMain(m *testing.M) {
	sandbox.Init()
	testscript.Main(m, map[string]func(){"labs": main})
}

// TestScripts runs the real main, from testdata/script, each script in a course of its own: the
// example of package coursetest, in the folder course. What the scripts know besides the usual
// commands stands in scriptCommands.
func TestScripts(t *testing.T) {
	t.Parallel()
	example, err := coursetest.Example()
	if err != nil {
		t.Fatal(err)
	}
	goEnv, err := goEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "race":
				return raceEnabled, nil
			case "mounts": // a test may mount something, in a namespace of its own
				return exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none",
					os.TempDir()).Run() == nil, nil
			}
			return false, fmt.Errorf("there is no condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			for _, dir := range []string{"home", "course"} {
				if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
					return err
				}
			}
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Vars = append(env.Vars, goEnv...)
			return coursetest.Write(filepath.Join(env.WorkDir, "course"), example)
		},
	})
}

// goEnvironment lets the scripts build with the caches of this machine, and without the network.
func goEnvironment() ([]string, error) {
	keys := []string{"GOCACHE", "GOMODCACHE", "GOPATH"}
	out, err := exec.Command("go", append([]string{"env"}, keys...)...).Output()
	if err != nil {
		return nil, err
	}
	vars := []string{"GOPROXY=off", "GOTOOLCHAIN=local", "GOENV=off"}
	for i, value := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		vars = append(vars, keys[i]+"="+strings.TrimSpace(value))
	}
	return vars, nil
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":    cmdExits,
	"json":     cmdJSON,
	"replace":  cmdReplace,
	"sameText": cmdSameText,
	"serve":    cmdServe,
	"served":   cmdServed,
	"unserve":  cmdUnserve,
}

// cmdExits is "exits CODE COMMAND ARG...": the command ends with just that exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("got exit code %d, want %s", code, args[0])
	}
}

// cmdJSON is "json FILE PATH VALUE": the value at the path, such as 0.checks.1.verdict, is that
// one. A path that ends in len gives a list's length. VALUE is left out to ask whether there is one
// at all.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH [VALUE]")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &v); err != nil {
		ts.Fatalf("%s is no JSON: %v", args[0], err)
	}
	got, there := at(v, strings.Split(args[1], "."))
	text := fmt.Sprint(got)
	if n, ok := got.(float64); ok {
		text = strconv.FormatFloat(n, 'f', -1, 64)
	}
	if same := there && (len(args) == 2 || text == args[2]); same == neg {
		ts.Fatalf("%s: got %s", args[1], text)
	}
}

func at(v any, path []string) (any, bool) {
	for _, step := range path {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if step == "len" {
				v = float64(len(in))
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// cmdReplace is "replace FILE OLD NEW": an edit of a file, in which OLD must stand.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not have %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])),
		0o644))
}

// cmdSameText is "sameText FILE PATTERN": what the pattern finds in the last output is what it has
// found in FILE, which is written if it is not there.
func cmdSameText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sameText FILE TEXT")
	}
	var lines []string
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if strings.Contains(line, args[1]) {
			lines = append(lines, line)
		}
	}
	got := strings.Join(lines, "")
	file := ts.MkAbs(args[0])
	want, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		ts.Check(os.WriteFile(file, []byte(got), 0o644))
		return
	}
	ts.Check(err)
	if got == "" || got != string(want) {
		ts.Fatalf("got\n%swant\n%s", got, want)
	}
}
