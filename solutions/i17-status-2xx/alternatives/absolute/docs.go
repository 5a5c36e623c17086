// Package docs serves documents. Here each resource is named by an absolute URL, and a document
// that was put needs none: it is where it was put.
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
	"sync/atomic"
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
	d := documents{s, http.NewServeMux(), new(sync.Map)}
	d.handle("GET /docs/{id}", d.get)
	d.handle("POST /docs", func(r *http.Request) (Outcome, error) {
		sent, err := read[Doc](r)
		if err != nil {
			return Outcome{}, err
		}
		is, err := s.Create(r.Context(), sent)
		if errors.Is(err, ErrExists) {
			return Outcome{Kind: Found, Body: is}, nil
		}
		return Outcome{Kind: Created, Location: at(r, "/docs/"+url.PathEscape(is.ID)), ETag: tag(is), Body: is}, err
	})
	d.handle("PUT /docs/{id}", func(r *http.Request) (Outcome, error) {
		sent, err := read[Doc](r)
		if err != nil {
			return Outcome{}, err
		}
		created, err := s.Put(r.Context(), Doc{r.PathValue("id"), sent.Slug, sent.Text})
		if err != nil {
			return Outcome{}, err
		}
		o, err := d.get(r)
		if o.Kind = Replaced; created {
			o.Kind, o.Location = Created, r.URL.EscapedPath()
		}
		return o, err
	})
	d.handle("DELETE /docs/{id}", func(r *http.Request) (Outcome, error) {
		return Outcome{Kind: NothingToSay}, s.Delete(r.Context(), r.PathValue("id"))
	})
	d.handle("POST /docs/search", func(r *http.Request) (Outcome, error) {
		q, err := read[Doc](r)
		if err != nil {
			return Outcome{}, err
		}
		found, err := s.Search(r.Context(), q.Text)
		return Outcome{Kind: Found, Body: append([]Doc{}, found...)}, err
	})
	d.handle("POST /exports", d.export)
	d.mux.HandleFunc("GET /exports/{id}", d.monitor)
	return d.mux
}

type documents struct {
	store Store
	mux   *http.ServeMux
	jobs  *sync.Map // id → *atomic.Pointer[json.RawMessage]
}

func (d documents) handle(route string, f func(*http.Request) (Outcome, error)) {
	d.mux.HandleFunc(route, handle(f))
}

// at is a URL on this server.
func at(r *http.Request, path string) string { return "http://" + r.Host + path }

func (d documents) get(r *http.Request) (Outcome, error) {
	is, err := d.store.Get(r.Context(), r.PathValue("id"))
	return Outcome{Kind: Found, ETag: tag(is), Body: is}, err
}

// export begins one. Its result is at the monitor's URL with a query.
func (d documents) export(r *http.Request) (Outcome, error) {
	var result atomic.Pointer[json.RawMessage]
	id := rand.Text()
	d.jobs.Store(id, &result)
	go func() {
		if data, err := d.store.Export(context.Background()); err == nil {
			result.Store(&data)
		}
	}()
	return Outcome{Kind: Accepted, Monitor: at(r, "/exports/"+id), Body: "accepted"}, nil
}

func (d documents) monitor(w http.ResponseWriter, r *http.Request) {
	job, ok := d.jobs.Load(r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch data := job.(*atomic.Pointer[json.RawMessage]).Load(); {
	case data == nil:
		Reply(w, r, Outcome{Kind: Found, Body: struct {
			State string `json:"state"`
		}{"running"}})
	case r.URL.RawQuery == "result":
		Reply(w, r, Outcome{Kind: Found, Body: *data})
	default:
		http.Redirect(w, r, at(r, r.URL.Path+"?result"), http.StatusSeeOther)
	}
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
