package journey_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
)

var ends = sentinel.Errors{"context.Canceled": context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded}

// stuck are worlds in which something never comes, and the phases until then.
var stuck = []struct {
	what, url, phases string
	setUp             func(w *world)
}{
	{"a name is never resolved", "http://shop.test/", "dns", func(w *world) {
		w.names["shop.test"] = name{hangs: true}
	}},
	{"two addresses never answer", "http://shop.test/", "dns connect", func(w *world) {
		w.name("shop.test", "192.0.2.1", "192.0.2.2")
		w.put("192.0.2.1", "80", &place{hole: true})
		w.put("192.0.2.2", "80", &place{hole: true})
	}},
	{"a name takes 90 ms, and then no address answers", "http://shop.test/", "dns connect",
		func(w *world) {
			w.site("shop.test", "80", pages, "192.0.2.1").hole = true
			w.names["shop.test"] = name{addrs: w.names["shop.test"].addrs, after: 90 * ms}
		}},
	{"a server never shakes hands", "https://shop.test/", "dns connect tls", func(w *world) {
		w.site("shop.test", "443", pages, "192.0.2.1").mute = true
	}},
	{"a connection takes no byte", "http://shop.test/", "dns connect send", func(w *world) {
		w.site("shop.test", "80", pages, "192.0.2.1").road.stalled = true
	}},
	{"a connection takes no byte after the handshake", "https://shop.test/", "dns connect tls send", func(w *world) {
		w.site("shop.test", "443", pages, "192.0.2.1").road.takes = 2
	}},
	{"a server never answers", "https://shop.test/", "dns connect tls send wait", func(w *world) {
		w.site("shop.test", "443", always(piece{hangs: true}), "192.0.2.1").after = 50 * ms
	}},
	{"a server sends half a head and no more", "https://shop.test/",
		"dns connect tls send wait body", func(w *world) {
			w.site("shop.test", "443", always(piece{after: 50 * ms, text: "HTTP/1.1 200 OK\r\nCon",
				hangs: true}), "192.0.2.1")
		}},
	{"a server sends half a body and no more", "https://shop.test/",
		"dns connect tls send wait body", func(w *world) {
			w.site("shop.test", "443", always(piece{text: "HTTP/1.1 200 OK\r\nContent-Length: 10" +
				"\r\n\r\nhello", hangs: true}), "192.0.2.1")
		}},
	{"a server sends a byte each 30 ms, without end", "http://shop.test/",
		"dns connect send wait body", func(w *world) {
			drip := []piece{{text: "HTTP/1.1 200 OK\r\n\r\n"}}
			for range 20 {
				drip = append(drip, piece{after: 30 * ms, text: "."})
			}
			w.site("shop.test", "80", always(drip...), "192.0.2.1")
		}},
	{"a server redirects after 90 ms, and then never answers", "http://shop.test/",
		"dns connect send wait body send wait", func(w *world) {
			w.site("shop.test", "80", func(r *http.Request) []piece {
				if r.URL.Path == "/next" {
					return []piece{{hangs: true}}
				}
				return append([]piece{{after: 90 * ms}}, moved(302, "/next")...)
			}, "192.0.2.1")
		}},
}

func TestGetEndsWithItsContext(t *testing.T) {
	for _, tt := range stuck {
		for _, cancelled := range []bool{false, true} {
			inWorld(t, func(t *testing.T, w *world) {
				tt.setUp(w)
				w.endsAfter200(tt.what, tt.url, tt.phases, cancelled)
			})
		}
	}
	for _, cancelled := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "443", pages, "192.0.2.1")
			w.get(t.Context(), "https://shop.test/", nil).ok("/")
			w.answers("192.0.2.1:443", always(piece{hangs: true}))
			w.endsAfter200("the server answers one request, and no more", "https://shop.test/",
				"send wait", cancelled)
		})
	}
}

