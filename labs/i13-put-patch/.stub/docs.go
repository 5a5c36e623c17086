// Package docs keeps JSON documents that clients replace with PUT and modify with PATCH.
package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// MergePatch applies a JSON Merge Patch (RFC 7396), as the README says.
func MergePatch(target, patch []byte) ([]byte, error) {
	_, err := decode(patch) // your code
	return nil, err
}

// get answers with the document.
func (d *service) get(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// put makes the document what the body says.
func (d *service) put(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// patch changes what the body says, and leaves the rest.
func (d *service) patch(w http.ResponseWriter, r *http.Request) {
	_, _ = mediaType(r), ifMatch(r, "")
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed.

// The errors of a Store that its callers tell apart. They may be wrapped.
var (
	ErrNotFound = errors.New("no such document")
	ErrConflict = errors.New("the document has another version")
)

// Store keeps documents, each with a version that is another one after each change. Its methods may
// be called by many at once, take their time, and give up when ctx ends.
type Store interface {
	// Get returns a document and its version, or ErrNotFound.
	Get(ctx context.Context, id string) (doc []byte, version int64, err error)
	// CompareAndSwap stores a document if its version is still this one, 0 if there is none yet;
	// else the error is ErrConflict.
	CompareAndSwap(ctx context.Context, id string, version int64, doc []byte) error
}

type service struct{ store Store }

// NewDocs serves the documents of a store, as the README says.
func NewDocs(store Store) http.Handler {
	d := &service{store: store}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs/{id}", d.get)
	mux.HandleFunc("PUT /docs/{id}", d.put)
	mux.HandleFunc("PATCH /docs/{id}", d.patch)
	return mux
}

// decode returns the one JSON value that data is: nil, bool, string, json.Number, []any or
// map[string]any.
func decode(data []byte) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

// mediaType is that of a request's body, in small letters and without parameters, or "".
func mediaType(r *http.Request) string {
	name, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return name
}

// ifMatch reports whether the request may change what has this tag: its If-Match names the tag, or
// is "*", or is not there. The tag of what does not exist is "".
func ifMatch(r *http.Request, tag string) bool {
	lines := r.Header.Values("If-Match")
	if len(lines) == 0 {
		return true
	}
	list := strings.Join(lines, ",")
	if strings.TrimSpace(list) == "*" {
		return tag != ""
	}
	for _, named := range regexp.MustCompile(`(W/)?"[^"]*"`).FindAllString(list, -1) {
		if named == tag { // a weak one never is: tags of ours are strong
			return true
		}
	}
	return false
}
