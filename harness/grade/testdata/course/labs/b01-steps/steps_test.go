package steps_test

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	steps "github.com/backend-labs/backend-labs/labs/b01-steps"
)

func TestOne(t *testing.T) {
	if got := steps.Next(1); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}

func TestTwo(t *testing.T) {
	if got := steps.Next(2); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}

// TestSeed fails and says by which seed, where the step from 0 is wrong.
func TestSeed(t *testing.T) {
	if req, _ := account.Current(); steps.Next(0) != 1 {
		t.Errorf("the seed is %d", req.Seed)
	}
}
