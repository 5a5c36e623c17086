package store_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// witness is a network that remembers what was sent, and in which words.
type witness struct {
	*simnet.Network[int]
	mu   sync.Mutex
	sent []letter
}

type letter struct {
	what string
	m    any
	text string
}

func (w *witness) note(m any, what string, args ...any) {
	text := spell(m)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, letter{fmt.Sprintf(what, args...), m, text})
}

func (w *witness) Call(ctx context.Context, from, to int, m any) (any, error) {
	w.note(m, "a message from node %d to %d", from, to)
	return w.Network.Call(ctx, from, to, m)
}

func (w *witness) Handle(id int, h func(from int, m any) any) {
	w.Network.Handle(id, func(from int, m any) any {
		answer := h(from, m)
		w.note(answer, "an answer of node %d to %d", id, from)
		return answer
	})
}

// unchanged demands that what was sent is still as it was.
func (w *witness) unchanged(t *testing.T, did string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.sent {
		if now := spell(l.m); now != l.text {
			a, b := differ(l.text, now)
			expect.Fatal(t, expect.Message{
				Did:  did,
				Want: "a message, or an answer, stays what it was when it was sent",
				Got:  fmt.Sprintf("%s said …%s…, and says now …%s…", l.what, a, b),
				Why: "on a real network it would be bytes. Here, what is sent is shared with whoever gets it: a " +
					"change afterwards is a race, and news that travel faster than any message",
			})
		}
	}
}

// differ returns what is round the first difference.
func differ(a, b string) (string, string) {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	near := func(s string) string { return strings.ToValidUTF8(s[max(0, min(i-30, len(s))):min(i+30, len(s))], "") }
	return near(a), near(b)
}

// spell is a value in words, whatever it consists of.
func spell(m any) string {
	var b strings.Builder
	walk(&b, reflect.ValueOf(m), map[uintptr]bool{})
	return b.String()
}

func walk(b *strings.Builder, v reflect.Value, met map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		if v.Kind() == reflect.Pointer {
			if met[v.Pointer()] {
				return
			}
			met[v.Pointer()] = true
		}
		walk(b, v.Elem(), met)
	case reflect.Struct:
		if pkg := v.Type().PkgPath(); pkg == "sync" || pkg == "sync/atomic" {
			return // a lock that travels with a message changes, and says nothing
		}
		for i := range v.NumField() {
			walk(b, v.Field(i), met)
			b.WriteByte(' ')
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprint(b, "[")
		for i := range v.Len() {
			walk(b, v.Index(i), met)
			b.WriteByte(' ')
		}
		fmt.Fprint(b, "]")
	case reflect.Map:
		var entries []string
		for _, key := range v.MapKeys() {
			var e strings.Builder
			walk(&e, key, met)
			e.WriteByte(':')
			walk(&e, v.MapIndex(key), met)
			entries = append(entries, e.String())
		}
		slices.Sort(entries)
		fmt.Fprint(b, entries)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Invalid:
	default:
		fmt.Fprint(b, v)
	}
}

// TestMessagesDoNotChange watches both stores at work.
func TestMessagesDoNotChange(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := &witness{Network: network(t, 10*ms)}
		nodes := cps(3, w)
		load(t.Context(), nodes, []int{0, 1, 2, 0}, 3, nil, time.Now().Add(time.Second), 7).
			mostly(t, "had four clients at three nodes for 1 s")
		puts(t, nodes[0], "wrote", "seat 9", "ann")
		reads(t, nodes, "wrote and read", "seat 9", "ann")
		w.unchanged(t, "had four clients at three CP nodes for 1 s, and looked at all that was sent")

		w = &witness{Network: network(t, 10*ms)}
		b := baskets{aps(3, w)}
		for i := range 12 {
			key := fmt.Sprint("basket ", i%2)
			vals, seen := b.get(t, i%3, key)
			if i%4 == 3 {
				vals, seen = nil, nil
			}
			b.put(t, i%3, key, fmt.Sprint(len(vals), " things and thing ", i), seen)
			b.put(t, i%3, key, fmt.Sprint("beside it, thing ", i), nil)
			b.gossip(t, 1)
		}
		b.gossip(t, 10)
		w.unchanged(t, "wrote at three AP nodes which gossip, and looked at all that was sent")
		_, seen := b.get(t, 1, "basket 0")
		b.put(t, 1, "basket 0", "all of it", seen)
		b.gossip(t, 10)
		b.has(t, "wrote at three AP nodes which gossip, and, in the end, a value in the place of all", 2, "basket 0", meet,
			"all of it")
		w.unchanged(t, "wrote at three AP nodes which gossip, and looked at all that was sent, two seconds later")
	})
}

