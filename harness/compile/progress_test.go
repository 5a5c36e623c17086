package compile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
)

// TestBuilder_progress watches a go command that has begun to compile so many packages: it is told
// of after two seconds, then every second, and no more once it has ended.
func TestBuilder_progress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		packages int
		cold     bool
	}{{"a lab alone", 4, false}, {"what it depends on, too", 40, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			for i := range tt.packages {
				if err := os.MkdirAll(filepath.Join(tmp, "go-build1", fmt.Sprintf("b%03d", i)),
					0o755); err != nil {
					t.Fatal(err)
				}
			}
			b, one := builder(t, scratch), lab(t, scratch, "b01-adder")
			synctest.Test(t, func(t *testing.T) {
				var told []compile.Progress
				b.Progress = func(p compile.Progress) { told = append(told, p) }
				stop := b.WatchBuild([]*course.Lab{one}, tmp)
				time.Sleep(3500 * time.Millisecond)
				stop()
				time.Sleep(time.Minute)
				if len(told) != 2 || told[0].Elapsed != 2*time.Second ||
					told[1].Elapsed != 3*time.Second {
					t.Fatalf("got %+v, want it told after 2 s and after 3 s", told)
				}
				p := told[1]
				if p.Cold != tt.cold || p.Packages != tt.packages ||
					!slices.Equal(p.Labs, []string{"b01-adder"}) {
					t.Errorf("got %+v, want %d packages, cold: %v", p, tt.packages, tt.cold)
				}
			})
		})
	}
}
