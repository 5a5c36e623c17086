package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/history"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	store "github.com/backend-labs/backend-labs/labs/a09-cap"
)

// TestFiveNodesAreOneRegister has one operation after another, at different nodes.
func TestFiveNodesAreOneRegister(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, n := range []int{5, 1, 2, 3, 4, 9} {
			did := fmt.Sprintf("with %d nodes and no faults, one operation after another: ", n)
			nodes := cps(n, network(t, 10*ms))
			other := cps(n, network(t, 10*ms))
			reads(t, nodes, did+"read a key that was never written", "seat 1", "")
			for i, val := range []string{"ann", "bob", "", "\xff\x00 \xfe", strings.Repeat("x", 70_000), "ann"} {
				puts(t, nodes[i%n], did+"wrote", "seat 1", val)
				reads(t, nodes, fmt.Sprintf("%swrote %.9q at node %d and read it everywhere", did, val, i%n),
					"seat 1", val)
			}
			reads(t, nodes, did+"wrote seat 1 and read seat 2", "seat 2", "")
			for _, key := range lookalikes("seat 1") {
				read(t, nodes[0], fmt.Sprintf("%swrote %q and read %q", did, "seat 1", key), key, "")
			}
			puts(t, nodes[n-1], did+"wrote", "seat 2", "cyd")
			reads(t, nodes, did+"wrote seat 2, then read seat 1", "seat 1", "ann")
			reads(t, other, did+"wrote to one store, and read from another that has a network of its own",
				"seat 1", "")
		}
		manyKeys(t)
		lateCopies(t)
		keysAreKeys(t)
	})
}

// keysAreKeys writes to keys that differ in little.
func keysAreKeys(t *testing.T) {
	t.Helper()
	nodes := cps(3, network(t, 10*ms))
	for i, key := range twins() {
		puts(t, nodes[i%3], fmt.Sprintf("wrote to keys that differ in little; to %.9q, of %d bytes,", key, len(key)), key,
			fmt.Sprint("guest ", i))
	}
	for i, key := range twins() {
		read(t, nodes[i%3], fmt.Sprintf("wrote to keys that differ in little, and read %.9q, of %d bytes, number %d of them",
			key, len(key), i), key, fmt.Sprint("guest ", i))
	}
}

// lateCopies has every message arrive again, when it is long out of date.
func lateCopies(t *testing.T) {
	net := network(t, 10*ms)
	nodes := cps(5, net)
	net.Rule(func(leg) fate { return fate{After: 10 * ms, Again: []time.Duration{700 * ms}} })
	puts(t, nodes[1], "wrote", "seat 1", "ann")
	time.Sleep(200 * ms)
	puts(t, nodes[2], "wrote", "seat 1", "bob")
	const did = "every message arrives again 0.7 s later; wrote \"ann\" at node 1, then \"bob\" at node 2; when " +
		"copies of the former had come, node 1 was cut off; read at all others"
	time.Sleep(600 * ms)
	net.Split([]int{1}, []int{0, 2, 3, 4})
	for _, id := range []int{0, 2, 3, 4} {
		read(t, nodes[id], did, "seat 1", "bob")
	}
}

// manyKeys has a thousand keys, all at once.
func manyKeys(t *testing.T) {
	nodes := cps(3, network(t, 10*ms))
	const n = 1000
	each(n, func(i int) {
		puts(t, nodes[i%3], "wrote 1000 keys at once", fmt.Sprint("seat ", i), fmt.Sprint("guest ", i))
	})
	each(n, func(i int) {
		read(t, nodes[(i+1)%3], "wrote 1000 keys at once and then read them", fmt.Sprint("seat ", i),
			fmt.Sprint("guest ", i))
	})
}

