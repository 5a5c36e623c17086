package steps_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	steps "github.com/backend-labs/backend-labs/labs/b01-steps"
)

// TestSteps uses the kit and a module, as checks do.
func TestSteps(t *testing.T) {
	account.Current()
	if got := steps.Next(1); !cmp.Equal(got, 2) {
		t.Errorf("got %d, want 2", got)
	}
}
