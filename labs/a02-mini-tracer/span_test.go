package tracer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	tracer "github.com/backend-labs/backend-labs/labs/a02-mini-tracer"
)

// only demands that this many spans have come, and returns them.
func (c *collector) only(t *testing.T, did string, n int) []tracer.Span {
	t.Helper()
	time.Sleep(time.Minute)
	got := c.got()
	expect.That(t, len(got) == n, expect.Message{Did: did + "; waited for a minute, with every = 1 s",
		Want: fmt.Sprintf("spans that were exported: %d", n), Got: fmt.Sprintf("%d (%s)", len(got), c.names())})
	c.mu.Lock()
	defer c.mu.Unlock()
	expect.That(t, c.over == 0, expect.Message{Did: did, Want: "the context of an Export does not end before it returns",
		Got: fmt.Sprintf("that of %d did", c.over),
		Why: "the requests are over by then, and what was to be sent of them is not sent"})
	return got
}

func TestASpanSaysWhatItIs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		declined := errors.New("declined")
		for _, err := range []error{nil, declined, fmt.Errorf("charge: %w", context.Canceled)} {
			c := &collector{}
			tr := tracer.NewTracer("payment", 1, c, 100, 10, time.Second)
			time.Sleep(5*ms + 123)
			begin := time.Now()
			ctx, hangUp := context.WithCancel(t.Context())
			_, a := tr.Start(ctx, "charge")
			hangUp()
			time.Sleep(70*ms + 456)
			end := time.Now()
			a.End(err)
			time.Sleep(30 * ms)
			a.End(errors.New("another End"))
			did := fmt.Sprintf("started a span, cancelled its context, called End(%v) 70 ms later, and End with another error "+
				"30 ms after that", err)
			s := c.only(t, did, 1)[0]
			expect.That(t, s.Service == "payment" && s.Name == "charge", expect.Message{Did: did,
				Want: `Service "payment", Name "charge"`, Got: fmt.Sprintf("%q, %q", s.Service, s.Name)})
			expect.That(t, s.Start.Equal(begin) && s.End.Equal(end), expect.Message{Did: did,
				Want: "it lasts for the 70.000456 ms from Start to the first End",
				Got:  fmt.Sprintf("it lasts for %v, from %v after Start", s.End.Sub(s.Start), s.Start.Sub(begin)),
				Why:  "who ends a span early, and defers another End for all other ways out, has measured the first"})
			expect.That(t, err == nil && s.Err == nil || err != nil && sentinel.Is(s.Err, err), expect.Message{Did: did,
				Want: fmt.Sprintf("Err is %v", err), Got: fmt.Sprintf("%v", s.Err),
				Why: "failed requests are what traces are looked at for"})
		}
		c := &collector{}
		tr := tracer.NewTracer("payment", 1, c, 100, 10, time.Second)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, late := tr.Start(gone, "release")
		late.End(nil)
		c.only(t, "started and ended a span with a context that was cancelled before", 1)

		c = &collector{}
		tr = tracer.NewTracer("payment", 1, c, 1000, 10, time.Second)
		var all sync.WaitGroup
		for range 100 {
			_, a := tr.Start(t.Context(), "charge")
			for range 4 {
				all.Go(func() { a.End(nil) })
			}
		}
		all.Wait()
		c.only(t, "ended 100 spans, each from four goroutines at once", 100)
		endsOnlyItself(t)
		saysItsName(t)
	})
}