// endsAfter200 calls Get with a ctx that ends after 200 ms, in one way or the other.
func (w *world) endsAfter200(what, url, stages string, cancelled bool) {
	w.t.Helper()
	want, how := context.DeadlineExceeded, "has a deadline in 200 ms"
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	if cancelled {
		want, how = context.Canceled, "is cancelled after 200 ms"
		time.AfterFunc(200*ms, func() { cancel(errors.New("the user has gone")) })
	} else {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, 200*ms, errors.New("the page is late"))
		defer stop()
	}
	g := w.after("made a world in which %s, and a ctx that %s", what, how).get(ctx, url, nil)
	began := time.Now()
	g.want(g.took == 200*ms, "Get returns after 200ms",
		"the caller has promised somebody else an answer by then; each one that comes late "+
			"makes the next one late, too")
	g.want(ends.Is(g.err, want), fmt.Sprintf("an error that wraps %q, and no other of ctx's", want),
		"whether time was up or the user has gone decides whether to try again, and what to log")
	g.wantFailed(stages, want)
	conns, attempts := w.open()
	g.wantOf(conns == 0 && attempts == 0 && time.Since(began) == 0,
		"no open connection, and no Dial that still runs",
		fmt.Sprintf("%d connections, %d Dials", conns, attempts),
		"what was given up goes on costing: at a thousand requests a second, that is how "+
			"descriptors run out")
}

func TestAClientIsSharedByMany(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", func(r *http.Request) []piece {
			return append([]piece{{after: 100 * ms}}, pages(r)...)
		}, "192.0.2.1")
		w.get(t.Context(), "http://shop.test/first", nil).ok("/first")
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.client.Get(context.Background(), "http://shop.test/slow", nil)
		}()
		time.Sleep(50 * ms)
		g := w.after(
			"called Get for /first, then for /slow and, before that had its answer").
			get(t.Context(), "http://shop.test/quick", nil).ok("/quick")
		g.wantNew(2, "an answer does not say which question it belongs to: two requests at once "+
			"need two connections")
		<-done
	})
	inWorld(t, func(t *testing.T, w *world) {
		byLength := func(r *http.Request) []piece {
			return append([]piece{{after: time.Duration(len(r.URL.Path)) * ms}}, pages(r)...)
		}
		w.site("shop.test", "80", byLength, "192.0.2.1")
		w.site("other.test", "443", byLength, "192.0.2.2")
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				for j := range 6 {
					path := fmt.Sprintf("/%d/%d", i, 10*(i*j%4))
					url := []string{"http://shop.test", "https://other.test"}[(i+j)%2] + path
					res, err := w.client.Get(context.Background(), url, nil)
					if err != nil || string(res.Body) != path {
						expect.Fail(t, expect.Message{Did: "called Get from 30 goroutines, 6 times " +
							"each; once for " + url, Want: fmt.Sprintf("the body %q", path),
							Got: fmt.Sprintf("%+v, error %v", res, err),
							Why: "one user gets the page of another"})
						return
					}
				}
			})
		}
		for range 4 {
			time.Sleep(11 * ms)
			w.client.Close() // of what is idle just now
		}
		wg.Wait()
	})
}

func TestCloseClosesIdleConnections(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "443", slowly, "192.0.2.1")
		w.site("other.test", "80", pages, "192.0.2.2")
		w.two("https://shop.test/")
		g := w.get(t.Context(), "http://other.test/", nil).ok("/")
		before, _ := w.open()
		g.wantOf(before >= 2, "a connection kept for each of two origins", fmt.Sprint(before),
			whyReuse)
		w.client.Close()
		after, _ := w.open()
		defer func() {
			w.after("called Close").get(t.Context(), "http://other.test/", nil).ok("/")
			w.after("called Close, and Get since").get(t.Context(), "http://other.test/", nil).ok("/").
				wantReused(len(w.dials()), "Close is of what is idle at that moment; the client goes on as before")
		}()
		g.did = "called Get for https://shop.test/, twice at once, for http://other.test/, and then Close"
		g.wantOf(after == 0, "no open connection", fmt.Sprint(after),
			"who is done with a client must be able to be rid of all of it")
	})
}
