package guard_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	guard "github.com/backend-labs/backend-labs/labs/b04-401-vs-403"
)

func TestDenyIs403(t *testing.T) {
	for _, decision := range []guard.Decision{guard.Deny, 0} {
		s := &site{authorize: always(decision)}
		got := s.get(t, "/orders", "Bearer of-bob")
		expect.That(t, got.status == 403 && !s.called("next"), expect.Message{
			Did: fmt.Sprintf(
				"asked for GET /orders with bob's valid token, and authorize said Deny, the "+
					"zero Decision (%d)", decision),
			Want: "403, and the handler not called: it is known who this is, and they may not",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why:  "401 says \"log in\"; bob has done that, and doing it again changes nothing",
		})
	}
	wantAnnIn(t)
}

func TestAnUnknownDecisionIsRefused(t *testing.T) {
	for _, decision := range []guard.Decision{guard.Allow + 1, 42, -1} {
		s := &site{authorize: always(decision)}
		got := s.get(t, "/orders", "Bearer of-bob")
		expect.That(t, got.status == 403 && !s.called("next"), expect.Message{
			Did: fmt.Sprintf(
				"asked for GET /orders with bob's valid token, and authorize returned "+
					"Decision(%d), which has no name", decision),
			Want: "403, and the handler not called",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "somebody will add a decision and forget this place; a guard that does not " +
				"understand lets nobody in",
		})
	}
	wantAnnIn(t)
}

func TestHideLooksLikeAMissingPath(t *testing.T) {
	// The site has /vault and nothing else. Bob must not learn that.
	mux := http.NewServeMux()
	mux.HandleFunc("/vault", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "gold") })
	s := &site{next: mux, authorize: func(p guard.Principal, r *http.Request) guard.Decision {
		if r.URL.Path == "/vault" && p.ID != "ann" {
			return guard.Hide
		}
		return guard.Allow
	}}
	hidden, missing := s.get(t, "/vault", "Bearer of-bob"), s.get(t, "/nothing", "Bearer of-bob")
	expect.That(t, hidden.status == 404 && hidden.same(notFound(t)), expect.Message{
		Did: "asked with bob's valid token for GET /vault, for which authorize said Hide",
		Want: "the same answer in every byte and header as http.NotFound gives: " +
			notFound(t).String(),
		Got: hidden.String(),
		Why: "a difference as small as a header or a full stop tells that there is something; " +
			"names of customers and of coming products have leaked that way",
	})
	expect.That(t, hidden.status == 404 && hidden.same(missing), expect.Message{
		Did: "asked with bob's valid token for GET /vault, for which authorize said Hide, and " +
			"for GET /nothing, which does not exist",
		Want: "the same answer in every byte, 404: " + missing.String(),
		Got:  "for /vault " + hidden.String(),
		Why: "a difference as small as a header or a full stop tells that there is something; " +
			"names of customers and of coming products have leaked that way",
	})
	posted := s.do(t, s.request(t, http.MethodPost, "/vault", "Bearer of-bob"))
	expect.That(t, posted.status == 404 && posted.same(missing), expect.Message{
		Did: "asked with bob's valid token for POST /vault, for which authorize said Hide, and " +
			"for GET /nothing, which does not exist",
		Want: "the same answer in every byte, 404: " + missing.String(),
		Got:  "for POST /vault " + posted.String(),
		Why:  "a path that does not exist does not exist for any method",
	})
	for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodDelete} {
		hidden := s.do(t, s.request(t, method, "/vault", "Bearer of-bob"))
		missing := s.do(t, s.request(t, method, "/nothing", "Bearer of-bob"))
		expect.That(t, hidden.status == 404 && hidden.same(missing), expect.Message{
			Did: fmt.Sprintf("asked with bob's valid token for %s /vault, for which authorize said Hide, and for %s /nothing, "+
				"which does not exist", method, method),
			Want: "the same answer in every byte and header, 404: " + missing.String(),
			Got:  "for /vault " + hidden.String(),
			Why:  "a path that does not exist does not exist for any method",
		})
	}
	got := s.get(t, "/vault", "Bearer of-ann")
	expect.That(t, got.status == 200 && got.body == "gold", expect.Message{
		Did:  "asked with ann's valid token for GET /vault, and authorize said Allow",
		Want: "the handler's own answer, 200 and \"gold\"",
		Got:  got.String(),
	})
}

func TestStrangersCannotTellWhatExists(t *testing.T) {
	hideVault := func(_ guard.Principal, r *http.Request) guard.Decision {
		if r.URL.Path == "/vault" {
			return guard.Hide
		}
		return guard.Allow
	}
	for _, who := range []struct {
		what, header string
		verifyErr    error
	}{
		{"without credentials", "", nil},
		{"with a bad token", "Bearer forged", guard.ErrBadToken},
	} {
		s := &site{authorize: hideVault, verifyErr: who.verifyErr}
		hidden, missing := s.get(t, "/vault", who.header), s.get(t, "/nothing", who.header)
		hidden.body, missing.body = "", "" // is up to the guard, and may name the path
		expect.That(t, hidden.status == 401 && hidden.same(missing), expect.Message{
			Did: fmt.Sprintf(
				"asked %s for GET /vault, which authorize hides, and for GET /nothing, which it "+
					"does not", who.what),
			Want: "the same 401 for both: " + missing.String(),
			Got:  "for /vault " + hidden.String(),
			Why: "if the answer depends on the resource before it is known who asks, anybody " +
				"can find out what exists by trying",
		})
	}
	wantAnnIn(t)
}

