package journey_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"
)

// hole takes a packet and never answers.
const hole = time.Duration(-1)

// way is what becomes of an attempt: it takes that long, and then fails or not.
type way struct {
	after time.Duration
	err   error
}

// dialsOf sets up shop.test with an address for each way, and returns what Get did, and when each
// address was dialled, in milliseconds.
func (w *world) dialsOf(ways ...way) (*got, []int64) {
	w.t.Helper()
	var addrs []string
	var words []string
	for i, way := range ways {
		addr := fmt.Sprintf("192.0.2.%d", i+1)
		addrs = append(addrs, addr)
		w.put(addr, "80", &place{after: way.after, hole: way.after == hole, refuses: way.err,
			answer: pages})
		switch {
		case way.after == hole:
			words = append(words, "never answers")
		case way.err != nil:
			words = append(words, fmt.Sprintf("refuses after %v", way.after))
		default:
			words = append(words, fmt.Sprintf("takes %v to connect", way.after))
		}
	}
	w.name("shop.test", addrs...)
	began := time.Now()
	g := w.after(
		"made a world in which the addresses of shop.test do this: %q", words).
		get(w.t.Context(), "http://shop.test/", nil)
	var at []int64
	for _, d := range w.dials() {
		at = append(at, d.at.Sub(began).Milliseconds())
	}
	return g, at
}

func TestTheNextAddressIsTried(t *testing.T) {
	for _, tt := range []struct {
		ways  []way
		at    []int64 // when each is dialled
		takes time.Duration
	}{
		{[]way{{0, errDown}, {30 * ms, nil}}, []int64{0, 0}, 30 * ms},
		{[]way{{10 * ms, errDown}, {30 * ms, nil}}, []int64{0, 10}, 40 * ms},
		{[]way{{10 * ms, errDown}, {20 * ms, errDown}, {30 * ms, nil}}, []int64{0, 10, 30}, 60 * ms},
		{[]way{{299 * ms, errDown}, {30 * ms, nil}}, []int64{0, 299}, 329 * ms},
		{[]way{{hole, nil}, {30 * ms, nil}}, []int64{0, 300}, 330 * ms},
		{[]way{{hole, nil}, {hole, nil}, {30 * ms, nil}}, []int64{0, 300, 600}, 630 * ms},
		{[]way{{hole, nil}, {20 * ms, errDown}, {30 * ms, nil}}, []int64{0, 300, 320}, 350 * ms},
		{[]way{{50 * ms, errDown}, {hole, nil}, {30 * ms, nil}}, []int64{0, 50, 350}, 380 * ms},
		{append(slices.Repeat([]way{{0, errDown}}, 40), way{30 * ms, nil}), make([]int64, 41), 30 * ms},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			g, at := w.dialsOf(tt.ways...)
			g.ok("/")
			g.wantOf(slices.Equal(at, tt.at), fmt.Sprintf("the addresses dialled after %d ms", tt.at),
				fmt.Sprintf("after %d ms", at),
				"a name has several addresses so that one may fail; whoever gives up at the first, "+
					"or waits longer than need be, has the outage all the same")
			g.want(g.lasted("connect") == tt.takes && g.took == tt.takes,
				fmt.Sprintf("a phase connect of %v, failed attempts included, and nothing else that "+
					"takes time", tt.takes), "that is what the user waits for")
		})
	}
}

func TestAHeadStartIsNoLimit(t *testing.T) {
	for _, tt := range []struct {
		ways  []way
		takes time.Duration
	}{
		{[]way{{700 * ms, nil}}, 700 * ms},
		{[]way{{5 * time.Second, nil}}, 5 * time.Second},
		{[]way{{0, errDown}, {700 * ms, nil}}, 700 * ms},
		{[]way{{hole, nil}, {700 * ms, nil}}, 1000 * ms},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			g, _ := w.dialsOf(tt.ways...)
			g.ok("/")
			g.want(g.lasted("connect") == tt.takes, fmt.Sprintf("a phase connect of %v", tt.takes),
				"from the other side of the world, over a bad line, a connection takes that long; "+
					"those users would never get one")
		})
	}
}

func TestTheFirstAddressComesFirst(t *testing.T) {
	const four, six = "192.0.2.1", "2001:db8::1"
	for _, addrs := range [][]string{{six, four}, {four, six}} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "8080", pages, addrs...)
			w.put(four, "8080", &place{answer: pages, after: 299 * ms})
			w.put(six, "8080", &place{answer: pages, after: 299 * ms})
			g := w.after("made a world in which "+
				"shop.test has the addresses %v, and both take 299 ms to connect", addrs).
				get(t.Context(), "http://shop.test:8080/", nil).ok("/")
			all := w.dials()
			g.wantOf(len(all) == 1 && all[0].addr.Addr().String() == addrs[0] &&
				all[0].addr.Port() == 8080, "one Dial, of "+addrs[0]+" at the port 8080",
				fmt.Sprint(list(all)),
				"Resolve has put them in an order, the best one first; a second connection that "+
					"nobody needs is a load that nobody counts")
		})
	}
}

func list(all []dialled) (addrs []string) {
	for _, d := range all {
		addrs = append(addrs, d.addr.String())
	}
	return addrs
}

