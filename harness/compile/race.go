package compile

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// NoRace says that nothing can be built with the race detector on this machine, which says nothing
// about what was to be built.
type NoRace struct{ Reason, Remedy string }

func (e *NoRace) Error() string { return "no race detector: " + e.Reason }

// Hint says what to do.
func (e *NoRace) Hint() string { return e.Remedy }

// racePlatforms are the systems that the race detector supports.
var racePlatforms = []string{
	"linux/amd64", "linux/arm64", "linux/loong64", "linux/ppc64le", "linux/riscv64", "linux/s390x",
	"darwin/amd64", "darwin/arm64", "freebsd/amd64", "netbsd/amd64", "windows/amd64",
}

// Race is nil if the race detector can be had here, and else a [*NoRace], or what is wrong with the
// toolchain. It builds nothing.
func (b *Builder) Race() error {
	t, err := b.toolchain()
	if err != nil {
		return err
	}
	if err := t.race(runtime.GOOS+"/"+runtime.GOARCH, os.Getenv("CGO_ENABLED")); err != nil {
		return err
	}
	return t.mendable()
}

// race judges by what the go command says of itself and by the CGO_ENABLED of the environment.
func (t Toolchain) race(platform, enabled string) error {
	compiler, _, _ := strings.Cut(strings.TrimSpace(t.CC), " ") // it may have flags
	_, missing := exec.LookPath(compiler)
	switch {
	case !slices.Contains(racePlatforms, platform):
		return &NoRace{"Go has none for " + platform,
			"the run under it needs another machine: CI, or a container of linux/amd64"}
	case strings.HasPrefix(platform, "darwin/"): // the only system on which it is linked without a C compiler
		return nil
	case enabled == "0":
		return &NoRace{"CGO_ENABLED=0 is set, and it needs cgo", "unset CGO_ENABLED"}
	case compiler == "" || missing != nil:
		return &NoRace{fmt.Sprintf("no C compiler (%s) on the PATH", cmp.Or(compiler, "gcc")),
			installCompiler(platform)}
	case t.CGOENABLED == "0":
		return &NoRace{"cgo is switched off", "go env -u CGO_ENABLED"}
	}
	return nil
}

func installCompiler(platform string) string {
	if strings.HasPrefix(platform, "windows/") {
		return "install a C compiler such as gcc of MSYS2 (https://www.msys2.org), and put it " +
			"on the PATH"
	}
	return "install gcc: apt-get install gcc libc6-dev, dnf install gcc, or apk add gcc musl-dev"
}
