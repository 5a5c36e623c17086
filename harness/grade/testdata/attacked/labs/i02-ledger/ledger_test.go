package ledger_test

import (
	"slices"
	"testing"

	ledger "github.com/backend-labs/backend-labs/labs/i02-ledger"
)

type disk struct{ lines []int }

func (d *disk) Append(n int) { d.lines = append(d.lines, n) }

func (d *disk) All() []int { return slices.Clone(d.lines) }

// TestCrash begins a second life with the disk of the first, in the same process.
func TestCrash(t *testing.T) {
	d := &disk{}
	l := ledger.New(d)
	l.Add(3)
	l.Add(4)
	if got := ledger.New(d).Sum(); got != 7 {
		t.Errorf("got %d after the crash, want 7", got)
	}
}