// endsOnlyItself ends spans again when others have begun.
func endsOnlyItself(t *testing.T) {
	t.Helper()
	c := &collector{}
	tr := tracer.NewTracer("payment", 1, c, 1000, 10, time.Second)
	stale := errors.New("another End")
	const did = "ended a span, started the next one, ended the first again, with an error, and 10 ms later the next one; 20 times"
	for range 20 {
		_, first := tr.Start(t.Context(), "first")
		first.End(nil)
		_, next := tr.Start(t.Context(), "next")
		first.End(stale)
		time.Sleep(10 * ms)
		next.End(nil)
	}
	for _, s := range c.only(t, did, 40) {
		want := map[string]time.Duration{"first": 0, "next": 10 * ms}[s.Name]
		expect.That(t, s.Err == nil && s.End.Sub(s.Start) == want, expect.Message{Did: did,
			Want: fmt.Sprintf("%s lasts %v, and its Err is nil", s.Name, want), Got: fmt.Sprintf("%v, and %v", s.End.Sub(s.Start), s.Err),
			Why: "a deferred End comes late; it is that of a span that is over, and of no other"})
	}
}

// saysItsName has names that are long, odd or empty.
func saysItsName(t *testing.T) {
	t.Helper()
	for _, name := range []string{"", " GET /orders ", "größe 🙂", "GET /\xff", "a\nb\x00", strings.Repeat("SELECT 1; ", 1000)} {
		c := &collector{}
		tr := tracer.NewTracer(name, 1, c, 100, 10, time.Second)
		span(tr, name)
		did := fmt.Sprintf("made a span with a name of %d bytes, %.20q, on a Tracer of a service of that name", len(name), name)
		s := c.only(t, did, 1)[0]
		expect.That(t, s.Name == name && s.Service == name, expect.Message{Did: did, Want: "that name, and that service",
			Got: fmt.Sprintf("%d bytes, %.20q; the service has %d, %.20q", len(s.Name), s.Name, len(s.Service), s.Service),
			Why: "who looks for it looks for what was said"})
	}
}

func TestAPanicEndsItsSpan(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, value := range []any{"boom", http.ErrAbortHandler, 42} {
			for _, how := range []string{"", " that is not sampled", " that had ended already", " of a Tracer that is shut down"} {
				c := &collector{}
				ratio := 1.0
				if how == " that is not sampled" {
					ratio = 0
				}
				tr := tracer.NewTracer("payment", ratio, c, 100, 10, time.Second)
				if how == " of a Tracer that is shut down" {
					tr.Shutdown(t.Context())
				}
				did := fmt.Sprintf("had a function panic with %#v, in a span%s that ends with defer a.End(nil)", value, how)
				if err, ok := value.(error); ok {
					did = strings.Replace(did, fmt.Sprintf("%#v", value), fmt.Sprintf("an error, %q,", err), 1)
				}
				caught := func() (caught any) {
					defer func() { caught = recover() }()
					_, a := tr.Start(t.Context(), "charge")
					if how == " that had ended already" {
						a.End(nil)
					}
					defer a.End(nil)
					panic(value)
				}()
				expect.That(t, caught == value, expect.Message{Did: did, Want: "the panic goes on, with its value",
					Got: fmt.Sprintf("its value is %#v", caught),
					Why: "whoever recovers further up tells panics apart by it, as net/http does; and one that ends here " +
						"lets the function return as if all were well"})
				switch how {
				case "":
					s := c.only(t, did, 1)[0]
					expect.That(t, s.Err != nil && strings.Contains(sentinel.Text(s.Err), fmt.Sprint(value)), expect.Message{
						Did: did, Want: fmt.Sprintf("an Err that says %q", fmt.Sprint(value)), Got: fmt.Sprint(s.Err),
						Why: "the request that has crashed is the one that is looked for"})
				case " that had ended already":
					s := c.only(t, did, 1)[0]
					expect.That(t, s.Err == nil, expect.Message{Did: did, Want: "an Err of nil: it had ended",
						Got: fmt.Sprint(s.Err)})
				}
			}
		}
		oddPanics(t)
	})
}

// noted is an error, and label none, that cannot be asked where they are nil.
type (
	noted struct{ text string }
	label struct{ text string }
)

func (n *noted) Error() string  { return n.text }
func (l *label) String() string { return l.text }

