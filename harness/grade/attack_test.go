//go:build linux

package grade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// attack is a submission of testdata/attacks: its folder, and what its attack.yaml says.
type attack struct {
	Name string `yaml:"-"`
	Dir  string `yaml:"-"`

	Tries     string      `yaml:"tries"`
	Lab       string      `yaml:"lab"`        // the slug; b01-steps if it is not said
	StoppedBy defences    `yaml:"stopped_by"` // each of them would be enough
	Verdict   run.Verdict `yaml:"verdict"`    // if it must be a certain one
	Never     bool        `yaml:"never"`      // it does not succeed without that defence either
	// whether it succeeds without that defence depends on the machine
	Maybe bool `yaml:"maybe"`
	// the sandbox in which it does not succeed without that defence either
	Not      string `yaml:"not"`
	Race     bool   `yaml:"race"`     // it is judged under the race detector, too, and knows it
	Why      string `yaml:"why"`      // a remark, for one that never succeeds
	Outlives bool   `yaml:"outlives"` // its success is a process that is left
	Root     bool   `yaml:"root"`
	Arch     string `yaml:"arch"` // of the machine that it is written for

	GoMod string            `yaml:"go_mod"` // lines added to the course's go.mod
	Links map[string]string `yaml:"links"`  // made when the submission is
	Huge  bool              `yaml:"huge"`   // its source has 100 MB
}

// defences are names: policy, or one that [trial.leaveOut] knows, or of what cannot be left out:
// limits and report.
type defences []string

// UnmarshalYAML takes a list, or one name alone.
func (d *defences) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*d = defences{n.Value}
		return nil
	}
	return n.Decode((*[]string)(d))
}

func (d defences) has(name string) bool { return slices.Contains(d, name) }

func attacks(t *testing.T) (all []attack) {
	t.Helper()
	files, err := filepath.Glob("testdata/attacks/*/attack.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d attacks, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := attack{Name: filepath.Base(filepath.Dir(file)), Dir: filepath.Dir(file),
			Lab: "b01-steps"}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&a); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if a.Tries == "" {
			t.Errorf("%s does not say what it tries", file)
		}
		all = append(all, a)
	}
	return all
}

// submission is the attack as it is handed in.
func (a attack) submission(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(a.Dir)); err != nil {
		t.Fatal(err)
	}
	if a.Huge {
		source := filepath.Join(dir, "labs", "b01-steps", "steps.go")
		must(t, os.MkdirAll(filepath.Dir(source), 0o755))
		must(t, os.WriteFile(source, append([]byte("package steps\n\nvar s = `"),
			bytes.Repeat([]byte("x"), 100<<20)...), 0o644))
	}
	for name, to := range a.Links {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.Symlink(to, path))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// attacked is the course that the attacks are about.
var attacked = sync.OnceValues(func() (*course.Course, error) {
	dir := filepath.Join(scratch, "attacked")
	if err := coursetest.Write(dir, "testdata/attacked"); err != nil {
		return nil, err
	}
	c, err := course.Load(dir)
	if err != nil {
		return nil, err
	}
	// What the sandboxed builds share, in the build cache.
	b := &compile.Builder{Course: c, Dir: filepath.Join(dir, ".labs", "bin")}
	var all []compile.Request
	for _, slug := range attackedLabs {
		l, err := coursetest.Lab(dir, slug)
		if err != nil {
			return nil, err
		}
		all = append(all, compile.Request{Lab: l, Dir: l.Dir},
			compile.Request{Lab: l, Dir: l.Dir, Race: true})
	}
	for _, built := range b.Build(context.Background(), all) {
		if built.Err != nil {
			return nil, built.Err
		}
	}
	return c, nil
})

// attackedLabs are those that need no stores.
var attackedLabs = []string{"b01-steps", "b03-shop", "b04-tickets", "b05-counter", "b06-visits", "b07-lights",
	"i01-alarm", "i02-ledger", "i03-once"}

