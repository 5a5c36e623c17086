package guard_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	guard "github.com/backend-labs/backend-labs/labs/b04-401-vs-403"
)

func TestAnonymousRequestsGetAChallenge(t *testing.T) {
	for _, realm := range []string{"lab", "back office"} {
		got := (&site{realm: realm}).get(t, "/orders", "")
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
	s.get(t, "/orders", "")
	expect.That(t, len(s.log) == 0, expect.Message{
		Did:  "asked for GET /orders without an Authorization header, and noted who was called",
		Want: "nobody: there is no token to verify and nobody to authorize",
		Got:  s.calls(),
		Why: "what runs before authentication is open to the whole internet: it can be " +
			"flooded, and what it answers can be read",
	})
	s.get(t, "/orders", "Bearer of-ann")
	want := []string{"verify of-ann", "authorize ann", "next"}
	expect.That(t, slices.Equal(s.log, want), expect.Message{
		Did:  "asked for GET /orders with ann's token, who may, and noted who was called",
		Want: strings.Join(want, ", then "),
		Got:  s.calls(),
		Why:  "what somebody may do can only be said of somebody who is known",
	})
	expect.That(t, s.sameContext, expect.Message{
		Did: "asked for GET /orders with ann's token, and looked at the context that verify " +
			"was called with",
		Want: "the request's context, or one made from it",
		Got:  "another one",
		Why: "verify often asks another service; when the client has hung up, that call must " +
			"end as well",
	})
}

func TestABadTokenIsA401(t *testing.T) {
	for _, err := range []error{guard.ErrBadToken,
		fmt.Errorf("jwt: expired at noon: %w", guard.ErrBadToken)} {
		s := &site{verifyErr: err}
		did := fmt.Sprintf("asked for GET /orders with a token for which verify returned %s",
			describe(err))
		got := s.get(t, "/orders", "Bearer expired")
		expect.That(t, got.status == 401, expect.Message{
			Did:  did,
			Want: "401: it is not known who this is",
			Got:  got.String(),
			Why:  "a 401 makes the client get a new token and try again, which is just what helps",
		})
		wantChallenge(t, got, "lab", did)
		expect.That(t, !s.called("authorize", "next"), expect.Message{
			Did: did, Want: "neither authorize nor the handler called", Got: s.calls(),
		})
	}
	wantAnnIn(t)
}

func TestABadTokenIsNamedAsTheReason(t *testing.T) {
	for _, err := range []error{guard.ErrBadToken,
		fmt.Errorf("jwt: expired at noon: %w", guard.ErrBadToken)} {
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
		seconds, notNumber := strconv.Atoi(after)
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
	wantAnnIn(t)
}

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
	expect.That(t, hidden.status == 404 && hidden.same(missing), expect.Message{
		Did: "asked with bob's valid token for GET /vault, for which authorize said Hide, and " +
			"for GET /nothing, which does not exist",
		Want: "the same answer in every byte, 404: " + missing.String(),
		Got:  "for /vault " + hidden.String(),
		Why: "a difference as small as a header or a full stop tells that there is something; " +
			"names of customers and of coming products have leaked that way",
	})
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

func TestTheSchemeIsCaseInsensitive(t *testing.T) {
	for _, header := range []string{"Bearer of-ann", "bearer of-ann", "BEARER of-ann",
		"bEaReR of-ann"} {
		got := new(site).get(t, "/orders", header)
		expect.That(t, got.status == 200, expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with %q, a valid token", header),
			Want: "200: the name of the scheme may be written in either case",
			Got:  got.String(),
			Why: "RFC 9110 says so, and some libraries write it in lower case; their users " +
				"cannot log in and nobody finds out why",
		})
	}
}

func TestTheTokenIsTakenAsItIs(t *testing.T) {
	for _, token := range []string{"AbC", "abc", "eyJhbGciOi.eyJzdWI.c2ln-_", "a~b+c/d=="} {
		s := new(site)
		s.get(t, "/orders", "Bearer "+token)
		expect.That(t, slices.Contains(s.log, "verify "+token), expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with the token %s", token),
			Want: "verify called with exactly that",
			Got:  "called: " + s.calls(),
			Why:  "unlike the scheme, every letter of a token counts",
		})
	}
}

func TestOtherCredentialsAreNone(t *testing.T) {
	for _, header := range []string{"Basic of-ann", "Bearer", "Bearer ", "Bearerof-ann", "of-ann",
		"Token bearer of-ann"} {
		s := new(site)
		got := s.get(t, "/orders", header)
		expect.That(t, got.status == 401 && len(s.log) == 0, expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with the header %q", "Authorization: "+header),
			Want: "401, and verify not called: there is no bearer token in it",
			Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
			Why: "the scheme says what the rest means; a password of Basic, sent on as a " +
				"token, ends up in the logs of the identity provider",
		})
	}
	wantAnnIn(t)
}