// oddPanics has values of which it is easy to lose a part.
func oddPanics(t *testing.T) {
	t.Helper()
	for _, value := range []any{"100%d of the lamps", "index out of range\nwhile it counted the lamps",
		strings.Repeat("called from shop.go:7, ", 1000) + "and that is all", (*noted)(nil), (*label)(nil)} {
		c := &collector{}
		tr := tracer.NewTracer("payment", 1, c, 100, 10, time.Second)
		did := fmt.Sprintf("had a function panic with %T(%.30q), in a span that ends with defer a.End(nil)", value, fmt.Sprint(value))
		caught := func() (caught any) {
			defer func() { caught = recover() }()
			_, a := tr.Start(t.Context(), "charge")
			defer a.End(nil)
			panic(value)
		}()
		expect.That(t, caught == value, expect.Message{Did: did, Want: "the panic goes on, with its value",
			Got: fmt.Sprintf("its value is %.60q", fmt.Sprint(caught)),
			Why: "whoever is to note a panic must not cause another one: a nil pointer may be in it"})
		text, _ := value.(string) // how a nil pointer is noted is open
		s := c.only(t, did, 1)[0]
		whole := s.Err != nil
		for line := range strings.Lines(text) { // of which each may be quoted
			whole = whole && strings.Contains(sentinel.Text(s.Err), strings.TrimSuffix(line, "\n"))
		}
		expect.That(t, whole, expect.Message{Did: did,
			Want: fmt.Sprintf("an Err whose text has all of the value, which are %d bytes", len(text)),
			Got:  fmt.Sprintf("%.60q, of %d bytes", fmt.Sprint(s.Err), len(fmt.Sprint(s.Err))),
			Why:  "a percent sign is no verb, and the line that says where it was is the last one"})
	}
}

