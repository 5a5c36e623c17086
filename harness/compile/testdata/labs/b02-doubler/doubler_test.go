package doubler_test

import (
	"testing"

	doubler "github.com/backend-labs/backend-labs/labs/b02-doubler"
)

func TestDouble(t *testing.T) {
	if got := doubler.Half(doubler.Double(4)); got != 4 {
		t.Errorf("got %d, want 4", got)
	}
}
