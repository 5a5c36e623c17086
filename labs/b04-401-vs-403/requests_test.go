package guard_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	guard "github.com/backend-labs/backend-labs/labs/b04-401-vs-403"
)

func TestTheHandlerLearnsWhoItIs(t *testing.T) {
	for _, want := range []guard.Principal{
		{ID: "ann", Scopes: []string{"orders:read", "orders:write"}},
		{Scopes: []string{"orders:read"}}, // a token that is nobody's, but for something
		{},
		{ID: " Ann@Example.ORG ", Scopes: []string{"write", "READ", "", "READ", "read"}},
	} {
		var got, asked guard.Principal
		var ok bool
		told := guard.Principal{ID: want.ID, Scopes: slices.Clone(want.Scopes)}
		middleware := guard.Guard("lab",
			func(context.Context, string) (guard.Principal, error) { return told, nil },
			func(p guard.Principal, _ *http.Request) guard.Decision { asked = p; return guard.Allow })
		h := protect(t, middleware, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got, ok = guard.PrincipalFrom(r.Context())
		}))
		h.ServeHTTP(httpwire.New().Writer(), new(site).request(t, "GET", "/orders", "Bearer t"))
		same := got.ID == want.ID && slices.Equal(got.Scopes, want.Scopes)
		expect.That(t, ok && same, expect.Message{
			Did: fmt.Sprintf("asked for GET /orders with a token for which verify returned %+v "+
				"and authorize said Allow, and called PrincipalFrom in the handler", want),
			Want: fmt.Sprintf("%+v, true", want),
			Got:  fmt.Sprintf("%+v, %v", got, ok),
		})
		expect.That(t, asked.ID == want.ID && slices.Equal(asked.Scopes, want.Scopes), expect.Message{
			Did:  fmt.Sprintf("asked for GET /orders with a token for which verify returned %+v", want),
			Want: "authorize called with just that",
			Got:  fmt.Sprintf("%+v", asked),
			Why:  "whoever verifies says who somebody is, and rules look for what it has said",
		})
	}
	wantInnerKnown(t)
}

// wantTheirRequestAsItWas looks at the request that was given to the guard, behind it.
func wantTheirRequestAsItWas(t *testing.T) {
	t.Helper()
	s := new(site)
	r := s.request(t, http.MethodGet, "/orders", "Bearer of-ann")
	s.do(t, r)
	p, ok := guard.PrincipalFrom(r.Context())
	expect.That(t, !ok, expect.Message{
		Did: "sent a request with ann's token through a guard, and then called PrincipalFrom with the context that " +
			"the request had before the guard",
		Want: "false: nobody is known there",
		Got:  fmt.Sprintf("%+v, true", p),
		Why: "who calls the guard goes on with this request: logs it, or hands it to the next one, which then takes " +
			"for verified what another guard has said",
	})
}

func TestOtherContextsKnowNobody(t *testing.T) {
	for _, other := range []struct {
		what string
		ctx  context.Context
	}{
		{"that has never been near a guard", t.Context()},
		{"in which another package has put a guard.Principal, under keys of its own",
			foreign{t.Context(), false}},
		{"in which another package has put a guard.Principal, under keys of types that everybody can name, such as struct{},",
			foreign{t.Context(), true}},
	} {
		p, ok := guard.PrincipalFrom(other.ctx)
		expect.That(t, !ok, expect.Message{
			Did:  "called PrincipalFrom with a context " + other.what,
			Want: "false: nobody is known",
			Got:  fmt.Sprintf("%+v, true", p),
			Why: "a handler that was forgotten outside the guard must notice that it does not " +
				"know who is asking",
		})
	}
	wantTheirRequestAsItWas(t)
	wantAnnKnown(t)
}

// foreign answers to every key that any package may have: a string, a number; or to those of other types that everybody
// can name.
type foreign struct {
	context.Context
	others bool
}

func (f foreign) Value(key any) any {
	switch key.(type) {
	case string, int:
		if !f.others {
			return guard.Principal{ID: "mallory"}
		}
	case uint, int64, bool, struct{}, [0]int, guard.Decision:
		if f.others {
			return guard.Principal{ID: "mallory"}
		}
	}
	return f.Context.Value(key)
}