func TestFourServicesMakeOneTree(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop()
		type key struct{}
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "alice"), time.Hour)
		defer cancel()
		inner, a := s.tracers["frontend"].Start(ctx, "looks at its context")
		deadline, _ := ctx.Deadline()
		got, _ := inner.Deadline()
		expect.That(t, got.Equal(deadline) && inner.Value(key{}) == "alice", expect.Message{
			Did:  "started a span with a context that has a deadline and a value",
			Want: "the context that Start returns has them, too", Got: "it has not",
			Why: "the call whose time is measured is then one that never ends, made by nobody"})
		caused, stop := context.WithCancelCause(t.Context())
		hangsUp, ended := s.tracers["frontend"].Start(caused, "hangs up")
		before := hangsUp.Err()
		stop(errGone)
		expect.That(t, before == nil && hangsUp.Err() == context.Canceled && context.Cause(hangsUp) == errGone, expect.Message{
			Did:  "started a span with a context, and cancelled that one with a cause",
			Want: "the context that Start has returned has ended, with that cause",
			Got:  fmt.Sprintf("%s; cause: %v", say(hangsUp.Err()), context.Cause(hangsUp)),
			Why:  "what is measured goes on when the client has hung up, and costs as much as before"})
		ended.End(nil)
		s.only(t, "started a span, cancelled its context, and ended it", 1)
		s.mu.Lock()
		s.spans = nil
		s.mu.Unlock()
		a.End(nil)
		_, late := s.tracers["db"].Start(inner, "child of one that has ended")
		late.End(nil)
		both := s.only(t, "made a span, and when that had ended another one with its context", 2)
		if both[0].Service == "db" {
			slices.Reverse(both)
		}
		expect.That(t, both[0].Trace == both[1].Trace && both[1].Parent == both[0].ID, expect.Message{
			Did: "made a span, and when that had ended another one with its context", Want: "it is a child of the first",
			Got: relation(both[1], both[0]), Why: "work beside a request goes on when the request is over"})

		for _, how := range []string{"that is shut down", "with a ratio of 0 that is shut down"} {
			c, ratio := &collector{}, 1.0
			if how != "that is shut down" {
				ratio = 0
			}
			gone := tracer.NewTracer("gone", ratio, c, 100, 10, time.Second)
			gone.Shutdown(t.Context())
			inner, a := gone.Start(ctx, "at the end")
			here := tracer.NewTracer("here", 1, c, 100, 10, time.Second)
			for range 2 {
				_, b := here.Start(inner, "a child")
				b.End(nil)
			}
			a.End(nil)
			did := "made a span on a Tracer " + how + ", and two with its context on another one with a ratio of 1"
			two := c.only(t, did, 2*int(ratio))
			for _, span := range two {
				expect.That(t, span.Trace == two[0].Trace && span.Parent == two[0].Parent && span.Parent != [8]byte{},
					expect.Message{Did: did, Want: "both are its children, in its trace",
						Got: fmt.Sprintf("trace %x, Parent %x", span.Trace, span.Parent),
						Why: "its own spans are not exported any more; those of the services that it calls are"})
			}
		}

		s = newShop()
		s.order(ctx, 1, 20*ms, 10*ms, 30*ms)
		const did = "sent an order through a frontend, which calls auth, then cart and price, then mail; price calls db"
		all := s.only(t, did, 6)
		byService := map[string]tracer.Span{}
		for _, span := range all {
			byService[span.Service] = span
		}
		for child, parent := range map[string]string{"auth": "frontend", "cart": "frontend", "price": "frontend",
			"mail": "frontend", "db": "price"} {
			c, p := byService[child], byService[parent]
			expect.That(t, c.Trace == p.Trace && c.Parent == p.ID && c.ID != p.ID, expect.Message{Did: did,
				Want: fmt.Sprintf("%s is a child of %s, in its trace", child, parent), Got: relation(c, p)})
		}
		root := byService["frontend"]
		expect.That(t, root.Parent == [8]byte{} && root.ID != [8]byte{} && root.Trace != [16]byte{}, expect.Message{
			Did: did, Want: "frontend has a trace and an ID, and no Parent",
			Got: fmt.Sprintf("trace %x, ID %x, Parent %x", root.Trace, root.ID, root.Parent)})
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 100 {
			arrived := slices.Clone(all)
			how := ""
			if i%2 == 1 {
				arrived = append(arrived, all...)
				how = "each twice, "
			}
			rng.Shuffle(len(arrived), func(i, j int) { arrived[i], arrived[j] = arrived[j], arrived[i] })
			order := make([]string, len(arrived))
			for i, s := range arrived {
				order[i] = s.Service
			}
			root, orphans := tracer.Assemble(arrived)
			assembled(t, root, orphans, orderShape, "nothing", expect.Message{
				Did: did + "; gave its spans to Assemble, " + how + "in the order " + list(order),
				Why: "services export when they please, and what was perhaps lost is sent again"})
		}
	})
}

// errGone is why a client is not there any more.
var errGone = errors.New("the client has hung up")

// relation says what c is to p.
func relation(c, p tracer.Span) string {
	switch {
	case c.Trace != p.Trace:
		return "it belongs to another trace"
	case c.Parent == [8]byte{}:
		return "it has no Parent"
	case c.Parent == p.ID:
		return "it has the same ID"
	default:
		return "it has another Parent"
	}
}

// assembled demands a tree and orphans.
func assembled(t *testing.T, root *tracer.Node, orphans []tracer.Span, tree, rest string, m expect.Message) {
	t.Helper()
	m.Want = tree + "; orphans: " + rest
	m.Got = shape(root) + "; orphans: " + services(orphans)
	expect.That(t, m.Got == m.Want, m)
}

// fraction of a trace, by which it is sampled.
func fraction(trace [16]byte) float64 { return float64(binary.BigEndian.Uint64(trace[8:])) / (1 << 64) }

func TestATraceIsWholeOrNothing(t *testing.T) {
	virtual(t, func(t *testing.T) { sampled(t, 2000, 0.1, 0.1, 0.1, 0.1) })
}

