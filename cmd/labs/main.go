// Labs runs backend interview questions as labs: it checks what a learner has written, says what is
// wrong and why it matters, and proves that the labs themselves are right. "labs --help" is the
// manual.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/backend-labs/backend-labs/harness/sandbox"
	"github.com/backend-labs/backend-labs/harness/term"
)

func main() {
	sandbox.Init()          // this very program is also the first stage of a sandbox
	debug.SetGCPercent(400) // most commands are over before there is something worth collecting
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // what nobody reads on ends no work: see term.Sink
	a := newApp(term.System())
	a.command = calledAs()
	code := execute(ctx, a, os.Args[1:])
	stop()
	os.Exit(code)
}
