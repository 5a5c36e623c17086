package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	guard "github.com/backend-labs/backend-labs/labs/b04-401-vs-403"
)

func TestAnonymousRequestsGetAChallenge(t *testing.T) {
	for _, realm := range []string{"lab", "back office", "Back Office, 2nd floor", "100%s", "R&D <lab's>",
		"Büro 日本", "a/b?c=d+e", " lab  2 ", ""} {
		got := (&site{realm: realm, noRealm: realm == ""}).get(t, "/orders", "")
		expect.That(t, got.status == 401, expect.Message{
			Did:  "asked for GET /orders without an Authorization header",
			Want: "401: nobody knows yet who this is",
			Got:  got.String(),
			Why: "403 says that this person may not, and that logging in will not help; then " +
				"nobody is ever sent to the login",
		})
		wantChallenge(t, got, realm, "asked for GET /orders without an Authorization header")
	}
	wantAnnIn(t)
}

func TestAnonymousRequestsHaveMadeNoMistake(t *testing.T) {
	got := new(site).get(t, "/orders", "")
	expect.That(t, got.status == 401 && got.challenge()["error"] == "", expect.Message{
		Did: "asked for GET /orders without an Authorization header, and looked for error= in " +
			"the challenge",
		Want: "401, and no error code: no credentials were sent, so none were wrong",
		Got:  got.String(),
		Why: "clients tell by the code whether to get a first token or to throw away the one " +
			"that they have (RFC 6750, section 3.1)",
	})
	wantAnnIn(t)
}

func TestWhoIsAskedAndInWhichOrder(t *testing.T) {
	s := new(site)
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST"} {
		s.do(t, s.request(t, method, "/orders", ""))
		expect.That(t, len(s.log) == 0, expect.Message{
			Did: fmt.Sprintf("asked for %s /orders without an Authorization header, and noted "+
				"who was called", method),
			Want: "nobody: there is no token to verify and nobody to authorize",
			Got:  s.calls(),
			Why: "what runs before authentication is open to the whole internet: it can be " +
				"flooded, and what it answers can be read",
		})
	}
	for _, one := range []struct {
		what, path string
		put        func(*http.Request)
	}{
		{"GET /healthz, as a balancer does,", "/healthz", func(*http.Request) {}},
		{"GET /metrics", "/metrics", func(*http.Request) {}},
		{"GET /login", "/login", func(*http.Request) {}},
		{"GET /favicon.ico", "/favicon.ico", func(*http.Request) {}},
		{"GET /.well-known/security.txt", "/.well-known/security.txt", func(*http.Request) {}},
		{"GET /orders from the same machine", "/orders", func(r *http.Request) {
			r.RemoteAddr, r.Host = "127.0.0.1:4711", "localhost"
		}},
		{"GET /orders, forwarded for 10.0.0.1,", "/orders", func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:4711"
			r.Header.Set("X-Forwarded-For", "10.0.0.1")
			r.Header.Set("X-Real-IP", "127.0.0.1")
		}},
		{"a preflight for PUT /orders", "/orders", func(r *http.Request) {
			r.Method = http.MethodOptions
			r.Header.Set("Origin", "https://shop.test")
			r.Header.Set("Access-Control-Request-Method", http.MethodPut)
			r.Header.Set("Access-Control-Request-Headers", "authorization")
		}},
		{"a WebSocket at /orders", "/orders", func(r *http.Request) {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
		}},
	} {
		r := s.request(t, http.MethodGet, one.path, "")
		one.put(r)
		got := s.do(t, r)
		expect.That(t, got.status == http.StatusUnauthorized && len(s.log) == 0, expect.Message{
			Did:  fmt.Sprintf("asked for %s without an Authorization header, and noted who was called", one.what),
			Want: "401, and nobody: what may be open stands before the guard, or beside it",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "an exception that the guard makes is one for every handler that it will ever protect, and nobody who puts " +
				"one behind it knows",
		})
	}
	s.get(t, "/orders", "Bearer of-ann")
	want := []string{"verify of-ann", "authorize ann", "next"}
	expect.That(t, slices.Equal(s.log, want), expect.Message{
		Did:  "asked for GET /orders with ann's token, who may, and noted who was called",
		Want: strings.Join(want, ", then "),
		Got:  s.calls(),
		Why:  "what somebody may do can only be said of somebody who is known",
	})
	expect.That(t, slices.Equal(s.principal.Scopes, []string{"orders:read", "orders:write"}),
		expect.Message{
			Did: "asked for GET /orders with ann's token, whose scopes are orders:read and " +
				"orders:write",
			Want: "authorize called with the principal that verify returned",
			Got:  fmt.Sprintf("%+v", s.principal),
			Why:  "the scopes of a token are what most rules about permissions look at",
		})
}

