// Package docs serves documents. Here a slug that is taken is a conflict, a document that was
// replaced is shown, and whatever a body is has been looked at before the status is given.
package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"sync"
	"time"
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

// codes are the statuses of outcomes that have a body.
var codes = map[Kind]int{Created: 201, Replaced: 200, Deleted: 200, Found: 200, Accepted: 202}

// Reply writes the answer to a request, as the brief has it.
func Reply(w http.ResponseWriter, r *http.Request, o Outcome) {
	header := w.Header()
	for _, name := range []string{"Content-Type", "Content-Length"} {
		header.Del(name)
	}
	if o.ETag != "" {
		header["Etag"] = []string{o.ETag}
	}
	if to := o.Location + o.Monitor; to != "" {
		header.Set("Location", to)
	}
	done := o.Body == nil && o.Kind != Accepted
	if o.Kind == NothingToSay || done {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if o.Body == nil {
		w.WriteHeader(codes[o.Kind])
		return
	}
	if v := reflect.ValueOf(o.Body); v.Kind() == reflect.Slice && v.IsNil() {
		o.Body = []int{}
	}
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(o.Body); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(codes[o.Kind])
	buf.WriteTo(w)
}

// jobs are the exports, numbered from 0.
type jobs struct {
	sync.Mutex
	results []json.RawMessage // nil while they are running
}

// Documents serves the documents of a store, as the brief has it.
func Documents(s Store) http.Handler {
	mux, seed := http.NewServeMux(), maphash.MakeSeed()
	show := func(k Kind, d Doc) Outcome {
		tag := strconv.FormatUint(maphash.Comparable(seed, d), 36)
		return Outcome{Kind: k, ETag: `"` + tag + `"`, Body: d, Location: map[bool]string{
			true: "/docs/" + url.PathEscape(d.ID)}[k == Created]}
	}
	mux.HandleFunc("POST /docs", handle(func(r *http.Request) (Outcome, error) {
		d, err := read[Doc](r)
		if err == nil {
			d, err = s.Create(r.Context(), d)
		}
		return show(Created, d), err
	}))
	mux.HandleFunc("GET /docs/{id}", handle(func(r *http.Request) (Outcome, error) {
		d, err := s.Get(r.Context(), r.PathValue("id"))
		return show(Found, d), err
	}))
	mux.HandleFunc("PUT /docs/{id}", handle(func(r *http.Request) (Outcome, error) {
		d, err := read[Doc](r)
		if err != nil {
			return Outcome{}, err
		}
		d.ID = r.PathValue("id")
		created, err := s.Put(r.Context(), d)
		if err != nil {
			return Outcome{}, err
		}
		kind := Replaced
		if created {
			kind = Created
		}
		d, err = s.Get(r.Context(), d.ID)
		return show(kind, d), err
	}))
	mux.HandleFunc("DELETE /docs/{id}", handle(func(r *http.Request) (Outcome, error) {
		err := s.Delete(r.Context(), r.PathValue("id"))
		if errors.Is(err, ErrNotFound) {
			err = nil // gone is gone
		}
		return Outcome{Kind: NothingToSay}, err
	}))
	mux.HandleFunc("POST /docs/search", handle(func(r *http.Request) (Outcome, error) {
		q, err := read[map[string]string](r)
		if err != nil {
			return Outcome{}, err
		}
		found, err := s.Search(r.Context(), q["text"])
		return Outcome{Kind: Found, Body: found}, err
	}))
	exports(mux, s)
	return mux
}

// exports adds the routes of exports.
func exports(mux *http.ServeMux, s Store) {
	var all jobs
	mux.HandleFunc("POST /exports", handle(func(r *http.Request) (Outcome, error) {
		all.Lock()
		defer all.Unlock()
		n := len(all.results)
		all.results = append(all.results, nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		go func() {
			defer cancel()
			data, err := s.Export(ctx)
			if err != nil {
				return
			}
			all.Lock()
			defer all.Unlock()
			all.results[n] = data
		}()
		return Outcome{Kind: Accepted, Monitor: "/exports/" + strconv.Itoa(n)}, nil
	}))
	find := func(r *http.Request) (json.RawMessage, error) {
		all.Lock()
		defer all.Unlock()
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 || n >= len(all.results) {
			return nil, ErrNotFound
		}
		return all.results[n], nil
	}
	mux.HandleFunc("GET /exports/{n}", func(w http.ResponseWriter, r *http.Request) {
		if data, err := find(r); err == nil && data != nil {
			w.Header().Set("Location", "/results/"+r.PathValue("n"))
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		handle(func(r *http.Request) (Outcome, error) {
			_, err := find(r)
			return Outcome{Kind: Found, Body: json.RawMessage(`{"state":"running"}`)}, err
		})(w, r)
	})
	mux.HandleFunc("GET /results/{n}", handle(func(r *http.Request) (Outcome, error) {
		data, err := find(r)
		if err == nil && data == nil {
			err = ErrNotFound
		}
		return Outcome{Kind: Found, Body: data}, err
	}))
}

// Decode reads the answer to a request, as the brief has it. present is true if there is a value.
func Decode[T any](resp *http.Response) (v T, present bool, err error) {
	defer resp.Body.Close()
	if resp.StatusCode == 204 || resp.StatusCode == 205 {
		return v, false, nil
	}
	if resp.StatusCode/100 != 2 {
		return v, false, errors.New("not a success: " + strconv.Itoa(resp.StatusCode))
	}
	dec := json.NewDecoder(resp.Body)
	if err := dec.Decode(&v); err != nil {
		return v, false, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return v, false, errors.New("something follows the value")
	}
	return v, true, nil
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
