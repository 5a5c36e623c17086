// Package rest is a shop whose clients know one address, and find the others in what they get.
package rest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Order is an order of the shop. It begins as "pending" and becomes "paid" or "cancelled".
type Order struct {
	ID, State string
	Lines     []string
}

// What a Store returns, as it is or wrapped.
var (
	ErrNotFound = errors.New("no such order")
	ErrConflict = errors.New("the order has another version")
)

// Store keeps the orders of all instances of the shop.
type Store interface {
	// Get returns an order and its version, or ErrNotFound.
	Get(ctx context.Context, id string) (o Order, version int64, err error)
	// Put stores an order if its version is still ifVersion, and gives it the next one; else it returns ErrConflict and
	// changes nothing. With ifVersion 0 there must be no order with this id.
	Put(ctx context.Context, o Order, ifVersion int64) error
}

// shop has no state: whatever is to be remembered is in the store, or in the links that the client holds.
type shop struct {
	base  string
	store Store
}

// NewShop serves orders as JSON. Its entry point is basePath + "/", and all other addresses are below basePath. What a
// client can do next stands in the "links" of what it gets; the README has the format, the names, and what each does.
//
// The handler may be one of many over the same store.
func NewShop(basePath string, store Store) http.Handler {
	s := &shop{basePath, store}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+basePath+"/{$}", s.entry)
	mux.HandleFunc("POST "+basePath+"/orders", s.create)
	mux.HandleFunc("GET "+basePath+"/orders/{id}", s.show)
	mux.HandleFunc("PUT "+basePath+"/orders/{id}/payment", s.change("paid"))
	mux.HandleFunc("PUT "+basePath+"/orders/{id}/cancellation", s.change("cancelled"))
	return mux
}

type link struct {
	Href   string `json:"href"`
	Method string `json:"method,omitempty"`
}

type representation struct {
	ID    string          `json:"id"`
	State string          `json:"state"`
	Lines []string        `json:"lines"`
	Links map[string]link `json:"links"`
}

// represent is the only place that knows where things are and what can be done with them.
func (s *shop) represent(o Order) representation {
	self := s.base + "/orders/" + o.ID
	links := map[string]link{"self": {Href: self}}
	if o.State == "pending" {
		links["payment"] = link{self + "/payment", http.MethodPut}
		links["cancel"] = link{self + "/cancellation", http.MethodPut}
	}
	return representation{o.ID, o.State, append([]string{}, o.Lines...), links}
}

func (s *shop) entry(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, map[string]any{
		"links": map[string]link{"orders": {s.base + "/orders", http.MethodPost}},
	})
}

func (s *shop) create(w http.ResponseWriter, r *http.Request) {
	lines, err := readLines(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, `the body must be like {"lines": ["lamp"]}`, http.StatusBadRequest)
		return
	}
	o := Order{ID: rand.Text(), State: "pending", Lines: lines}
	if err := s.store.Put(r.Context(), o, 0); err != nil {
		fail(w, err)
		return
	}
	doc := s.represent(o)
	w.Header().Set("Location", doc.Links["self"].Href)
	w.Header().Set("ETag", etag(1))
	send(w, http.StatusCreated, doc)
}

var errNoOrder = errors.New("not a document with lines")

// readLines reads the whole body. A Decoder would stop after the document, and a []string takes a null for a "".
func readLines(r io.Reader) ([]string, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Lines []*string `json:"lines"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, err
	}
	if body.Lines == nil || slices.Contains(body.Lines, nil) {
		return nil, errNoOrder
	}
	lines := make([]string, len(body.Lines))
	for i, line := range body.Lines {
		lines[i] = *line
	}
	return lines, nil
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	o, version, err := s.store.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("ETag", etag(version))
	if strings.Contains(r.Header.Get("If-None-Match"), etag(version)) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	send(w, http.StatusOK, s.represent(o))
}

// change lets a pending order become what it is to be. One that is that already stays as it is.
func (s *shop) change(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, version, err := s.become(r.Context(), r.PathValue("id"), to)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("ETag", etag(version))
		send(w, http.StatusOK, s.represent(o))
	}
}

var errImpossible = errors.New("not possible in this state")

func (s *shop) become(ctx context.Context, id, to string) (Order, int64, error) {
	for {
		o, version, err := s.store.Get(ctx, id)
		if err != nil || o.State == to {
			return o, version, err
		}
		if o.State != "pending" {
			return o, version, fmt.Errorf("%w: %s", errImpossible, o.State)
		}
		o.State = to
		err = s.store.Put(ctx, o, version)
		if !errors.Is(err, ErrConflict) {
			return o, version + 1, err
		}
		// Somebody was quicker, so what was decided above may be wrong by now.
	}
}

// etag is the version: it changes when the order does, and is the same from every instance.
func etag(version int64) string { return fmt.Sprintf(`"v%d"`, version) }

func send(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(doc)
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, errImpossible):
		status = http.StatusConflict
	}
	http.Error(w, http.StatusText(status), status)
}
