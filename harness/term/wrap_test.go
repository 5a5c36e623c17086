package term_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/backend-labs/backend-labs/harness/term"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		columns    int
		want       string
	}{
		{"what fits", "a b c", 5, "a b c"},
		{"at a space, which goes", "one two", 5, "one\ntwo"},
		{"no flag in its middle", "see --no-color here", 10, "see\n--no-color\nhere"},
		{"no key in its middle", "key 5f0e-11aa-22bb of", 16, "key\n5f0e-11aa-22bb\nof"},
		{"a word that is too wide", "abcdefgh", 5, "abcde\nfgh"},
		{"lines of its own", "a\n\nb c", 2, "a\n\nb\nc"},
		{"colours are of no width", "\x1b[31mab\x1b[m cd", 5, "\x1b[31mab\x1b[m cd"},
		{"wide letters", "日本 語", 4, "日本\n語"},
		{"no slash", "a/b/c d/e", 6, "a/b/c\nd/e"},
		{"nothing", "", 5, ""},
	} {
		if got := term.Wrap(tt.text, tt.columns); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got, want := term.WrapPaths("GET /orders/42-7", 9), "GET /\norders/\n42-7"; got != want {
		t.Errorf("paths: got %q, want %q", got, want)
	}
}

func TestReflow(t *testing.T) {
	t.Parallel()
	const text = `Check judges one lab
or all of them.

Usage:
  labs check [LAB...] [flags]

Examples:
  labs check token-bucket      the lab of that name

Flags:
      --no-race          leave out the race detector
  -h, --help             help for check
`
	for _, tt := range []struct {
		columns int
		want    string
	}{
		{80, "Check judges one lab or all of them." + strings.TrimPrefix(text, "Check judges one lab\nor all of them.")},
		{32, `Check judges one lab or all of
them.

Usage:
  labs check [LAB...] [flags]

Examples:
  labs check token-bucket
      the lab of that name

Flags:
      --no-race
          leave out the race
          detector
  -h, --help
      help for check
`},
		{46, `Check judges one lab or all of them.

Usage:
  labs check [LAB...] [flags]

Examples:
  labs check token-bucket
      the lab of that name

Flags:
      --no-race          leave out the race
                         detector
  -h, --help             help for check
`},
	} {
		got := term.Reflow(text, tt.columns)
		if got != tt.want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", tt.columns, got, tt.want)
		}
		for line := range strings.Lines(got) {
			if ansi.StringWidth(strings.TrimSuffix(line, "\n")) > tt.columns {
				t.Errorf("%d columns: too wide: %s", tt.columns, line)
			}
		}
	}
}