// trial is one way to judge an attack: in a sandbox, with some defences left out.
type trial struct {
	box     sandbox.Sandbox
	open    bool // without the policy
	late    bool // the account begins late
	raced   bool // with the run under the race detector, which can only take a pass away
	without account.Without
	only    []string // the checks, nil: all
}

// leaveOut takes a defence away. It says so where there is none of that name.
func (tr *trial) leaveOut(defence string) (known bool) {
	switch defence {
	case "policy":
		tr.open = true
	case "begin": // the account before the learner
		tr.late = true
	case "sandbox":
		tr.box = sandbox.None{}
	case "race":
		tr.raced = false
	case "instances": // several processes
		tr.only = []string{"TestOneProcess"}
	case "table":
		tr.without.Table = true
	case "seal":
		tr.without.Seal = true
	case "census":
		tr.without.Census = true
	case "variables":
		tr.without.Variables = true
	case "library":
		tr.without.Library = true
	case "bubble":
		tr.without.Outside = true
	default:
		return false
	}
	return true
}

// judge takes the submission in and grades it. What is built is built once for all the trials of an
// attack.
func (a attack) judge(t *testing.T, tr trial) run.Result {
	t.Helper()
	c, err := attacked()
	must(t, err)
	l, err := coursetest.Lab(c.Root, a.Lab)
	must(t, err)
	l.NoPackageState = a.Lab == "i02-ledger" // several of its lives are in one process
	subs, err := intake.Read(a.submission(t), nil, []*course.Lab{l}, nil)
	if rejected, ok := errors.AsType[*intake.Rejection](err); ok {
		return run.Result{Verdict: run.Rejected, Message: rejected.Error()}
	}
	must(t, err)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	must(t, subs[0].WriteTo(dir))
	b := &compile.Builder{Course: c, Dir: filepath.Join(c.Root, ".labs", "attacks", a.Name),
		Late: tr.late}
	if tr.box.Name() != "none" {
		b.Sandbox = tr.box
	}
	g := &grade.Grader{Builder: b, Sandbox: tr.box, Open: func(context.Context,
		[]string) (grade.Stores, error) {
		return nil, errors.New("no stores in this test")
	}}
	g.Without(tr.without)
	if tr.open {
		g.WithoutPolicy()
	}
	timeout := time.Minute // memory is slow to get on some machines
	if a.Verdict == run.TimedOut {
		timeout = 2 * time.Second
	}
	return mustGrade(t, g, []grade.Job{{Lab: l, Dir: dir, Only: tr.only}},
		grade.Options{Timeout: timeout, Race: tr.raced, EveryLab: tr.raced}, nil)[0]
}

// succeeds reports whether a result is what the attack is after.
func (a attack) succeeds(r run.Result) bool {
	return r.Verdict == run.Passed || strings.Contains(output(r), "PWNED") || a.Outlives &&
		daemons(a.Name) > 0
}

func output(r run.Result) string {
	text := r.Message + r.Output
	for _, c := range r.Checks {
		text += c.Message + c.Output
	}
	return text
}

// start is the beginning of a text that may be long.
func start(s string) string { return s[:min(len(s), 500)] }

// daemons ends the processes that an attack has left, and counts them.
func daemons(string) (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		if env, _ := os.ReadFile(f); strings.Contains(string(env), "LABS_ATTACK=daemon") {
			var pid int
			for _, digit := range strings.Split(f, "/")[2] {
				pid = pid*10 + int(digit-'0')
			}
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				n++
			}
		}
	}
	return n
}

