package journey_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestTheRequestIsTheURLs(t *testing.T) {
	for _, tt := range []struct{ url, target string }{
		{"http://shop.test", "/"},
		{"http://shop.test/", "/"},
		{"http://shop.test/a/b?x=1&y=2", "/a/b?x=1&y=2"},
		{"http://shop.test/a%20b/%2F?q=%26", "/a%20b/%2F?q=%26"},
		{"http://shop.test?q=1", "/?q=1"},
		{"http://shop.test/a#part", "/a"},
		{"http://shop.test/A//b/./../C;v=1/", "/A//b/./../C;v=1/"},
		{"http://shop.test/a?z=1&a=2&a=&q=x+y%20;", "/a?z=1&a=2&a=&q=x+y%20;"},
		{"http://shop.test/a?", "/a?"},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(page("hello")...), "192.0.2.1")
			h := http.Header{"X-Tag": {"a", "b"}, "Accept": {"text/html"},
				"Authorization": {"Bearer t"}, "Cookie": {"id=1"}, "X-Empty": {""}, "User-Agent": {"mine/1"},
				"If-None-Match": {`"a"`}, "Range": {"bytes=0-4"}, "Referer": {"http://a.test/"}, "X-Last": {"z", "a", "a"}}
			before := copied(h)
			g := w.get(t.Context(), tt.url, h).ok("hello")
			r := w.requests()[0]
			g.wantOf(r.Method == "GET" && r.RequestURI == tt.target && r.Proto == "HTTP/1.1",
				"GET "+tt.target+" HTTP/1.1",
				fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, r.Proto), "")
			for name, values := range before {
				g.wantOf(slices.Equal(r.Header[name], values), fmt.Sprintf("the header %s: %q, as in h",
					name, values), fmt.Sprintf("%q", r.Header[name]), "")
			}
			g.wantUnchanged(h, before)
		})
	}
}

func copied(h http.Header) http.Header {
	c := http.Header{}
	for name, values := range h {
		c[name] = slices.Clone(values)
	}
	return c
}

func (g *got) wantUnchanged(h, before http.Header) {
	g.w.t.Helper()
	g.wantOf(maps.EqualFunc(h, before, slices.Equal), fmt.Sprintf("h as it was: %v", before),
		fmt.Sprint(h), "it belongs to the caller, who will use it for the next request, or is using "+
			"it in another goroutine right now")
}

// framed are whole responses in pieces, and what is in them.
var framed = []struct {
	what   string
	pieces []piece
	body   string
	kept   bool // the connection can be used again
}{
	{"a Content-Length, in two pieces", []piece{
		{text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
		{after: 50 * ms, text: "world"}}, "helloworld", true},
	{"a Content-Length of 0", page(""), "", true},
	{"a Content-Length of two million", page(strings.Repeat("0123456789", 200_000)),
		strings.Repeat("0123456789", 200_000), true},
	{"chunks, of which the last comes late", []piece{
		{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{after: 30 * ms, text: "5\r\nwor"}, {after: 20 * ms, text: "ld\r\n0\r\n\r\n"}},
		"helloworld", true},
	{"chunks, of which the last is the only one", []piece{
		{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}}, "", true},
	{"chunks with extensions, and fields behind the last", []piece{
		{text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;a=b\r\nhello\r\n"},
		{after: 30 * ms, text: "5\r\nworld\r\n0\r\nX-S"}, {after: 20 * ms, text: "um: 7\r\n\r\n"}},
		"helloworld", true},
	{"the end of the connection for an end", []piece{
		{text: "HTTP/1.1 200 OK\r\n\r\nhello"},
		{after: 50 * ms, text: "world", leaves: true}}, "helloworld", false},
	{"the end of the connection for an end, and no byte", []piece{
		{text: "HTTP/1.1 200 OK\r\n\r\n", leaves: true}}, "", false},
}

func TestABodyEndsWhereHTTPSays(t *testing.T) {
	for _, tt := range framed {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(tt.pieces...), "192.0.2.1")
			g := w.after("had a server answer with %s",
				tt.what).get(t.Context(), "http://shop.test/", nil).ok(tt.body)
			whole := g.took
			for _, p := range tt.pieces {
				whole -= p.after
			}
			g.want(whole == 0, "Get returns with the last byte of the body",
				"whoever waits for the connection to end waits until the server is tired of it")
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", always(piece{text: "HTTP/1.1 404 Not Found\r\nX-Tag: a\r\n" +
			"X-Tag: b\r\nContent-Length: 4\r\n\r\nnone"}), "192.0.2.1")
		g := w.after(
			"had a server answer 404, with X-Tag: a and X-Tag: b").
			get(t.Context(), "http://shop.test/", nil)
		g.want(g.err == nil && g.Status == 404 && string(g.Body) == "none",
			`404 with the body "none", and no error`, "an answer that one does not like is an answer")
		g.wantOf(slices.Equal(g.Header["X-Tag"], []string{"a", "b"}), "X-Tag: a and X-Tag: b in Header",
			fmt.Sprint(g.Header), "")
	})
	noBody(t)
	inWorld(t, notListening)
	inWorld(t, bodiesApart)
}

