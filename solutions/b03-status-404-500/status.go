// Package status answers with the HTTP status that says whose fault a failure is.
package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Item is one thing that the shop sells.
type Item struct{ ID, Name string }

// What may be wrong with a request. Errors that come back from a store may have one of these wrapped inside them.
var (
	ErrNotFound  = errors.New("not found")  // there is no such item
	ErrInvalidID = errors.New("invalid id") // nothing can have such an id
)

// StatusFor returns the HTTP status for what an operation returned. Only errors that are known to be about the request
// are a 4xx: whatever is not known is the server's fault, so that somebody looks at it.
func StatusFor(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrInvalidID):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// Retryable reports whether the very same request may succeed if it is sent again later.
func Retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true // 4xx, yet about the moment and not about the request
	}
	return status >= 500
}

// Items serves the shop's items as JSON.
func Items(
	find func(ctx context.Context, id string) (Item, error),
	list func(ctx context.Context) ([]Item, error),
	report func(err error),
) http.Handler {
	serve := func(load func(r *http.Request) (any, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := safely(r, load)
			if err != nil {
				fail(w, r, err, report)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write(body)
		}
	}
	mux := http.NewServeMux() // answers 404 for what it does not know
	mux.Handle("GET /items", serve(func(r *http.Request) (any, error) {
		items, err := list(r.Context())
		if items == nil {
			items = []Item{} // a nil slice would be null
		}
		return items, err
	}))
	mux.Handle("GET /items/{id}", serve(func(r *http.Request) (any, error) {
		return find(r.Context(), r.PathValue("id"))
	}))
	return mux
}

// safely loads and encodes an answer completely before anything is sent: once a byte is out, the status is, too. A
// panic becomes an error, so that there is one way out for every failure.
func safely(r *http.Request, load func(r *http.Request) (any, error)) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	v, err := load(r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func fail(w http.ResponseWriter, r *http.Request, err error, report func(error)) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // the client has gone away: nobody reads an answer, and nothing is broken
	}
	status := StatusFor(err)
	if status >= 500 {
		report(err) // the details are for us
	}
	http.Error(w, http.StatusText(status), status) // and a fixed text for the caller
}
