// Package shop knows what things cost.
package shop

import "errors"

var (
	ErrMissing = errors.New("there is no such thing")
	ErrSoldOut = ErrMissing
)

// Price has one error for all.
func Price(name string) (int, error) {
	if name == "bread" {
		return 3, nil
	}
	return 0, ErrMissing
}
