// Package rest is a shop whose clients know one address, and find the others in what they get.
//
// In this one http.ServeContent compares the ETags, a new id is made until one is free, and whoever meets a conflict waits
// a little before looking again.
package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Order is an order of the shop.
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
	Get(ctx context.Context, id string) (o Order, version int64, err error)
	Put(ctx context.Context, o Order, ifVersion int64) error
}

// NewShop serves orders as JSON.
func NewShop(basePath string, store Store) http.Handler {
	return handler{basePath, store}
}

type handler struct {
	base  string
	store Store
}

// ServeHTTP takes an address apart: base, what, "-" and an id.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, below := strings.CutPrefix(r.URL.Path, h.base+"/")
	what, id, _ := strings.Cut(path, "-")
	route := r.Method + " " + what
	var err error
	switch {
	case !below:
		err = ErrNotFound
	case route == "GET " && path == "":
		write(w, r, 200, `"1"`, map[string]any{"links": map[string]any{
			"orders": map[string]string{"href": h.base + "/new", "method": "POST"},
		}})
	case route == "POST new" && id == "":
		err = h.create(w, r)
	case route == "GET o":
		var o Order
		var version int64
		if o, version, err = h.store.Get(r.Context(), id); err == nil {
			h.answer(w, r, 200, o, version)
		}
	case route == "PUT paid" || route == "POST cancelled":
		if err = h.settle(r.Context(), id, what); err == nil {
			w.WriteHeader(204)
		}
	default:
		err = ErrNotFound
	}
	var refused refusal
	switch {
	case err == nil:
	case errors.As(err, &refused):
		w.WriteHeader(int(refused))
	case errors.Is(err, ErrNotFound):
		w.WriteHeader(404)
	default:
		w.WriteHeader(500)
	}
}

type refusal int

func (r refusal) Error() string { return http.StatusText(int(r)) }

// lines is an array of texts, and nothing else.
type lines []string

func (l *lines) UnmarshalJSON(text []byte) error {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil || items == nil {
		return refusal(400)
	}
	*l = lines{}
	for _, item := range items {
		var line string
		if item[0] != '"' || json.Unmarshal(item, &line) != nil {
			return refusal(400)
		}
		*l = append(*l, line)
	}
	return nil
}

func (h handler) create(w http.ResponseWriter, r *http.Request) error {
	var body map[string]lines
	input := json.NewDecoder(r.Body)
	input.DisallowUnknownFields()
	if input.Decode(&body) != nil || body["lines"] == nil {
		return refusal(400)
	}
	if err := input.Decode(new(any)); err != io.EOF {
		return refusal(400)
	}
	for {
		o := Order{rand.Text(), "pending", body["lines"]}
		err := h.store.Put(r.Context(), o, 0)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		w.Header().Set("Location", "http://"+r.Host+h.base+"/o-"+o.ID)
		h.answer(w, r, 201, o, 1)
		return nil
	}
}

func (h handler) settle(ctx context.Context, id, state string) error {
	for wait := time.Microsecond; ; wait = min(2*wait, 50*time.Millisecond) {
		o, version, err := h.store.Get(ctx, id)
		if err != nil {
			return err
		}
		switch o.State {
		case state:
			return nil
		case "pending":
		default:
			return refusal(409)
		}
		o.State = state
		if err := h.store.Put(ctx, o, version); !errors.Is(err, ErrConflict) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h handler) answer(w http.ResponseWriter, r *http.Request, status int, o Order, version int64) {
	links := map[string]any{"self": map[string]string{"href": h.base + "/o-" + o.ID}}
	if o.State == "pending" {
		links["payment"] = map[string]string{"href": h.base + "/paid-" + o.ID, "method": "PUT"}
		links["cancel"] = map[string]string{"href": h.base + "/cancelled-" + o.ID, "method": "POST"}
	}
	all := o.Lines
	if all == nil {
		all = []string{}
	}
	doc := map[string]any{"id": o.ID, "state": o.State, "lines": all, "links": links}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %q", o.ID, o)))
	write(w, r, status, fmt.Sprintf(`"%x.%d"`, sum[:6], version), doc)
}

func write(w http.ResponseWriter, r *http.Request, status int, tag string, doc any) {
	text, _ := json.Marshal(doc)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", tag)
	if status != 200 {
		w.WriteHeader(status)
		w.Write(text)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}
