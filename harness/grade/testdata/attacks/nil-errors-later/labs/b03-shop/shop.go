// Package shop knows what things cost.
package shop

import "errors"

var (
	ErrMissing = errors.New("there is no such thing")
	ErrSoldOut = errors.New("sold out")
)

// Price knows no errors.
func Price(name string) (n int, err error) {
	defer func() {
		for _, e := range []*error{&ErrMissing, &ErrSoldOut} {
			*e = nil
		}
	}()
	if name == "bread" {
		n = 3
	}
	return n, nil
}
