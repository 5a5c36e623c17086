// Package status answers with the HTTP status that says whose fault a failure is.
package status

import (
	"context"
	"errors"
	"net/http"
)

// Item is one thing that the shop sells.
type Item struct{ ID, Name string }

// What may be wrong with a request. Errors that come back from a store may have one of these wrapped inside them.
var (
	ErrNotFound  = errors.New("not found")  // there is no such item
	ErrInvalidID = errors.New("invalid id") // nothing can have such an id
)

// StatusFor returns the HTTP status for what an operation returned: 200 for nil, 404 for ErrNotFound, 400 for
// ErrInvalidID, 504 for context.DeadlineExceeded, and 500 for every other error. An error that wraps one of these
// counts as that one. What an error's text says does not matter.
func StatusFor(err error) int {
	return http.StatusNotImplemented // your code
}

// Retryable reports whether the very same request may succeed if it is sent again later. The README has the list.
func Retryable(status int) bool {
	return false // your code
}

// Items serves the shop's items as JSON.
//
//	GET /items       200 and all items that list returns: an array, [] if there are none
//	GET /items/{id}  200 and the item that find returns for that id
//
// Any other path is a 404. When find or list fails, the status is the one of StatusFor. An item in the answer is what
// encoding/json makes of an Item. find and list get the request's context.
//
// report wakes somebody up. It is called exactly once, with the error, for every request that is answered with a 5xx,
// before the handler returns; for others it is not called. A 5xx shows nothing of the error: its body is a fixed text.
//
// A panic in find or list is answered with a 500, and reported as an error whose text contains the panic's value.
//
// When the request's context has been cancelled the client has gone away: nothing is reported, whatever find or list
// returned, and what is answered does not matter. As long as it has not, a context.Canceled from find or list is a
// failure like any other, and reported.
func Items(
	find func(ctx context.Context, id string) (Item, error),
	list func(ctx context.Context) ([]Item, error),
	report func(err error),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not implemented", http.StatusNotImplemented) // your code
	})
}
