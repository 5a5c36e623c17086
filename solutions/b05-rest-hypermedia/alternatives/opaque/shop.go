// Package rest is a shop whose clients know one address, and find the others in what they get.
//
// This one has a single address for everything, and queries that only it understands. An order is cancelled by DELETE, and
// the ETag is a hash of the representation.
package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
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

type object map[string]any

// status is an answer without a document.
type status int

func (s status) Error() string { return http.StatusText(int(s)) }

// NewShop serves orders as JSON.
func NewShop(basePath string, store Store) http.Handler {
	home := basePath + "/"
	represent := func(o Order) object {
		links := object{"self": object{"href": home + "?o=" + o.ID, "method": "GET"}, "home": object{"href": home}}
		if o.State == "pending" {
			links["payment"] = object{"href": home + "?pay=" + o.ID, "method": "PUT"}
			links["cancel"] = object{"href": home + "?o=" + o.ID, "method": "DELETE"}
		}
		lines := append([]string{}, o.Lines...)
		return object{"id": o.ID, "state": o.State, "lines": lines, "links": links, "currency": "EUR"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, created := r.URL.Query(), ""
		doc, err := func() (object, error) {
			switch {
			case r.URL.Path != home:
				return nil, status(404)
			case r.Method == "GET" && r.URL.RawQuery == "":
				return object{"links": object{"orders": object{"href": home, "method": "POST"}}}, nil
			case r.Method == "POST":
				var body struct{ Lines *[]any }
				input := json.NewDecoder(r.Body)
				if input.Decode(&body) != nil || body.Lines == nil {
					return nil, status(400)
				}
				if _, err := input.Token(); err != io.EOF {
					return nil, status(400) // something follows
				}
				o := Order{ID: rand.Text(), State: "pending"}
				for _, line := range *body.Lines {
					text, ok := line.(string)
					if !ok {
						return nil, status(400)
					}
					o.Lines = append(o.Lines, text)
				}
				created = home + "?o=" + o.ID
				return represent(o), store.Put(r.Context(), o, 0)
			case r.Method == "GET" && query.Has("o"):
				o, _, err := store.Get(r.Context(), query.Get("o"))
				return represent(o), err
			case r.Method == "PUT" && query.Has("pay"):
				o, err := transition(r.Context(), store, query.Get("pay"), "paid")
				return represent(o), err
			case r.Method == "DELETE" && query.Has("o"):
				_, err := transition(r.Context(), store, query.Get("o"), "cancelled")
				return nil, err
			}
			return nil, status(405)
		}()
		var code status
		switch {
		case errors.As(err, &code):
		case errors.Is(err, ErrNotFound):
			code = 404
		case err != nil:
			code = 503
		case doc == nil:
			code = 204
		case created != "":
			code = 201
			w.Header().Set("Location", created)
		default:
			code = 200
		}
		if code != 200 && code != 201 {
			w.WriteHeader(int(code))
			return
		}
		text, _ := json.MarshalIndent(doc, "", "  ")
		sum := sha256.Sum256(text)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		w.Header().Set("ETag", tag)
		if code == 200 && slices.Contains(tags(r), tag) {
			w.WriteHeader(304)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(int(code))
		bytes.NewReader(text).WriteTo(w)
	})
}

func tags(r *http.Request) (all []string) {
	for _, line := range r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(tag))
		}
	}
	return all
}

// transition is one attempt, and another one for as long as there are conflicts.
func transition(ctx context.Context, store Store, id, to string) (Order, error) {
	o, version, err := store.Get(ctx, id)
	switch {
	case err != nil:
		return o, err
	case o.State == to && to == "paid":
		return o, nil
	case o.State != "pending":
		return o, status(409)
	}
	o.State = to
	if err := store.Put(ctx, o, version); errors.Is(err, ErrConflict) {
		return transition(ctx, store, id, to)
	} else if err != nil {
		return o, err
	}
	return o, nil
}
