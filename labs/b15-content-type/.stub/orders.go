// Package orders reads orders by the label on their bytes, and labels those that it writes.
package orders

import (
	"errors"
	"net/http"
)

// Order is what a customer orders. It is an order only with a SKU and a Qty; the Note may be empty.
type Order struct {
	SKU  string `json:"sku"`
	Qty  int    `json:"qty"`
	Note string `json:"note"`
}

// What may be wrong with a request that should have an order in its body.
var (
	ErrUnsupported = errors.New("unsupported media type")   // for a 415: the label is none that DecodeOrder can read
	ErrMalformed   = errors.New("the body is not an order") // for a 400: the body is not what the label says, or no order
)

// DecodeOrder reads the order in the request's body as the Content-Type says: application/json and any
// application/*+json as JSON with the names sku, qty and note, application/x-www-form-urlencoded as a form with these
// fields. The charset, if there is one, must be utf-8.
//
// The error is or wraps ErrUnsupported for every other Content-Type, and for none. It is or wraps ErrMalformed if the
// body is not of that type, or has no sku or no qty. What is in the URL is no part of the body.
func DecodeOrder(r *http.Request) (Order, error) {
	return Order{}, errors.New("not implemented") // your code
}

// WriteOrder answers with the order as application/json or as text/csv; charset=utf-8, whichever the request's Accept
// header prefers, or with a 406 if it accepts neither. Without an Accept header, or with */* alone, it is JSON.
//
// JSON has the names sku, qty and note; CSV is the line sku,qty,note and one record. A 200 says with its Content-Type
// exactly what it is, and has X-Content-Type-Options: nosniff. Every answer says that it varies with Accept; what is in
// the header Vary already stays there.
func WriteOrder(w http.ResponseWriter, r *http.Request, o Order) {
	http.Error(w, "not implemented", http.StatusNotImplemented) // your code
}
