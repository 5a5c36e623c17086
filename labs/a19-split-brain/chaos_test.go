package leader_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

// TestNeverTwoAtOnce has three processes lead in turn while their connections break, hang and heal, answers are slow,
// and
// clocks jump.
func TestNeverTwoAtOnce(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const seed = 19
		c := &court{tl: timeline.New("A", "B", "C"), disk: leader.NewResource(), reigns: map[int]context.Context{}}
		w := start(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { c.serve(ctx, w.elector(i, "ledger", ttl), i, rand.New(rand.NewPCG(seed, uint64(i)))) })
		}
		rnd := rand.New(rand.NewPCG(seed, 99))
		for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); {
			time.Sleep(time.Duration(500+rnd.IntN(8000)) * time.Millisecond)
			c.disturb(w, rnd.IntN(3), rnd)
			c.judge(t, seed)
		}
		w.Heal()
		w.RTT(0)
		quiet := time.Now()
		well := awaits(time.Minute, func() bool { return c.last().After(quiet) })
		c.judge(t, seed)
		cancel()
		wg.Wait()
		expect.That(t, well, expect.Message{Did: c.did(seed) + "; then all was well again",
			Want: "within a minute somebody begins to lead", Got: "nobody does"})
		expect.That(t, c.count() >= 30, expect.Message{Did: c.did(seed), Want: "they lead, 30 times or more in all",
			Got: fmt.Sprint(c.count()), Why: "nobody leads twice at a time where nobody leads"})
	})
}

// court watches who leads.
type court struct {
	tl   *timeline.Timeline
	disk *leader.Resource

	mu     sync.Mutex
	reigns map[int]context.Context // the context of the last work of each process
	token  uint64                  // of the last leader
	began  time.Time               // when its work has
	n      int
	wrong  *expect.Message // the first thing that went wrong
}

func (c *court) did(seed int) string {
	return fmt.Sprintf("let three processes call Lead again and again for 30 minutes, while connections were cut, "+
		"hung, "+
		"healed and slow, and clocks jumped by an hour, at random (seed %d)", seed)
}

// serve calls Lead again and again. Work ends by itself, or when its context does, and sometimes a little later.
func (c *court) serve(ctx context.Context, e *leader.Elector, i int, rnd *rand.Rand) {
	for ctx.Err() == nil {
		leader.Lead(ctx, e, func(ctx context.Context, token uint64) {
			lane := c.enter(i, ctx, token)
			term := time.NewTimer(time.Duration(5+rnd.IntN(60)) * time.Second)
			defer term.Stop()
			select {
			case <-ctx.Done():
				lane.End("ends")
				time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			case <-term.C:
				c.write(i, ctx, token)
				c.leave(i)
				lane.End("has done its work")
			}
		})
		time.Sleep(time.Second)
	}
}

func (c *court) enter(i int, ctx context.Context, token uint64) timeline.Recorded {
	c.mu.Lock()
	defer c.mu.Unlock()
	lane := c.tl.Begin(name(i), "leads, token %d", token)
	for j, other := range c.reigns {
		if j != i && other.Err() == nil && c.wrong == nil {
			lane.Breaks()
			c.wrong = &expect.Message{
				Want: "at most one of the contexts of their works has not ended",
				Got: fmt.Sprintf("%s began to work while %s was at work, and its context had not ended", name(i),
					name(j)),
				Why: "this is the split brain: both are sure that they lead"}
		}
	}
	if token <= c.token && c.wrong == nil {
		lane.Breaks()
		c.wrong = &expect.Message{Want: "each leader has a greater token than the one before",
			Got: fmt.Sprintf("%s got the token %d after %d", name(i), token, c.token)}
	}
	c.reigns[i], c.token, c.began = ctx, token, time.Now()
	c.n++
	return lane
}

// write has a leader write to the disk, which must let it.
func (c *court) write(i int, ctx context.Context, token uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.disk.Write(token, name(i))
	if err != nil && ctx.Err() == nil && c.wrong == nil {
		c.wrong = &expect.Message{Want: "a leader whose context has not ended can write",
			Got: fmt.Sprintf("%s, with the token %d: %s", name(i), token, known.Say(err))}
	}
}

func (c *court) leave(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reigns, i)
}

func (c *court) last() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began
}

func (c *court) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// judge ends the check where something has gone wrong.
func (c *court) judge(t *testing.T, seed int) {
	t.Helper()
	c.mu.Lock()
	wrong := c.wrong
	c.mu.Unlock()
	if wrong == nil {
		return
	}
	m := *wrong
	m.Did, m.Picture = c.did(seed), c.tl
	expect.Fatal(t, m)
}

// disturb does something to a process.
func (c *court) disturb(w *world, i int, rnd *rand.Rand) {
	switch rnd.IntN(8) {
	case 0:
		c.tl.Point(name(i), "is cut off")
		w.Links[i].Cut()
	case 1:
		c.tl.Point(name(i), "gets no answers")
		w.Links[i].Hang()
	case 2:
		k := 1 + rnd.IntN(3)
		c.tl.Point(name(i), "is cut off %d commands later", k)
		w.Links[i].CutAfter(k)
	case 3:
		rtt := time.Duration(rnd.IntN(1000)) * time.Millisecond
		c.tl.Point(name(i), "gets answers after %v", rtt)
		w.Links[i].RTT(rtt)
	case 4:
		off := time.Duration(rnd.IntN(121)-60) * time.Minute
		c.tl.Point(name(i), "its clock is off by %v", off)
		w.walls[i].set(off)
	default:
		c.tl.Point(name(i), "all is well")
		w.Links[i].Heal()
	}
}

func name(i int) string { return string(rune('A' + i)) }
