package journey_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestRedirectsAreFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range [][2]string{{"http://shop.test/new", "/new"}, {"/new?x=1", "/new"},
			{"new", "/old/new"}, {"../up", "/up"}, {"//shop.test/new", "/new"},
			{"?page=2", "/old/a"}} {
			location, path := to[0], to[1]
			inWorld(t, func(t *testing.T, w *world) {
				w.site("shop.test", "80", func(r *http.Request) []piece {
					if r.RequestURI == "/old/a" {
						return moved(status, location)
					}
					return pages(r)
				}, "192.0.2.1")
				g := w.after(
					"had a server answer %d with Location: %s", status, location).
					get(t.Context(), "http://shop.test/old/a", nil).ok(path)
				g.want(g.Hops == 1, "Hops 1", "")
				g.want(g.Reused && stages(g.Phases) == "dns connect send wait body send wait body",
					"the second hop over the connection of the first, and the phases of both in one "+
						"list", whyReuse)
			})
		}
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", func(r *http.Request) []piece {
			if r.URL.Path == "/old" {
				return []piece{{text: "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"}}
			}
			return pages(r)
		}, "192.0.2.1")
		g := w.after("had a server redirect, with an empty body").
			get(t.Context(), "http://shop.test/old", nil).ok("/new")
		g.want(g.Hops == 1 && g.Reused, "Hops 1, and the second hop over the connection of the first",
			whyReuse+"; a body of no bytes has been read to its end")
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", func(r *http.Request) []piece {
			switch r.URL.Path {
			case "/old/a":
				return moved(302, "/new/b")
			case "/new/b":
				return moved(302, "c")
			}
			return pages(r)
		}, "192.0.2.1")
		w.after("had a server redirect from /old/a to /new/b, and from there to c").
			get(t.Context(), "http://shop.test/old/a", nil).ok("/new/c")
	})
	inWorld(t, theLastResponseCounts)
	ledAstray(t)
	othersAreReturned(t)
}

func theLastResponseCounts(t *testing.T, w *world) {
	w.site("shop.test", "80", func(r *http.Request) []piece {
		if r.URL.Path == "/old" {
			return []piece{{text: "HTTP/1.1 301 Moved\r\nX-First: 1\r\n" +
				"Location: https://other.test/new\r\nContent-Length: 0\r\n\r\n"}}
		}
		return pages(r)
	}, "192.0.2.1")
	w.site("other.test", "443", pages, "192.0.2.2")
	w.get(t.Context(), "http://shop.test/", nil).ok("/")
	g := w.after("called Get once, so that a "+
		"connection is idle, had that server redirect to another one").
		get(t.Context(), "http://shop.test/old", nil).ok("/new")
	g.want(stages(g.Phases) == "send wait body dns connect tls send wait body",
		"the phases of both hops in one list", "the user waits for both")
	g.want(!g.Reused && g.Header.Get("X-First") == "", "what is said of the last response: "+
		"Reused false, and a Header without that of the redirect", "")
}

// ledAstray is redirected to where no web server can be.
func ledAstray(t *testing.T) {
	t.Helper()
	for _, location := range []string{"gopher://shop.test/", "https:///new", "http://[shop.test/",
		"http://shop.test:65536/"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(moved(302, location)...), "192.0.2.1")
			g := w.after("had a server redirect to %s", location).
				get(t.Context(), "http://shop.test/", nil)
			g.want(g.err != nil, "an error", "a redirect is not what the caller has asked for")
			g.want(stages(g.Phases) == "dns connect send wait body" && g.Status == 302 && string(g.Body) == "move",
				"the phases of the hop, and its response: 302 with the body \"move\"",
				"whoever looks for the mistake wants to see who has answered, and what")
			g.wantOf(slices.Equal(slices.Compact(w.asked), []string{"shop.test"}), "shop.test resolved, and nothing else",
				fmt.Sprintf("%q resolved", w.asked), "what is no URL leads nowhere; whoever goes on asks for what nobody has said")
		})
	}
}

// othersAreReturned gets what is no redirect, or leads nowhere.
func othersAreReturned(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		status   int
		location string
	}{{302, ""}, {300, "/new"}, {201, "/new"}, {404, "/new"}} {
		inWorld(t, func(t *testing.T, w *world) {
			text := moved(tt.status, tt.location)[0].text
			if tt.location == "" {
				text = strings.Replace(text, "Location: \r\n", "", 1)
			}
			w.site("shop.test", "80", always(piece{text: text}), "192.0.2.1")
			g := w.after(
				"had a server answer %d with the Location %q", tt.status, tt.location).
				get(t.Context(), "http://shop.test/", nil)
			g.want(g.err == nil && g.Status == tt.status && string(g.Body) == "move" && g.Hops == 0,
				fmt.Sprintf("that response, %d with the body \"move\", and Hops 0", tt.status), "")
		})
	}
}

