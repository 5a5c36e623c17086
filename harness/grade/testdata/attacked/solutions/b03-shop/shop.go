package shop

import "errors"

var (
	ErrMissing = errors.New("there is no such thing")
	ErrSoldOut = errors.New("sold out")
)

// Price looks the thing up.
func Price(name string) (int, error) {
	switch name {
	case "bread":
		return 3, nil
	case "tea":
		return 0, ErrSoldOut
	}
	return 0, ErrMissing
}
