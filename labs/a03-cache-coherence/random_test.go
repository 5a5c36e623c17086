package coherence_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	coherence "github.com/backend-labs/backend-labs/labs/a03-cache-coherence"
)

func TestRandomSchedules(t *testing.T) {
	const schedules, steps = 40, 25
	simulate(t, 3, func(t *testing.T, w *world) {
		w.tl = timeline.New("database", "Redis", "A", "B", "C")
		const brief, longer = time.Second, 10 * time.Second
		for i, x := range w.insts {
			x.tier = coherence.NewTier(x, w.r.Clients[i], brief, longer)
		}
		w.listen(w.insts...)
		rnd := rand.New(rand.NewPCG(3, 3))
		for s := range schedules {
			id := fmt.Sprint("schedule ", s+1)
			w.tl.Clear()
			w.redisHeld = ""
			w.commit(id, 1)
			did := fmt.Sprintf("made reads, updates, losses, delays and cuts at random (schedule %d of %d), "+
				"with an l1TTL of 1 s and an l2TTL of 10 s", s+1, schedules)
			last := map[*instance]int{}
			read := func(x *instance, least int, want, why string) {
				t.Helper()
				a := x.get(id)
				step := w.tl.Holds(x.name, "%v", a)
				if a.n < least {
					step.Breaks()
				}
				w.showRedis(id)
				expect.That(t, a.n >= least, expect.Message{Did: did, Want: want, Got: x.name + " returned " + a.String(),
					Why: why, Picture: w.tl})
				last[x] = a.n
			}
			for range steps {
				x := w.insts[rnd.IntN(len(w.insts))]
				switch dice := rnd.IntN(12); {
				case dice < 5:
					read(x, last[x], fmt.Sprintf("never an older value than v%d, which %s has returned before", last[x], x.name),
						"a user reloads the page, and what was there a second ago is gone")
				case dice < 8:
					x.update(id)
					w.showRedis(id)
					read(x, w.newest(id), fmt.Sprintf("v%d, which %s has just updated", w.newest(id), x.name),
						"a user saves a form and sees what was there before")
				case dice == 8:
					late := time.Duration(rnd.IntN(3000)) * time.Millisecond
					x.link.Late(late)
					w.tl.Point(x.name, "messages %v late", late)
				case dice == 9:
					lost := rnd.IntN(2) == 0
					x.link.Lose(lost)
					w.tl.Point(x.name, map[bool]string{true: "messages lost", false: "messages arrive"}[lost])
				case dice == 10:
					x.link.Cut()
					w.tl.Point(x.name, "line cut")
				case dice == 11:
					x.link.Heal()
					w.tl.Point(x.name, "line is back")
				}
				time.Sleep(time.Duration(rnd.IntN(600)) * time.Millisecond)
			}
			w.r.Heal()
			w.tl.Point("Redis", "all lines are back")
			// Within a second everything is told, and whoever misses that is wrong for l1TTL.
			time.Sleep(back + brief)
			for _, x := range w.insts {
				read(x, w.newest(id), fmt.Sprintf("v%d on all instances, 2 s after all lines were back", w.newest(id)),
					"all that messages can miss, time must mend")
			}
		}
	})
}

// showRedis draws what Redis holds, where that can be read: the newest value that stands in it.
func (w *world) showRedis(id string) {
	newest, shown := 0, "nothing"
	for _, key := range w.r.Admin.Keys(w.t.Context(), "*"+id+"*").Val() {
		shown = "something"
		text := w.r.Admin.Get(w.t.Context(), key).Val() + strings.Join(w.r.Admin.HVals(w.t.Context(), key).Val(), " ")
		for n := newest + 1; n <= w.newest(id); n++ {
			if strings.HasSuffix(text, row{n: n}.String()) {
				newest = n
			}
		}
	}
	if newest > 0 {
		shown = fmt.Sprintf("%q", row{n: newest})
	}
	if shown != w.redisHeld {
		w.redisHeld = shown
		w.tl.Holds("Redis", "%s", shown)
	}
}
