package adder_test

import (
	"testing"

	adder "github.com/backend-labs/backend-labs/labs/b01-adder"
)

func TestAdd(t *testing.T) {
	if got := adder.Add(1, 2); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}