func TestTheAnswerIsTheHandlers(t *testing.T) {
	for _, next := range []http.Handler{
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, "order 7")
		}),
		http.HandlerFunc(http.NotFound),
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="the bank behind"`)
			http.Error(w, "the bank wants a password", http.StatusUnauthorized)
		}),
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of stock", http.StatusForbidden)
		}),
	} {
		alone := httpwire.New()
		s := &site{next: next}
		next.ServeHTTP(alone.Writer(), s.request(t, http.MethodGet, "/orders", ""))
		want := answer{alone.Status(), alone.Header(), alone.Body()}
		got := s.get(t, "/orders", "Bearer of-ann")
		expect.That(t, got.same(want), expect.Message{
			Did: "asked for GET /orders with ann's valid token; authorize said Allow, and the " +
				"handler behind the guard answered " + want.String(),
			Want: "just that answer",
			Got:  got.String(),
			Why: "whoever is let in talks to the handler; a gate that touches its answers breaks " +
				"what only the handler can know, such as how long they may be cached",
		})
	}
	wantPieces(t)
}

// wantPieces has a handler that flushes, and one that breaks off.
func wantPieces(t *testing.T) {
	t.Helper()
	w := httpwire.New()
	var sent string
	var err error
	s := &site{next: http.HandlerFunc(func(next http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(next, "one ")
		err = http.NewResponseController(next).Flush()
		sent = w.Body()
		fmt.Fprint(next, "two")
	})}
	h := protect(t, guard.Guard("lab", s.verify, s.decide), http.HandlerFunc(s.serve))
	h.ServeHTTP(w.Writer(), s.request(t, http.MethodGet, "/orders", "Bearer of-ann"))
	expect.That(t, err == nil && sent == "one " && w.Body() == "one two", expect.Message{
		Did: `asked for GET /orders with ann's valid token; the handler behind the guard wrote "one ", flushed by ` +
			`http.ResponseController, and wrote "two"`,
		Want: `"one " sent by the flush, and "two" later`,
		Got:  fmt.Sprintf("%q sent by the flush, which returned %v; in the end %q", sent, err, w.Body()),
		Why:  "an answer may be a stream that lasts for hours, or too large for any memory: held back, it never comes",
	})

	for _, value := range []any{http.ErrAbortHandler, "out of range", io.ErrUnexpectedEOF, 7} {
		s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "one ")
			panic(value)
		})
		var panicked any
		func() {
			defer func() { panicked = recover() }()
			h.ServeHTTP(httpwire.New().Writer(), s.request(t, http.MethodGet, "/orders", "Bearer of-ann"))
		}()
		expect.That(t, panicked == value, expect.Message{
			Did: fmt.Sprintf("asked for GET /orders with ann's valid token; the handler behind the guard panicked with "+
				"%T %q", value, fmt.Sprint(value)),
			Want: "the same panic, before the guard",
			Got:  fmt.Sprintf("%T %q", panicked, fmt.Sprint(panicked)),
			Why: "with http.ErrAbortHandler a handler tells the server to break the answer off, so that nobody takes a half " +
				"for a whole; and what is done about any other panic is not for the gate to say",
		})
	}
}

func TestABrowserNeverLoops(t *testing.T) {
	const anonymous, expired = "", "Bearer expired"
	for _, visit := range []struct {
		did      string
		start    string
		decision guard.Decision
		want     int
		why      string
	}{
		{"let a browser that has not logged in visit a page that its user may see", anonymous, guard.Allow, 200,
			"a client logs in when it is told to, by a 401, and not before"},
		{"let a browser whose token has expired visit a page that its user may see", expired, guard.Allow, 200,
			"a new token is what helps, and only a 401 makes the client get one"},
		{"let a browser that has not logged in visit a page that its user may not see", anonymous, guard.Deny, 403,
			"if \"you may not\" is said as \"log in\", the client logs in, is told to log in, " +
				"and logs in, for ever"},
	} {
		s := &site{authorize: always(visit.decision), badToken: "expired"}
		last, attempts := browse(t, s, visit.start)
		expect.That(t, last.status == visit.want && attempts == 2, expect.Message{
			Did:  visit.did + "; on 401 it logs in and tries again, up to 5 times in all",
			Want: fmt.Sprintf("%d at the second attempt, after one login", visit.want),
			Got:  fmt.Sprintf("%s at attempt %d", last, attempts),
			Why:  visit.why,
		})
	}
}

// notFound is what http.NotFound answers.
func notFound(t *testing.T) answer {
	w := httpwire.New()
	http.NotFound(w.Writer(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	return answer{w.Status(), w.Header(), w.Body()}
}
