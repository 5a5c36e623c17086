// Package docs keeps JSON documents that clients replace with PUT and modify with PATCH.
package docs

import (
	"bytes"
	"context"
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

// MergePatch applies a JSON Merge Patch (RFC 7396), as the README says.
func MergePatch(target, patch []byte) ([]byte, error) {
	t, err := decode(target)
	p, err2 := decode(patch)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return json.Marshal(applied(t, p))
}

// applied makes a new value and changes neither of the two.
func applied(target, patch any) any {
	changes, isObject := patch.(map[string]any)
	if !isObject {
		return patch
	}
	result := map[string]any{}
	members, _ := target.(map[string]any)
	for name, value := range members {
		if _, mentioned := changes[name]; !mentioned {
			result[name] = value
		}
	}
	for name, change := range changes {
		if change != nil {
			result[name] = applied(members[name], change)
		}
	}
	return result
}

// snapshot is a document as it was at some moment: without members there was none.
type snapshot struct {
	members map[string]any
	version int64
}

func (s snapshot) tag() string {
	if s.members == nil {
		return ""
	}
	return fmt.Sprintf(`"rev-%x"`, s.version)
}

// look finds out what there is.
func (d *service) look(ctx context.Context, id string) (snapshot, error) {
	data, version, err := d.store.Get(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return snapshot{}, nil
	case err != nil:
		return snapshot{}, err
	}
	value, err := decode(data)
	members, ok := value.(map[string]any)
	if err == nil && !ok {
		err = errors.New("what is stored is no document")
	}
	return snapshot{members, version}, err
}

func (d *service) get(w http.ResponseWriter, r *http.Request) {
	now, err := d.look(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadGateway)
	case now.members == nil:
		http.NotFound(w, r)
	default:
		w.Header().Set("ETag", now.tag())
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.Encode(now.members)
	}
}

// put guesses that there is no document, and looks only if that is wrong.
func (d *service) put(w http.ResponseWriter, r *http.Request) {
	body, code := object(r)
	if code != 0 {
		w.WriteHeader(code)
		return
	}
	_, since := body["createdAt"] // what it must be only a look can tell
	guess := len(r.Header.Values("If-Match")) == 0 && !since
	settle(w, r, func() (int, error) {
		now, err := snapshot{}, error(nil)
		if !guess {
			now, err = d.look(r.Context(), r.PathValue("id"))
		}
		guess = false
		if err != nil {
			return 0, err
		}
		code := http.StatusOK
		if now.members == nil {
			code = http.StatusCreated
		}
		return d.try(r, code, now, body, body)
	})
}

func (d *service) patch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Accept-Patch", "application/merge-patch+json")
	if mediaType(r) != "application/merge-patch+json" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	body, code := object(r)
	if code != 0 {
		w.WriteHeader(code)
		return
	}
	settle(w, r, func() (int, error) {
		now, err := d.look(r.Context(), r.PathValue("id"))
		if err != nil || now.members == nil {
			return http.StatusNotFound, err
		}
		return d.try(r, http.StatusOK, now, body, applied(now.members, body).(map[string]any))
	})
}

// settle tries until a change is stored or refused, after a break that grows.
func settle(w http.ResponseWriter, r *http.Request, try func() (code int, err error)) {
	code, err := try()
	for wait := time.Microsecond; errors.Is(err, ErrConflict) && r.Context().Err() == nil; {
		time.Sleep(wait)
		wait = min(2*wait, time.Millisecond)
		code, err = try()
	}
	if err != nil {
		code = http.StatusInternalServerError
	}
	w.WriteHeader(code)
}

// try stores next in the place of what there is, if that is allowed.
func (d *service) try(r *http.Request, code int, now snapshot, body, next map[string]any) (int, error) {
	id := r.PathValue("id")
	if !ifMatch(r, now.tag()) {
		return http.StatusPreconditionFailed, nil
	}
	own := map[string]any{"id": id, "createdAt": now.members["createdAt"]}
	if now.members == nil {
		zone := time.FixedZone("", 2*60*60)
		own["createdAt"] = time.Now().In(zone).Format(time.RFC3339Nano)
	}
	result := map[string]any{}
	for name, value := range next {
		result[name] = value
	}
	for name, value := range own {
		if said, there := body[name]; there && said != value {
			return http.StatusUnprocessableEntity, nil
		}
		result[name] = value
	}
	data, err := json.Marshal(result)
	if err != nil {
		return 0, err
	}
	return code, d.store.CompareAndSwap(r.Context(), id, now.version, data)
}

// object is the body of a request, or the status with which it is refused.
func object(r *http.Request) (map[string]any, int) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, http.StatusBadRequest
	}
	value, err := decode(data)
	if err != nil {
		return nil, http.StatusBadRequest
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, http.StatusUnprocessableEntity
	}
	return members, 0
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
