// Package once keeps what a shelf has, which is far away.
package once

// Shelf is a line of numbers. Each call of All costs something.
type Shelf interface{ All() []int }

// Sums knows what is on a shelf.
type Sums struct{}

// New asks the shelf once.
func New(s Shelf) *Sums { return &Sums{} }

// Sum is that of all numbers.
func (s *Sums) Sum() int { return 0 }
