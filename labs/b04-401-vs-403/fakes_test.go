package guard_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	guard "github.com/backend-labs/backend-labs/labs/b04-401-vs-403"
)

// bad is what verify returns for a token that is not valid, down while nobody can tell: as they
// are, wrapped, with a text of their own, and together with other errors.
var (
	bad = []error{guard.ErrBadToken, fmt.Errorf("jwt: expired at noon: %w", guard.ErrBadToken),
		&coded{"E1042", guard.ErrBadToken},
		errors.Join(errors.New("close body: EOF"), guard.ErrBadToken),
		fmt.Errorf("cache: %w", errors.Join(guard.ErrBadToken, context.Canceled)),
		errors.Join(context.DeadlineExceeded, guard.ErrBadToken),
		fmt.Errorf("jwt: key \"k1\", realm=\"x\", error=\"none\": %w", guard.ErrBadToken)}
	down = []error{guard.ErrUnavailable, fmt.Errorf("fetch keys: %w", guard.ErrUnavailable),
		&coded{"cannot look for a bad token", guard.ErrUnavailable},
		errors.Join(errors.New("close body: EOF"), guard.ErrUnavailable),
		errors.Join(guard.ErrUnavailable, context.DeadlineExceeded)}
)

// coded is an error that does not show in its text what it wraps.
type coded struct {
	text string
	err  error
}

func (c *coded) Error() string { return c.text }
func (c *coded) Unwrap() error { return c.err }

// site is a guarded site. Unless told otherwise, of-ann is the valid token of ann, any other token
// X is that of X, and everybody may do everything.
type site struct {
	realm     string // "" is lab, unless it is noRealm
	noRealm   bool
	badToken  string // is not valid, and comes with a principal all the same
	verifyErr error  // for every token
	onVerify  func(context.Context)
	authorize func(guard.Principal, *http.Request) guard.Decision
	next      http.Handler
	ctx       context.Context // of the requests

	handler   http.Handler // guarded, from the first request on
	principal guard.Principal
	log       []string // who was called
}

func always(d guard.Decision) func(guard.Principal, *http.Request) guard.Decision {
	return func(guard.Principal, *http.Request) guard.Decision { return d }
}

func (s *site) verify(ctx context.Context, token string) (guard.Principal, error) {
	s.log = append(s.log, "verify "+token)
	if s.onVerify != nil {
		s.onVerify(ctx)
	}
	p := guard.Principal{ID: strings.TrimPrefix(token, "of-"),
		Scopes: []string{"orders:read", "orders:write"}}
	switch {
	case s.verifyErr != nil:
		return p, s.verifyErr
	case s.badToken != "" && token == s.badToken:
		return p, guard.ErrBadToken
	}
	return p, nil
}

func (s *site) decide(p guard.Principal, r *http.Request) guard.Decision {
	s.log = append(s.log, "authorize "+p.ID)
	s.principal = p
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
	return s.do(t, s.request(t, http.MethodGet, path, authorization))
}

func (s *site) request(t *testing.T, method, path, authorization string) *http.Request {
	t.Helper()
	ctx := s.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	r := httptest.NewRequestWithContext(ctx, method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func (s *site) do(t *testing.T, r *http.Request) answer {
	t.Helper()
	if s.handler == nil {
		realm := "lab"
		if s.realm != "" || s.noRealm {
			realm = s.realm
		}
		s.handler = protect(t, guard.Guard(realm, s.verify, s.decide), http.HandlerFunc(s.serve))
	}
	w := httpwire.New()
	s.handler.ServeHTTP(w.Writer(), r)
	return answer{w.Status(), w.Header(), w.Body()}
}

// protect puts a guard before a handler.
func protect(
	t *testing.T, middleware func(http.Handler) http.Handler, next http.Handler,
) http.Handler {
	t.Helper()
	expect.That(t, middleware != nil, expect.Message{Did: "called Guard", Want: "a middleware",
		Got: "nil"})
	h := middleware(next)
	expect.That(t, h != nil, expect.Message{Did: "called Guard(…)(next)", Want: "an http.Handler",
		Got: "nil"})
	return h
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

// wantChallenge demands that the answer says how to authenticate.
func wantChallenge(t *testing.T, got answer, realm, did string) {
	t.Helper()
	params := got.challenge()
	value, there := params["realm"]
	expect.That(t, there && value == realm, expect.Message{
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
	for _, known := range []struct {
		name string
		err  error
	}{{"ErrBadToken", guard.ErrBadToken}, {"ErrUnavailable", guard.ErrUnavailable}} {
		switch {
		case err == known.err:
			return known.name
		case errors.Is(err, known.err):
			return fmt.Sprintf("the error %q, which wraps %s", err, known.name)
		}
	}
	return fmt.Sprintf("the error %q", err)
}
