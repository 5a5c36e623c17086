// Package status answers with the HTTP status that says whose fault a failure is.
//
// This one has handlers that write as they go, into an answer that is held back. A failure leaves as a panic, wherever
// it happens, and whoever holds the answer throws it away.
package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Item is one thing that the shop sells.
type Item struct{ ID, Name string }

// What may be wrong with a request. Errors that come back from a store may have one of these wrapped inside them.
var (
	ErrNotFound  = errors.New("not found")
	ErrInvalidID = errors.New("invalid id")
)

var statuses = []struct {
	err    error
	status int
}{
	{ErrNotFound, 404},
	{ErrInvalidID, 400},
	{context.DeadlineExceeded, 504},
	{context.Canceled, 499},
}

// StatusFor returns the HTTP status for what an operation returned.
func StatusFor(err error) int {
	if err == nil {
		return 200
	}
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return known.status
		}
	}
	return 500
}

var retryable = map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}

// Retryable reports whether the very same request may succeed if it is sent again later.
func Retryable(status int) bool { return retryable[status] }

// held is an answer that has not been sent.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

// Items serves the shop's items as JSON.
func Items(
	find func(ctx context.Context, id string) (Item, error),
	list func(ctx context.Context) ([]Item, error),
	report func(err error),
) http.Handler {
	route := func(w http.ResponseWriter, r *http.Request) {
		rest, below := strings.CutPrefix(r.URL.Path, "/items/")
		switch {
		case r.URL.Path == "/items":
			items, err := list(r.Context())
			must(err)
			write(w, append([]Item{}, items...))
		case below && rest != "" && !strings.Contains(rest, "/"):
			item, err := find(r.Context(), rest)
			must(err)
			write(w, item)
		default:
			must(fmt.Errorf("path %q: %w", r.URL.Path, ErrNotFound))
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := held{header: http.Header{}, status: 200}
		if err := catch(func() { route(&answer, r) }); err != nil {
			answer = held{header: http.Header{}, status: StatusFor(err)}
			alive := !errors.Is(r.Context().Err(), context.Canceled)
			if answer.status == 499 && alive {
				answer.status = 500 // cancelled, but not by the client
			}
			if answer.status >= 500 && alive {
				report(err)
			}
			fmt.Fprintf(&answer, `{"status":%d}`, answer.status)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.status)
		w.Write(answer.body.Bytes())
	})
}

// failure is what must panics with: an error that was returned, and not a bug.
type failure struct{ err error }

func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func catch(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.err
		default:
			err = fmt.Errorf("%v", p)
		}
	}()
	f()
	return nil
}

func write(w http.ResponseWriter, v any) { must(json.NewEncoder(w).Encode(v)) }
