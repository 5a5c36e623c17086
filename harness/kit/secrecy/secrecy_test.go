package secrecy

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

func TestTold(t *testing.T) {
	t.Parallel()
	reversed := func(s string) string {
		b := []byte(s)
		slices.Reverse(b)
		return string(b)
	}
	calls := 0
	for _, tt := range []struct {
		name string
		show func(string) string
		told bool
	}{
		{"a fixed text", func(string) string { return "an internal error" }, false},
		{"nothing", func(string) string { return "" }, false},
		{"its length", func(s string) string { return strings.Repeat("*", len(s)) }, false},
		{"a number of its own", func(string) string { calls++; return fmt.Sprint("error ", calls) }, false},
		{"a random number", func(string) string { return "error " + rand.Text() }, false},
		{"another order each time", func(string) string {
			calls++
			return []string{"PORT DEBUG", "DEBUG PORT"}[calls%2]
		}, false},
		{"the secret", func(s string) string { return "key " + s }, true},
		{"its first letters", func(s string) string { return s[:4] + "…" }, true},
		{"the secret reversed", reversed, true},
		{"the secret in base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, true},
		{"a checksum of it", func(s string) string { return fmt.Sprint(crc32.ChecksumIEEE([]byte(s))) }, true},
		{"the secret in another order each time", func(s string) string {
			calls++
			return []string{"key " + s, s + " key"}[calls%2]
		}, true},
		{"the secret and a random number", func(s string) string { return reversed(s) + rand.Text() }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Told(40, tt.show); (got != "") != tt.told {
				t.Errorf("got %q, want it told: %v", got, tt.told)
			}
		})
	}
}

func TestTold_secretsAreNew(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	Told(40, func(s string) string { seen[s]++; return "" })
	Told(40, func(s string) string { seen[s]++; return "" })
	if len(seen) != 4 { // a pair each time
		t.Errorf("got %d secrets, want 4, each shown a few times: %v", len(seen), seen)
	}
	for s := range seen {
		if len(s) != 40 {
			t.Errorf("got %q, want 40 letters", s)
		}
	}
}