func wantAnnKnown(t *testing.T) {
	t.Helper()
	var p guard.Principal
	s := &site{next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, _ = guard.PrincipalFrom(r.Context())
	})}
	s.get(t, "/orders", "Bearer of-ann")
	expect.That(t, p.ID == "ann", expect.Message{
		Did:  "called PrincipalFrom in a handler behind the guard",
		Want: "ann, whose token was sent",
		Got:  fmt.Sprintf("%+v", p),
	})
}

// wantInnerKnown puts one guard behind another, which knows the sender by another name.
func wantInnerKnown(t *testing.T) {
	t.Helper()
	var p guard.Principal
	s := &site{next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, _ = guard.PrincipalFrom(r.Context())
	})}
	outer := func(context.Context, string) (guard.Principal, error) {
		return guard.Principal{ID: "the company"}, nil
	}
	inner := protect(t, guard.Guard("lab", s.verify, s.decide), http.HandlerFunc(s.serve))
	nested := &site{handler: protect(t, guard.Guard("gate", outer, always(guard.Allow)), inner)}
	nested.get(t, "/orders", "Bearer of-ann")
	expect.That(t, p.ID == "ann", expect.Message{
		Did: "put a guard that calls the sender ann behind one that calls her the company, and " +
			"called PrincipalFrom in the handler behind both",
		Want: "ann: whom the guard right before the handler has verified",
		Got:  fmt.Sprintf("%+v", p),
		Why:  "each guard answers for what it has verified itself, and for nothing else",
	})
}

func TestTheHandlerGetsTheRequest(t *testing.T) {
	type key struct{}
	ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), key{}, "outer middleware"))
	defer hangUp()
	var got, body, about string
	var header http.Header
	var ours, limited bool
	var ended error
	var asked string
	s := &site{ctx: ctx, authorize: func(_ guard.Principal, r *http.Request) guard.Decision {
		asked = fmt.Sprintf("%s %s, X-Trace: %s, PathValue(shop): %s, %v in its context", r.Method, r.URL,
			r.Header.Get("X-Trace"), r.PathValue("shop"), r.Context().Value(key{}))
		return guard.Allow
	}, next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		body = string(sent)
		got = fmt.Sprintf("%s %s, Authorization: %s, X-Trace: %s", r.Method, r.URL,
			r.Header.Get("Authorization"), r.Header.Get("X-Trace"))
		about = fmt.Sprintf("Host: %s, PathValue(shop): %s, RemoteAddr: %s, RequestURI: %s", r.Host, r.PathValue("shop"),
			r.RemoteAddr, r.RequestURI)
		header = r.Header.Clone()
		ours = r.Context().Value(key{}) == "outer middleware"
		_, limited = r.Context().Deadline()
		hangUp()
		ended = r.Context().Err()
	})}
	r := s.request(t, http.MethodPost, "/orders?dry=1", "Bearer of-ann")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Trace", "7")
	form := "item=42&access_token=no&note=" + strings.Repeat("x", 2<<20)
	r.Body = io.NopCloser(strings.NewReader(form))
	r.Host, r.RemoteAddr, r.RequestURI = "north.shop.test", "192.0.2.9:4711", "/orders?dry=1"
	r.SetPathValue("shop", "north")
	sent := r.Header.Clone()
	s.do(t, r)
	want := "POST /orders?dry=1, Authorization: Bearer of-ann, X-Trace: 7"
	expect.That(t, got == want && body == form, expect.Message{
		Did:  "sent POST /orders?dry=1 with a form of 2 MiB, and looked at what reached the handler",
		Want: want + ", body " + shorten(form),
		Got:  fmt.Sprintf("%s, body %s", got, shorten(body)),
		Why:  "the gate decides who passes; what they carry is for the handler",
	})
	wantAbout := "Host: north.shop.test, PathValue(shop): north, RemoteAddr: 192.0.2.9:4711, RequestURI: /orders?dry=1"
	expect.That(t, about == wantAbout && maps.EqualFunc(header, sent, slices.Equal), expect.Message{
		Did:  "sent POST /orders?dry=1, and looked at the rest of what reached the handler",
		Want: fmt.Sprintf("%s, and the header %v", wantAbout, sent),
		Got:  fmt.Sprintf("%s, and the header %v", about, header),
		Why: "a handler goes by all of it: who calls, and for which shop; what it is to know from the guard is in the " +
			"context, where no client can have put it",
	})
	wantAsked := "POST /orders?dry=1, X-Trace: 7, PathValue(shop): north, outer middleware in its context"
	expect.That(t, asked == wantAsked, expect.Message{
		Did:  "sent POST /orders?dry=1, and looked at the request that authorize was called with",
		Want: wantAsked,
		Got:  asked,
		Why:  "what somebody may do depends on what they ask for, and on what earlier middlewares have found out",
	})
	expect.That(t, !limited, expect.Message{
		Did:  "sent a request whose context has no deadline, and looked at the one that the handler got",
		Want: "no deadline: it is the request's context, with the principal in it",
		Got:  "a deadline",
		Why:  "how long verify may take is one question, how long the handler may take another, and not the guard's",
	})
	expect.That(t, ours && ended != nil, expect.Message{
		Did: "put a value into the request's context before the guard, looked for it in the " +
			"handler, and hung up then",
		Want: "it is still there, and the handler's context is cancelled: the guard adds to " +
			"the request's context",
		Got: fmt.Sprintf("still there: %v; Err() after the request was cancelled: %v", ours,
			ended),
		Why: "the context also carries the deadline and the cancellation of the request, and " +
			"what other middlewares have put there",
	})
	wantAskedForAsItCame(t)
}