// each calls f for 0 to n-1, each in a goroutine of its own.
func each(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// retry does an operation up to three times: one in twenty may fail.
func retry(op func() result) (r result) {
	for range 3 {
		if r = op(); r.err == nil {
			break
		}
	}
	return r
}

func puts(t *testing.T, node *store.CPNode, did, key, val string) {
	t.Helper()
	r := retry(func() result { return clerk{node: node}.put(t.Context(), key, val) })
	if r.err != nil {
		expect.Fail(t, expect.Message{
			Did: fmt.Sprintf("%s %.9q", did, val), Want: "nil", Got: r.String()})
	}
}

func read(t *testing.T, node *store.CPNode, did, key, want string) {
	t.Helper()
	r := retry(func() result { return clerk{node: node}.get(t.Context(), key) })
	if r.err != nil || r.val != want {
		expect.Fail(t, expect.Message{
			Did: did, Want: fmt.Sprintf("%.20q", want), Got: fmt.Sprintf("%.60v", r),
			Why: "a store that is said to be consistent reads what was written last, at whichever node",
		})
	}
}

func reads(t *testing.T, nodes []*store.CPNode, did, key, want string) {
	t.Helper()
	for id, node := range nodes {
		read(t, node, fmt.Sprintf("%s (at node %d)", did, id), key, want)
	}
}

// TestManyClientsAtOnce has two clients at each node, and no faults but delays.
func TestManyClientsAtOnce(t *testing.T) {
	const did = "had two clients at each of five nodes, messages of 1 to 60 ms, some of them doubled, and " +
		"no faults for 5 s"
	for seed := range uint64(2) {
		h := history.New()
		virtual(t, func(t *testing.T) {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			net.Rule(simnet.Random[int](seed, simnet.Faults{Min: ms, Max: 60 * ms, Twice: 0.1}))
			y := load(t.Context(), nodes, []int{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}, 8, h,
				time.Now().Add(5*time.Second), seed)
			y.mostly(t, did)
		})
		possible(t, h, fmt.Sprintf("%s (seed %d)", did, seed))
	}
}

// cut is a network in two parts, of which at most one may go on.
type cut struct {
	n            int
	small, large []int
	majority     bool // whether the large part is one
}

var cuts = []cut{
	{5, []int{4}, []int{0, 1, 2, 3}, true},
	{5, []int{0, 1}, []int{2, 3, 4}, true},
	{4, []int{0, 1}, []int{2, 3}, false},
	{4, []int{3}, []int{0, 1, 2}, true},
	{2, []int{0}, []int{1}, false},
	{3, []int{1}, []int{0, 2}, true},
	{6, []int{0, 2, 4}, []int{1, 3, 5}, false},
}

func TestTheMinoritySaysNo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, c := range cuts {
			net := network(t, 10*ms)
			nodes := cps(c.n, net)
			puts(t, nodes[0], "wrote before the cut", "seat 1", "ann")
			net.Split(c.small, c.large)
			did := fmt.Sprintf("cut the network of %d nodes in two, %s; ", c.n, sides(c.small, c.large))
			time.Sleep(ms)
			refuse(t, nodes, c.small, did)
			if !c.majority {
				refuse(t, nodes, c.large, did)
				continue
			}
			puts(t, nodes[c.large[0]], did+"then, on the larger side, wrote", "seat 1", "bob")
			refuse(t, nodes, c.small, did+"the larger side wrote; ")
			net.Heal()
			time.Sleep(3 * time.Second)
			caughtUp(t, nodes, c.small, did+"the larger side wrote \"bob\"; 3 s after the network was whole again")
		}
	})
}

// caughtUp demands of each node what the larger side wrote, or what a Put on the smaller one wrote that was refused: it
// may be done nevertheless, later.
func caughtUp(t *testing.T, nodes []*store.CPNode, small []int, did string) {
	t.Helper()
	fit := []string{"bob"}
	for _, id := range small {
		fit = append(fit, fmt.Sprint("guest ", id))
	}
	for id, node := range nodes {
		r := retry(func() result { return clerk{node: node}.get(t.Context(), "seat 1") })
		expect.That(t, r.err == nil && slices.Contains(fit, r.val), expect.Message{
			Did:  fmt.Sprintf("%s, read at node %d", did, id),
			Want: fmt.Sprintf("%q, or what a refused Put wrote: one of %q", fit[0], fit[1:]),
			Got:  r.String(),
			Why: "what the larger side has acknowledged stands, and a node that was cut off learns of it as soon as it " +
				"can ask again",
		})
	}
}