// naive is what a grader says that runs "go test" in the learner's own tree.
func (a attack) naive(t *testing.T) (passed bool, text string) {
	t.Helper()
	dir := t.TempDir()
	must(t, coursetest.Write(dir, "testdata/attacked"))
	if len(a.Links) > 0 {
		must(t, os.RemoveAll(filepath.Join(dir, "labs", "b01-steps")))
	}
	if err := copyOver(dir, a.submission(t)); err != nil {
		t.Fatal(err)
	}
	if tests, _ := filepath.Glob(filepath.Join(dir, "labs", "b01-steps",
		"*_test.go")); len(tests) == 0 {
		checks, err := os.ReadFile("testdata/attacked/labs/b01-steps/steps_test.go")
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "labs", "b01-steps", "steps_test.go"), checks,
			0o644))
	}
	if a.GoMod != "" {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "go.mod"), append(mod, "\n"+a.GoMod...), 0o644))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-timeout=50s",
		"./labs/b01-steps")
	cmd.Dir, cmd.WaitDelay = dir, time.Second // what it has started may go on, and has its output
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// copyOver copies a tree over another, links as links.
func copyOver(dst, src string) error {
	return exec.Command("cp", "-R", "--no-dereference", src+"/.", dst).Run()
}

// tight is a sandbox in which a check gets less memory than the attacks want. The race detector alone
// wants more than that, where it is the address space that is bounded.
type tight struct{ sandbox.Sandbox }

func (s *tight) Run(ctx context.Context, c sandbox.Command) (sandbox.Exit, error) {
	if c.Report != nil && !strings.HasSuffix(c.Path, "-race") { // it is a check, not a build
		c.Limits.Memory = 256 << 20
	}
	return s.Sandbox.Run(ctx, c)
}

// underAttack is the sandbox that LABS_TEST_SANDBOX names, or that of namespaces.
func underAttack(t *testing.T) sandbox.Sandbox {
	t.Helper()
	name := os.Getenv("LABS_TEST_SANDBOX")
	if name == "" {
		name = "ns"
	}
	c, err := attacked()
	must(t, err)
	box, err := sandbox.ForGrading(t.Context(), name, filepath.Join(c.Root, "go.mod"))
	must(t, err)
	return &tight{box}
}

// TestAttacks grades each attack. None may get a pass or what it is after, with the policy and
// without it; and where the defence that stops it is switched off, it does get it: these tests
// bite.
func TestAttacks(t *testing.T) {
	if raceEnabled {
		t.Skip("a process of the race detector takes a second to start, and there are hundreds: " +
			"make graded runs this without")
	}
	listen(t)
	box := underAttack(t)
	for _, a := range attacks(t) {
		t.Run(a.Name, func(t *testing.T) {
			if a.Arch != "" && a.Arch != runtime.GOARCH {
				t.Skipf("it is written for %s", a.Arch)
			}
			if !a.Outlives && a.Name != "fork-bomb" { // those count processes
				t.Parallel()
			}
			t.Logf("it %s", a.Tries)
			a.try(t, box)
		})
	}
}

// try demands that the attack fails with all defences and without the policy, and that it succeeds
// without those that stop it.
func (a attack) try(t *testing.T, box sandbox.Sandbox) {
	all := trial{box: box, raced: a.Race || a.StoppedBy.has("race")}
	r := a.judge(t, all)
	t.Logf("with all defences: %s", r.Verdict)
	a.held(t, r, "with all defences")
	if a.StoppedBy.has("policy") && r.Verdict != run.Rejected {
		t.Errorf("with all defences: got %s, want it rejected", r.Verdict)
	}
	if a.Verdict != "" && r.Verdict != a.Verdict {
		t.Errorf("with all defences: got %s: %s; want %s", r.Verdict, start(output(r)), a.Verdict)
	}
	if n := len(output(r)); n > 3<<20 {
		t.Errorf("%d bytes of output are kept", n)
	}
	switch {
	case a.StoppedBy.has("limits"), a.StoppedBy.has("report"):
		wantInert(t, r)
		return
	case !a.StoppedBy.has("policy") && r.Verdict == run.Rejected:
		open := all
		open.open = true
		a.held(t, a.judge(t, open), "without the policy")
	}
	if !a.Never {
		a.bites(t, all)
	}
}

func (a attack) held(t *testing.T, r run.Result, when string) {
	t.Helper()
	if a.succeeds(r) || r.Verdict == run.InfraError {
		t.Errorf("%s: it %s; got %s: %s", when, a.Tries, r.Verdict, start(output(r)))
	}
}

