package sandbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestCapped(t *testing.T) {
	t.Parallel()
	const n = 1000 // 250 of them for the end, 64 for the line between
	for _, tt := range []struct {
		name   string
		total  int
		pieces int // bytes in each write
		want   func(all string) string
	}{
		{"nothing", 0, 1, func(all string) string { return all }},
		{"little", 100, 7, func(all string) string { return all }},
		{"just as much as fits", n, 10, func(all string) string { return all }},
		{"as much, in one piece", n, n, func(all string) string { return all }},
		{"a byte more", n + 1, 10, func(all string) string {
			return all[:686] + "\n[65 bytes of output left out]\n" + all[n+1-250:]
		}},
		{"much more", 50_000, 33, func(all string) string {
			return all[:686] + "\n[49064 bytes of output left out]\n" + all[50_000-250:]
		}},
		{"much more in one piece", 50_000, 50_000, func(all string) string {
			return all[:686] + "\n[49064 bytes of output left out]\n" + all[50_000-250:]
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var text strings.Builder
			for i := 0; text.Len() < tt.total; i++ {
				fmt.Fprintf(&text, "%d ", i)
			}
			all := text.String()[:tt.total]
			var out bytes.Buffer
			c := &capped{w: &out, n: n}
			for rest := all; rest != ""; {
				piece := rest[:min(tt.pieces, len(rest))]
				if wrote, err := c.Write([]byte(piece)); wrote != len(piece) || err != nil {
					t.Fatalf("got %d, %v, want %d, nil: the process must never block or break "+
						"on its output", wrote, err, len(piece))
				}
				rest = rest[len(piece):]
			}
			if err := c.flush(); err != nil {
				t.Fatal(err)
			}
			if got, want := out.String(), tt.want(all); got != want {
				t.Errorf("got %d bytes\n%q\nwant %d\n%q", len(got), got, len(want), want)
			}
			if out.Len() > n {
				t.Errorf("got %d bytes, want at most %d", out.Len(), n)
			}
		})
	}
}
