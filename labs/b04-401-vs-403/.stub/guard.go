// Package guard lets a request through to a handler if it is known who sends it and they may do what they ask for.
package guard

import (
	"context"
	"errors"
	"net/http"
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

// Guard returns a middleware for requests with a bearer token, "Authorization: Bearer <token>". verify says whose token
// it is, authorize what they may do; next is called if the decision is Allow, and only then.
//
//	no credentials   401 with a challenge: WWW-Authenticate: Bearer realm="<realm>"
//	ErrBadToken      401 with the challenge, and error="invalid_token" in it
//	ErrUnavailable   503 with Retry-After
//	another error    500 or 503
//	Deny             403
//	Hide             what http.NotFound answers
//
// Authentication comes first: without a valid token, authorize is not called. verify gets the request's context, or one
// made from it, and the token as it was sent. Many requests are served at the same time.
func Guard(
	realm string,
	verify func(ctx context.Context, token string) (Principal, error),
	authorize func(p Principal, r *http.Request) Decision,
) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "not implemented", http.StatusNotImplemented) // your code
		})
	}
}

// PrincipalFrom returns whose request it is, given the context of a request that a guard has let through. For other
// contexts it returns false.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	return Principal{}, false // your code
}
