package upsets

import "errors"

var (
	ErrA = errors.New("a")
	ErrB = errors.New("b")
)
