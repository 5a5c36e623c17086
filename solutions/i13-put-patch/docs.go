// Package docs keeps JSON documents that clients replace with PUT and modify with PATCH.
package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// MergePatch applies a JSON Merge Patch (RFC 7396), as the README says.
func MergePatch(target, patch []byte) ([]byte, error) {
	t, err := decode(target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	p, err := decode(patch)
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	return json.Marshal(merge(t, p))
}

// merge changes target where that is an object, and leaves patch as it is.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result, ok := target.(map[string]any)
	if !ok {
		result = map[string]any{}
	}
	for name, v := range changes {
		if v == nil {
			delete(result, name)
		} else {
			result[name] = merge(result[name], v)
		}
	}
	return result
}

// get answers with the document.
func (d *service) get(w http.ResponseWriter, r *http.Request) {
	doc, version, err := d.store.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		answer(w, 0, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", tag(version))
	w.Write(doc)
}

// tag is strong: what is stored is sent as it is, and each version has a number of its own.
func tag(version int64) string { return fmt.Sprintf(`"%d"`, version) }

// put makes the document what the body says.
func (d *service) put(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, func(doc, body object) (object, error) {
		return maps.Clone(body), nil // the body is needed again if somebody else is faster
	})
}

const mergePatch = "application/merge-patch+json"

// patch changes what the body says, and leaves the rest.
func (d *service) patch(w http.ResponseWriter, r *http.Request) {
	if mediaType(r) != mergePatch { // another format may mean something else by the same bytes
		w.Header().Set("Accept-Patch", mergePatch)
		answer(w, http.StatusUnsupportedMediaType, nil)
		return
	}
	d.change(w, r, func(doc, body object) (object, error) {
		if doc == nil {
			return nil, ErrNotFound
		}
		return merge(doc, body).(object), nil
	})
}

type object = map[string]any

// edit makes a new document of the one that is there, nil if there is none, and the body.
type edit func(doc, body object) (object, error)

// change stores what edit makes. All that is decided about the document is decided anew each time
// that somebody else was faster: it is another one then.
func (d *service) change(w http.ResponseWriter, r *http.Request, edit edit) {
	data, err := io.ReadAll(r.Body)
	value, _ := decode(data)
	body, ok := value.(object)
	if err != nil || !ok {
		answer(w, http.StatusBadRequest, nil)
		return
	}
	status, err := d.attempt(r, body, edit)
	for errors.Is(err, ErrConflict) { // it ends: one of all that meet wins, and the store heeds ctx
		status, err = d.attempt(r, body, edit)
	}
	answer(w, status, err)
}

// attempt changes the document unless somebody else does so between its two calls of the store.
func (d *service) attempt(r *http.Request, body object, edit edit) (status int, err error) {
	ctx, id := r.Context(), r.PathValue("id")
	doc, version, err := d.load(ctx, id)
	if err != nil {
		return 0, err
	}
	status, is := http.StatusCreated, ""
	own := object{"id": id, "createdAt": time.Now().UTC().Format(time.RFC3339)}
	if doc != nil {
		status, is = http.StatusNoContent, tag(version)
		own["createdAt"] = doc["createdAt"]
	}
	if !ifMatch(r, is) {
		return http.StatusPreconditionFailed, nil
	}
	for name, v := range own {
		if said, there := body[name]; there && said != v {
			return http.StatusUnprocessableEntity, nil
		}
	}
	next, err := edit(doc, body)
	if err != nil {
		return 0, err
	}
	maps.Copy(next, own)
	data, _ := json.Marshal(next) // what was decoded can be encoded
	return status, d.store.CompareAndSwap(ctx, id, version, data)
}

// load returns a document and its version: nil and 0 if there is none.
func (d *service) load(ctx context.Context, id string) (object, int64, error) {
	data, version, err := d.store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	value, _ := decode(data) // what is stored was encoded above
	doc, _ := value.(object)
	return doc, version, nil
}

// answer sends a status without a body: that of the error, if there is one.
func answer(w http.ResponseWriter, status int, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case err != nil:
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
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
