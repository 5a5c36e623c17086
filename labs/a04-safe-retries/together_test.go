package retries_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/history"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	retries "github.com/backend-labs/backend-labs/labs/a04-safe-retries"
)

const seed = 7

var (
	good = simnet.Faults{Min: time.Millisecond, Max: 200 * time.Millisecond}
	bad  = simnet.Faults{Min: time.Millisecond, Max: 200 * time.Millisecond, Loss: 0.2, Twice: 0.2}
)

func TestOnAGoodNetworkEachMessageIsSentOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		m := newMachine(newDisk())
		network, to := connect(t, m, simnet.Random[string](seed, good))
		c := retries.NewClerk("ann", to("ann"), 0.1)
		const n = 1000
		for range n {
			err := c.Add(t.Context(), "boxes", 1)
			expect.NoError(t, err, expect.Message{Did: "added 1 over a network without faults", Want: "nil"})
		}
		questions, _ := network.Sent()
		value, err := c.Get(t.Context(), "boxes")
		expect.That(t, err == nil && value == n && questions == n, expect.Message{
			Did:  fmt.Sprintf("added 1, %d times, over a network that takes up to 200 ms but loses nothing", n),
			Want: fmt.Sprintf("%d questions, and a counter of %d", n, n),
			Got:  fmt.Sprintf("%d questions, and %d (%s)", questions, value, say(err)),
			Why:  "what is safe to send again need not be sent twice",
		})
	})
}

// everybody has clerks work at the same time, and waits for all.
func everybody(clerks int, work func(name string)) {
	var wg sync.WaitGroup
	for i := range clerks {
		wg.Go(func() { work(fmt.Sprint("clerk-", i)) })
	}
	wg.Wait()
}

func TestOnABadNetworkEachAdditionCountsOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		m := newMachine(newDisk())
		network, to := connect(t, m, simnet.Random[string](seed, bad))
		const clerks, adds = 8, 100
		everybody(clerks, func(name string) {
			c := retries.NewClerk(name, to(name), 10)
			for range adds {
				if err := c.Add(t.Context(), "boxes", 1); err != nil {
					expect.Fail(t, expect.Message{
						Did:  "added 1 over a bad network, with a budget of 10 and a ctx that does not end",
						Want: "nil, sooner or later", Got: say(err)})
					return
				}
			}
		})
		wantsInTheEnd(t, network, m, clerks*adds,
			"loses a fifth of all questions and answers and doubles another fifth")
	})
}

func TestADyingServerLosesNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		d := newDisk()
		d.dies = func(commit int) moment {
			return map[int]moment{3: beforeCommit, 6: afterCommit}[commit%7]
		}
		m := newMachine(d)
		network, to := connect(t, m, simnet.Random[string](seed, bad))
		const clerks, adds = 8, 25
		everybody(clerks, func(name string) {
			c := retries.NewClerk(name, to(name), 20)
			for range adds {
				if err := c.Add(t.Context(), "boxes", 1); err != nil {
					expect.Fail(t, expect.Message{
						Did: "added 1 over a bad network to a server that dies now and then, with a budget of " +
							"20 and a ctx that does not end",
						Want: "nil, sooner or later", Got: say(err)})
					return
				}
			}
		})
		d.mu.Lock()
		d.dies = nil
		d.mu.Unlock()
		wantsInTheEnd(t, network, m, clerks*adds, fmt.Sprintf("loses and doubles a fifth of all messages; the "+
			"server died %d times, before or after a commit was written", m.deaths))
	})
}

func wantsInTheEnd(t *testing.T, network *simnet.Network[string], m *machine, total int, bad string) {
	t.Helper()
	time.Sleep(time.Minute) // copies still arrive
	got, _ := m.handle(get("auditor", 1, "boxes"))
	questions, _ := network.Sent()
	expect.That(t, got == retries.Response{Value: total}, expect.Message{
		Did: fmt.Sprintf("8 clerks added 1, %d times in all, until each was told that it is done, over a "+
			"network that %s; %d questions were sent", total, bad, questions),
		Want: fmt.Sprintf("a counter of %d", total),
		Got:  answer(got),
		Why: "each further one is a question that was sent again and executed again; each that is missing was " +
			"taken for a copy, or forgotten",
	})
}

func TestALostAnswerIsPerhaps(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("ann", server)
		m := newMachine(newDisk())
		lose := true
		network, to := connect(t, m, func(leg simnet.Leg[string]) simnet.Fate {
			return simnet.Fate{After: 20 * time.Millisecond, Lost: leg.Answer && lose}
		})
		network.Draw(tl, func(node string) string { return node }, func(leg simnet.Leg[string]) string {
			switch m := leg.Message.(type) {
			case retries.Request:
				return fmt.Sprintf("%s, Seq %d", map[retries.Kind]string{retries.Add: "Add 1",
					retries.Get: "Get"}[m.Op.Kind], m.Seq)
			case retries.Response:
				return answer(m)
			}
			return ""
		})
		c := retries.NewClerk("ann", to("ann"), 0.1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call := tl.Begin("ann", "Add 1 until 1 s")
		err := c.Add(ctx, "boxes", 1)
		step := call.End("%s", say(err))
		if !known.Is(err, retries.ErrMaybe) {
			step.Breaks()
		}
		expect.That(t, known.Is(err, retries.ErrMaybe), expect.Message{
			Did: "added 1 within a second; every answer was lost", Want: "ErrMaybe", Got: say(err),
			Why: "it has been done, and an employee who is told that it was not scans again", Picture: tl})
		lose = false
		err = c.Add(t.Context(), "boxes", 1)
		expect.NoError(t, err, expect.Message{
			Did: "added 1 again, when no answer was lost any more", Want: "nil", Picture: tl})
		value, err := c.Get(t.Context(), "boxes")
		expect.That(t, err == nil && value == 2, expect.Message{
			Did:  "added 1 twice, and was told perhaps, and done",
			Want: "a counter of 2: a call is a request of its own, also after one that ended with ErrMaybe",
			Got:  fmt.Sprintf("%d (%s)", value, say(err)),
			Why:  "a Seq that is used again makes another request a copy", Picture: tl})
		expect.Show(t, "an answer is lost", tl)
	})
}

