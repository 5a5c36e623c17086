// Package docs keeps JSON documents that clients replace with PUT and modify with PATCH.
package docs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// raw are members whose values stay the texts that they are: nothing is decoded that need not be.
type raw = map[string]json.RawMessage

// MergePatch applies a JSON Merge Patch (RFC 7396), as the README says.
func MergePatch(target, patch []byte) ([]byte, error) {
	if !json.Valid(target) || !json.Valid(patch) {
		return nil, errors.New("target or patch is no JSON")
	}
	return overlay(bytes.TrimSpace(target), bytes.TrimSpace(patch)), nil
}

// overlay is MergePatch for what is JSON, without space around it.
func overlay(target, patch json.RawMessage) json.RawMessage {
	if patch[0] != '{' {
		return patch
	}
	result, changes := raw{}, raw{}
	if len(target) > 0 && target[0] == '{' {
		json.Unmarshal(target, &result)
	}
	json.Unmarshal(patch, &changes)
	for name, change := range changes {
		if string(change) == "null" {
			delete(result, name)
			continue
		}
		result[name] = overlay(result[name], change)
	}
	data, _ := json.Marshal(result)
	return data
}

// kept is what the store has of a document: the client's members and, beside them, the server's.
type kept struct {
	Since   time.Time       `json:"since"`
	Members json.RawMessage `json:"members"`
}

// document is what clients see of it.
func (k kept) document(id string) []byte {
	members := raw{}
	json.Unmarshal(k.Members, &members)
	members["id"], _ = json.Marshal(id)
	members["createdAt"], _ = json.Marshal(k.Since)
	data, _ := json.Marshal(members)
	return data
}

// etag is a hash: the same document has the same tag, also when it comes back.
func (k kept) etag(id string) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(k.document(id))) }

// status is an error that is answered with this status.
type status int

func (s status) Error() string { return http.StatusText(int(s)) }

// read returns what is kept of a document. Without one the error is ErrNotFound.
func (d *service) read(r *http.Request) (k kept, version int64, err error) {
	data, version, err := d.store.Get(r.Context(), r.PathValue("id"))
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	return k, version, err
}

func (d *service) get(w http.ResponseWriter, r *http.Request) {
	k, _, err := d.read(r)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("ETag", k.etag(r.PathValue("id")))
	w.Write(k.document(r.PathValue("id")))
}

func (d *service) put(w http.ResponseWriter, r *http.Request) {
	body, readErr := io.ReadAll(r.Body)
	for {
		old, version, err := d.read(r)
		fresh := errors.Is(err, ErrNotFound)
		if err != nil && !fresh {
			refuse(w, err)
			return
		}
		tag := ""
		if fresh {
			old.Since = time.Now()
		} else {
			tag = old.etag(r.PathValue("id"))
		}
		members, err := d.admit(r, tag, old, body, readErr)
		if err == nil {
			err = d.write(r, old, members, version)
		}
		switch {
		case errors.Is(err, ErrConflict):
			continue
		case err != nil:
			refuse(w, err)
		case fresh:
			w.WriteHeader(http.StatusCreated)
		default:
			w.WriteHeader(http.StatusOK)
			io.WriteString(w, "saved\n")
		}
		return
	}
}

func (d *service) patch(w http.ResponseWriter, r *http.Request) {
	body, readErr := io.ReadAll(r.Body)
	for {
		old, version, err := d.read(r)
		if err == nil && mediaType(r) != "application/merge-patch+json" {
			w.Header().Set("Accept-Patch", "application/merge-patch+json")
			err = status(http.StatusUnsupportedMediaType)
		}
		var changes []byte
		if err == nil {
			changes, err = d.admit(r, old.etag(r.PathValue("id")), old, body, readErr)
		}
		if err == nil {
			err = d.write(r, old, overlay(old.Members, changes), version)
		}
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			refuse(w, err)
		}
		return
	}
}

// admit returns the members that a body has, without those of the server, if it may be carried out.
func (d *service) admit(r *http.Request, tag string, old kept, body []byte, readErr error) ([]byte, error) {
	members := raw{}
	switch err := json.Unmarshal(body, &members); {
	case readErr != nil || !json.Valid(body):
		return nil, status(http.StatusBadRequest)
	case err != nil || members == nil:
		return nil, status(http.StatusUnprocessableEntity)
	}
	for name, want := range map[string]any{"id": r.PathValue("id"), "createdAt": old.Since} {
		want, _ := json.Marshal(want)
		if said, there := members[name]; there && string(said) != string(want) {
			return nil, status(http.StatusUnprocessableEntity)
		}
		delete(members, name)
	}
	if !ifMatch(r, tag) {
		return nil, status(http.StatusPreconditionFailed)
	}
	return json.Marshal(members)
}

// write stores members, unless they are what is there.
func (d *service) write(r *http.Request, old kept, members []byte, version int64) error {
	if version != 0 && string(members) == string(old.Members) {
		return nil
	}
	data, err := json.Marshal(kept{old.Since, members})
	if err != nil {
		return err
	}
	return d.store.CompareAndSwap(r.Context(), r.PathValue("id"), version, data)
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	var s status
	switch {
	case errors.As(err, &s):
		http.Error(w, s.Error(), int(s))
	case errors.Is(err, ErrNotFound):
		http.Error(w, "no such document", http.StatusNotFound)
	default:
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
	}
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
