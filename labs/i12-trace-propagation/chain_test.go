package tracing_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	tracing "github.com/backend-labs/backend-labs/labs/i12-trace-propagation"
)

// part is what a tracing tool is told of one service's part in a request: its ids, and those that it
// has named to others.
type part struct {
	service             string
	trace, span, parent string
	sent                []string
}

// tree draws parts as a tracing tool would: each under the one that sent it its parent id.
func tree(parts []part) string {
	var draw func(p part) string
	draw = func(p part) string {
		var below []string
		for _, q := range parts {
			if q.trace == p.trace && q.span != p.span && slices.Contains(p.sent, q.parent) {
				below = append(below, draw(q))
			}
		}
		switch len(below) {
		case 0:
			return p.service
		case 1:
			return p.service + " → " + below[0]
		}
		return p.service + " → (" + strings.Join(below, " and ") + ")"
	}
	var roots []string
	for _, p := range parts {
		if !slices.ContainsFunc(parts, func(q part) bool {
			return q.trace == p.trace && q.span != p.span && slices.Contains(q.sent, p.parent)
		}) {
			roots = append(roots, draw(p))
		}
	}
	if len(roots) == 1 {
		return "one tree: " + roots[0]
	}
	return fmt.Sprintf("%d trees: %s", len(roots), strings.Join(roots, "; "))
}

// service is one of several that call each other, and record their parts.
type service struct {
	name  string
	tl    *timeline.Timeline
	mu    *sync.Mutex
	parts *[]part
}

// serve serves a service that takes 20 ms and then calls the next one, if there is one.
func (s service) serve(t *testing.T, next *memhttp.Listener, nextName string) *memhttp.Listener {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span, _ := tracing.FromContext(r.Context())
		p := part{service: s.name, trace: traceOf(span), span: spanOf(span), parent: parentOf(span)}
		work := s.tl.Begin(s.name, "part %.4s under %.4s", p.span, p.parent)
		defer work.End("")
		time.Sleep(20 * time.Millisecond)
		if next != nil {
			base := &tapped{base: next.Client().Transport}
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, memhttp.URL, nil)
			if err != nil {
				t.Error(err)
				return
			}
			res, err := tracing.Transport(base).RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			p.sent = base.parents
			s.tl.Point(s.name, "told %s: %.4s of %.4s", nextName, strings.Join(base.parents, ","), base.trace)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		*s.parts = append(*s.parts, p)
	})
	return memhttp.Serve(t, tracing.Middleware(handler))
}

// tapped notes what traceparents say on their way.
type tapped struct {
	base    http.RoundTripper
	trace   string
	parents []string
}

func (x *tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	if h, wrong := outgoing(r); wrong == "" {
		x.trace, x.parents = h.trace, append(x.parents, h.parent)
	}
	return x.base.RoundTrip(r)
}

func TestThreeServicesMakeOneTree(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var mu sync.Mutex
		var parts []part
		tl := timeline.New("A", "B", "C")
		in := func(name string) service { return service{name, tl, &mu, &parts} }
		c := in("C").serve(t, nil, "")
		b := in("B").serve(t, c, "C")
		a := in("A").serve(t, b, "B")
		res, err := a.Client().Get(memhttp.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		slices.SortFunc(parts, func(x, y part) int { return strings.Compare(x.service, y.service) })
		did := "sent a request without a traceparent to A, which calls B, which calls C, and drew what a tracing " +
			"tool makes of their ids"
		expect.That(t, tree(parts) == "one tree: A → B → C", expect.Message{
			Did:     did,
			Want:    "one tree: A → B → C",
			Got:     tree(parts) + " (" + listed(parts) + ")",
			Why:     "what is not in the tree is looked for with timestamps, in seven logs, by four people",
			Picture: tl,
		})
		seen := map[string]bool{}
		for _, p := range parts {
			for _, id := range append([]string{p.span}, p.sent...) {
				expect.That(t, !seen[id], expect.Message{
					Did:  did + ", and compared the ids of the three parts and of the two requests between them",
					Want: "five ids, all different: a request has an id of its own, which is not its sender's",
					Got:  "one of them twice: " + listed(parts),
					Why: "a service that calls two others, or one twice, sends both of them the same id: nobody can " +
						"tell which of the calls was slow",
					Picture: tl,
				})
				seen[id] = true
			}
		}
		expect.Show(t, "what the tracing tool sees", tl)
	})
}

// listed names the parts with the beginnings of their ids.
func listed(parts []part) string {
	var texts []string
	for _, p := range parts {
		text := fmt.Sprintf("%s is %.4s under %.4s of trace %.4s", p.service, p.span, p.parent, p.trace)
		for _, id := range p.sent {
			text += fmt.Sprintf(", and sends %.4s", id)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}
