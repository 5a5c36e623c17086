package leader_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/vredis"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

func TestTokensIncrease(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		es := []*leader.Elector{w.elector(0, "ledger", ttl), w.elector(1, "ledger", ttl)}
		last, turns := uint64(0), 0
		turn := func(how string, end func(e *leader.Elector, l *leader.Lease)) {
			e := es[turns%2]
			did := fmt.Sprintf("let A and B lead in turn; turn %d, after the one before %s", turns+1, how)
			l := acquires(t, e, expect.Message{Did: did})
			expect.That(t, turns == 0 || l.Token > last, expect.Message{Did: did,
				Want: fmt.Sprintf("a token greater than the last one, %d", last), Got: fmt.Sprint(l.Token),
				Why: "the disk knows a leader's age by its token alone: with an old or equal one the new leader " +
					"cannot write, or the old one still can"})
			last = l.Token
			turns++
			end(e, l)
			expect.That(t, l.Token == last, expect.Message{Did: did, Want: "the lease keeps its token",
				Got: fmt.Sprintf("it was %d and is %d", last, l.Token)})
		}
		release := func(e *leader.Elector, l *leader.Lease) { e.Release(t.Context(), l) }
		for range 300 {
			turn("was released at the same moment", release)
		}
		for range 3 {
			turn("was released", func(e *leader.Elector, l *leader.Lease) {
				time.Sleep(ttl / 4)
				renews(t, e, l, expect.Message{Did: "renewed the lease"})
				release(e, l)
			})
			turn("was renewed and released", func(*leader.Elector, *leader.Lease) { time.Sleep(ttl + ttl/50) })
			turn("ran out", func(*leader.Elector, *leader.Lease) {
				expires(t, w.Redis)
				time.Sleep(ttl + ttl/50)
			})
			turn("lost its lock: whatever has an expiry was deleted by hand,", func(e *leader.Elector,
				l *leader.Lease) {
				release(e, l)
				time.Sleep(1000 * time.Hour)
			})
			turn("was released, and 1000 hours in which nobody led,", release)
		}
		a := w.elector(0, "ledger-2", ttl)
		first := acquires(t, a, expect.Message{Did: "A leads another name"})
		a.Release(t.Context(), first)
		b := w.elector(1, "ledger-2", ttl)
		second := acquires(t, b, expect.Message{Did: "B leads that name after A"})
		expect.That(t, second.Token > first.Token, expect.Message{
			Did: "A led another name and released it; then B did", Want: "a greater token",
			Got: fmt.Sprintf("A's is %d, and B's is %d", first.Token, second.Token)})
	})
}

// expires deletes what would go away by itself; what has no expiry Redis does not lose.
func expires(t *testing.T, r *vredis.Redis) {
	t.Helper()
	for key, left := range r.TTLs(t) {
		if left != vredis.NoExpiry {
			if err := r.Admin.Del(t.Context(), key).Err(); err != nil {
				t.Fatalf("delete %q: %v", key, err)
			}
		}
	}
}
