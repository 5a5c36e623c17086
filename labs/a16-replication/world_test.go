package replication_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	replication "github.com/backend-labs/backend-labs/labs/a16-replication"
)

const ms = time.Millisecond

var known = sentinel.Errors{
	"ErrNotDurable": replication.ErrNotDurable,
	"ErrFenced":     replication.ErrFenced,
}

type (
	leg  = simnet.Leg[string]
	fate = simnet.Fate
)

// virtual runs f in virtual time. What is left running afterwards is the business of one check
// alone, and does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// world is a primary P, replicas A, B and so on, and the network between them.
type world struct {
	t        *testing.T
	net      *simnet.Network[string]
	names    []string // of the replicas
	replicas []*replication.Replica
	trips    map[string]time.Duration // there and back
	tl       *timeline.Timeline

	mu    sync.Mutex
	calls map[string]int // under way, by replica
	most  int            // that there were of these for one replica
}

// answer is what travels back.
type answer struct {
	ack uint64
	err error
}

// newWorld has a replica for each round trip.
func newWorld(t *testing.T, trips ...time.Duration) *world {
	w := &world{t: t, net: simnet.New[string](t), trips: map[string]time.Duration{}, calls: map[string]int{}}
	for i, trip := range trips {
		name := string(rune('A' + i))
		w.names = append(w.names, name)
		w.trips[name] = trip
		r := replication.NewReplica()
		w.replicas = append(w.replicas, r)
		w.serve(name, r)
	}
	w.tl = timeline.New(append([]string{"client", "P"}, w.names...)...)
	w.net.Rule(w.rule)
	return w
}

// rule lets each leg take half of the round trip of the replica that it is for.
func (w *world) rule(l leg) fate {
	name := l.To
	if l.Answer {
		name = l.From
	}
	return fate{After: w.trips[name] / 2}
}

// serve has a replica answer under a name.
func (w *world) serve(name string, r *replication.Replica) {
	w.net.Handle(name, func(_ string, m any) any {
		ack, err := r.Apply(w.wire(m.(replication.Append)))
		return answer{ack, simnet.Copy(w.t, err)}
	})
}

// wire is a message as it comes out of a network: by it nobody reaches the primary's memory.
func (w *world) wire(m replication.Append) replication.Append {
	if !simnet.Reaches[replication.Append]() {
		return m
	}
	return simnet.Copy(w.t, m)
}

// draw records the messages from now on.
func (w *world) draw() {
	w.net.Draw(w.tl, func(name string) string { return name }, func(l leg) string {
		a, ok := l.Message.(answer)
		switch {
		case !ok:
			return "append"
		case a.err != nil:
			return "refused"
		}
		return fmt.Sprintf("has %d", a.ack)
	})
}

// link is the network as a primary sees it.
func (w *world) link(from string, to ...string) replication.Link {
	return func(ctx context.Context, replica int, m replication.Append) (uint64, error) {
		name := to[replica]
		w.mu.Lock()
		w.calls[name]++
		w.most = max(w.most, w.calls[name])
		w.mu.Unlock()
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.calls[name]--
		}()
		got, err := w.net.Call(ctx, from, name, w.wire(m))
		if err != nil {
			return 0, err
		}
		return got.(answer).ack, got.(answer).err
	}
}

// busiest is how many calls for one replica were under way at the same time.
func (w *world) busiest() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// primary is the first one, a second after it has begun.
func (w *world) primary(t *testing.T, acks int) *replication.Primary {
	p := replication.NewPrimary(len(w.names), replication.Mode{Acks: acks}, w.link("P", w.names...))
	t.Cleanup(p.Close)
	time.Sleep(time.Second)
	return p
}

// down cuts nodes off, in both directions; up ends that for all.
func (w *world) down(names ...string) {
	w.net.Cut(func(from, to string) bool {
		for _, name := range names {
			if from == name || to == name {
				return true
			}
		}
		return false
	})
}

func (w *world) up() { w.net.Heal() }

