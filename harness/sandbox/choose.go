package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// Unsafe says that a sandbox does not hold, or cannot be had.
type Unsafe struct {
	Sandbox string
	Broken  []Finding // what was not prevented
	Err     error     // why it could not be started
}

func (e *Unsafe) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the sandbox %s is not to be had here: %v", e.Sandbox, e.Err)
	}
	return fmt.Sprintf("the sandbox %s does not hold: a process inside could %s (%s)", e.Sandbox,
		e.Broken[0].Probe, e.Broken[0].Detail)
}

func (e *Unsafe) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Unsafe) Hint() string {
	return "labs doctor shows what holds; grading needs Linux with user namespaces, or root, or " +
		"a Docker engine, or a kernel with Landlock"
}

// ForGrading returns the sandbox of that name, for submissions that nobody trusts; auto is ns where
// it holds, else container where an engine answers, else landlock. It has been probed; secret is a file in the
// root of the course, such as its go.mod, that nothing inside may read. The sandbox "none" is given
// only to who asks for it by name.
func ForGrading(ctx context.Context, name, secret string) (Sandbox, error) {
	if err := fault.TempFolder(); err != nil { // where what is graded is built
		return nil, err
	}
	switch name {
	case "none":
		return None{}, nil
	case "container":
		return proven(ctx, name, secret, func() (Sandbox,
			error) {
			return newContainer(ctx, filepath.Dir(secret))
		})
	case "ns":
		return proven(ctx, name, secret, newNS)
	case "landlock":
		return proven(ctx, name, secret, newLandlock)
	}
	var missing []error
	for _, name := range []string{"ns", "container", "landlock"} {
		box, err := ForGrading(ctx, name, secret)
		if err == nil || ctx.Err() != nil {
			return box, err
		}
		if !errors.Is(err, ErrNoEngine) { // nobody misses an engine who has never had one
			missing = append(missing, err)
		}
	}
	return nil, none{missing}
}

// none says of each sandbox why it is not to be had.
type none struct{ why []error }

func (e none) Error() string {
	texts := make([]string, len(e.why))
	for i, err := range e.why {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

func (e none) Unwrap() []error { return e.why }

// Caveats are what a sandbox promises less than the others, each in one line.
func Caveats(s Sandbox) []string {
	if c, ok := s.(interface{ Caveats() []string }); ok {
		return c.Caveats()
	}
	return nil
}

// proven makes a sandbox and returns it if it holds.
func proven(ctx context.Context, name, secret string, open func() (Sandbox, error)) (Sandbox,
	error) {
	s, err := open()
	if err != nil {
		return nil, &Unsafe{Sandbox: name, Err: err}
	}
	found, err := Probe(ctx, s, secret, false)
	if err != nil {
		return nil, &Unsafe{Sandbox: name, Err: err}
	}
	if broken := Broken(found); len(broken) > 0 {
		return nil, &Unsafe{Sandbox: name, Broken: broken}
	}
	return s, nil
}

// newContainer finds the engine, and makes this program for it, if the system is another one.
func newContainer(ctx context.Context, root string) (Sandbox, error) {
	b := &Container{}
	e, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "linux" && runtime.GOARCH == e.arch {
		return b, nil
	}
	b.Helper = filepath.Join(root, ".labs", "bin", "labs-linux-"+e.arch)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s", "-o", b.Helper, "./cmd/labs")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+e.arch, "CGO_ENABLED=0", "GOWORK=off",
		"GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build labs for linux/%s: %w: %s", e.arch, err, bytes.TrimSpace(out))
	}
	return b, nil
}
