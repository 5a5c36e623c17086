package term_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/term"
)

// isCommand is how a runner of GitHub Actions looks at a line. Source: actions/runner,
// ActionCommand.cs.
func isCommand(line string) bool {
	return strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[")
}

func TestDefuse(t *testing.T) {
	t.Parallel()
	for _, pieces := range [][]string{
		{"::error::x\n"},
		{"said:\n", "::stop-commands::x\n"},
		{"   ::add-mask::a\n", "\t::debug::b\n", "\u00a0::group::c\n", "\r::error::d\n", "\r\n::error::e\n", "\v::error::f\n"},
		{"    ", "::error::x\n"},
		{"· 1 of 1: ##[error]evil ::x\n"},
		{"#", "#", "[stop-commands]x\n"},
		{"##", "[error]x\n"},
		{"a ##[group]b ##[endgroup]\n"},
	} {
		var b bytes.Buffer
		w := term.Defuse(&b)
		for _, p := range pieces {
			if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
				t.Errorf("%q: got %d, %v", p, n, err)
			}
		}
		for _, line := range strings.FieldsFunc(b.String(),
			func(r rune) bool { return r == '\n' || r == '\r' }) {
			if isCommand(line) {
				t.Errorf("%q: the line %q is a command", pieces, line)
			}
		}
		if got := strings.ReplaceAll(b.String(), "\u200b", ""); got != strings.Join(pieces, "") {
			t.Errorf("%q: got %q, want the same text", pieces, got)
		}
	}
}

// TestDefuse_leaves is that what is no command stays as it is, byte for byte.
func TestDefuse_leaves(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a::b\n", "std::vector\n", "# [a] ## b\n", "{\"a\": \"b\"}\n",
		"\xff\xfe ü\n"} {
		var b bytes.Buffer
		term.Defuse(&b).Write([]byte(text))
		if b.String() != text {
			t.Errorf("got %q of %q", b.String(), text)
		}
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if term.Raw(term.Defuse(&b)) != &b || term.Raw(&b) != &b {
		t.Error("got another writer than the one below")
	}
}
