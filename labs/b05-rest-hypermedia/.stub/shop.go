// Package rest is a shop whose clients know one address, and find the others in what they get.
package rest

import (
	"context"
	"errors"
	"net/http"
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

// NewShop serves orders as JSON. Its entry point is basePath + "/", and all other addresses are below basePath. What a
// client can do next stands in the "links" of what it gets; the README has the format, the names, and what each does.
//
// The handler may be one of many over the same store.
func NewShop(basePath string, store Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not implemented", http.StatusNotImplemented) // your code
	})
}