// patience is how often an attack is tried where it should succeed: some need luck.
const patience = 5

// bites demands that it succeeds without what stops it, and that each part of that would be enough.
func (a attack) bites(t *testing.T, all trial) {
	if a.StoppedBy.has("account") || a.StoppedBy.has("intake") {
		if passed, text := a.naive(t); !passed && !a.Maybe {
			t.Errorf(`it does not succeed under a plain "go test", which says %s`, text)
		}
		return
	}
	if a.Not != "" && a.Not == os.Getenv("LABS_TEST_SANDBOX") {
		return
	}
	bare := all
	bare.open = true
	for _, left := range a.StoppedBy {
		if !bare.leaveOut(left) {
			t.Fatalf("there is no defence %q", left)
		}
		if len(a.StoppedBy) == 1 {
			continue
		}
		tr := all
		tr.open = left != "policy"
		for _, name := range a.StoppedBy {
			if name != left {
				tr.leaveOut(name)
			}
		}
		a.held(t, a.judge(t, tr), "with nothing but "+left)
	}
	var r run.Result
	for range patience {
		if r = a.judge(t, bare); a.succeeds(r) || a.Maybe {
			return
		}
	}
	t.Errorf("without what stops it (%s) it does not succeed either, so it proves nothing: "+
		"%s: %s", strings.Join(a.StoppedBy, ", "), r.Verdict, start(output(r)))
}

// listen has servers at which the attacks aim, for as long as the test lasts.
func listen(t *testing.T) {
	t.Helper()
	for _, at := range [][2]string{{"tcp", "127.0.0.1:47113"}, {"unix", "@labs-attack-47113"}} {
		l, err := net.Listen(at[0], at[1])
		must(t, err)
		t.Cleanup(func() { l.Close() })
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:47113")
	must(t, err)
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo(buf[:n], from)
		}
	}()
}

// wantInert renders a result in every format and looks for what its output must not do there.
func wantInert(t *testing.T, r run.Result) {
	t.Helper()
	r.Lab, r.Slug, r.Title = "B01", "b01-steps", "Steps"
	render := func(f report.Format) string {
		var b bytes.Buffer
		must(t, f(&b, []run.Result{r}))
		return b.String()
	}
	commands := regexp.MustCompile(`(?m)^\s*(::|##\[).*`)
	for _, line := range commands.FindAllString(render(report.GitHub), -1) {
		if !strings.HasPrefix(line, "::error ") && !strings.HasPrefix(line, "::warning ") ||
			strings.HasPrefix(line, "::error ::INJECTED") {
			t.Errorf("github: the output has made a command: %q", line)
		}
	}
	for name, format := range report.Formats {
		text := render(format)
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\x07\x08\u009b") {
			t.Errorf("%s: it has what is no text: %q", name, text)
		}
	}
	var terminal bytes.Buffer
	report.Terminal(&terminal, r, report.Style{Columns: 80, Verbose: true})
	if text := terminal.String(); !utf8.ValidString(text) ||
		strings.ContainsAny(text, "\x00\x1b\x07\x08\r\u009b") {
		t.Errorf("terminal: it has what is no text: %q", text)
	}
	if !json.Valid([]byte(render(report.JSON))) {
		t.Error("json: it is not JSON")
	}
	x := xml.NewDecoder(strings.NewReader(render(report.JUnit)))
	for cases := 0; ; {
		token, err := x.Token()
		if err == io.EOF {
			if cases > 1 {
				t.Errorf("junit: %d test cases", cases)
			}
			break
		}
		if err != nil {
			t.Errorf("junit: %v", err)
			break
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "testcase" {
			cases++
		}
	}
	fenced := false
	for line := range strings.Lines(render(report.Markdown)) {
		if strings.HasPrefix(line, "````") {
			fenced = !fenced
		} else if !fenced && strings.Contains(line, "INJECTED") {
			t.Errorf("markdown: the output stands outside its fence: %q", line)
		}
	}
}