// wantAskedForAsItCame has rules that look at the path, letter by letter, and at the body.
func wantAskedForAsItCame(t *testing.T) {
	t.Helper()
	const path, body = "/orders//7/../%2e%2e/vault/", "item=42"
	var asked, sent string
	s := &site{authorize: func(_ guard.Principal, r *http.Request) guard.Decision {
		all, _ := io.ReadAll(r.Body)
		asked, sent = r.URL.String(), string(all)
		return guard.Deny
	}}
	r := s.request(t, http.MethodPost, path, "Bearer of-ann")
	r.Body = io.NopCloser(strings.NewReader(body))
	s.do(t, r)
	expect.That(t, asked == path && sent == body, expect.Message{
		Did:  fmt.Sprintf("sent POST %s with the body %q, and looked in authorize at the request's URL and body", path, body),
		Want: fmt.Sprintf("%s and %q", path, body),
		Got:  fmt.Sprintf("%s and %q", asked, sent),
		Why: "rules that are asked about another path than the handler serves let people in through the difference; and " +
			"for whom an order is stands in its body",
	})
}

func TestEveryRequestIsAskedAnew(t *testing.T) {
	s := new(site)
	first := s.get(t, "/orders", "Bearer of-ann")
	s.authorize = always(guard.Deny)
	denied := s.get(t, "/orders", "Bearer of-ann")
	s.badToken = "of-ann"
	revoked := s.get(t, "/orders", "Bearer of-ann")
	s.authorize, s.badToken = nil, ""
	good := s.get(t, "/orders", "Bearer of-ann")
	s.verifyErr = guard.ErrUnavailable
	unknown := s.get(t, "/orders", "Bearer of-ann")
	s.verifyErr = nil
	known := s.get(t, "/orders", "Bearer of-ann")
	defer wantNoneCounted(t)
	got := []int{first.status, denied.status, revoked.status, good.status, unknown.status,
		known.status}
	expect.That(t, slices.Equal(got, []int{200, 403, 401, 200, 503, 200}), expect.Message{
		Did: "asked six times with the same token: as it was good, when authorize had begun " +
			"to say Deny, when the token had been revoked, when both had been taken back, while " +
			"the identity provider was down, and when it was up again",
		Want: "200, 403, 401, 200, 503, 200: each request is verified and authorized by itself",
		Got:  fmt.Sprint(got),
		Why: "somebody who has just been dismissed must be out with the next request; how long " +
			"an answer may be kept only verify and authorize can know",
	})
}

// wantNoneCounted has many requests in a row that fail in the same way.
func wantNoneCounted(t *testing.T) {
	t.Helper()
	const many = 200
	for _, one := range []struct {
		err    error
		status int
	}{{guard.ErrUnavailable, 503}, {guard.ErrBadToken, 401}} {
		s := &site{verifyErr: one.err}
		var odd []int
		for range many {
			if got := s.get(t, "/orders", "Bearer of-ann"); got.status != one.status {
				odd = append(odd, got.status)
			}
		}
		verified := len(s.log)
		s.verifyErr = nil
		last := s.get(t, "/orders", "Bearer of-ann")
		expect.That(t, len(odd) == 0 && verified == many && last.status == 200, expect.Message{
			Did: fmt.Sprintf("asked %d times while verify returned %s, and once more when it had nothing to object to",
				many, describe(one.err)),
			Want: fmt.Sprintf("%d times %d, verify called each time, and then 200", many, one.status),
			Got:  fmt.Sprintf("verify called %d times, %d other answers %v; and then %d", verified, len(odd), odd, last.status),
			Why: "requests share nothing: what many others met says nothing of the next one, and whoever is to be spared, " +
				"or kept out, verify knows better",
		})
	}
}

