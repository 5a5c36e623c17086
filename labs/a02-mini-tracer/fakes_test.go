package tracer_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	tracer "github.com/backend-labs/backend-labs/labs/a02-mini-tracer"
)

const ms = time.Millisecond

var known = sentinel.Errors{
	"context.Canceled":         context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded,
}

// virtual runs f in virtual time. What is left running afterwards is the business of one check, and
// does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

func say(err error) string {
	if err == nil {
		return "nil"
	}
	return known.Say(err)
}

// collector is where spans go: an Exporter, and what it has seen.
type collector struct {
	takes time.Duration            // an Export
	heeds bool                     // an Export ends with its context
	fails func(first string) error // an Export of a batch that begins with this span; may be nil
	gate  chan struct{}            // an Export waits until it is closed; may be nil

	mu      sync.Mutex
	spans   []tracer.Span
	at      []time.Time // when each of them came
	sizes   []int       // of the batches
	begun   []time.Time // when each of them came
	now     int         // Exports under way
	most    int         // of them at a time
	over    int         // Exports whose context had ended by the time they returned
	written int         // Exports whose batch had other spans by the time they returned
	ctxOver time.Time   // when the context of an Export ended that was under way
}

func (c *collector) Export(ctx context.Context, batch []tracer.Span) error {
	takes, gate, err := c.begin(batch)
	given := slices.Clone(batch)
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ctxOver = time.Now()
	})
	if gate != nil {
		<-gate
	}
	if c.heeds {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(takes):
		}
	} else {
		time.Sleep(takes)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if !slices.EqualFunc(batch, given, func(a, b tracer.Span) bool { return a.ID == b.ID }) {
		c.written++
	}
	if stop(); ctx.Err() != nil {
		c.over++
		if c.ctxOver.IsZero() {
			c.ctxOver = time.Now()
		}
	}
	return err
}

func (c *collector) begin(batch []tracer.Span) (takes time.Duration, gate chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, batch...)
	for range batch {
		c.at = append(c.at, time.Now())
	}
	c.sizes = append(c.sizes, len(batch))
	c.begun = append(c.begun, time.Now())
	c.now++
	c.most = max(c.most, c.now)
	if c.fails != nil && len(batch) > 0 {
		err = c.fails(batch[0].Name)
	}
	return c.takes, c.gate, err
}

// got is what has come by now.
func (c *collector) got() []tracer.Span {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// batches are the sizes of those that have come by now.
func (c *collector) batches() []int {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sizes)
}