func TestEachIsAskedOnce(t *testing.T) {
	for _, once := range []struct {
		what string
		site site
		want []string
	}{
		{"whose token is bad", site{verifyErr: guard.ErrBadToken}, []string{"verify of-ann"}},
		{"while the identity provider was down", site{verifyErr: guard.ErrUnavailable},
			[]string{"verify of-ann"}},
		{"while verify failed for a reason of its own",
			site{verifyErr: errors.New("connection reset by peer")}, []string{"verify of-ann"}},
		{"for whom authorize said Deny", site{authorize: always(guard.Deny)},
			[]string{"verify of-ann", "authorize ann"}},
		{"for whom authorize said Hide", site{authorize: always(guard.Hide)},
			[]string{"verify of-ann", "authorize ann"}},
	} {
		once.site.get(t, "/orders", "Bearer of-ann")
		expect.That(t, slices.Equal(once.site.log, once.want), expect.Message{
			Did: fmt.Sprintf("asked for GET /orders with the token of ann, %s, and noted who "+
				"was called", once.what),
			Want: strings.Join(once.want, ", then "),
			Got:  once.site.calls(),
			Why: "each question is a call of another service; asked twice, it costs twice, " +
				"and the second answer may be another one",
		})
	}
	wantAnnIn(t)
}

func TestVerifyEndsWithTheRequest(t *testing.T) {
	type key struct{}
	ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), key{}, "outer middleware"))
	defer hangUp()
	var ours bool
	var ended error
	s := &site{ctx: ctx, onVerify: func(ctx context.Context) {
		ours = ctx.Value(key{}) == "outer middleware"
		hangUp()
		ended = ctx.Err()
	}}
	s.get(t, "/orders", "Bearer of-ann")
	expect.That(t, ours && ended != nil, expect.Message{
		Did: "asked for GET /orders with ann's token, and hung up while verify was running",
		Want: "verify called with the request's context, or one made from it: it has the " +
			"request's values, and is cancelled with it",
		Got: fmt.Sprintf("has the values: %v; its Err() after the request was cancelled: %v",
			ours, ended),
		Why: "verify often asks another service; when the client has hung up, that call must " +
			"end as well",
	})
	wantAnnIn(t)
}

func TestABadTokenIsA401(t *testing.T) {
	for _, err := range bad {
		s := &site{verifyErr: err, realm: "Back Office"}
		did := fmt.Sprintf("asked for GET /orders with a token for which verify returned %s",
			describe(err))
		got := s.get(t, "/orders", "Bearer expired")
		expect.That(t, got.status == 401, expect.Message{
			Did:  did,
			Want: "401: it is not known who this is",
			Got:  got.String(),
			Why:  "a 401 makes the client get a new token and try again, which is just what helps",
		})
		wantChallenge(t, got, "Back Office", did)
		expect.That(t, !s.called("authorize", "next"), expect.Message{
			Did: did, Want: "neither authorize nor the handler called", Got: s.calls(),
		})
	}
	wantAnnIn(t)
}

