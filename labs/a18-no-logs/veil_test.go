package nologs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
)

// veiled is a Target that does not give itself away when it is printed: of a function fmt shows the
// address. Of a pointer to a struct it would show the fields, and what the shop suffers from is in them.
type veiled struct{ target func() nologs.Target }

// veil is what Diagnose is handed instead of a fake. The words are what must not be read off it.
func veil(t *testing.T, target nologs.Target, words ...string) nologs.Target {
	t.Helper()
	v := veiled{func() nologs.Target { return target }}
	printed := fmt.Sprintf("%v %+v %#v", v, v, v)
	for _, word := range words {
		if word != "" && strings.Contains(printed, word) {
			t.Errorf("the target gives the answer away when it is printed: %q is in %s", word, printed)
		}
	}
	return v
}

func (s *service) veiled(t *testing.T) nologs.Target {
	t.Helper()
	return veil(t, s, s.sickness, s.roles.Culprit, s.roles.Partner)
}

func (r *replay) veiled(t *testing.T) nologs.Target {
	t.Helper()
	return veil(t, r, r.sickness, r.roles.Culprit, r.roles.Partner)
}

func (v veiled) Goroutines(ctx context.Context) (string, error) { return v.target().Goroutines(ctx) }

func (v veiled) CPUProfile(ctx context.Context, d time.Duration) ([]byte, error) {
	return v.target().CPUProfile(ctx, d)
}

func (v veiled) Heap(ctx context.Context) ([]byte, error) { return v.target().Heap(ctx) }

func (v veiled) Mutex(ctx context.Context) ([]byte, error) { return v.target().Mutex(ctx) }

func (v veiled) Metrics(ctx context.Context) (map[string]float64, error) {
	return v.target().Metrics(ctx)
}

func (v veiled) Restart(ctx context.Context) error { return v.target().Restart(ctx) }
