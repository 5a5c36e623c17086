package lights_test

import (
	"testing"

	lights "github.com/backend-labs/backend-labs/labs/b07-lights"
)

func TestAt(t *testing.T) {
	for second := range 120 {
		want := lights.Red
		if second%60 >= 30 {
			want = lights.Green
		}
		if got := lights.At(second); got != want {
			t.Errorf("second %d: got %d, want %d", second, got, want)
		}
	}
}
