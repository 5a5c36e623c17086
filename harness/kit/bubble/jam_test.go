package bubble

import (
	"os"
	"strings"
	"testing"

	fixture "github.com/backend-labs/backend-labs/harness/kit/bubble/testdata/labs/b00-fixture"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// TestWatch_jams is about mutexes that nobody unlocks. None of it ran concurrently, and the words
// do not say so.
func TestWatch_jams(t *testing.T) {
	t.Parallel()
	jams := map[string]struct {
		f   func()
		got string
	}{
		"again": {fixture.LockAgain,
			"got:  a goroutine waits for a mutex at {inner lock}, and holds it itself, most " +
				"likely since the call at {outer call}: a sync.Mutex cannot be locked twice\n"},
		"reader": {fixture.ReadUnderWrite,
			"got:  a goroutine waits for a mutex at {inner read}, and holds it itself, most " +
				"likely since the call at {outer write}: a sync.RWMutex cannot be locked twice\n"},
		"forgotten": {fixture.ForgetToUnlock,
			"got:  a goroutine waits for a mutex at {forgotten}, and no other goroutine is in a " +
				"call that could unlock it: "},
		"crossed": {fixture.Cross,
			"got:  2 goroutines wait for a mutex, the first at "},
	}
	if name := os.Getenv(helper); name != "" {
		Run(t, func(*testing.T) { jams[name].f() })
		return
	}
	for name, tt := range jams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, want := again(t, name), places(t, tt.got)
			if !strings.Contains(out, want) || strings.Contains(out, "concurrently") {
				t.Errorf("got\n%s\nwant in it\n%s", out, want)
			}
		})
	}
}

// TestJammed_isCertain lists what a machine that is merely slow may show.
func TestJammed_isCertain(t *testing.T) {
	t.Parallel()
	const in = ", synctest bubble 1"
	g := func(state, place string) stacks.Goroutine {
		g := stacks.Goroutine{State: state, Frames: []stacks.Frame{{Func: "f", Place: place}}}
		if strings.HasSuffix(state, in) {
			g.Bubble = "1"
		}
		return g
	}
	const lab, std = "/c/labs/b01-thing/thing.go:10", "/go/src/time/sleep.go:5"
	waiter, sleeper := g("sync.Mutex.Lock"+in, lab), g("sleep (durable)"+in, lab)
	for _, tt := range []struct {
		name  string
		all   []stacks.Goroutine
		whole bool
		jam   bool
	}{
		{"a holder that sleeps", []stacks.Goroutine{waiter, sleeper}, true, true},
		{"not all of the dump", []stacks.Goroutine{waiter, sleeper}, false, false},
		{"another one is about to run", []stacks.Goroutine{waiter, sleeper, g("runnable"+in, std)}, true, false},
		{"the lab's code runs outside", []stacks.Goroutine{waiter, sleeper, g("running", lab)}, true, false},
		{"the watchdog runs outside", []stacks.Goroutine{waiter, sleeper, g("running", std)}, true, true},
		{"a holder in another bubble", []stacks.Goroutine{waiter, g("IO wait"+in, lab)}, true, false},
	} {
		if _, now := jammed(tt.all, tt.whole, "1"); (now != "") != tt.jam {
			t.Errorf("%s: got %q, want a jam %v", tt.name, now, tt.jam)
		}
	}
}