// side is what was seen of one store in a cut.
type side struct {
	asked, answered, stale int
	slowest                time.Duration
}

func (s *side) saw(err error, took time.Duration, stale bool) {
	s.asked++
	if err == nil {
		s.answered++
		if stale {
			s.stale++
		}
	}
	s.slowest = max(s.slowest, took)
}

// TestTheSameCutFromBothSides is the theorem as a table.
func TestTheSameCutFromBothSides(t *testing.T) {
	virtual(t, func(t *testing.T) {
		cnet, anet := network(t, 10*ms), network(t, 10*ms)
		c, b := cps(5, cnet), baskets{aps(5, anet)}
		var calm [2]time.Duration
		r := retry(func() result { return clerk{node: c[0]}.put(t.Context(), "thing", "0") })
		calm[0] = r.took
		b.put(t, 0, "thing", "0", nil)
		b.gossip(t, 10)
		cnet.Split([]int{0, 1}, []int{2, 3, 4})
		anet.Split([]int{0, 1}, []int{2, 3, 4})
		go b.gossip(t, 50)
		time.Sleep(3 * time.Second)
		var cp, ap side
		for i := range 10 {
			val := fmt.Sprint(i + 1)
			// the larger side writes, the smaller one reads
			puts(t, c[3], "on the larger side of a cut, wrote", "thing", val)
			_, seen := b.get(t, 3, "thing")
			b.put(t, 3, "thing", val, seen)
			r := clerk{node: c[i%2]}.get(t.Context(), "thing")
			cp.saw(r.err, r.took, r.val != val)
			began := time.Now()
			vals, _, err := b.nodes[i%2].Get(t.Context(), "thing")
			ap.saw(err, time.Since(began), !slices.Contains(vals, val))
		}
		_, seen := b.get(t, 0, "thing")
		b.put(t, 0, "thing", "from the smaller side", seen)
		cnet.Heal()
		anet.Heal()
		b.gossip(t, 15)
		vals, _ := b.get(t, 2, "thing")
		tl := timeline.New("CP", "AP")
		row := func(what, cp, ap string) {
			tl.Point("CP", "%s: %s", what, cp)
			tl.Point("AP", "%s: %s", what, ap)
		}
		row("Put, no cut", calm[0].String(), calm[1].String())
		row("minority", fmt.Sprintf("%d of %d", cp.answered, cp.asked),
			fmt.Sprintf("%d of %d", ap.answered, ap.asked))
		row("slowest answer", cp.slowest.String(), ap.slowest.String())
		row("stale reads", fmt.Sprint(cp.stale), fmt.Sprint(ap.stale))
		row("values afterwards", "1", fmt.Sprint(len(vals)))
		const did = "cut both stores in two, {0 1} | {2 3 4}; ten times wrote on the larger side and then read on the " +
			"smaller one"
		expect.That(t, cp.answered == 0, expect.Message{
			Did: did, Want: "the smaller side of the CP store answers 0 of 10",
			Got: fmt.Sprintf("%d, of which %d were stale", cp.answered, cp.stale),
			Why: "what it does not know it cannot tell; that is what \"consistent\" costs", Picture: tl,
		})
		expect.That(t, ap.answered == 10 && ap.slowest <= 10*ms && ap.stale == 10 && same(vals,
			[]string{"10", "from the smaller side"}), expect.Message{
			Did: did,
			Want: "the smaller side of the AP store answers 10 of 10, all of them with what was there before the cut; " +
				"afterwards what both sides wrote last stands side by side",
			Got: fmt.Sprintf("%d, of which %d were stale, the slowest after %v; afterwards %s", ap.answered, ap.stale,
				ap.slowest, list(vals)),
			Why:     "what it does not know it cannot tell, and it answers nevertheless; that is what \"available\" costs",
			Picture: tl,
		})
		expect.Show(t, "one cut, two stores: what each gives up", tl)
	})
}
