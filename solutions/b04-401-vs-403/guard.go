// Package guard lets a request through to a handler if it is known who sends it and they may do what they ask for.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Principal is whoever a request comes from, once that is known.
type Principal struct {
	ID     string
	Scopes []string
}

// Decision is what a principal may do. The zero Decision refuses, and so does every value that is not named here.
type Decision int

const (
	Deny  Decision = iota // they may not
	Hide                  // they may not, and must not learn that it exists
	Allow                 // they may
)

// What verify says about a token, maybe wrapped or joined with others. Any other error means that verify itself
// has failed.
var (
	ErrBadToken    = errors.New("bad token")       // forged, expired or revoked
	ErrUnavailable = errors.New("idp unavailable") // whoever knows cannot be asked now
)

// Guard returns a middleware for requests with a bearer token. It asks two questions, in this order: who are you (401 if
// that is not known), and may you (403 if not).
func Guard(
	realm string,
	verify func(ctx context.Context, token string) (Principal, error),
	authorize func(p Principal, r *http.Request) Decision,
) func(next http.Handler) http.Handler {
	unauthorized := func(w http.ResponseWriter, params string) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s"%s`, realm, params))
		http.Error(w, "log in first", http.StatusUnauthorized)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token := bearerToken(r)
			if token == "" {
				unauthorized(w, "") // nothing was wrong with the credentials: there were none
				return
			}
			p, err := verify(r.Context(), token)
			switch {
			case errors.Is(err, ErrBadToken):
				unauthorized(w, `, error="invalid_token"`)
				return
			case err != nil: // nobody has said that the token is bad, so the client must keep it
				w.Header().Set("Retry-After", "5")
				http.Error(w, "cannot check your credentials right now", http.StatusServiceUnavailable)
				return
			}
			switch authorize(p, r) {
			case Allow:
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
			case Hide:
				http.NotFound(w, r)
			default: // Deny, and whatever somebody will add one day
				http.Error(w, "you may not do this", http.StatusForbidden)
			}
		})
	}
}

// bearerToken returns the token of a request, or "" if there is none.
func bearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

// principalKey is a type of its own, so that no other package's value can be taken for a principal.
type principalKey struct{}

// PrincipalFrom returns whose request it is, given the context of a request that a guard has let through.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