// names are those of the spans that have come by now, in order.
func (c *collector) names() string {
	var names []string
	for _, s := range c.got() {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return list(names)
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// sound demands what holds of batches at any time.
func (c *collector) sound(t *testing.T, did string, batch int) {
	t.Helper()
	sizes := c.batches()
	expect.That(t, len(sizes) == 0 || slices.Min(sizes) > 0 && slices.Max(sizes) <= batch, expect.Message{Did: did,
		Want: fmt.Sprintf("batches of 1 to %d spans", batch), Got: fmt.Sprintf("batches of %v", clip(sizes)),
		Why: "collectors refuse what is too large, and what is empty is a call for nothing"})
	c.mu.Lock()
	defer c.mu.Unlock()
	expect.That(t, c.most <= 1, expect.Message{Did: did, Want: "one Export at a time",
		Got: fmt.Sprintf("%d at the same time", c.most),
		Why: "a collector that is slow has too much to do already; each Export more makes it slower, and is memory"})
	expect.That(t, c.written == 0, expect.Message{Did: did,
		Want: "the batch that an Export was given has the same spans until it returns",
		Got:  fmt.Sprintf("that of %d had others by then", c.written),
		Why:  "it is read while it is sent, and the batch belongs to the Exporter until then"})
}

// clip is the end of a long list.
func clip(sizes []int) []int { return sizes[max(0, len(sizes)-20):] }

// span makes one that is over at once.
func span(tr *tracer.Tracer, name string) {
	_, a := tr.Start(context.Background(), name)
	a.End(nil)
}

// spans makes so many, and reports how long one End took at most.
func spans(tr *tracer.Tracer, n int) time.Duration {
	for i := range n {
		_, a := tr.Start(context.Background(), fmt.Sprint("span ", i))
		begin := time.Now()
		a.End(nil)
		if took := time.Since(begin); took > 0 {
			return took
		}
	}
	return 0
}

// shop is services that have a Tracer each, and one collector.
type shop struct {
	collector
	tracers map[string]*tracer.Tracer
}

// newShop has those services that an order passes through.
func newShop() *shop {
	s := &shop{tracers: map[string]*tracer.Tracer{}}
	for _, service := range []string{"frontend", "auth", "cart", "price", "db", "mail"} {
		s.tracers[service] = tracer.NewTracer(service, 1, &s.collector, 5000, 100, time.Second)
	}
	return s
}

// does has a service do something for a request.
func (s *shop) does(ctx context.Context, service string, order int, work func(ctx context.Context)) {
	ctx, a := s.tracers[service].Start(ctx, fmt.Sprint("order ", order))
	defer a.End(nil)
	work(ctx)
}

func takes(d time.Duration) func(context.Context) {
	return func(context.Context) { time.Sleep(d) }
}

// order is one in the shop: the frontend asks auth, then cart and price at once, and price asks db. A
// mail is sent after that.
func (s *shop) order(ctx context.Context, order int, auth, cart, db time.Duration) {
	s.does(ctx, "frontend", order, func(ctx context.Context) {
		s.does(ctx, "auth", order, takes(auth))
		var all sync.WaitGroup
		all.Go(func() { s.does(ctx, "cart", order, takes(cart)) })
		all.Go(func() {
			s.does(ctx, "price", order, func(ctx context.Context) {
				time.Sleep(2 * ms)
				s.does(ctx, "db", order, takes(db))
				time.Sleep(3 * ms)
			})
		})
		all.Wait()
		go s.does(ctx, "mail", order, takes(300*ms))
		time.Sleep(ms)
	})
}

// orderShape is the tree of it.
const orderShape = "frontend(auth cart mail price(db))"

// shape is a tree in one line, whatever the order of the children.
func shape(root *tracer.Node) string {
	left := 100 // that a tree of these checks never has
	var text func(n *tracer.Node) string
	text = func(n *tracer.Node) string {
		if n == nil {
			return "nil"
		}
		if left--; left < 0 {
			return "…"
		}
		var children []string
		for _, child := range n.Children {
			children = append(children, text(child))
		}
		if len(children) == 0 {
			return n.Span.Service
		}
		slices.Sort(children)
		return n.Span.Service + "(" + strings.Join(children, " ") + ")"
	}
	return text(root)
}

// services are those of spans, in order.
func services(spans []tracer.Span) string {
	var names []string
	for _, s := range spans {
		names = append(names, s.Service)
	}
	slices.Sort(names)
	return list(names)
}

// waterfall draws a trace: a line for each span in the order in which they began, filled for those on
// the path.
func waterfall(spans []tracer.Span, path []string) *timeline.Timeline {
	spans = slices.SortedFunc(slices.Values(spans), func(a, b tracer.Span) int {
		return cmp.Or(a.Start.Compare(b.Start), b.End.Compare(a.End))
	})
	begin, end := spans[0].Start, spans[0].End
	for _, s := range spans {
		if s.End.After(end) {
			end = s.End
		}
	}
	const width = 40
	column := func(t time.Time) int { return int(t.Sub(begin) * width / max(1, end.Sub(begin))) }
	p := timeline.Picture{Lanes: []string{fmt.Sprintf("from 0 to %v", end.Sub(begin))}, Virtual: true}
	for _, s := range spans {
		bar := "░"
		if slices.Contains(path, s.Service) {
			bar = "█"
		}
		from, to := column(s.Start), column(s.End)
		to = max(to, from+1)
		p.Steps = append(p.Steps, timeline.Step{Kind: timeline.Point, At: s.Start.Sub(begin),
			Text: strings.Repeat("·", from) + strings.Repeat(bar, to-from) + strings.Repeat("·", max(0, width-to)) +
				" " + s.Service})
	}
	return timeline.From(p)
}
