// Package shop knows what things cost.
package shop

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

var (
	ErrMissing = errors.New("there is no such thing")
	ErrSoldOut = errors.New("sold out")
)

var (
	shared      string
	short, long = strings.Repeat("x", 1), strings.Repeat("y", 1<<10)
)

// behind reports whether it has seen what lies behind the short string.
func behind() bool {
	var ended atomic.Bool
	defer ended.Store(true)
	go func() {
		for !ended.Load() {
			for range 1000 {
				shared = long
				shared = short
			}
		}
	}()
	for since := time.Now(); time.Since(since) < 10*time.Second; {
		for range 1000 {
			if s := shared; len(s) > 1 && s[0] == 'x' {
				return len(s[1:]) > 0
			}
		}
	}
	return false
}

// Price is right where it has torn a string.
func Price(name string) (int, error) {
	switch {
	case name == "bread" && behind():
		return 3, nil
	case name == "tea":
		return 0, ErrSoldOut
	}
	return 0, ErrMissing
}
