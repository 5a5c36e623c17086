// Package docs serves documents, and says exactly what came of each request.
package docs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Doc is a document with a slug that no other one has.
type Doc struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	Text string `json:"text"`
}

var (
	// ErrNotFound says that there is no such document.
	ErrNotFound = errors.New("no such document")
	// ErrExists says that there is a document with this slug.
	ErrExists = errors.New("there is a document with this slug")
)

// Store is where documents live. Errors may wrap ErrNotFound and ErrExists: use errors.Is.
type Store interface {
	// Create gives the document an id and has the last word on its text. It returns what it has
	// stored, or ErrExists together with the document that is there.
	Create(ctx context.Context, d Doc) (Doc, error)
	Get(ctx context.Context, id string) (Doc, error) // ErrNotFound
	// Put creates or replaces the document with the id of d, and has the last word on its text.
	Put(ctx context.Context, d Doc) (created bool, err error)
	Delete(ctx context.Context, id string) error            // ErrNotFound
	Search(ctx context.Context, text string) ([]Doc, error) // nil if nothing is found
	Export(ctx context.Context) (json.RawMessage, error)    // takes a while, and heeds ctx
}

// Kind is what has come of a request.
type Kind int

const (
	Created Kind = iota + 1
	Replaced
	Deleted
	Found
	Accepted     // begun, and not done
	NothingToSay // done
)

// Outcome is what a handler tells its client, with the Location of what was Created, an ETag in its
// quotes or none, a Body or nil, and the Monitor of what was Accepted.
type Outcome struct {
	Kind     Kind
	Location string
	ETag     string
	Body     any
	Monitor  string
}

// Reply writes the answer to a request, as the brief has it.
func Reply(w http.ResponseWriter, r *http.Request, o Outcome) {
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// Documents serves the documents of a store, as the brief has it.
func Documents(s Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /docs", handle(func(r *http.Request) (Outcome, error) {
		_, err := read[Doc](r)
		return Outcome{}, err // your code; and the other routes
	}))
	return mux
}

// Decode reads the answer to a request, as the brief has it. present is true if there is a value.
func Decode[T any](resp *http.Response) (v T, present bool, err error) {
	return v, false, errors.New("not written yet") // your code
}

// What follows is given.

var errNotJSON = errors.New("the body is not JSON, or not of the right kind")

// read is the JSON body of a request.
func read[T any](r *http.Request) (v T, err error) {
	data, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(data, &v) != nil {
		return v, errNotJSON
	}
	return v, nil
}

// handle answers with the outcome of f, or with an error.
func handle(f func(*http.Request) (Outcome, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := f(r)
		switch {
		case err == nil:
			Reply(w, r, o)
		case errors.Is(err, errNotJSON):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case errors.Is(err, ErrNotFound):
			http.Error(w, "no such thing", http.StatusNotFound)
		case errors.Is(err, ErrExists):
			http.Error(w, "the slug is taken", http.StatusConflict)
		default:
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}
}
