package promise_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/promise"
)

// TestRead_markup is about the rarer kinds of markup, and about marks that end no sentence.
func TestRead_markup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ section, want string }{
		"an address is text, and its dots end nothing": {
			"It asks <https://example.org/a;b?c>. And waits.", "It asks https://example.org/a;b?c.|And waits."},
		"a line that is broken by force": {"It\\\nwaits  \nlong.", "It waits long."},
		"HTML is none":                   {"<b>\nno.\n</b>\n\nIt <i>waits</i>.", "It waits."},
		"a quotation":                    {"> It waits.\n> Then it ends.", "It waits.|Then it ends."},
		"a numbered list":                {"1. one.\n2. two.\n\n   and more.", "one.|two.|and more."},
		"bold within italics is bold": {
			"_**At first.**_ It waits.", "heading: At first.|It waits."},
		"half of it in bold is no heading": {"**At** first. It waits.", "At first.|It waits."},
		"a mark behind the mark": {
			"It ends (“at once.”) Then? (It says ‘no.’) Done.", "It ends (“at once.”) Then?|(It says ‘no.’)|Done."},
		"a quotation mark that is not closed": {`It is 3" wide; not more.`, `It is 3" wide;|not more.`},
		"a bracket that is not closed ends with the contract": {"It (waits. And ends.",
			"It (waits. And ends."},
		"an equals sign that is no parameter":          {"It takes a; = is refused.", "It takes a;|= is refused."},
		"an abbreviation at the beginning of brackets": {"(E.g. at once. Or never.)", "(E.g. at once.|Or never.)"},
		"an abbreviation that ends a quotation":        {"It says “a, etc.” Or not.", "It says “a, etc.”|Or not."},
		"a table with what introduces it": {
			"As follows\n\n| a |\n|---|\n| It waits. It ends. |", "heading: As follows|It waits. It ends."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(lines(read(t, c.section, "")), "|"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestRead_names is about what a stub declares: of whom its comments speak, and from which line.
func TestRead_names(t *testing.T) {
	t.Parallel()
	c := read(t, "It waits.", `
// Max and min are limits: of all. They are whole.
const Max, min = 1, 2

type (
	// Pair is two: never one.
	Pair[K any] struct {
		// Both are there.
		left, Right K
		// What is embedded counts.
		secret
	}
	secret struct {
		// Nobody reads this.
		Field int
	}
)

// All of these are kinds. The first is none.
const (
	A = iota // nothing
	b        // hidden
)

// Of gives the [Pair] of [text/template], as https://example.org/x has it.
func Of[K any]() Pair[K] { return Pair[K]{} }

// No is nobody's.
func (s secret) No() {}

// Left is the *left one*, of [the best pair].
//
// [the best pair]: https://example.org
func (p Pair[K]) Left() K { return p.left }
`)
	var got []string
	for _, s := range c {
		got = append(got, fmt.Sprintf("%s %s: %s", s.Where[0], s.Kind, s.Text))
	}
	want := []string{
		"README.md:7 promise: It waits.",
		"stub.go:5 definition: Max and min are limits:", "stub.go:5 promise: of all.",
		"stub.go:5 promise: They are whole.",
		"stub.go:9 definition: Pair is two:", "stub.go:9 promise: never one.",
		"stub.go:11 promise: Both are there.", "stub.go:13 promise: What is embedded counts.",
		"stub.go:22 definition: All of these are kinds.", "stub.go:22 promise: The first is none.",
		"stub.go:24 definition: nothing",
		"stub.go:28 promise: Of gives the Pair of text/template, as https://example.org/x has it.",
		"stub.go:34 promise: Left is the *left one*, of the best pair.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestRead_joined makes what is said in several places a promise if one of them does, whatever ends
// it there.
func TestRead_joined(t *testing.T) {
	t.Parallel()
	c := read(t, "The bucket\n\n- is full.\n\nThe bucket is shared.", `
// The bucket
var Full int

// Is full.
var Other int

// Take is quick. The bucket is shared;
func Take() {}

// The bucket.
func Put() {}
`)
	var got []string
	for _, s := range c {
		got = append(got, fmt.Sprintf("%s: %s %s", s.Kind, s.Text, s.Where))
	}
	want := []string{
		"promise: The bucket [README.md:7 stub.go:5 stub.go:14]",
		"promise: is full. [README.md:9]",
		"promise: The bucket is shared. [README.md:11 stub.go:11]",
		"definition: Is full. [stub.go:8]",
		"promise: Take is quick. [stub.go:11]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestRead_absent names the file that cannot be read.
func TestRead_absent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	brief, stub := filepath.Join(dir, "README.md"), filepath.Join(dir, "stub.go")
	if _, err := promise.Read(brief, stub); err == nil || !strings.HasPrefix(err.Error(), "read the brief: ") {
		t.Errorf("got the error %v, want one about the brief", err)
	}
	write(t, brief, "## The contract\n\nIt waits.\n")
	if _, err := promise.Read(brief, stub); err == nil || !strings.HasPrefix(err.Error(), "read the stub: ") {
		t.Errorf("got the error %v, want one about the stub", err)
	}
	if c, err := promise.Read(brief); err != nil || len(c) != 1 {
		t.Errorf("got %v and the error %v, want the contract of a brief alone", c, err)
	}
}

// TestFind_span is about where in a sentence a quote is: from a word's beginning to a word's end.
func TestFind_span(t *testing.T) {
	t.Parallel()
	c := read(t, "- Wait for the waiter, wait.\n- Each of 10 or 100 is éne, ne.", "")
	for quote, want := range map[string]string{
		"wait":                    "README.md:7 wait at 21",
		"10":                      "README.md:8 10 at 8",
		"100":                     "README.md:8 100 at 14",
		"ne":                      "README.md:8 ne at 27",
		", wait":                  "README.md:7 , wait at 19",
		"Wait for **the waiter**": "README.md:7 Wait for the waiter at 0",
	} {
		spans, err := c.Find(quote)
		if err != nil || len(spans) != 1 {
			t.Errorf("%q: got %v and the error %v, want one place", quote, spans, err)
			continue
		}
		s := spans[0]
		if got := fmt.Sprintf("%s %s at %d", c[s.Sentence].Where[0], c[s.Sentence].Text[s.Begin:s.End],
			s.Begin); got != want {
			t.Errorf("%q: got %s, want %s", quote, got, want)
		}
	}
}