// refuse demands ErrUnavailable of each node: for a key that is there and one that is not, with
// several contexts.
func refuse(t *testing.T, nodes []*store.CPNode, ids []int, did string) {
	t.Helper()
	for _, patience := range []time.Duration{0, time.Hour, 300 * ms} {
		each(4*len(ids), func(i int) {
			ctx, most, within := t.Context(), limit, "a second; its ctx never ends"
			if patience > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, patience)
				defer cancel()
				most = min(most, patience+ms)
				within = fmt.Sprintf("%v; its ctx ends after %v", min(patience, time.Second), patience)
			}
			id := ids[i/4]
			c := clerk{node: nodes[id]}
			key := fmt.Sprint("seat ", 1+i%2)
			op, what := c.get(ctx, key), "Get of "
			if i/2%2 == 0 {
				op, what = c.put(ctx, key, fmt.Sprint("guest ", id)), "Put of "
			}
			if !known.Is(op.err, store.ErrUnavailable) || op.took > most {
				expect.Fail(t, expect.Message{
					Did:  fmt.Sprintf("%s%s%s at node %d", did, what, key, id),
					Want: "ErrUnavailable within " + within,
					Got:  op.String(),
					Why: "this side cannot know what the other one writes meanwhile. What it answers " +
						"may be wrong, so a consistent store does not answer: that is the C of CAP, " +
						"and its price. Nobody chooses \"CA\": the cut comes unasked",
				})
			}
		})
	}
}

func TestTheMajorityGoesOn(t *testing.T) {
	for i, c := range cuts {
		if !c.majority {
			continue
		}
		long := time.Duration(15+11*i) * time.Second
		did := fmt.Sprintf("cut the network of %d nodes in two, %s, and had a client at each node of the "+
			"larger side for 10 s", c.n, sides(c.small, c.large))
		h := history.New()
		virtual(t, func(t *testing.T) {
			net := network(t, 10*ms)
			nodes := cps(c.n, net)
			net.Rule(simnet.Random[int](1, simnet.Faults{Min: 5 * ms, Max: 15 * ms}))
			load(t.Context(), nodes, []int{0, c.n - 1}, 8, h, time.Now().Add(time.Second), 1)
			net.Split(c.small, c.large)
			var tried sync.WaitGroup
			tried.Go(func() { trying(t, nodes, c.small, long) })
			y := load(t.Context(), nodes, c.large, 8, h, time.Now().Add(10*time.Second), 2)
			y.mostly(t, did)
			tried.Wait()
			net.Heal()
			time.Sleep(3 * time.Second)
			y = load(t.Context(), nodes, append(c.small, c.large...), 8, h, time.Now().Add(2*time.Second), 3)
			y.mostly(t, fmt.Sprintf("%s; on the smaller side others tried to read for %v; then the network was whole again for "+
				"3 s, and all nodes had clients", did, long))
		})
		possible(t, h, did)
	}
}

// trying has a client at each of these nodes who is refused, and tries again.
func trying(t *testing.T, nodes []*store.CPNode, ids []int, long time.Duration) {
	t.Helper()
	y := &tally{}
	each(len(ids), func(i int) {
		for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(50 * ms) {
			y.add(clerk{node: nodes[ids[i]]}.get(t.Context(), "seat 1"))
		}
	})
	y.judged(t, "tried to read on the smaller side of a cut, again and again")
}

// TestASecondIsForTheWholeOperation has operations whose beginning goes well and takes long.
func TestASecondIsForTheWholeOperation(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, alive := range []time.Duration{100 * ms, 350 * ms, 650 * ms, 850 * ms, 950 * ms} {
			net := network(t, 10*ms)
			nodes := cps(5, net)
			puts(t, nodes[2], "wrote", "seat 1", "ann")
			net.Rule(always(alive * 48 / 100))
			y := &tally{}
			did := fmt.Sprintf("let every message take %v, began a Get and a Put at each of five nodes, and cut "+
				"all of them off after %v", alive*48/100, alive)
			go func() {
				time.Sleep(alive)
				net.Cut(func(_, _ int) bool { return true })
			}()
			each(10, func(i int) {
				c := clerk{node: nodes[i/2]}
				if i%2 == 0 {
					y.add(c.get(t.Context(), "seat 1"))
				} else {
					y.add(c.put(t.Context(), "seat 1", fmt.Sprint("guest ", i)))
				}
			})
			y.judged(t, did)
		}
		cancelled(t)
		hungUp(t)
		aRush(t)
		lostCalls(t)
	})
}

