package compile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// What the build of one submission may take. The largest lab needs a tenth of it.
const (
	maxBuildTime   = 2 * time.Minute
	maxBuildMemory = 3 << 30
	maxBuildFile   = 512 << 20
	maxBuildWrites = 2 << 30
	maxBuildFiles  = 4096 // open at once
)

// Bomb says that a build took more than a lab's files may take.
type Bomb struct{ what string }

func (e *Bomb) Error() string { return "compiling took more " + e.what + " than a lab may take" }

// errGo says that the go command ended with an error that its output explains.
var errGo = errors.New("the go command failed")

// inSandbox runs the go command with these arguments where it can reach nothing but what it needs.
// It may write to the build's own folder; what it writes to the build cache is forgotten.
func (b *Builder) inSandbox(ctx context.Context, args []string, tmp string, plans []*plan) (string,
	error) {
	t, err := b.toolchain()
	if err != nil {
		return "", err
	}
	home := filepath.Join(tmp, "home")
	if err := noTelemetry(home); err != nil {
		return "", err
	}
	var out bytes.Buffer
	c := sandbox.Command{
		Path: t.goCommand(), Args: append([]string{"-C", b.Course.Root}, args...),
		Env: []string{
			"GOROOT=" + t.GOROOT, "GOMODCACHE=" + t.GOMODCACHE, "GOCACHE=" + t.GOCACHE,
			"HOME=" + home, "TMPDIR=/tmp", "PATH=/usr/bin:/bin",
			"GOWORK=off", "GOTOOLCHAIN=local", "GOPROXY=off", "GOSUMDB=off", "GOENV=off",
			"GOFLAGS=-mod=readonly -buildvcs=false",
		},
		Binds: []sandbox.Bind{
			{Source: t.GOROOT, Target: t.GOROOT}, {Source: t.GOMODCACHE, Target: t.GOMODCACHE},
			{Source: t.GOCACHE, Target: t.GOCACHE, Scratch: true},
			{Source: tmp, Target: tmp, Writable: true},
		},
		Output: &out, MaxOutput: 1 << 20, Timeout: maxBuildTime, Grace: time.Second, KeepUser: true,
		Limits: sandbox.Limits{Memory: maxBuildMemory, FileSize: maxBuildFile,
			Scratch: maxBuildWrites, Processes: 1024, Files: maxBuildFiles},
	}
	for _, name := range []string{"go.mod", "go.sum", "harness/kit", "labs"} {
		path := filepath.Join(b.Course.Root, filepath.FromSlash(name))
		c.Binds = append(c.Binds, sandbox.Bind{Source: path, Target: path})
	}
	// the C toolchain that the race detector is linked with
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		if _, err := os.Stat(dir); err == nil {
			c.Binds = append(c.Binds, sandbox.Bind{Source: dir, Target: dir})
		}
	}
	for _, p := range plans {
		for _, dir := range p.folders() {
			if !inside(b.Course.Root, dir) {
				c.Binds = append(c.Binds, sandbox.Bind{Source: dir, Target: dir})
			}
		}
	}
	exit, err := b.Sandbox.Run(ctx, c)
	var elsewhere *sandbox.NoBuild
	switch {
	case errors.As(err, &elsewhere):
		return b.outside(ctx, c.Path, args, tmp, plans, elsewhere)
	case err != nil:
		return out.String(), err
	case exit.TimedOut:
		return "", &Bomb{"time"}
	case exit.OutOfMemory:
		return "", &Bomb{"memory"}
	case exit.Code != 0:
		return out.String(), errGo
	}
	return out.String(), nil
}

// outside runs the go command on this machine, for the system of a sandbox that does not build. Its
// time and memory are bounded as inside.
func (b *Builder) outside(ctx context.Context, path string, args []string, tmp string,
	plans []*plan, target *sandbox.NoBuild) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, maxBuildTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(bounded, path, args...)
	cmd.Dir = b.Course.Root
	cmd.Env = environment("GOTOOLCHAIN=local", "GOPROXY=off", "GOSUMDB=off", "GOTMPDIR="+tmp)
	if target.GOOS != runtime.GOOS || target.GOARCH != runtime.GOARCH {
		cmd.Env = append(cmd.Env, "GOOS="+target.GOOS, "GOARCH="+target.GOARCH, "CGO_ENABLED=0")
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, drain
	endTogether(cmd)
	if err := cmd.Start(); err != nil {
		return "", err
	}
	running, stop := context.WithCancel(bounded)
	ended := make(chan bool)
	go func() { ended <- boundMemory(running, cmd.Process.Pid, maxBuildMemory) }()
	err := cmd.Wait()
	stop()
	switch {
	case <-ended:
		return "", &Bomb{"memory"}
	case bounded.Err() != nil && ctx.Err() == nil:
		return "", &Bomb{"time"}
	}
	for _, p := range plans {
		if name := filepath.Join(tmp, p.name()+".test"); err == nil && exeSuffix != "" &&
			target.GOOS != runtime.GOOS {
			err = os.Rename(name, name+exeSuffix) // what is for Linux is called as here
		}
	}
	return out.String(), err
}

// noTelemetry makes a home in which the go command keeps no counters: it would start a process of
// its own for them.
func noTelemetry(home string) error {
	dir := filepath.Join(home, ".config", "go", "telemetry")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Of("make a home for the go command", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("off"), 0o644); err != nil {
		return fault.Of("make a home for the go command", err)
	}
	return nil
}

// inside reports whether a folder lies in labs/ of the course, which is bound anyway.
func inside(root, dir string) bool {
	rel, err := filepath.Rel(filepath.Join(root, "labs"), dir)
	return err == nil && filepath.IsLocal(rel)
}
