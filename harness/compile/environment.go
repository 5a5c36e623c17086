package compile

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// foreign are the variables of the environment that would make the go command build for another
// machine than this one, or in another way than the course is meant to be built. GOOS and GOARCH
// are set to this machine's instead: the go command has a file of its own with them, too.
var foreign = []string{
	"GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GOWORK", "GOFLAGS", "GOTMPDIR",
	"GO_EXTLINK_ENABLED",
}

// environment is that of a go command. more has settings that count more.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(foreign, name)
	})
	env = append(env, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOWORK=off",
		"GOFLAGS=-mod=readonly -buildvcs=false")
	return append(env, more...)
}

// Toolchain is the go command that builds, and what it reads and writes.
type Toolchain struct {
	GOVERSION  string // such as go1.26.8
	GOROOT     string
	GOMODCACHE string
	GOCACHE    string
	CC         string // the C compiler that the race detector is linked with, as it is called
	CGOENABLED string `json:"CGO_ENABLED"` // 0 or 1
}

// FindToolchain asks the go command of the PATH, in a folder: there it may give way to the version
// that go.mod names. The error says what to do.
func FindToolchain(dir string) (t Toolchain, err error) {
	cmd := exec.Command("go", "env", "-json", "GOVERSION", "GOROOT", "GOMODCACHE", "GOCACHE", "CC",
		"CGO_ENABLED")
	cmd.Dir, cmd.Env = dir, environment()
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &t)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if f := explain(string(exit.Stderr), dir); f != nil {
			return t, f
		}
	}
	if err != nil {
		return t, noStart(err)
	}
	return t, nil
}

// noStart says why a go command could not be started.
func noStart(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fault.NoGo("")
	}
	return fault.Of("run the go command", err)
}

// toolchains keeps what [FindToolchain] found, by folder, as long as the process lives.
var toolchains sync.Map

// toolchain is the builder's. It asks once.
func (b *Builder) toolchain() (Toolchain, error) {
	once, _ := toolchains.LoadOrStore(b.Course.Root, sync.OnceValues(func() (Toolchain, error) {
		return FindToolchain(b.Course.Root)
	}))
	return once.(func() (Toolchain, error))()
}

// GoVersion is the version of the go command on PATH, such as go1.26.8, or "" where there is none.
var GoVersion = sync.OnceValue(func() string {
	cmd := exec.Command("go", "env", "GOVERSION")
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
})

// goCommand is the path of the toolchain's go command.
func (t Toolchain) goCommand() string { return filepath.Join(t.GOROOT, "bin", "go"+exeSuffix) }
