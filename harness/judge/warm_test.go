package judge_test

import (
	"context"
	"path/filepath"
	"testing"
)

// TestWarm looks for the binaries that the next verdict finds.
func TestWarm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		race bool
		ends bool // before it begins
		want int
	}{
		{"plain", false, false, 1},
		{"plain and for the race run", true, false, 2},
		{"ended", true, true, 0},
	} {
		b := setup(t)
		b.j.Options.Race = tt.race
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if tt.ends {
			cancel()
		}
		b.j.Warm(ctx, b.lab("i01"))
		got, err := filepath.Glob(filepath.Join(b.j.Builder().Dir, "i01-counter@*"))
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: got %q, %v, want %d binaries", tt.name, got, err, tt.want)
		}
	}
}