func TestABadTokenIsNamedAsTheReason(t *testing.T) {
	for _, err := range bad {
		got := (&site{verifyErr: err}).get(t, "/orders", "Bearer expired")
		expect.That(t, got.status == 401 && got.challenge()["error"] == "invalid_token",
			expect.Message{
				Did: fmt.Sprintf("asked for GET /orders with a token for which verify returned %s",
					describe(err)),
				Want: `401, and error="invalid_token" in the Bearer challenge`,
				Got:  got.String(),
				Why: "a client that reads it throws the token away and gets a new one; without it, " +
					"the client cannot tell whether its token was bad or never arrived",
			})
	}
	wantAnnIn(t)
}

func TestAnIdentityProviderThatIsDownIs503(t *testing.T) {
	for _, err := range down {
		s := &site{verifyErr: err}
		got := s.get(t, "/orders", "Bearer of-ann")
		expect.That(t, got.status == 503 && !s.called("authorize", "next"), expect.Message{
			Did: fmt.Sprintf(
				"asked for GET /orders with a good token, while the identity provider was down: "+
					"verify returned %s", describe(err)),
			Want: "503, and nobody let in: the token may be good, it only cannot be checked " +
				"right now",
			Got: fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "on a 401 every client throws away its token and logs in again, at the very " +
				"service that is down: all users are logged out, and their logins keep it down",
		})
	}
	wantAnnIn(t)
}

func TestWhoeverIsToComeAgainIsToldWhen(t *testing.T) {
	for _, err := range down {
		got := (&site{verifyErr: err}).get(t, "/orders", "Bearer of-ann")
		after := got.header.Get("Retry-After")
		seconds, notNumber := strconv.ParseUint(after, 10, 31)
		_, notDate := http.ParseTime(after)
		expect.That(t, (notNumber == nil && seconds > 0) || notDate == nil, expect.Message{
			Did: fmt.Sprintf(
				"asked for GET /orders while verify returned %s, and looked at the header "+
					"Retry-After", describe(err)),
			Want: "a number of seconds, 1 or more, or an HTTP date",
			Got:  fmt.Sprintf("Retry-After: %q in the answer %s", after, got),
			Why:  "clients that are not told when to come again come again at once",
		})
	}
	wantAnnIn(t)
}

func TestAVerifierThatFailsIsNot401(t *testing.T) {
	for _, err := range []error{
		errors.New("dial tcp 10.0.0.9:443: connection refused"),
		context.DeadlineExceeded,
		context.Canceled,
		errors.New("bad token"), // the text of ErrBadToken, and yet another error
	} {
		s := &site{verifyErr: err}
		got := s.get(t, "/orders", "Bearer of-ann")
		expect.That(t, (got.status == 500 || got.status == 503) && !s.called("authorize", "next"),
			expect.Message{
				Did: fmt.Sprintf(
					"asked for GET /orders with a token, while verify returned errors.New(%q): "+
						"neither ErrBadToken nor ErrUnavailable", err),
				Want: "500 or 503, and nobody let in: nobody has said that the token is bad",
				Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
				Why: "a failure that you do not know is your own; told as a 401, it logs people " +
					"out for a bug of yours",
			})
	}
	wantAnAnswerForWhoHasGone(t)
	wantAnnIn(t)
}

// wantAnAnswerForWhoHasGone has a request whose context ends while verify is at work.
func wantAnAnswerForWhoHasGone(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		err  error
		want []int
	}{
		{context.Canceled, []int{500, 503}},
		{guard.ErrUnavailable, []int{503}},
		{guard.ErrBadToken, []int{401}},
	} {
		ctx, hangUp := context.WithCancel(t.Context())
		s := &site{ctx: ctx, verifyErr: one.err, onVerify: func(context.Context) { hangUp() }}
		got := s.get(t, "/orders", "Bearer of-ann")
		expect.That(t, slices.Contains(one.want, got.status) && !s.called("authorize", "next"), expect.Message{
			Did: fmt.Sprintf("asked for GET /orders with a token; the request's context ended while verify was at work, which "+
				"then returned %s", describe(one.err)),
			Want: fmt.Sprintf("one of %v, and nobody let in", one.want),
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "a handler that writes nothing has answered 200: that is in the log, and in what a proxy in front has kept. " +
				"And a context may have ended for another reason than that the client has gone",
		})
	}
}
