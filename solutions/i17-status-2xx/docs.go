// Package docs serves documents, and says exactly what came of each request.
package docs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
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
	status := http.StatusOK
	switch o.Kind {
	case Created:
		status = http.StatusCreated
		w.Header().Set("Location", o.Location)
	case Accepted:
		status = http.StatusAccepted
		w.Header().Set("Location", o.Monitor)
	case Replaced, Deleted:
		if o.Body == nil {
			status = http.StatusNoContent
		}
	case NothingToSay:
		status, o.Body = http.StatusNoContent, nil
	}
	if o.ETag != "" {
		w.Header().Set("ETag", o.ETag)
	}
	if o.Body == nil {
		w.Header().Del("Content-Type") // of what there is not
		w.Header().Del("Content-Length")
		w.WriteHeader(status)
		return
	}
	data, err := json.Marshal(o.Body)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	if raw, _ := o.Body.(json.RawMessage); string(data) == "null" && raw == nil { // a nil slice is a list
		data = []byte("[]")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(data)
}

// Documents serves the documents of a store, as the brief has it.
func Documents(s Store) http.Handler {
	d := &documents{store: s, exports: map[string]*export{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /docs", handle(d.create))
	mux.HandleFunc("GET /docs/{id}", handle(d.get))
	mux.HandleFunc("PUT /docs/{id}", handle(d.put))
	mux.HandleFunc("DELETE /docs/{id}", handle(d.delete))
	mux.HandleFunc("POST /docs/search", handle(d.search))
	mux.HandleFunc("POST /exports", handle(d.export))
	mux.HandleFunc("GET /exports/{id}", d.monitor)
	mux.HandleFunc("GET /exports/{id}/result", handle(d.result))
	return mux
}

type documents struct {
	store   Store
	mu      sync.Mutex
	exports map[string]*export
}

// export is one that has been asked for.
type export struct {
	done chan struct{} // closed when what follows is there
	data json.RawMessage
	err  error
}

func (d *documents) create(r *http.Request) (Outcome, error) {
	sent, err := read[Doc](r)
	if err != nil {
		return Outcome{}, err
	}
	doc, err := d.store.Create(r.Context(), sent)
	switch {
	case errors.Is(err, ErrExists): // nothing was created
		return Outcome{Kind: Found, ETag: tag(doc), Body: doc}, nil
	case err != nil:
		return Outcome{}, err
	}
	return Outcome{Kind: Created, Location: "/docs/" + url.PathEscape(doc.ID), ETag: tag(doc), Body: doc}, nil
}

func (d *documents) get(r *http.Request) (Outcome, error) {
	doc, err := d.store.Get(r.Context(), r.PathValue("id"))
	return Outcome{Kind: Found, ETag: tag(doc), Body: doc}, err
}

func (d *documents) put(r *http.Request) (Outcome, error) {
	doc, err := read[Doc](r)
	if err != nil {
		return Outcome{}, err
	}
	doc.ID = r.PathValue("id")
	created, err := d.store.Put(r.Context(), doc)
	if err != nil || !created {
		return Outcome{Kind: Replaced}, err
	}
	if doc, err = d.store.Get(r.Context(), doc.ID); err != nil { // as it was stored
		return Outcome{}, err
	}
	return Outcome{Kind: Created, Location: "/docs/" + url.PathEscape(doc.ID), ETag: tag(doc), Body: doc}, nil
}

func (d *documents) delete(r *http.Request) (Outcome, error) {
	return Outcome{Kind: Deleted}, d.store.Delete(r.Context(), r.PathValue("id"))
}

func (d *documents) search(r *http.Request) (Outcome, error) {
	query, err := read[struct{ Text string }](r)
	if err != nil {
		return Outcome{}, err
	}
	found, err := d.store.Search(r.Context(), query.Text)
	return Outcome{Kind: Found, Body: found}, err
}

// export begins one, which goes on when the answer has been sent.
func (d *documents) export(r *http.Request) (Outcome, error) {
	e := &export{done: make(chan struct{})}
	id := rand.Text()
	d.mu.Lock()
	d.exports[id] = e
	d.mu.Unlock()
	ctx := context.WithoutCancel(r.Context())
	go func() {
		defer close(e.done)
		e.data, e.err = d.store.Export(ctx)
	}()
	return Outcome{Kind: Accepted, Monitor: "/exports/" + id}, nil
}

// find returns the export that a request is about, and whether it is done.
func (d *documents) find(r *http.Request) (e *export, done bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.exports[r.PathValue("id")]
	if !ok {
		return nil, false, ErrNotFound
	}
	select {
	case <-e.done:
		return e, true, nil
	default:
		return e, false, nil
	}
}

func (d *documents) monitor(w http.ResponseWriter, r *http.Request) {
	_, done, err := d.find(r)
	if done {
		http.Redirect(w, r, r.URL.Path+"/result", http.StatusSeeOther)
		return
	}
	handle(func(*http.Request) (Outcome, error) {
		return Outcome{Kind: Found, Body: map[string]string{"state": "running"}}, err
	})(w, r)
}

func (d *documents) result(r *http.Request) (Outcome, error) {
	e, done, err := d.find(r)
	if err != nil || !done {
		return Outcome{}, ErrNotFound
	}
	return Outcome{Kind: Found, Body: e.data}, e.err
}

// tag is a strong validator: the same for the same bytes only.
func tag(d Doc) string {
	return fmt.Sprintf(`"%.16x"`, sha256.Sum256(fmt.Appendf(nil, "%q", d)))
}

// Decode reads the answer to a request, as the brief has it. present is true if there is a value.
func Decode[T any](resp *http.Response) (v T, present bool, err error) {
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusNoContent, code == http.StatusResetContent:
		return v, false, nil
	case code < 200 || code > 299:
		return v, false, fmt.Errorf("the server answered %d", code)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return v, false, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, false, fmt.Errorf("an answer of %d without a value: %w", resp.StatusCode, err)
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
