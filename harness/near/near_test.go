package near_test

import (
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/near"
)

func TestOf(t *testing.T) {
	names := []string{"b01-adder", "adder", "b10-token-bucket", "token-bucket", "up", "ci", "check", "adder"}
	for _, test := range []struct {
		typed string
		want  []string
	}{
		{"adler", []string{"adder"}},
		{"adder", []string{"adder", "b01-adder"}},
		{"ADDER", []string{"adder", "b01-adder"}},
		{"tokn-bucket", []string{"token-bucket"}},
		{"bucket", []string{"b10-token-bucket", "token-bucket"}},
		{"chek", []string{"check"}},
		{"cehck", []string{"check"}},
		{"pu", nil}, // two letters of two are another word
		{"u", []string{"up"}},
		{"x", nil},
		{"nope", nil},
		{"", nil},
	} {
		if got := near.Of(test.typed, names); !slices.Equal(got, test.want) {
			t.Errorf("Of(%q) = %q, want %q", test.typed, got, test.want)
		}
	}
}
