package shapes_test

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/labs/b03-shapes/area"
)

func TestArea(t *testing.T) {
	same(t, area.Of(2, 3), 6)
	area.Of(-1, 1)
}

func same(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		expect.Fatal(t, expect.Message{Did: "measured it", Want: "as much", Got: "another"})
	}
}
