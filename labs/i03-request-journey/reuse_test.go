package journey_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	journey "github.com/backend-labs/backend-labs/labs/i03-request-journey"
)

// wantNew demands a connection of its own for this request, the nth of all.
func (g *got) wantNew(n int, why string) {
	g.w.t.Helper()
	g.want(!g.Reused && stages(g.Phases) != "send wait body",
		"a new connection: dns, connect and so on, and Reused false", why)
	g.wantOf(len(g.w.dials()) == n, fmt.Sprintf("%d connections made by now", n),
		fmt.Sprint(len(g.w.dials())), why)
}

// wantReused demands that it has used an idle one, and that there are n connections in all.
func (g *got) wantReused(n int, why string) {
	g.w.t.Helper()
	g.want(g.Reused && stages(g.Phases) == "send wait body",
		"the idle connection: only send, wait and body, and Reused", why)
	g.wantOf(len(g.w.dials()) == n, fmt.Sprintf("%d connections made by now", n),
		fmt.Sprint(len(g.w.dials())), why)
}

// whyReuse is why connections are kept.
const whyReuse = "a new connection costs three trips through the network before the first byte " +
	"of the request, the name not counted"

func TestAConnectionIsUsedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "443", pages, "192.0.2.1")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		g := w.get(ctx, "https://shop.test/one", nil).ok("/one")
		g.want(!g.Reused, "Reused false: there was no connection before", "")
		cancel()
		time.Sleep(50 * time.Minute)
		const why = whyReuse + "; and what was the first request's is no business of the second"
		g = w.after("called Get with a ctx that has "+
			"ended since, waited for 50 minutes").get(t.Context(), "https://shop.test/two", nil).ok("/two")
		g.wantReused(1, why)
		w.after("called Get twice").get(t.Context(), "https://SHOP.test:443/three", nil).
			ok("/three").wantReused(1, whyReuse)
		defer w.client.Close()
		w.client = journey.NewClient(journey.Env{Resolve: w.resolve, Dial: w.dial,
			Roots: w.ca.pool})
		w.after("made a second client").get(t.Context(), "https://shop.test/", nil).ok("/").
			wantNew(2, "a client has the connections that it has made, and no others: it may trust "+
				"other authorities")
	})
	for _, tt := range framed {
		if !tt.kept {
			continue
		}
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(tt.pieces...), "192.0.2.1")
			w.get(t.Context(), "http://shop.test/", nil).ok(tt.body)
			w.after("called Get, which had an answer "+
				"with %s", tt.what).
				get(t.Context(), "http://shop.test/", nil).ok(tt.body).wantReused(1, whyReuse)
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", always(piece{text: "HTTP/1.1 204 No Content\r\n\r\n"}),
			"192.0.2.1")
		for range 2 {
			g := w.after("had a server answer 204, "+
				"which has no body").get(t.Context(), "http://shop.test/", nil)
			g.want(g.err == nil && g.Status == 204 && g.took == 0, "204, at once", "")
		}
		g := w.after("called Get twice, and got 204").get(t.Context(), "http://shop.test/", nil)
		g.wantReused(1, whyReuse)
	})
	for _, status := range []string{"404 Not Found", "503 Service Unavailable"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(piece{text: "HTTP/1.1 " + status +
				"\r\nContent-Length: 4\r\n\r\nsold"}), "192.0.2.1")
			w.get(t.Context(), "http://shop.test/", nil)
			g := w.after("called Get, and got %s", status).get(t.Context(), "http://shop.test/", nil)
			g.wantReused(1, whyReuse+"; what a status says is no matter of the connection")
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", slowly, "192.0.2.1")
		w.atOnce(40, "http://shop.test/")
		made := len(w.dials())
		w.atOnce(40, "http://shop.test/")
		conns, _ := w.open()
		expect.That(t, conns == made && len(w.dials()) == made, expect.Message{
			Did:  "called Get 40 times at once, and when all had their answer 40 times again",
			Want: fmt.Sprintf("the %d connections of the first 40 kept, and used again", made),
			Got:  fmt.Sprintf("%d connections made, of which %d are open", len(w.dials()), conns),
			Why:  whyReuse})
	})
}

func TestOriginsShareNoConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, port := range []string{"443", "8443", "80", "8080"} {
			w.site("shop.test", port, pages, "192.0.2.1")
		}
		w.site("other.test", "443", pages, "192.0.2.2")
		urls := []string{"https://shop.test/", "https://shop.test:8443/", "http://shop.test/",
			"http://shop.test:8080/", "https://other.test/"}
		for i, url := range urls {
			w.after("called Get for each of %q", urls[:i]).get(t.Context(), url, nil).ok("/").
				wantNew(i+1, "another scheme, host or port is another server; it would answer "+
					"what it was not asked, or what was meant for others would be sent to it")
		}
		for _, url := range urls {
			w.after("called Get for each of %q", urls).get(t.Context(), url, nil).ok("/").
				wantReused(len(urls), whyReuse)
		}
		w.after("called Get for https://shop.test/").get(t.Context(), "http://shop.test:443/", nil).
			ok("/").wantNew(len(urls)+1, "who asks without TLS must be answered without")
	})
}

func TestWhatIsNotKept(t *testing.T) {
	for _, tt := range []struct {
		what   string
		pieces []piece
		fails  bool
	}{
		{"Connection: close and a Content-Length", []piece{{text: "HTTP/1.1 200 OK\r\n" +
			"Connection: close\r\nContent-Length: 2\r\n\r\nok"}}, false},
		{"Connection: x, Close and chunks", []piece{{text: "HTTP/1.1 200 OK\r\nConnection: x, " +
			"Close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}}, false},
		{"HTTP/1.0 and a Content-Length", []piece{{text: "HTTP/1.0 200 OK\r\n" +
			"Content-Length: 2\r\n\r\nok"}}, false},
		{"a body that ends with the connection", []piece{{text: "HTTP/1.1 200 OK\r\n\r\nok",
			leaves: true}}, false},
		{"no HTTP", []piece{{text: "SSH-2.0\r\n\r\n"}}, true},
		{"a chunk of no length", []piece{{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" +
			"\r\n\r\nxyz\r\n"}}, true},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", func(r *http.Request) []piece {
				if r.URL.Path == "/next" {
					return page("next")
				}
				return tt.pieces
			}, "192.0.2.1")
			g := w.after("had a server answer with %s",
				tt.what).get(t.Context(), "http://shop.test/", nil)
			g.want((g.err != nil) == tt.fails, map[bool]string{true: "an error",
				false: "no error"}[tt.fails], "")
			conns, _ := w.open()
			const why = "the server has said that nothing more comes over it, or nobody knows where " +
				"the next answer begins"
			g.wantOf(conns == 0, "the connection closed when Get has returned", "it is open", why)
			w.after("called Get, and the server "+
				"answered with %s", tt.what).
				get(t.Context(), "http://shop.test/next", nil).ok("next").wantNew(2, why)
		})
	}
}

func TestADeadIdleConnectionIsReplaced(t *testing.T) {
	const why = "a server closes idle connections when it likes, also while a request is under way " +
		"to it; that is nobody's mistake, and no user should hear of it"
	for how, what := range []string{"closed it", "reset it", "closed it, so that writing fails"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "443", slowly, "192.0.2.1")
			w.two("https://shop.test/")
			for _, l := range w.all() {
				l.server.leave(farewell(how))
			}
			g := w.after("called Get twice at once, "+
				"waited until each connection was idle and the server had %s", what).
				get(t.Context(), "https://shop.test/next", nil).ok("/next")
			g.want(!g.Reused && stages(g.Phases) == "dns connect tls send wait body", "a new "+
				"connection, its phases alone, and Reused false", why)
			g.wantOf(len(w.dials()) == 3, "3 connections by now", fmt.Sprint(len(w.dials())), why)
		})
	}
	inWorld(t, onTheWay)
	inWorld(t, onlyOneMoreTime)
	inWorld(t, notOnANewConnection)
	inWorld(t, notAfterTheFirstByte)
}