func TestTheHandlerLearnsWhoItIs(t *testing.T) {
	type key struct{}
	want := guard.Principal{ID: "ann", Scopes: []string{"orders:read", "orders:write"}}
	var got guard.Principal
	var ok, ours bool
	s := &site{next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, ok = guard.PrincipalFrom(r.Context())
		ours = r.Context().Value(key{}) == "outer middleware"
	})}
	s.ctx = context.WithValue(t.Context(), key{}, "outer middleware")
	s.get(t, "/orders", "Bearer of-ann")
	expect.That(t, ok && got.ID == want.ID && slices.Equal(got.Scopes, want.Scopes), expect.Message{
		Did: "asked for GET /orders with ann's token, and called PrincipalFrom in the handler " +
			"with the request's context",
		Want: fmt.Sprintf("%+v, true", want),
		Got:  fmt.Sprintf("%+v, %v", got, ok),
	})
	expect.That(t, ours, expect.Message{
		Did: "put a value into the request's context before the guard, and looked for it in " +
			"the handler",
		Want: "it is still there: the guard adds to the context",
		Got:  "it is gone",
		Why: "the context also carries the deadline and the cancellation of the request, and " +
			"what other middlewares have put there",
	})
	if p, ok := guard.PrincipalFrom(t.Context()); ok {
		expect.Fatal(t, expect.Message{
			Did:  "called PrincipalFrom with a context that has never been near a guard",
			Want: "false: nobody is known",
			Got:  fmt.Sprintf("%+v, true", p),
			Why: "a handler that was forgotten outside the guard must notice that it does not " +
				"know who is asking",
		})
	}
}

func TestParallelRequestsKeepTheirUsers(t *testing.T) {
	const users = 100
	bubble.Run(t, func(t *testing.T) {
		// All requests are verified at the same time, and authorized at the same time: each takes
		// 10 ms.
		var mu sync.Mutex
		seen := map[string]string{} // what the handler saw, by whose token it was
		authorized := map[string]string{}
		h := guard.Guard("lab",
			func(_ context.Context, token string) (guard.Principal, error) {
				time.Sleep(10 * time.Millisecond)
				return guard.Principal{ID: token}, nil
			},
			func(p guard.Principal, r *http.Request) guard.Decision {
				mu.Lock()
				authorized[r.URL.Query().Get("token")] = p.ID
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
				return guard.Allow
			},
		)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			p, _ := guard.PrincipalFrom(r.Context())
			mu.Lock()
			seen[r.URL.Query().Get("token")] = p.ID
			mu.Unlock()
		}))
		start := time.Now()
		var wg sync.WaitGroup
		for i := range users {
			wg.Go(func() {
				token := fmt.Sprintf("user-%d", i)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet,
					"/orders?token="+token, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				h.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		wg.Wait()
		took := time.Since(start)
		for i := range users {
			user := fmt.Sprintf("user-%d", i)
			for what, got := range map[string]string{"authorize was called for": authorized[user],
				"PrincipalFrom in the handler gave": seen[user]} {
				expect.That(t, got == user, expect.Message{
					Did: fmt.Sprintf("sent requests of %d different users at the same time",
						users),
					Want: fmt.Sprintf("%s %s in the request of %s", what, user, user),
					Got:  fmt.Sprintf("%s %q", what, got),
					Why: "somebody sees somebody else's orders: only under load, and never on " +
						"your own machine",
				})
			}
		}
		expect.That(t, took < 30*time.Millisecond, expect.Message{
			Did: fmt.Sprintf(
				"sent requests of %d different users at the same time; verifying takes 10 ms "+
					"and authorizing 10 ms", users),
			Want: "all done after 20 ms: no request waits for another",
			Got:  fmt.Sprintf("done after %v", took),
			Why:  "one slow answer of the identity provider would hold up everybody",
		})
	})
}

// down is what verify returns while the identity provider cannot be asked.
var down = []error{guard.ErrUnavailable, fmt.Errorf("fetch keys: %w", guard.ErrUnavailable)}

// site is a guarded site. Unless told otherwise, of-ann is the valid token of ann, any other token
// X is that of X, and everybody may do everything.
type site struct {
	realm     string // "" is lab
	badToken  string // is not valid
	verifyErr error  // for every token
	authorize func(guard.Principal, *http.Request) guard.Decision
	next      http.Handler
	ctx       context.Context // of the requests

	log         []string // who was called
	sameContext bool     // verify got the request's
}

func always(d guard.Decision) func(guard.Principal, *http.Request) guard.Decision {
	return func(guard.Principal, *http.Request) guard.Decision { return d }
}

type requestKey struct{}

func (s *site) verify(ctx context.Context, token string) (guard.Principal, error) {
	s.log = append(s.log, "verify "+token)
	s.sameContext = ctx.Value(requestKey{}) != nil
	switch {
	case s.verifyErr != nil:
		return guard.Principal{}, s.verifyErr
	case s.badToken != "" && token == s.badToken:
		return guard.Principal{}, guard.ErrBadToken
	}
	return guard.Principal{ID: strings.TrimPrefix(token, "of-"),
		Scopes: []string{"orders:read", "orders:write"}}, nil
}

func (s *site) decide(p guard.Principal, r *http.Request) guard.Decision {
	s.log = append(s.log, "authorize "+p.ID)
	if s.authorize == nil {
		return guard.Allow
	}
	return s.authorize(p, r)
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.log = append(s.log, "next")
	if s.next != nil {
		s.next.ServeHTTP(w, r)
	}
}

