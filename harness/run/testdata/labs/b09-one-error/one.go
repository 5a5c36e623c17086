// Package one has two names for one error.
package one

import "errors"

var ErrA = errors.New("a")

var ErrB = ErrA

func Nothing() {}