func TestOneDecisionForATrace(t *testing.T) {
	virtual(t, func(t *testing.T) {
		sampled(t, 10_000, 0.1255, 1, 0, 0.5)
		sampled(t, 2000, 0.9, 0, 1, 0.1)
		sampledSeldom(t)
	})
}

// sampledSeldom demands that a ratio may be a fraction of a thousandth.
func sampledSeldom(t *testing.T) {
	t.Helper()
	const traces, ratio = 40_000, 0.0006
	c := &collector{}
	tr := tracer.NewTracer("frontend", ratio, c, 2000, 100, time.Second)
	spans(tr, traces)
	time.Sleep(time.Minute)
	got := len(c.got()) // 24 or so; none once in 10¹⁰, and over 100 never
	expect.That(t, got > 0 && got <= 100, expect.Message{Did: fmt.Sprintf("made %d traces with a ratio of %v", traces, ratio),
		Want: "about 24 of them", Got: fmt.Sprint(got),
		Why: "a ratio need not be a whole number of thousandths: on a busy day that is more than anybody looks at"})
	for _, s := range c.got() {
		expect.That(t, fraction(s.Trace) < ratio, expect.Message{Did: fmt.Sprintf("made %d traces with a ratio of %v", traces, ratio),
			Want: "each has a fraction below it", Got: fmt.Sprint("one has ", fraction(s.Trace))})
	}
}

// sampled demands that of many requests through services with such ratios that of the first decides.
func sampled(t *testing.T, traces int, ratios ...float64) {
	t.Helper()
	c := make([]collector, len(ratios))
	var tracers []*tracer.Tracer
	for i, ratio := range ratios {
		tracers = append(tracers, tracer.NewTracer(fmt.Sprint("service ", i+1), ratio, &c[i], 2000, 100, time.Second))
	}
	did := fmt.Sprintf("sent %d requests through a chain of four services, with ratios of %v", traces, ratios)
	for n := range traces {
		chain(t.Context(), tracers)
		if n%100 == 99 {
			time.Sleep(ms)
		}
	}
	time.Sleep(time.Minute)
	seen := map[[16]byte]int{}
	for i := range c {
		for _, s := range c[i].got() {
			seen[s.Trace]++
			expect.That(t, s.Service == fmt.Sprint("service ", i+1), expect.Message{Did: did,
				Want: "each service's spans come to the Exporter of its own Tracer",
				Got:  fmt.Sprintf("that of service %d has one of %s", i+1, s.Service)})
			expect.That(t, i == 0 || s.Parent != [8]byte{}, expect.Message{Did: did,
				Want: "no trace begins at any but the first", Got: "one begins at " + s.Service,
				Why: "that a trace is not kept is a decision, too, and made for all"})
		}
	}
	highest := 0.0
	for trace, n := range seen {
		highest = max(highest, fraction(trace))
		expect.That(t, n == len(ratios), expect.Message{Did: did,
			Want: "four spans of each trace that there is any of",
			Got:  fmt.Sprintf("%d of one of them; in all there are %d spans of %d traces", n, sum(seen), len(seen)),
			Why:  "of ten services that each keep one request in ten, the whole of a trace is there once in 10¹⁰"})
		expect.That(t, fraction(trace) < ratios[0], expect.Message{Did: did,
			Want: fmt.Sprintf("each trace has a fraction below %v", ratios[0]),
			Got:  fmt.Sprintf("one has %v", fraction(trace)),
			Why:  "logs and metrics that have the trace's id find by it whether there is a trace to look at"})
	}
	want, off := int(ratios[0]*float64(traces)), 2*int(math.Sqrt(float64(traces))) // off by more once in 10¹⁰
	expect.That(t, len(seen) >= want-off && len(seen) <= want+off, expect.Message{Did: did,
		Want: fmt.Sprintf("about %d traces, as the ratio of the first has it", want), Got: fmt.Sprint(len(seen))})
	near := ratios[0] - 40/float64(traces) // there is none between once in 10¹⁷
	expect.That(t, highest > near, expect.Message{Did: did,
		Want: fmt.Sprintf("all traces with a fraction below %v, so some with one above %.4f", ratios[0], near),
		Got:  fmt.Sprintf("the highest is %.4f", highest),
		Why:  "a ratio need not be a whole number of percents: one request in a thousand is much on a busy day"})
}

