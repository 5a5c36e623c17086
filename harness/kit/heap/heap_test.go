package heap_test

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/heap"
)

var process []byte // of the process: made once

func TestRise(t *testing.T) {
	const rounds, kept, noise = 10, 64 << 10, 32 << 10
	for _, tt := range []struct {
		name        string
		round       func(u *used, i int)
		least, most int64
	}{
		{"garbage alone", func(u *used, _ int) { u.all = [][]byte{make([]byte, kept)} }, 0, noise},
		{"something of each round", func(u *used, _ int) { u.keep(kept) },
			(rounds - 1) * kept, (rounds + 1) * kept},
		{"no more after the warm-up", func(u *used, i int) {
			if i < 3 {
				u.keep(kept)
			}
		}, 0, noise},
		{"something of each round, behind what is let go in the middle", func(u *used, i int) {
			switch i {
			case 0:
				u.ballast = make([]byte, 100*kept)
			case 5:
				u.ballast = nil
			}
			u.keep(kept)
		}, 5 * kept, (rounds + 1) * kept},
		{"what the process makes once", func(_ *used, i int) {
			if i == 5 && process == nil {
				process = make([]byte, kept)
			}
		}, 0, noise},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := heap.Rise(rounds, noise, func() func(i int) {
				u := &used{}
				return func(i int) { tt.round(u, i) }
			})
			if got < tt.least || got > tt.most {
				t.Errorf("got %d bytes, want %d to %d", got, tt.least, tt.most)
			}
		})
	}
}

type used struct {
	all     [][]byte
	ballast []byte
}

func (u *used) keep(n int) { u.all = append(u.all, make([]byte, n)) }
