package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/term"
)

// place is where a command of a test runs: a course of its own and an environment that can be
// spoilt.
type place struct {
	t      *testing.T
	course string
	env    map[string]string
	graded bool // the answer is graded, not checked
	labsAt string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, course: filepath.Join(t.TempDir(), "course"), env: map[string]string{}}
	example, err := coursetest.Example()
	if err == nil {
		err = coursetest.Write(p.course, example)
	}
	if err != nil {
		t.Fatal(err)
	}
	settings, err := goEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range append(os.Environ(), settings...) {
		name, value, _ := strings.Cut(setting, "=")
		p.env[name] = value
	}
	for _, name := range []string{"GOFLAGS", "LABS_REDIS_URL", "LABS_POSTGRES_URL"} {
		delete(p.env, name)
	}
	p.env["DOCKER_HOST"] = "unix:///nonexistent"
	p.write("labs/b01-adder/adder.go", p.read("solutions/b01-adder/adder.go"))
	return p
}

func (p *place) read(name string) string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.course, filepath.FromSlash(name)))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.course, filepath.FromSlash(name)), []byte(text),
		0o644); err != nil {
		p.t.Fatal(err)
	}
}

// labs runs the program and returns its exit code and all that it says.
func (p *place) labs(before []string, args ...string) (code int, out, errs string) {
	p.t.Helper()
	exe, err := exec.LookPath("labs")
	if p.labsAt != "" {
		exe, err = p.labsAt, nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	args = append(append(slices.Clone(before), exe), args...)
	cmd := exec.CommandContext(p.t.Context(), args[0], args[1:]...)
	cmd.Dir = p.course
	cmd.Env = []string{}
	for name, value := range p.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// fakeGo makes a go command that says this and fails.
func (p *place) fakeGo(says string) {
	dir := p.t.TempDir()
	script := "#!/bin/sh\ncat >&2 <<'END'\n" + says + "\nEND\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.env["PATH"] = dir + ":/usr/bin:/bin"
}

// offline takes the modules away. The checks need one of them.
func (p *place) offline(proxy string) {
	checks := p.read("labs/b01-adder/adder_test.go")
	p.write("labs/b01-adder/adder_test.go", strings.Replace(checks, "import (",
		"import (\n\t_ \"github.com/google/go-cmp/cmp\"", 1))
	p.env["GOMODCACHE"], p.env["GOPROXY"] = p.t.TempDir(), proxy
}

// belongToRoot makes .labs a folder that an ordinary user can only read, as one "sudo labs check"
// leaves it.
func (p *place) belongToRoot() {
	if err := os.Mkdir(filepath.Join(p.course, ".labs"), 0o555); err != nil {
		p.t.Fatal(err)
	}
	p.showToAll()
}

// showToAll lets an ordinary user run the program and read the course.
func (p *place) showToAll() {
	if os.Getuid() != 0 {
		return
	}
	dir := filepath.Dir(p.course)
	exe, err := exec.LookPath("labs")
	if err == nil {
		p.labsAt = filepath.Join(dir, "labs")
		err = errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Link(exe, p.labsAt),
			os.Chmod(p.labsAt, 0o755))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// foreignCache is a build cache whose folders an ordinary user can only read, as "sudo go build"
// leaves it.
func (p *place) foreignCache() {
	p.showToAll()
	if os.Getuid() == 0 { // whose modules nobody else can read
		ownNamespace(p)
		p.env["MODULES"], p.env["GOMODCACHE"] = p.env["GOMODCACHE"], p.t.TempDir()
	}
	p.env["GOCACHE"] = p.t.TempDir()
	err := errors.Join(os.Chmod(p.course, 0o777), os.Chmod(p.env["GOCACHE"], 0o755))
	for i := range 256 {
		err = errors.Join(err, os.Mkdir(fmt.Sprintf("%s/%02x", p.env["GOCACHE"], i), 0o555))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// asNobody runs a command as an ordinary user.
var asNobody = map[bool][]string{true: {"setpriv", "--reuid=1234",
	"--clear-groups"}}[os.Getuid() == 0]

// alone runs a command with mounts of its own.
var alone = map[bool][]string{true: {"unshare", "-m"}, false: {"unshare", "-rm"}}[os.Getuid() == 0]

// mounted runs a command after a script that mounts something.
func mounted(script string) []string {
	return append(slices.Clone(alone), "sh", "-c", script+` && exec "$@"`, "sh")
}

// withModules runs a command as an ordinary user who can read the modules.
var withModules = map[bool][]string{true: append(mounted(
	`mount --bind "$MODULES" "$GOMODCACHE"`), asNobody...)}[os.Getuid() == 0]

// ownNamespace skips a test where nothing can be mounted.
func ownNamespace(p *place) {
	cmd := append(slices.Clone(alone), "mount", "-t", "tmpfs", "none", p.t.TempDir())
	if err := exec.Command(cmd[0], cmd[1:]...).Run(); err != nil {
		p.t.Skipf("nothing can be mounted here: %v", err)
	}
}

// faults are what can be wrong with a machine or a course while the code is right. want and hint
// are patterns of what is said about it; before is what the command is run by.
var faults = []struct {
	name       string
	spoil      func(p *place)
	before     []string
	want, hint string
	sick       bool // it is something that labs doctor finds, too
}{
	{
		name: "no go command", spoil: func(p *place) { p.env["PATH"] = p.t.TempDir() },
		want: "there is no go command on the PATH", hint: "install Go", sick: true,
	},
	{
		name: "an older go, told to be used",
		spoil: func(p *place) {
			p.fakeGo(
				"go: go.mod requires go >= 1.26.0 (running go 1.24.0; GOTOOLCHAIN=go1.24.0)")
		},
		want: "go 1.24.0 is too old for this course: its go.mod asks for 1.26.0",
		hint: "install Go 1.26.0 or later", sick: true,
	},
	{
		name: "an older go without a network",
		spoil: func(p *place) {
			p.fakeGo(`go: download go1.26.0 for linux/amd64: toolchain not available`)
		},
		want: "the go command on the PATH is too old for this course, and go1.26.0 cannot be " +
			"downloaded", hint: "install Go by hand", sick: true,
	},
	{
		name: "a go that knows nothing of toolchains", spoil: func(p *place) {
			p.fakeGo("go: errors parsing go.mod:\ngo.mod:3: invalid go version '1.26.0': must " +
				"match format 1.23")
		},
		want: "too old for this course", hint: "install Go 1.26.0", sick: true,
	},
	{
		name: "no HOME",
		spoil: func(p *place) {
			for _, name := range []string{"HOME", "GOPATH", "GOCACHE", "GOMODCACHE",
				"XDG_CACHE_HOME"} {
				delete(p.env, name)
			}
		},
		want: "HOME is not set", hint: "set HOME, or GOMODCACHE and GOCACHE", sick: true,
	},
	{
		name: "no build cache", spoil: func(p *place) {
			p.env["GOCACHE"] = filepath.Join(os.Args[0],
				"cache")
		},
		want: "the build cache cannot be written", hint: "set GOCACHE", sick: true,
	},
	{
		name: "a build cache of somebody else's", spoil: func(p *place) { p.foreignCache() },
		before: withModules,
		want:   "(what it reads of the package .*|what it makes) cannot be kept in the build cache",
		hint:   "set GOCACHE to a folder that is yours", sick: true,
	},
	{
		name: "a build cache that is off", spoil: func(p *place) { p.env["GOCACHE"] = "off" },
		want: "build cache is disabled by GOCACHE=off", hint: "unset GOCACHE", sick: true,
	},
	{
		name: "no temporary folder", spoil: func(p *place) { p.env["TMPDIR"] = "/nonexistent" },
		want: "the folder for temporary files, /nonexistent, is not there", hint: "set TMPDIR",
		sick: true,
	},
	{
		name: "offline, and told to be", spoil: func(p *place) { p.offline("off") },
		want: "modules of the course are not on this machine, and GOPROXY=off forbids",
		hint: "run go mod download in .* once", sick: true,
	},
	{
		name: "offline", spoil: func(p *place) { p.offline("http://127.0.0.1:1") },
		want: "modules of the course are not on this machine and cannot be downloaded",
		hint: "run go mod download in .* once with a network", sick: true,
	},
	{
		name: "a test of one's own among the checks",
		spoil: func(p *place) {
			p.write("labs/b01-adder/adder_test.go",
				p.read("labs/b01-adder/adder_test.go")+"\nfunc TestMine(t *testing.T) {}\n")
		},
		want: "adder_test.go has been changed: TestMine is not in lab.yaml",
		hint: "git checkout labs/b01-adder/adder_test.go",
	},
	{
		name: "no checks", spoil: func(p *place) {
			os.Remove(filepath.Join(p.course, "labs",
				"b01-adder", "adder_test.go"))
		},
		want: "no file of labs/b01-adder has Test", hint: "git checkout 'labs/b01-adder/.*_test.go'",
	},
	{
		name: "a kit that does not compile",
		spoil: func(p *place) {
			p.write("harness/kit/expect/more.go",
				"package expect\n\nvar x int = nothing\n")
		},
		want: "the kit does not compile: harness/kit/expect/more.go:3",
		hint: "git checkout harness",
	},
	{
		name: "a folder of somebody else's", spoil: func(p *place) { p.belongToRoot() },
		before: asNobody,
		want:   "permission denied", hint: "chown -R", sick: true,
	},
	{
		name:   "a course on a disk that can only be read",
		before: mounted(`mount --bind . . && mount -o remount,bind,ro . && cd "$PWD"`),
		spoil:  ownNamespace,
		want:   "read-only file system", hint: "work in a copy of the course", sick: true,
	},
	{
		name: "a full disk", before: mounted(
			"mkdir -p .labs && mount -t tmpfs -o size=64k none .labs"), spoil: ownNamespace,
		want: "the disk is full|no space left", hint: "make room", sick: true,
	},
	{
		name:   "a temporary folder that forbids execution",
		before: mounted(`mount -t tmpfs -o noexec none "$TMPDIR"`), spoil: func(p *place) {
			ownNamespace(p)
			p.env["TMPDIR"] = p.t.TempDir()
			p.graded = true
		},
		want: `forbids the execution of programs`, hint: "set TMPDIR",
	},
	{
		name:   "a course that forbids execution",
		before: mounted("mkdir -p .labs && mount -t tmpfs -o noexec none .labs"),
		spoil:  ownNamespace,
		want:   "forbids the execution of programs", hint: "work in a copy of the course",
		sick: true,
	},
}

// TestFaults judges a right answer where something else is wrong: there is no verdict, nobody's API
// is blamed, and one line says what to do.
func TestFaults(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("it spoils an environment of Linux")
	}
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			tt.spoil(p)
			args := []string{"check", "b01", "--force"}
			if p.graded {
				args = []string{"grade", "solutions/b01-adder", "--lab", "b01", "--no-race"}
			}
			code, out, errs := p.labs(tt.before, args...)
			said := strings.Join(strings.Fields(out+errs), " ")
			if code != exitInfra {
				t.Errorf("got exit code %d, want %d", code, exitInfra)
			}
			for _, pattern := range []string{tt.want, "hint: .*(" + tt.hint + ")"} {
				if !regexp.MustCompile(pattern).MatchString(said) {
					t.Errorf("got no %q", pattern)
				}
			}
			if strings.Contains(said, "does not compile: nothing") ||
				strings.Contains(said, "keep its names") || strings.Contains(said, " 0 of ") {
				t.Error("the code is blamed")
			}
			if n := strings.Count(said, "hint: "); n != 1 {
				t.Errorf("got %d hints, want one", n)
			}
			if tt.sick {
				p.sick(tt.before, tt.want)
			}
			if t.Failed() {
				t.Logf("it said\n%s%s", out, errs)
			}
		})
	}
}

// sick wants labs doctor to find the same, and to say that nothing can be judged.
func (p *place) sick(before []string, want string) {
	p.t.Helper()
	code, out, errs := p.labs(before, "doctor")
	said := strings.Join(strings.Fields(out), " ")
	if code != exitInfra || !regexp.MustCompile(want).MatchString(said) ||
		!strings.Contains(said, " not ready: see ") {
		p.t.Errorf("doctor: got exit code %d and\n%s%swant %q", code, out, errs, want)
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 &&
			strings.Contains(strings.TrimSpace(line), " → ") {
			p.t.Errorf("doctor: a line of %d columns: %s", n, line)
		}
	}
}

// TestForeignSystem judges where the environment is set up to build for another machine.
func TestForeignSystem(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, value := range map[string]string{
		"GOOS": "windows", "GOARCH": "arm64", "GO111MODULE": "off", "GOEXPERIMENT": "nonsense",
		"GOFLAGS": "-tags=none -mod=vendor", "GOWORK": "/nonexistent",
	} {
		p.env[name] = value
	}
	if code, out, errs := p.labs(nil, "check", "b01"); code != exitPassed {
		t.Errorf("got exit code %d and %s%s", code, out, errs)
	}
}

// TestNoRaceDetector is about machines that cannot build with it: that never replaces a verdict,
// and graded runs do not begin.
func TestNoRaceDetector(t *testing.T) {
	t.Parallel()
	goAlone := func(p *place) { // no C compiler
		dir := t.TempDir()
		gopath, err := exec.LookPath("go")
		if err == nil {
			err = os.Symlink(gopath, filepath.Join(dir, "go"))
		}
		if err != nil {
			t.Fatal(err)
		}
		p.env["PATH"] = dir
	}
	for _, tt := range []struct {
		name         string
		spoil        func(p *place)
		want, remedy string
	}{
		{"no C compiler", goAlone, "no C compiler (gcc) on the PATH", "install gcc"},
		{"another one, that is not there", func(p *place) { p.env["CC"] = "nocc -m64" }, "no C compiler (nocc) on the PATH", "install gcc"},
		{"cgo switched off", func(p *place) { p.env["CGO_ENABLED"] = "0" }, "CGO_ENABLED=0 is set, and it needs cgo", "unset CGO_ENABLED"},
		{"a C compiler that does not work", func(p *place) { p.env["CC"] = "false" }, "the C compiler does not work", "set CC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			tt.spoil(p)
			p.write("labs/i01-counter/counter.go", p.read("solutions/i01-counter/counter.go"))
			code, out, errs := p.labs(nil, "check", "i01")
			said := strings.Join(strings.Fields(out), " ")
			if code != exitInfra || !strings.Contains(said,
				"passed, not yet under the race detector: 3 of 3 points") {
				t.Errorf("a right answer: got exit code %d and\n%s%s", code, out, errs)
			}
			if !strings.Contains(said, tt.want) || !strings.Contains(said, tt.remedy) {
				t.Errorf("a right answer: got\n%s%swant %q and %q", out, errs, tt.want, tt.remedy)
			}
			p.write("labs/i01-counter/counter.go",
				strings.Replace(p.read("solutions/i01-counter/counter.go"), "c.n++", "c.n += 2", 1))
			if code, out, errs = p.labs(nil, "check", "i01"); code != exitNot {
				t.Errorf("a wrong answer: got exit code %d and\n%s%s", code, out, errs)
			}
			if strings.HasPrefix(tt.want, "the C compiler") {
				return // that is only known when it is built with
			}
			if strings.Contains(errs, "now under") {
				t.Errorf("got %s, want no word of a run that is not to be had", errs)
			}
			code, out, errs = p.labs(nil, "grade", "solutions/i01-counter", "--lab", "i01")
			if code != exitInfra || out != "" || !strings.Contains(errs, tt.want) ||
				!strings.Contains(errs, "hint: "+tt.remedy) {
				t.Errorf("graded: got exit code %d and\n%s%s", code, out, errs)
			}
		})
	}
}

// TestComplain_doctor is about breakdowns that nobody has foreseen: they name the command that
// looks further.
func TestComplain_doctor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("it broke"), "labs: it broke\nhint: labs doctor looks at what labs needs here\n"},
		{&usageError{errors.New("no such flag"), "see --help"}, "labs: no such flag\nhint: see --help\n"},
		{&usageError{errors.New("no such flag"), ""}, "labs: no such flag\n"},
	} {
		s, _, errs := term.Buffers()
		newApp(s).complain(tt.err)
		if errs.String() != tt.want {
			t.Errorf("got %q, want %q", errs, tt.want)
		}
	}
}
