// Package guard lets a request through to a handler if it is known who sends it and they may do what they ask for.
//
// This one is a row of questions. Each either lets the next one be asked or returns a verdict, which is a handler: how
// to say no is data, decided without a ResponseWriter at hand.
package guard

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Principal is whoever a request comes from, once that is known.
type Principal struct {
	ID     string
	Scopes []string
}

// Decision is what a principal may do.
type Decision int

const (
	Deny Decision = iota
	Hide
	Allow
)

// What verify says about a token, maybe with more words around it (wrapped).
var (
	ErrBadToken    = errors.New("bad token")
	ErrUnavailable = errors.New("idp unavailable")
)

// credentials is RFC 6750, section 2.1.
var credentials = regexp.MustCompile(`(?i)^bearer +([a-z0-9._~+/-]+=*) *$`)

type guard struct {
	realm     string
	verify    func(ctx context.Context, token string) (Principal, error)
	authorize func(p Principal, r *http.Request) Decision
}

// Guard returns a middleware for requests with a bearer token.
func Guard(
	realm string,
	verify func(ctx context.Context, token string) (Principal, error),
	authorize func(p Principal, r *http.Request) Decision,
) func(next http.Handler) http.Handler {
	g := guard{realm, verify, authorize}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, no := g.authenticate(r)
			if no == nil {
				no = g.permit(p, r)
			}
			if no != nil {
				no.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r.WithContext(known{r.Context(), p}))
		})
	}
}

func (g guard) authenticate(r *http.Request) (Principal, http.Handler) {
	m := credentials.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil && r.Header.Get("Authorization") != "" {
		return Principal{}, g.challenge("invalid_request")
	}
	if m == nil {
		return Principal{}, g.challenge("")
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	p, err := g.verify(ctx, m[1])
	if err == nil {
		return p, nil
	}
	if errors.Is(err, ErrBadToken) {
		return p, g.challenge("invalid_token")
	}
	if errors.Is(err, ErrUnavailable) {
		return p, refusal{503, http.Header{"Retry-After": {time.Now().UTC().Add(10 * time.Second).Format(http.TimeFormat)}}}
	}
	return p, refusal{500, nil}
}

func (g guard) permit(p Principal, r *http.Request) http.Handler {
	verdicts := map[Decision]http.Handler{Allow: nil, Hide: http.NotFoundHandler()}
	if no, ok := verdicts[g.authorize(p, r)]; ok {
		return no
	}
	return refusal{403, http.Header{"Www-Authenticate": {`Bearer realm=` + strconv.Quote(g.realm) + `, error="insufficient_scope"`}}}
}

func (g guard) challenge(code string) http.Handler {
	c := "Bearer "
	if code != "" {
		c += "error=" + code + ", "
	}
	return refusal{401, http.Header{"Www-Authenticate": {"Basic realm=" + strconv.Quote("old, clients"), c + "realm=" + strconv.Quote(g.realm)}}}
}

// refusal is an answer without a body.
type refusal struct {
	status int
	header http.Header
}

func (f refusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	w.WriteHeader(f.status)
}

// known is the context of a request from somebody.
type known struct {
	context.Context
	principal Principal
}

type who struct{}

func (k known) Value(key any) any {
	if key == (who{}) {
		return k.principal
	}
	return k.Context.Value(key)
}

// PrincipalFrom returns whose request it is, given the context of a request that a guard has let through.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(who{}).(Principal)
	return p, ok
}