func TestTheSixthRedirectIsAnError(t *testing.T) {
	countdown := func(r *http.Request) []piece {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		if n == 0 {
			return page("there")
		}
		return moved(302, fmt.Sprint("/", n-1))
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", countdown, "192.0.2.1")
		g := w.after("had a server redirect 5 times").get(t.Context(), "http://shop.test/5", nil).
			ok("there")
		g.want(g.Hops == 5, "Hops 5", "")
		g = w.after("had a server redirect 6 times").get(t.Context(), "http://shop.test/6", nil)
		g.want(g.err != nil && g.Hops == 5, "an error, and Hops 5",
			"two servers that send you to each other do so for ever")
		g.want(stages(g.Phases) == strings.TrimSpace(strings.Repeat("send wait body ", 6)) && g.Status == 302 &&
			string(g.Body) == "move", "the phases of all hops, and the last response: 302 with the body \"move\"",
			"whoever looks for the circle wants to see where it led, and how long it took")
		g.wantOf(len(w.requests()) == 12, "6 requests: the sixth redirect is not followed",
			fmt.Sprint(len(w.requests())-6), "")
	})
}

// credentials are what a server has seen of a caller.
func (s seen) credentials() string {
	return fmt.Sprintf("Authorization %q, Cookie %q, X-Tag %q, X-Api-Key %q",
		s.Header["Authorization"], s.Header["Cookie"], s.Header["X-Tag"], s.Header["X-Api-Key"])
}

func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	const (
		all  = `Authorization ["Bearer t"], Cookie ["id=1"], X-Tag ["a" "b"], X-Api-Key ["k"]`
		none = `Authorization [], Cookie [], X-Tag ["a" "b"], X-Api-Key ["k"]`
	)
	for _, tt := range []struct {
		route []string // from the first URL on
		sent  []string
	}{
		{[]string{"https://shop.test/1", "https://shop.test/2"}, []string{all, all}},
		{[]string{"https://shop.test/1", "https://api.shop.test/2"}, []string{all, none}},
		{[]string{"https://shop.test/1", "https://SHOP.test:443/2"}, []string{all, all}},
		{[]string{"https://shop.test/1", "https://evil.test/2"}, []string{all, none}},
		{[]string{"https://shop.test/1", "https://shop.test:8443/2"}, []string{all, none}},
		{[]string{"https://shop.test/1", "http://shop.test/2"}, []string{all, none}},
		{[]string{"http://shop.test/1", "https://shop.test/2"}, []string{all, none}},
		{[]string{"https://shop.test/1", "http://shop.test:443/2"}, []string{all, none}},
		{[]string{"https://shop.test/1", "https://evil.test/2", "https://shop.test/3"},
			[]string{all, none, none}},
		{[]string{"https://shop.test/1", "https://shop.test/2", "https://evil.test/3",
			"https://evil.test/4"}, []string{all, all, none, none}},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.stops(tt.route)
			h := http.Header{"Authorization": {"Bearer t"}, "Cookie": {"id=1"}, "X-Tag": {"a", "b"},
				"X-Api-Key": {"k"}}
			before := copied(h)
			g := w.after("had servers redirect along %q; h has "+
				"Authorization, Cookie, X-Tag and X-Api-Key", tt.route).get(t.Context(), tt.route[0], h)
			all := w.requests()
			for i, want := range tt.sent {
				g.want(i < len(all), fmt.Sprintf("%d requests", len(tt.sent)), "")
				sent := all[i].credentials()
				g.wantOf(sent == want, fmt.Sprintf("with request %d, to %s: %s", i+1, all[i].Host, want),
					fmt.Sprintf("with request %d, to %s: %s", i+1, all[i].Host, sent),
					"whoever is redirected to owns your user's token from then on; also on the way "+
						"back, which he has chosen; but nothing else is lost, and nothing within the "+
						"origin")
			}
			g.ok("there").wantUnchanged(h, before)
		})
	}
}

// stops sets up a server for each URL of a route, which redirects to the next.
func (w *world) stops(route []string) {
	at := 0
	answer := func(*http.Request) []piece {
		if at++; at < len(route) {
			return moved(307, route[at])
		}
		return page("there")
	}
	for i, host := range []string{"shop.test", "evil.test", "api.shop.test"} {
		for _, port := range []string{"443", "8443", "80"} {
			w.site(host, port, answer, fmt.Sprintf("192.0.2.%d", i+1))
		}
	}
}