// notListening has a server that says that it closes, and takes nothing more.
func notListening(t *testing.T, w *world) {
	w.site("shop.test", "443", always(piece{text: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}),
		"192.0.2.1").road.takes = 3
	g := w.after("had a server answer with Connection: close; behind the request it takes no byte more").
		get(t.Context(), "https://shop.test/", nil).ok("ok")
	g.want(g.took == 0, "Get returns with the last byte of the body, and waits for nothing else",
		"to close a connection of TLS says goodbye to the other side, and waits until that is taken: seconds, if nobody "+
			"is there any more")
}

// bodiesApart looks at a first result when there is a second one, over the same connection.
func bodiesApart(t *testing.T, w *world) {
	w.site("shop.test", "80", func(r *http.Request) []piece {
		return []piece{{text: fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Path: %s\r\nContent-Length: 4\r\n\r\n%s", r.URL.Path, r.URL.Path)}}
	}, "192.0.2.1")
	first := w.get(t.Context(), "http://shop.test/ann", nil).ok("/ann")
	w.get(t.Context(), "http://shop.test/bob", nil).ok("/bob")
	first.did = "called Get for /ann, and for /bob, and looked at the first Result"
	first.wantOf(string(first.Body) == "/ann" && first.Header.Get("X-Path") == "/ann" &&
		stages(first.Phases) == "dns connect send wait body", "the body and the header of /ann, and its phases",
		fmt.Sprintf("%q, X-Path %q, phases %s", first.Body, first.Header.Get("X-Path"), stages(first.Phases)),
		"whoever keeps a Result, to show it or to compare it, finds the page of another user in it")
}

// noBody gets responses that have none, whatever their head says of it.
func noBody(t *testing.T) {
	t.Helper()
	for _, tt := range []struct {
		status int
		head   string
	}{
		{204, "204 No Content\r\nContent-Length: 10"},
		{304, "304 Not Modified\r\nContent-Length: 10"},
		{304, "304 Not Modified\r\nTransfer-Encoding: chunked"},
		{304, "304 Not Modified\r\nETag: \"a\""},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "80", always(piece{text: "HTTP/1.1 " + tt.head + "\r\n\r\n"}), "192.0.2.1")
			for _, reused := range []bool{false, true} {
				g := w.after("had a server answer with %q and nothing behind it", tt.head).
					get(t.Context(), "http://shop.test/", nil)
				g.want(g.err == nil && g.Status == tt.status && len(g.Body) == 0 && g.took == 0,
					fmt.Sprintf("%d without a body, at once", tt.status),
					"a 304 may say how long the page is that the client has already; no byte of it is sent, "+
						"and whoever waits for it waits for ever")
				g.want(g.Reused == reused, fmt.Sprintf("Reused %v", reused), whyReuse)
			}
		})
	}
}

func TestABodyThatEndsEarlyIsAnError(t *testing.T) {
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		what  string
		piece piece
	}{
		{"9 of 10 bytes", piece{text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworl"}},
		{"none of 10 bytes", piece{text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"}},
		{"a chunk, and not the last one, of 0 bytes", piece{text: chunks + "5\r\nhello\r\n"}},
		{"half a chunk", piece{text: chunks + "5\r\nhel"}},
		{"a head without its end", piece{text: "HTTP/1.1 200 OK\r\nX-Tag: a\r\n"}},
		{"half a head", piece{text: "HTTP/1.1 200 OK\r\nContent-Le"}},
		{"a redirect with 2 of 4 bytes",
			piece{text: "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 4\r\n\r\nmo"}},
		{"some of a body that ends with the connection, which breaks",
			piece{text: "HTTP/1.1 200 OK\r\n\r\nhello", how: reset}},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			tt.piece.leaves = true
			w.site("shop.test", "80", always(tt.piece), "192.0.2.1")
			g := w.after(
				"had a server send %s and then hang up", tt.what).get(t.Context(), "http://shop.test/", nil)
			g.want(g.err != nil, "an error",
				"half a price list that looks like a whole one is believed")
			g.wantFailed("dns connect send wait body")
			conns, _ := w.open()
			g.wantOf(conns == 0, "the connection closed", "it is open", "nothing more comes over it")
		})
	}
}
