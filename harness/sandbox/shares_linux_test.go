package sandbox_test

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// TestNS_Shares has one sandbox at work beside another in which thirty processes and two hundred
// goroutines spin. It takes at most twice as long as alone; and much longer where the sandboxes do
// not share the processors, which is what the spinning is there to show. Other programs are at work
// here, too, and a measurement that they disturb is made again.
func TestNS_Shares(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures for some seconds")
	}
	box := &sandbox.NS{}
	worked(t, box)
	if !sandbox.Shares(box) {
		t.Skip("there is no cgroup of cpu here that a group may be made in")
	}
	for range 12 {
		shared, crowded := slowdown(t, box), slowdown(t, sandbox.Crowd())
		t.Logf("beside one that spins it takes %.1f times as long, and without shares %.1f times",
			shared, crowded)
		if shared <= 2 && crowded >= 2 {
			return
		}
	}
	t.Error("beside one that spins it never took at most twice as long, and longer without shares")
}

// slowdown is how much longer work takes beside somebody who spins.
func slowdown(t *testing.T, box *sandbox.NS) float64 {
	t.Helper()
	alone := worked(t, box)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		box.Run(ctx, sandbox.Command{Path: probeBinary(t), Env: []string{"PROBE=spin"},
			Output: io.Discard, Timeout: time.Minute, Grace: time.Second})
	}()
	worked(t, box) // meanwhile all of them have begun to spin
	beside := worked(t, box)
	cancel()
	<-ended
	return float64(beside) / float64(alone)
}

// worked is how long a piece of work took in the sandbox.
func worked(t *testing.T, box *sandbox.NS) time.Duration {
	t.Helper()
	var out bytes.Buffer
	exit, err := box.Run(t.Context(), sandbox.Command{Path: probeBinary(t),
		Env: []string{"PROBE=work"}, Output: &out, MaxOutput: 1 << 10, Timeout: time.Minute,
		Grace: time.Second})
	n, err2 := strconv.ParseInt(out.String(), 10, 64)
	if err != nil || err2 != nil {
		t.Fatalf("got %q, %+v, %v, %v", out.String(), exit, err, err2)
	}
	return time.Duration(n)
}
