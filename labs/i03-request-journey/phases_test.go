package journey_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	journey "github.com/backend-labs/backend-labs/labs/i03-request-journey"
)

const ms = time.Millisecond

// wantPhases demands these phases with exactly these durations, and no error in them.
func (g *got) wantPhases(want ...journey.Phase) {
	g.w.t.Helper()
	g.want(phases(g.Phases) == phases(want), "the phases "+phases(want),
		"times that lie in the wrong phase send you to the wrong team: to the network for a "+
			"slow query, to the database for a slow handshake")
}

func TestEachPhaseTakesItsTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.site("shop.test", "443", always(
			piece{after: 70 * ms, text: "HTTP/1.1 200 OK\r\nContent-"},
			piece{after: 15 * ms, text: "Length: 10\r\n\r\nhello"},
			piece{after: 40 * ms, text: "world"}), "192.0.2.1")
		w.names["shop.test"] = name{addrs: w.names["shop.test"].addrs, after: 21 * ms}
		p.after, p.road.latency = 33*ms, 20*ms
		g := w.after("made a world in which a name "+
			"takes 21 ms, a connection 33 ms, and a packet 20 ms each way; the server thinks for "+
			"70 ms, sends half a line, 15 ms later the rest of the head and half of the body, and "+
			"40 ms later the other half").get(t.Context(), "https://shop.test/", nil).ok("helloworld")
		g.wantPhases(journey.Phase{Name: "dns", Dur: 21 * ms},
			journey.Phase{Name: "connect", Dur: 33 * ms}, journey.Phase{Name: "tls", Dur: 40 * ms},
			journey.Phase{Name: "send"}, journey.Phase{Name: "wait", Dur: 110 * ms},
			journey.Phase{Name: "body", Dur: 55 * ms})
		expect.Show(t, "one request, from the name to the last byte", w.tl)
	})
	inWorld(t, func(t *testing.T, w *world) {
		p := w.site("shop.test", "80", always(append([]piece{{after: 25 * ms}},
			page("hello")...)...), "192.0.2.1")
		p.road.slow = 5 * ms
		g := w.after("made a world in which each write "+
			"to a connection takes 5 ms, and the server thinks for 25 ms").
			get(t.Context(), "http://shop.test/", nil).ok("hello")
		writes := w.all()[0].client.written()
		g.wantPhases(journey.Phase{Name: "dns"}, journey.Phase{Name: "connect"},
			journey.Phase{Name: "send", Dur: time.Duration(writes) * 5 * ms},
			journey.Phase{Name: "wait", Dur: 25 * ms}, journey.Phase{Name: "body"})
	})
}

// wantFailed demands an error in the last of these phases, and there alone.
func (g *got) wantFailed(want string, cause ...error) {
	g.w.t.Helper()
	g.want(g.err != nil, "an error", "")
	const why = "the phase in which a request failed says whom to call: whoever runs the names, " +
		"the network, the certificates or the server"
	g.want(stages(g.Phases) == want, "the phases "+want+", the last of which has failed", why)
	for i, p := range g.Phases {
		g.want((p.Err != nil) == (i == len(g.Phases)-1), "an Err in the last phase, and in no other",
			why)
	}
	if len(cause) == 0 {
		return
	}
	is := func(err error) bool {
		for _, c := range cause {
			if sentinel.Is(err, c) {
				return true
			}
		}
		return false
	}
	g.want(is(g.err) && is(g.Phases[len(g.Phases)-1].Err),
		fmt.Sprintf("an error, and an Err of the phase, that wrap %q", cause[0]),
		"a caller cannot look at what is not there any more: whether a name is wrong or its "+
			"server is down, whether to try again")
}

var (
	errNoName = errors.New("no such name in this world")
	errDown   = errors.New("the port is closed")
	errFar    = errors.New("no route to that network")
)

// plain is a world with a server that always answers like this.
func plain(pieces ...piece) func(w *world) {
	return func(w *world) { w.site("shop.test", "80", always(pieces...), "192.0.2.1") }
}

// broken are worlds in which something fails, and the phases until then.
var broken = []struct {
	what, url string
	setUp     func(w *world)
	phases    string
	cause     []error
}{
	{"there is no such name", "http://shop.test/",
		func(w *world) { w.names["shop.test"] = name{err: errNoName} }, "dns",
		[]error{errNoName}},
	{"both of its addresses refuse", "http://shop.test/", func(w *world) {
		w.name("shop.test", "192.0.2.1", "192.0.2.2")
		w.put("192.0.2.1", "80", &place{refuses: errDown})
		w.put("192.0.2.2", "80", &place{refuses: errFar})
	}, "dns connect", []error{errDown, errFar}},
	{"the server hangs up instead of a handshake", "https://shop.test/", func(w *world) {
		w.site("shop.test", "443", pages, "192.0.2.1").slams = true
	}, "dns connect tls", nil},
	{"the server hangs up instead of an answer", "http://shop.test/",
		plain(piece{leaves: true}), "dns connect send wait", nil},
	{"the connection breaks before the answer", "http://shop.test/",
		plain(piece{leaves: true, how: reset}), "dns connect send wait", nil},
	{"the answer ends in its first line", "http://shop.test/",
		plain(piece{text: "HTTP/1.1 20", leaves: true}), "dns connect send wait body", nil},
	{"the answer is none of HTTP", "http://shop.test/",
		plain(piece{text: "SSH-2.0-OpenSSH\r\n\r\n"}), "dns connect send wait body", nil},
	{"the first hop goes well, and the name of the second is unknown", "http://shop.test/",
		func(w *world) {
			w.site("shop.test", "80", always(moved(302, "http://gone.test/")...), "192.0.2.1")
			w.names["gone.test"] = name{err: errNoName}
		}, "dns connect send wait body dns", []error{errNoName}},
}

func TestAFailureBelongsToItsPhase(t *testing.T) {
	for _, tt := range broken {
		inWorld(t, func(t *testing.T, w *world) {
			tt.setUp(w)
			g := w.after("made a world in which %s", tt.what).get(t.Context(), tt.url, nil)
			g.wantFailed(tt.phases, tt.cause...)
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.name("shop.test")
		g := w.after("made a world in which a name is known, and has no address").
			get(t.Context(), "http://shop.test/", nil)
		g.want(stages(g.Phases) == "dns" || stages(g.Phases) == "dns connect",
			"the phase dns, or dns and connect, of which the last has failed",
			"a name may have records of another kind alone; there is nothing to be dialled, and nothing to wait for")
		g.wantFailed(stages(g.Phases))
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.site("shop.test", "80", pages, "192.0.2.1")
		for _, url := range []string{"gopher://shop.test/", "http:///page", "http://[shop.test/",
			"http://shop.test:65616/"} { // 65616 is 80, if all but 16 bits are cut off
			g := w.get(t.Context(), url, nil)
			g.want(g.err != nil && len(g.Phases) == 0, "an error, and a Result without phases",
				"nothing has happened yet")
		}
	})
}
