package compile

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// Try builds something small of the course and looks for all modules that the labs need. The error
// says what stands in the way, and what to do.
func (b *Builder) Try(ctx context.Context) error {
	for _, args := range [][]string{
		{"build", "-o", os.DevNull, "./harness/kit/account"},
		{"list", "-deps", "-test", "./labs/..."},
	} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env, cmd.WaitDelay = b.Course.Root, environment(), drain
		var said strings.Builder
		cmd.Stderr = &said
		err := cmd.Run()
		_, ended := errors.AsType[*exec.ExitError](err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case !ended:
			return noStart(err)
		default:
			if f := explain(said.String(), b.Course.Root); f != nil {
				return f
			}
			return fault.New("git status in "+b.Course.Root+" shows what has been changed",
				"the course does not build: %s", strings.Join(strings.Fields(said.String()), " "))
		}
	}
	return nil
}