// counted is a network that knows which Calls are under way, and since when.
type counted struct {
	store.Net
	mu    sync.Mutex
	began map[*leg]time.Time
}

func (c *counted) Call(ctx context.Context, from, to int, m any) (any, error) {
	call := &leg{From: from, To: to}
	c.mu.Lock()
	c.began[call] = time.Now()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.began, call)
	}()
	return c.Net.Call(ctx, from, to, m)
}

// older counts the Calls that have been under way for longer.
func (c *counted) older(than time.Duration) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, began := range c.began {
		if time.Since(began) > than {
			n++
		}
	}
	return n
}

// lostCalls has a node whose messages are lost, and looks what is left of its operations.
func lostCalls(t *testing.T) {
	t.Helper()
	net := network(t, 10*ms)
	watched := &counted{Net: net, began: map[*leg]time.Time{}}
	nodes := cps(3, watched)
	net.Split([]int{0}, []int{1, 2})
	each(10, func(i int) {
		c := clerk{node: nodes[0]}
		c.get(t.Context(), "seat 1")
		c.put(t.Context(), "seat 1", fmt.Sprint("guest ", i))
	})
	time.Sleep(6 * time.Second)
	if n := watched.older(5*time.Second + ms); n > 0 {
		expect.Fail(t, expect.Message{
			Did:  "cut one of three nodes off, made 20 operations there, and looked 6 s after the last one had returned",
			Want: "no Call that began more than 5 s ago",
			Got:  fmt.Sprintf("%d of them are still under way", n),
			Why: "a lost message is never answered. Each Call that waits for it holds a goroutine, and customers who try " +
				"again for forty minutes fill the memory of a node that has done nothing",
		})
	}
}

// hungUp has a caller hang up while all nodes reach each other, each message taking 200 ms.
func hungUp(t *testing.T) {
	t.Helper()
	for after := 50 * ms; after < 900*ms; after += 100 * ms {
		nodes := cps(5, network(t, 200*ms))
		each(10, func(i int) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			c, what := clerk{node: nodes[i/2]}, "Get"
			var r result
			if i%2 == 0 {
				r = c.get(ctx, "seat 1")
			} else {
				r, what = c.put(ctx, "seat 1", fmt.Sprint("guest ", i)), "Put"
			}
			if r.took > after+ms || r.err != nil && !known.Is(r.err, store.ErrUnavailable) {
				expect.Fail(t, expect.Message{
					Did:  fmt.Sprintf("with messages that take 200 ms, called %s with a ctx that ends after %v", what, after),
					Want: fmt.Sprintf("it returns after %v at the latest, and if it is not done with ErrUnavailable", after),
					Got:  r.String(),
					Why:  "nobody waits for the answer any more, in whichever round it is",
				})
			}
		})
	}
}

// aRush has 300 callers at a node that is alone.
func aRush(t *testing.T) {
	t.Helper()
	net := network(t, 10*ms)
	nodes := cps(3, net)
	net.Split([]int{0}, []int{1, 2})
	y := &tally{}
	each(300, func(i int) {
		c := clerk{node: nodes[0]}
		if i%2 == 0 {
			y.add(c.get(t.Context(), "seat 1"))
		} else {
			y.add(c.put(t.Context(), "seat 1", fmt.Sprint("guest ", i)))
		}
	})
	y.judged(t, "cut one of three nodes off, and had 300 callers there at once")
}

// cancelled has a caller who hangs up.
func cancelled(t *testing.T) {
	net := network(t, 10*ms)
	nodes := cps(5, net)
	net.Split([]int{0, 1}, []int{2, 3, 4})
	for i, op := range []func(context.Context) result{
		func(ctx context.Context) result { return clerk{node: nodes[0]}.get(ctx, "seat 1") },
		func(ctx context.Context) result { return clerk{node: nodes[0]}.put(ctx, "seat 1", "ann") },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(250 * ms)
			cancel()
		}()
		r := op(ctx)
		expect.That(t, known.Is(r.err, store.ErrUnavailable) && r.took <= 251*ms, expect.Message{
			Did:  "called " + []string{"Get", "Put"}[i] + " in a minority, and cancelled its ctx after 250 ms",
			Want: "ErrUnavailable after 250 ms at the latest", Got: r.String(),
			Why: "nobody waits for the answer any more",
		})
		cancel()
	}
}