func TestGuardsKnowNothingOfEachOther(t *testing.T) {
	shop, bank := &site{realm: "shop"}, &site{realm: "bank", badToken: "of-ann"}
	middleware := guard.Guard("shop", shop.verify, shop.decide)
	orders := protect(t, middleware, text("orders"))
	vault := protect(t, guard.Guard("bank", bank.verify, bank.decide), text("gold"))
	carts := protect(t, middleware, text("carts"))
	nested := protect(t, middleware, vault)
	for _, visit := range []struct {
		what string
		h    http.Handler
		want string
	}{
		{"the orders of the shop", orders, "200 orders"},
		{"the carts of the shop, behind the same guard", carts, "200 carts"},
		{"the vault, whose guard does not accept her token", vault, "401"},
		{"the vault by way of the shop, whose guard does", nested, "401"},
	} {
		got := (&site{handler: visit.h}).get(t, "/", "Bearer of-ann")
		brief := strings.TrimSpace(fmt.Sprint(got.status, " ", got.body))
		expect.That(t, strings.HasPrefix(brief, visit.want), expect.Message{
			Did: "made one guard for the shop, which protects two handlers, and one for the " +
				"bank; asked with ann's token for " + visit.what,
			Want: visit.want,
			Got:  got.String(),
			Why: "a process has many gates; if they share what they were given, the last one " +
				"that was made decides for all",
		})
	}
	got := (&site{handler: orders}).get(t, "/", "")
	wantChallenge(t, got, "shop", "made guards for the realms shop and bank, and asked the "+
		"shop's without an Authorization header")
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) })
}

// wantEachVerified has requests with the same token at the same time.
func wantEachVerified(t *testing.T) {
	t.Helper()
	const requests = 10
	bubble.Run(t, func(t *testing.T) {
		var verified, authorized atomic.Int32
		h := guard.Guard("lab",
			func(context.Context, string) (guard.Principal, error) {
				verified.Add(1)
				time.Sleep(10 * time.Millisecond)
				return guard.Principal{ID: "ann"}, nil
			},
			func(guard.Principal, *http.Request) guard.Decision {
				authorized.Add(1)
				time.Sleep(10 * time.Millisecond)
				return guard.Allow
			},
		)(text("orders"))
		var wg sync.WaitGroup
		for range requests {
			wg.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders", nil)
				r.Header.Set("Authorization", "Bearer of-ann")
				h.ServeHTTP(httpwire.New().Writer(), r)
			})
		}
		wg.Wait()
		expect.That(t, verified.Load() == requests && authorized.Load() == requests, expect.Message{
			Did:  fmt.Sprintf("sent %d requests with the same token at the same time", requests),
			Want: fmt.Sprintf("verify and authorize called %d times each", requests),
			Got:  fmt.Sprintf("verify called %d times, authorize %d times", verified.Load(), authorized.Load()),
			Why: "who shares an answer shares the context that it was asked under: hangs the first one up, all others " +
				"are told that nothing could be found out",
		})
	})
}

func TestParallelRequestsKeepTheirUsers(t *testing.T) {
	wantEachVerified(t)
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
				h.ServeHTTP(httpwire.New().Writer(), r)
			})
		}
		wg.Wait()
		took := time.Since(start)
		for i := range users {
			user := fmt.Sprintf("user-%d", i)
			for _, told := range []struct{ what, got string }{
				{"authorize was called for", authorized[user]},
				{"PrincipalFrom in the handler gave", seen[user]},
			} {
				expect.That(t, told.got == user, expect.Message{
					Did: fmt.Sprintf("sent requests of %d different users at the same time",
						users),
					Want: fmt.Sprintf("%s %s in the request of %s", told.what, user, user),
					Got:  fmt.Sprintf("%s %q", told.what, told.got),
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