// onTheWay finds the connection of the second hop closed.
func onTheWay(t *testing.T, w *world) {
	w.site("shop.test", "80", always(moved(302, "http://other.test/new")...), "192.0.2.1")
	w.site("other.test", "80", pages, "192.0.2.2")
	w.get(t.Context(), "http://other.test/", nil).ok("/")
	w.all()[0].server.leave(quietly)
	g := w.after("called Get for http://other.test/, whose server has closed the connection since; "+
		"had another server redirect there").get(t.Context(), "http://shop.test/", nil).ok("/new")
	g.want(!g.Reused && g.Hops == 1 &&
		stages(g.Phases) == "dns connect send wait body dns connect send wait body",
		"the phases of both hops, Reused false and Hops 1: as if there had not been another connection",
		"the first hop has taken its time, whatever becomes of the second")
}

func onlyOneMoreTime(t *testing.T, w *world) {
	w.site("shop.test", "80", pages, "192.0.2.1")
	w.get(t.Context(), "http://shop.test/", nil).ok("/")
	w.answers("192.0.2.1:80", always(piece{leaves: true}))
	g := w.after("called Get; from now on the "+
		"server hangs up on each request, on a new connection, too").
		get(t.Context(), "http://shop.test/next", nil)
	g.wantFailed("dns connect send wait")
	g.wantOf(len(w.requests()) == 3, "the request sent twice: over the idle connection, and once "+
		"over a new one", fmt.Sprintf("%d times", len(w.requests())-1),
		"trying for ever is what brings down a server that is only just alive")
}

func notOnANewConnection(t *testing.T, w *world) {
	w.site("shop.test", "80", always(piece{leaves: true}), "192.0.2.1")
	g := w.after(
		"had a server hang up on the first request of a new connection").
		get(t.Context(), "http://shop.test/", nil)
	g.wantFailed("dns connect send wait")
	g.wantOf(len(w.requests()) == 1, "one request", fmt.Sprint(len(w.requests())),
		"that connection was no idle one: the server has a reason")
}

func notAfterTheFirstByte(t *testing.T, w *world) {
	w.site("shop.test", "80", pages, "192.0.2.1")
	w.get(t.Context(), "http://shop.test/", nil).ok("/")
	w.answers("192.0.2.1:80", always(piece{text: "H", leaves: true}))
	g := w.after("called Get; from now on the "+
		"server sends one byte of a response and hangs up").
		get(t.Context(), "http://shop.test/next", nil)
	g.wantFailed("send wait body")
	g.wantOf(len(w.requests()) == 2, "the request sent once: the answer had begun",
		fmt.Sprintf("%d times", len(w.requests())-1),
		"the server has begun to do what it was asked")
}

// slowly answers after 10 ms.
func slowly(r *http.Request) []piece { return append([]piece{{after: 10 * ms}}, pages(r)...) }

// two makes two requests at once, so that two connections are idle afterwards.
func (w *world) two(url string) {
	w.t.Helper()
	w.atOnce(2, url)
}

// atOnce makes n requests at once.
func (w *world) atOnce(n int, url string) {
	w.t.Helper()
	first := make(chan error, n)
	for range n {
		go func() {
			_, err := w.client.Get(context.Background(), url, nil)
			first <- err
		}()
	}
	for range n {
		if err := <-first; err != nil {
			g := &got{w: w, err: err, did: fmt.Sprintf("called Get %d times at once for %s", n, url)}
			g.wantOf(false, fmt.Sprintf("%d answers", n), fmt.Sprintf("the error %q", err), "")
		}
	}
}
