// Package once keeps what a shelf has, which is far away.
package once

// Shelf is a line of numbers. Each call of All costs something.
type Shelf interface{ All() []int }

// Sums knows what is on a shelf.
type Sums struct{ sum int }

// New asks the shelf once.
func New(s Shelf) *Sums {
	sums := &Sums{}
	for _, n := range s.All() {
		sums.sum += n
	}
	return sums
}

// Sum is that of all numbers.
func (s *Sums) Sum() int { return s.sum }