// get makes one request, with this Authorization header unless it is "".
func (s *site) get(t *testing.T, path, authorization string) answer {
	t.Helper()
	realm := "lab"
	if s.realm != "" {
		realm = s.realm
	}
	middleware := guard.Guard(realm, s.verify, s.decide)
	expect.That(t, middleware != nil, expect.Message{Did: "called Guard", Want: "a middleware",
		Got: "nil"})
	h := middleware(http.HandlerFunc(s.serve))
	expect.That(t, h != nil, expect.Message{Did: "called Guard(…)(next)", Want: "an http.Handler",
		Got: "nil"})

	ctx := s.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	r := httptest.NewRequestWithContext(context.WithValue(ctx, requestKey{}, true), http.MethodGet,
		path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// called reports whether one of these was.
func (s *site) called(who ...string) bool {
	return slices.ContainsFunc(s.log, func(entry string) bool {
		name, _, _ := strings.Cut(entry, " ")
		return slices.Contains(who, name)
	})
}

func (s *site) calls() string {
	if len(s.log) == 0 {
		return "nobody"
	}
	return strings.Join(s.log, ", then ")
}

// browse visits a page as a browser does: on 401 the user logs in and the page is asked for again.
// After 5 attempts it gives up.
func browse(t *testing.T, s *site, authorization string) (last answer, attempts int) {
	t.Helper()
	for attempts < 5 {
		last = s.get(t, "/orders", authorization)
		attempts++
		if last.status != http.StatusUnauthorized {
			break
		}
		authorization = "Bearer of-ann"
	}
	return last, attempts
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	text := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, v := range a.header[name] {
			text += fmt.Sprintf(", %s: %s", http.CanonicalHeaderKey(name), v)
		}
	}
	return text + fmt.Sprintf(", body %q", a.body)
}

// same compares all that a client can see, but for the time.
func (a answer) same(b answer) bool {
	ah, bh := a.header.Clone(), b.header.Clone()
	ah.Del("Date")
	bh.Del("Date")
	return a.status == b.status && a.body == b.body && maps.EqualFunc(ah, bh, slices.Equal)
}

// challenge returns the parameters of the answer's Bearer challenge, by their names in lower case,
// or nil. There may be several headers, and several challenges in one (RFC 9110, section 11.6.1).
func (a answer) challenge() map[string]string {
	for _, value := range a.header.Values("WWW-Authenticate") {
		for _, c := range parseChallenges(value) {
			if strings.EqualFold(c.scheme, "Bearer") {
				return c.params
			}
		}
	}
	return nil
}

type challenge struct {
	scheme string
	params map[string]string
}

func parseChallenges(text string) (all []challenge) {
	for {
		text = strings.TrimLeft(text, " \t,")
		end := strings.IndexAny(text+" ", " \t,=")
		word := text[:end]
		if word == "" {
			return all
		}
		text = strings.TrimLeft(text[end:], " \t")
		if !strings.HasPrefix(text, "=") { // a name with no value is a scheme
			all = append(all, challenge{word, map[string]string{}})
			continue
		}
		var value string
		value, text = paramValue(strings.TrimLeft(text[1:], " \t"))
		if len(all) > 0 {
			all[len(all)-1].params[strings.ToLower(word)] = value
		}
	}
}

// paramValue reads a token or a quoted string.
func paramValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text+",", " \t,")
		return text[:end], text[end:]
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return value, text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		value += string(text[i])
	}
	return value, ""
}

// wantChallenge demands that the answer says how to authenticate.
func wantChallenge(t *testing.T, got answer, realm, did string) {
	t.Helper()
	params := got.challenge()
	expect.That(t, params != nil && params["realm"] == realm, expect.Message{
		Did: did,
		Want: fmt.Sprintf("the header WWW-Authenticate with a Bearer challenge for the realm %q",
			realm),
		Got: got.String(),
		Why: "a 401 must say how to authenticate (RFC 9110, section 15.5.2): browsers and SDKs " +
			"act on the challenge, and without one they give up",
	})
}

// wantAnnIn demands that whoever may is let in: refusing everybody is no guard.
func wantAnnIn(t *testing.T) {
	t.Helper()
	s := new(site)
	got := s.get(t, "/orders", "Bearer of-ann")
	expect.That(t, got.status == 200 && s.called("next"), expect.Message{
		Did:  "asked for GET /orders with ann's valid token, and authorize said Allow",
		Want: "200, from the handler behind the guard",
		Got:  fmt.Sprintf("%s; called: %s", got, s.calls()),
	})
}

// describe shows what an error is made of, as far as the text does not.
func describe(err error) string {
	for name, known := range map[string]error{"ErrBadToken": guard.ErrBadToken,
		"ErrUnavailable": guard.ErrUnavailable} {
		switch {
		case err == known:
			return name
		case errors.Is(err, known):
			return fmt.Sprintf("the error %q, which wraps %s", err, name)
		}
	}
	return fmt.Sprintf("the error %q", err)
}
