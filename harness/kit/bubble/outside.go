package bubble

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// within runs f, which runs bubbles, and fails the check if something of the lab's runs outside of
// them, before or after: a goroutine that initialisers, their timers or the garbage collector have
// started is in no bubble, and neither is what it starts in its turn, so that no bubble would miss
// it. Under a plain "go test" other tests run meanwhile in the same process, and nothing is looked
// at.
func within(t *testing.T, f func()) {
	t.Helper()
	if m := outsiders(); m != nil {
		expect.Fatal(t, *m)
	}
	f()
	if t.Failed() {
		return
	}
	if m := outsiders(); m != nil {
		expect.Fail(t, *m)
	}
}

func outsiders() *expect.Message {
	if own, checked := account.Current(); !checked || own.Without.Outside {
		return nil
	}
	return outsideMessage(outside(dump()))
}

// outside gives those goroutines of the lab's that are in no bubble.
func outside(all []stacks.Goroutine) (out []stacks.Goroutine) {
	for _, g := range all {
		if g.Bubble == "" && (g.Where() != "" || g.StartedAt() != "") {
			out = append(out, g)
		}
	}
	return inOrder(out)
}

func outsideMessage(left []stacks.Goroutine) *expect.Message {
	if len(left) == 0 {
		return nil
	}
	return &expect.Message{
		Did: "ran the check in virtual time, and looked for goroutines of the lab's that are " +
			"outside of it",
		Want: "none: whatever a call starts belongs to that call",
		Got:  plural(len(left), "goroutine") + " there: " + listed(left),
		Why: "what a call has done by a goroutine that was there before has no owner: it goes " +
			"by another clock, nobody waits for it, and what it leaves behind nobody misses",
	}
}
