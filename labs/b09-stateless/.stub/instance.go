// Package stateless serves shopping carts from any number of instances, none of which remembers anything.
package stateless

import (
	"context"
	"errors"
	"net/http"
)

// Store is shared by all instances: a database, reached over the network.
type Store interface {
	// Get returns the value of a key and its version, which changes with each write. What is not there is nil, with
	// version 0 and no error.
	Get(ctx context.Context, key string) (val []byte, version int64, err error)

	// PutIf writes the value if the key still has this version. If it has not, nothing is written and the error is
	// ErrConflict. Version 0 creates: it succeeds if the key is not there.
	PutIf(ctx context.Context, key string, val []byte, version int64) error
}

// ErrConflict says that somebody else has written in between. It may come wrapped: compare with errors.Is.
var ErrConflict = errors.New("conflict")

// NewInstance makes one instance of the shop. All instances of a fleet get the same store and the same secret. Each may
// be asked for anything at any time, many requests at once, and may be gone before the next one.
//
//	POST /login       {"user":"ann"}  200 {"token":"…"}  who logs in is believed: passwords are another lab's business
//	POST /cart/items  {"sku":"lamp"}  2xx                puts the item behind the others in the user's cart
//	GET  /cart                        200 ["lamp",…]     the user's cart, [] if it is empty
//
// The cart's requests carry "Authorization: Bearer <token>". Without a token that a login of this fleet gave out,
// exactly as it was given out, the answer is 401.
func NewInstance(store Store, secret []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not implemented", http.StatusNotImplemented) // your code
	})
}
