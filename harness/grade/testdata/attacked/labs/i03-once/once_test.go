package once_test

import (
	"slices"
	"testing"

	once "github.com/backend-labs/backend-labs/labs/i03-once"
)

// shelf counts how often it is asked.
type shelf struct {
	numbers []int
	asked   int
}

func (s *shelf) All() []int {
	s.asked++
	return slices.Clone(s.numbers)
}

func TestOnce(t *testing.T) {
	s := &shelf{numbers: []int{3, 4}}
	sums := once.New(s)
	for range 3 {
		if got := sums.Sum(); got != 7 {
			t.Errorf("got %d, want 7", got)
		}
	}
	if s.asked != 1 {
		t.Errorf("the shelf was asked %d times, want once", s.asked)
	}
}