// modeOf says in words what a mode of so many replicas is.
func modeOf(acks, n int) string {
	switch acks {
	case 0:
		return "asynchronous"
	case n:
		return fmt.Sprintf("synchronous, %d of %d", n, n)
	}
	return fmt.Sprintf("semi-synchronous, %d of %d", acks, n)
}

// wrote is what became of a Write.
type wrote struct {
	lsn  uint64
	err  error
	took time.Duration
}

func (r wrote) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s after %v", known.Say(r.err), r.took)
	}
	return fmt.Sprintf("LSN %d after %v", r.lsn, r.took)
}

// write writes the text, and draws it.
func (w *world) write(ctx context.Context, p *replication.Primary, text string) (r wrote) {
	span := w.tl.Begin("client", "%s", text)
	began := time.Now()
	r.lsn, r.err = p.Write(ctx, []byte(text))
	r.took = time.Since(began)
	if r.err == nil {
		span.End("ok")
	} else {
		span.End("%s", known.Say(r.err))
	}
	return r
}

// must writes, which must succeed.
func (w *world) must(t *testing.T, p *replication.Primary, did, text string) wrote {
	t.Helper()
	r := w.write(t.Context(), p, text)
	expect.That(t, r.err == nil, expect.Message{
		Did: did + "; wrote " + text, Want: "nil", Got: r.String(),
		Why: "as many replicas as the mode asks for can be reached", Picture: w.tl,
	})
	return r
}

// not writes, which must end with ErrNotDurable, in time.
func (w *world) not(t *testing.T, p *replication.Primary, did, text string) {
	t.Helper()
	r := w.write(t.Context(), p, text)
	expect.That(t, known.Is(r.err, replication.ErrNotDurable) && r.took >= 500*ms && r.took <= 2*time.Second+ms,
		expect.Message{
			Did: did + "; wrote " + text, Want: "ErrNotDurable, 0.5 to 2 s after the call", Got: r.String(),
			Why: "whoever is told \"ok\" believes that the entry survives the primary. A primary that falls back to " +
				"asynchronous when nobody answers breaks its promise exactly when it is needed", Picture: w.tl,
		})
}

// entry is the text of the i-th write.
func entry(i int) string { return fmt.Sprint("entry ", i) }

// texts is a log as words.
func texts(log [][]byte) []string {
	words := make([]string, 0, len(log))
	for _, e := range log {
		words = append(words, string(e))
	}
	return words
}

// list is words in a message, and only some of many.
func list(words []string) string {
	if len(words) > 12 {
		return fmt.Sprintf("%d entries, %q … %q", len(words), words[:3], words[len(words)-3:])
	}
	return fmt.Sprintf("%q", words)
}

// prefix reports whether a log begins as the other.
func prefix(of, log [][]byte) bool {
	if len(of) > len(log) {
		return false
	}
	for i, e := range of {
		if string(e) != string(log[i]) {
			return false
		}
	}
	return true
}

func equal(a, b [][]byte) bool { return len(a) == len(b) && prefix(a, b) }

// logs draws what each node has now.
func (w *world) logs(nodes map[string][][]byte) {
	for _, name := range append([]string{"P"}, w.names...) {
		if log, ok := nodes[name]; ok {
			words := strings.ReplaceAll(strings.Join(texts(log), ", "), "entry ", "")
			if len(words) > 40 {
				words = fmt.Sprintf("%d entries", len(log))
			}
			w.tl.Holds(name, "%s", words)
		}
	}
}

// same demands a log.
func (w *world) same(t *testing.T, did, whose string, got, want [][]byte, why string) {
	t.Helper()
	if !equal(got, want) {
		w.logs(map[string][][]byte{whose: got})
	}
	expect.That(t, equal(got, want), expect.Message{
		Did: did, Want: fmt.Sprintf("log of %s: %s", whose, list(texts(want))), Got: list(texts(got)), Why: why,
		Picture: w.tl,
	})
}

// logOf is the log of these writes.
func logOf(words ...string) (log [][]byte) {
	for _, word := range words {
		log = append(log, []byte(word))
	}
	return log
}

// numbered is the log of entries 1 to n.
func numbered(n int) (log [][]byte) {
	for i := range n {
		log = append(log, []byte(entry(i+1)))
	}
	return log
}