func TestWhatClerksAreToldIsPossible(t *testing.T) {
	const clerks, each = 8, 50
	h := history.New()
	virtual(t, func(t *testing.T) {
		m := newMachine(newDisk())
		_, to := connect(t, m, simnet.Random[string](seed, bad))
		everybody(clerks, func(name string) {
			c := retries.NewClerk(name, to(name), 10)
			for i := range each {
				key := fmt.Sprint("shelf-", (i*7+len(name))%5)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				record(h, c, ctx, name, key, i%2 == 0)
				cancel()
			}
		})
		time.Sleep(time.Minute)
		c := retries.NewClerk("auditor", &direct{m}, 0)
		for i := range 5 {
			record(h, c, t.Context(), "auditor", fmt.Sprint("shelf-", i), false)
		}
	})
	done, perhaps, not := h.Count()
	bad, decided := h.Judge(0, 5*time.Second)
	did := fmt.Sprintf("8 clerks added to 5 counters and read them, %d calls of a second each, over a network "+
		"that loses a fifth of all messages and doubles another fifth; %d were done, %d perhaps, %d not",
		clerks*each, done, perhaps, not)
	expect.That(t, done > clerks*each/2, expect.Message{
		Did: did, Want: "more than half of them done", Got: fmt.Sprint(done),
		Why: "perhaps is always true, and of no use"})
	if bad != nil && decided {
		expect.Fatal(t, expect.Message{
			Did:     did,
			Want:    "what they were told is possible for a server that does everything once, at one instant",
			Got:     "these contradict each other:\n" + bad.String(),
			Why:     "done has been done, not done is never seen, and only perhaps may be either",
			Picture: bad.Timeline()})
	}
}

// direct is a Net that reaches the server at once.
type direct struct{ m *machine }

func (d *direct) Call(_ context.Context, req retries.Request) (retries.Response, error) {
	resp, _ := d.m.handle(req)
	return resp, nil
}

// record makes a call, and records how it ended.
func record(h *history.History, c *retries.Clerk, ctx context.Context, name, key string, adds bool) {
	var err error
	var call *history.Call
	value := 0
	if adds {
		call = h.Begin(name, history.Add, key, 1)
		err = c.Add(ctx, key, 1)
	} else {
		call = h.Begin(name, history.Read, key, nil)
		value, err = c.Get(ctx, key)
	}
	switch {
	case err == nil && adds:
		call.Done(nil)
	case err == nil:
		call.Done(value)
	case sentinel.Is(err, retries.ErrDefinite):
		call.Never()
	default:
		call.Perhaps()
	}
}

func TestAnOutageAddsATenthOfTheLoad(t *testing.T) {
	const clerks = 100
	const goesDown, isBack, ends = 60 * time.Second, 120 * time.Second, 180 * time.Second
	virtual(t, func(t *testing.T) {
		m := newMachine(newDisk())
		start := time.Now()
		var mu sync.Mutex
		load := make([]int, int(ends/time.Second)+3) // attempts in each second
		r := &radio{call: func(_ context.Context, _ int, req retries.Request) (retries.Response, error) {
			since := time.Since(start)
			mu.Lock()
			load[int(since/time.Second)]++
			mu.Unlock()
			if since >= goesDown && since < isBack {
				return retries.Response{}, errNoDial
			}
			resp, _ := m.handle(req)
			return resp, nil
		}}
		var wg sync.WaitGroup
		for i := range clerks {
			wg.Go(func() {
				c := retries.NewClerk(fmt.Sprint("clerk-", i), r, 0.1)
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				for time.Since(start) < ends {
					next := time.Now().Add(time.Second)
					ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
					c.Add(ctx, "boxes", 1)
					cancel()
					time.Sleep(time.Until(next))
				}
			})
		}
		wg.Wait()
		did := "100 clerks with a budget of 0.1 make a call a second; the server is down for a minute"
		outage, after := 0, 0
		for s := int(goesDown / time.Second); s < int(isBack/time.Second); s++ {
			outage += load[s]
		}
		const most = 6000*11/10 + clerks*10
		expect.That(t, outage >= 6000 && outage <= most, expect.Message{
			Did: did, Want: fmt.Sprintf("6000 to %d attempts in this minute: a tenth more than calls, and 10 for "+
				"each clerk", most), Got: fmt.Sprint(outage),
			Why: "a server that is down comes back only if it can bear what waits for it"})
		for s := int(isBack / time.Second); s < len(load); s++ {
			after = max(after, load[s])
		}
		expect.That(t, after <= 300, expect.Message{
			Did: did, Want: "when it is back, at most 300 attempts in any second", Got: fmt.Sprint(after),
			Why: "clerks that come back in step take it down again"})
	})
}