func TestWhoWasOvertakenIsLetGo(t *testing.T) {
	for _, tt := range []struct {
		ways  []way
		takes time.Duration
	}{
		{[]way{{hole, nil}, {30 * ms, nil}}, 330 * ms},
		{[]way{{400 * ms, nil}, {100 * ms, nil}}, 400 * ms}, // both at the same instant
		{[]way{{hole, nil}, {400 * ms, nil}, {100 * ms, nil}}, 700 * ms},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			g, _ := w.dialsOf(tt.ways...)
			g.ok("/")
			g.want(g.lasted("connect") == tt.takes, fmt.Sprintf("a phase connect of %v", tt.takes), "")
			conns, attempts := w.open()
			g.wantOf(conns == 1 && attempts == 0, "one open connection, the one that is kept, and no "+
				"Dial that still runs", fmt.Sprintf("%d connections, %d Dials", conns, attempts),
				"a connection that nobody knows of stays open until the server loses patience; at "+
					"a thousand requests a second, that is how descriptors run out")
		})
	}
}

func TestTheCertificateIsVerified(t *testing.T) {
	const why = "whoever is between you and the server then reads every password, and can answer " +
		"whatever he likes: a padlock without a key"
	for _, tt := range []struct {
		what string
		cert func(t *testing.T, w *world) *tls.Certificate
	}{
		{"for evil.test, from an authority that nobody knows, that ran out long ago",
			func(t *testing.T, w *world) *tls.Certificate {
				return newAuthority(t).issue(t, "evil.test", func(c *x509.Certificate) {
					c.NotAfter = time.Now().Add(-time.Minute)
				})
			}},
		{"for evil.test, but else as it should be", func(t *testing.T, w *world) *tls.Certificate {
			return w.ca.issue(t, "evil.test")
		}},
		{"for shop.test from an authority that nobody knows",
			func(t *testing.T, w *world) *tls.Certificate {
				return newAuthority(t).issue(t, "shop.test")
			}},
		{"for shop.test that ran out a second ago", func(t *testing.T, w *world) *tls.Certificate {
			return w.ca.issue(t, "shop.test", func(c *x509.Certificate) {
				c.NotAfter = time.Now().Add(-time.Second)
			})
		}},
		{"for shop.test that is valid from the next second on",
			func(t *testing.T, w *world) *tls.Certificate {
				return w.ca.issue(t, "shop.test", func(c *x509.Certificate) {
					c.NotBefore = time.Now().Add(time.Second)
				})
			}},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w.site("shop.test", "443", pages, "192.0.2.1").cert = tt.cert(t, w)
			g := w.after(
				"made a world in which the server of shop.test has a certificate %s", tt.what).
				get(t.Context(), "https://shop.test/", nil)
			g.wantFailed("dns connect tls")
			g.wantOf(len(w.requests()) == 0, "not one byte of a request has been sent",
				"the server has the request", why)
			conns, _ := w.open()
			g.wantOf(conns == 0, "the connection closed", "it is open",
				"nobody is left who could close it")
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		between := w.ca.authority(t)
		cert := between.issue(t, "shop.test")
		cert.Certificate = append(cert.Certificate, between.cert.Raw)
		w.site("shop.test", "443", pages, "192.0.2.1").cert = cert
		w.after("made a world in which the certificate of shop.test is from an authority that has its own from Roots, and "+
			"the server sends both").get(t.Context(), "https://shop.test/", nil).ok("/")
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "443", pages, "192.0.2.1")
		w.after(
			"made a world in which the certificate of shop.test is as it should be").
			get(t.Context(), "https://shop.test/", nil).ok("/")
	})
}

func TestNamesAreTheURLs(t *testing.T) {
	for _, tt := range []struct{ url, host, port string }{
		{"https://shop.test/", "shop.test", "443"},
		{"https://SHOP.Test:443/", "shop.test", "443"},
		{"https://shop.test:8443/", "shop.test:8443", "8443"},
		{"https://Shop.test:80/", "shop.test:80", "80"},
		{"http://shop.test/", "shop.test", "80"},
		{"http://SHOP.TEST:80/", "shop.test", "80"},
		{"http://shop.test:443/", "shop.test:443", "443"},
		{"http://shop.test:8080/", "shop.test:8080", "8080"},
		{"http://shop.test:65535/", "shop.test:65535", "65535"},
	} {
		inWorld(t, func(t *testing.T, w *world) {
			p := w.site("shop.test", tt.port, pages, "192.0.2.1")
			p.cert = nil
			secure := tt.url[:5] == "https"
			if secure {
				p.cert = w.ca.issue(t, "shop.test")
			}
			g := w.get(t.Context(), tt.url, nil).ok("/")
			g.wantOf(slices.Equal(w.asked, []string{"shop.test"}), "shop.test resolved, once",
				fmt.Sprintf("%q", w.asked), "")
			dialled := list(w.dials())
			g.wantOf(slices.Equal(dialled, []string{"192.0.2.1:" + tt.port}),
				"192.0.2.1:"+tt.port+" dialled", fmt.Sprint(dialled), "")
			if secure {
				g.wantOf(slices.Equal(w.hello, []string{"shop.test"}),
					"shop.test as the server's name in the handshake (SNI)",
					fmt.Sprintf("%q", w.hello), "a thousand sites share one address: without their "+
						"name the server shows the certificate of another one")
			}
			all := w.requests()
			g.wantOf(len(all) == 1 && all[0].Host == tt.host, "one request, with Host: "+tt.host,
				fmt.Sprintf("%d requests, Host: %s", len(all), all[0].Host),
				"behind one address, Host says which site is meant; with an address or a superfluous "+
					"port in it many servers find none")
		})
	}
}