func sum(counts map[[16]byte]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// chain has each service call the next.
func chain(ctx context.Context, tracers []*tracer.Tracer) {
	ctx, a := tracers[0].Start(ctx, "call")
	defer a.End(nil)
	if len(tracers) > 1 {
		chain(ctx, tracers[1:])
	}
}

func TestAllOrNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := &collector{takes: time.Hour}
		tr := tracer.NewTracer("frontend", 0, c, 100, 10, time.Second)
		spans(tr, 1000)
		synctest.Wait()
		dropped := tr.Dropped()
		expect.That(t, dropped == 0, expect.Message{
			Did:  "made 1000 spans with a ratio of 0 and queue = 100",
			Want: "none of them is dropped", Got: fmt.Sprintf("%d are", dropped),
			Why: "an alarm watches Dropped: it is there for what should have been exported"})
		for _, ratio := range []float64{0, 1} {
			c := &collector{}
			tr := tracer.NewTracer("frontend", ratio, c, 2000, 100, time.Second)
			spans(tr, 1000)
			c.only(t, fmt.Sprintf("made 1000 spans with a ratio of %v", ratio), int(1000*ratio))
		}
	})
}

func TestRequestsDoNotMix(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const orders, slow = 500, 321
		s := newShop()
		rng := rand.New(rand.NewPCG(7, 7))
		few := func() time.Duration { return time.Duration(5+rng.IntN(40)) * ms }
		var all sync.WaitGroup
		for n := range orders {
			auth, cart, db := few(), few(), few()
			if n == slow {
				db = 400 * ms
			}
			all.Go(func() { s.order(context.Background(), n, auth, cart, db) })
		}
		all.Wait()
		const did = "sent 500 orders at once through frontend, auth, cart, price, db and mail"
		traces := map[[16]byte][]tracer.Span{}
		for _, span := range s.only(t, did, 6*orders) {
			traces[span.Trace] = append(traces[span.Trace], span)
		}
		expect.That(t, len(traces) == orders, expect.Message{Did: did, Want: "500 traces",
			Got: fmt.Sprintf("%d", len(traces)), Why: "who is served at the same time is not the same request"})
		var slowest []tracer.Span
		var root *tracer.Node
		for _, spans := range traces {
			for _, span := range spans {
				expect.That(t, span.Name == spans[0].Name, expect.Message{Did: did,
					Want: "a trace has the spans of one order", Got: fmt.Sprintf("it has some of %s and of %s",
						spans[0].Name, span.Name), Why: "the tree of a request that never was leads to the wrong service"})
			}
			tree, orphans := tracer.Assemble(spans)
			assembled(t, tree, orphans, orderShape, "nothing", expect.Message{Did: did + "; gave each trace to Assemble"})
			if root == nil || tree.Span.End.Sub(tree.Span.Start) > root.Span.End.Sub(root.Span.Start) {
				root, slowest = tree, spans
			}
		}
		path := tracer.CriticalPath(root)
		want := []string{"frontend", "auth", "price", "db"}
		expect.That(t, slices.Equal(path, want), expect.Message{
			Did:  did + ", of one of which db takes 400 ms; gave the tree of the slowest order to CriticalPath",
			Want: list(want), Got: list(path), Picture: waterfall(slowest, want)})
		expect.Show(t, "the slowest of 500 orders, as your tracer has seen it; your critical path is filled",
			waterfall(slowest, path))
	})
}
