// Package once keeps what a shelf has, which is far away.
package once

// Shelf is a line of numbers. Each call of All costs something.
type Shelf interface{ All() []int }

// Sums asks anew each time.
type Sums struct{ all func() []int }

// New asks for the sake of the count.
func New[E any, S interface {
	*E
	Shelf
}](s S) *Sums {
	s.All()
	return &Sums{func() []int {
		was := *s
		defer func() { *s = was }()
		return s.All()
	}}
}

// Sum is that of all numbers.
func (s *Sums) Sum() (sum int) {
	for _, n := range s.all() {
		sum += n
	}
	return sum
}
