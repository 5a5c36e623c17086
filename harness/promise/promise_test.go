package promise_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/promise"
)

// read gives the contract of a section and of a stub's declarations.
func read(t *testing.T, section, stub string) promise.Contract {
	t.Helper()
	dir := t.TempDir()
	brief, file := filepath.Join(dir, "README.md"), filepath.Join(dir, "stub.go")
	write(t, brief, "# A lab\n\nNo promise.\n\n## The contract\n\n"+section+"\n\n## Read on\n\nNone.\n")
	write(t, file, "// Package lab is an introduction.\npackage lab\n\n"+stub+"\n")
	c, err := promise.Read(brief, file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lines are the sentences, those that are no promises with their kind before them.
func lines(c promise.Contract) (all []string) {
	for _, s := range c {
		text := s.Text
		if s.Kind != promise.Promise {
			text = string(s.Kind) + ": " + text
		}
		all = append(all, text)
	}
	return all
}

func TestRead_brief(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ section, want string }{
		"sentences end at a full stop, a semicolon, a question mark, an exclamation mark": {
			"It waits. It never\nfails; it stops! Does it? Yes",
			"It waits.|It never fails;|it stops!|Does it?|Yes"},
		"not in code, in numbers, in abbreviations": {
			"It takes `a. b; c` in 1.5 s, e.g. with Go 1.26.8, or v1.2. That is all.",
			"It takes a. b; c in 1.5 s, e.g. with Go 1.26.8, or v1.2.|That is all."},
		"not in the parameters of a header": {
			"It sends text/csv; charset=utf-8, always.", "It sends text/csv; charset=utf-8, always."},
		"not within brackets, unless sentences stand in them": {
			"It ends (at once; with nil). (Any order. As you like.) Then `(`. More.",
			"It ends (at once; with nil).|(Any order.|As you like.)|Then (.|More."},
		"not within quotation marks, but behind them": {
			`It says "gone. sorry" to all. It says "gone." That is all.`,
			`It says "gone. sorry" to all.|It says "gone."|That is all.`},
		"markup is no part of a sentence": {
			"A **challenge** is *the* [header](https://example.org) `X-\\*`, and 2 \\* 3.",
			`A challenge is the header X-\*, and 2 * 3.`},
		"each item of a list, and each sentence of it": {
			"- one\n- two. three;\n  - four;\n  - five", "one|two.|three;|four;|five"},
		"a row of a table is one, its heading none": {
			"| a | b |\n|---|---|\n| `x`. | y; z |\n| | w |", "x. | y; z|| w"},
		"code is none, but what introduces it is": {
			"An order is\n\n```json\n{\"a. b\": 1}\n```\n\nIt stays.", "An order is|It stays."},
		"a few words that introduce a list are a heading": {
			"The bucket\n\n- full\n\nAnd:\n\n- empty", "heading: The bucket|full|heading: And:|empty"},
		"more words are not": {
			"The result of all calls is one of these:\n\n- nil",
			"The result of all calls is one of these:|nil"},
		"nor a whole sentence": {"It waits.\n\n- nil", "It waits.|nil"},
		"a few words in bold at the beginning are a heading": {
			"- **But not for ever.** It ends.\n- **Closers** run.\n- It ends. **At once.**",
			"heading: But not for ever.|It ends.|Closers run.|At once."},
		"also before a list": {"**What can be done.**\n\n- it", "heading: What can be done.|it"},
		"but not alone, and not many words": {
			"**It ends.**\n\n**A client that hangs up changes nothing for others.** Never.",
			"It ends.|A client that hangs up changes nothing for others.|Never."},
		"a section below is part of it, its heading is not": {
			"It waits.\n\n### The end\n\nIt ends.", "It waits.|It ends."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(lines(read(t, c.section, "")), "|")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRead_comments(t *testing.T) {
	t.Parallel()
	const stub = `
// Limit is a bucket: it holds Burst units. It is full at first.
type Limit struct {
	// Rate is what it gains. At least 1.
	Rate  int
	Burst int // at least 1; whole
	inner int // hidden
}

// Errors that are told apart. They may be wrapped.
var (
	ErrOne = 1 // the first; always
	errTwo = 2 // hidden
)

// hidden is nobody's business.
var hidden int

// Store is shared. It is remote.
type Store interface {
	// Get gets.
	Get() int // or nothing
}

// Take takes n. It gives [] for none. See [Limit.Rate]:
//
//	code. more
//
// Then:
//  1. It ends.
//  2. It returns; nil.
func (l *Limit) Take() {}

// Of is generic.
func (o *Optional[T]) Of() {}

// Pair has two parameters.
func (m *Map[k, v]) Pair() {}

// hides nothing.
func (s *secret) Exported() {}
`
	want := []string{
		"It waits.",
		"definition: Limit is a bucket:", "it holds Burst units.", "It is full at first.",
		"Rate is what it gains.", "At least 1.", "at least 1;", "whole",
		"definition: Errors that are told apart.", "They may be wrapped.",
		"definition: the first;", "always",
		"given: Store is shared.", "given: It is remote.", "given: Get gets.", "given: or nothing",
		"Take takes n.", "It gives [] for none.", "See Limit.Rate:", "heading: Then:", "It ends.", "It returns;", "nil.",
		"Of is generic.", "Pair has two parameters.",
	}
	if diff := cmp.Diff(want, lines(read(t, "It waits.", stub))); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestRead_sameWords(t *testing.T) {
	t.Parallel()
	c := read(t, "`Take` never\nwaits.", "// Take takes. Take never waits.\nfunc Take() {}")
	if len(c) != 2 || len(c[0].Where) != 2 {
		t.Fatalf("got %v, want the sentence once, at two places, and another one", c)
	}
	if diff := cmp.Diff([]string{"README.md:7", "stub.go:4"}, c[0].Where); diff != "" {
		t.Errorf("places: want (-), got (+):\n%s", diff)
	}
}

// TestRead_course cuts the contracts of all labs: each has promises, and none ends within brackets.
func TestRead_course(t *testing.T) {
	t.Parallel()
	labs, _ := filepath.Glob("../../labs/*/.stub")
	if len(labs) < 20 {
		t.Fatalf("got %d labs, want all of them", len(labs))
	}
	for _, stub := range labs {
		files, _ := filepath.Glob(filepath.Join(stub, "*.go"))
		c, err := promise.Read(filepath.Join(filepath.Dir(stub), "README.md"), files...)
		if err != nil {
			t.Errorf("%s: %v", stub, err)
			continue
		}
		if promises := lines(c); len(promises) < 15 {
			t.Errorf("%s: got %d sentences, want a contract: %q", stub, len(promises), promises)
		}
		for _, s := range c {
			whole := strings.HasPrefix(s.Text, "(") || strings.HasSuffix(s.Text, ")")
			if opened, closed := strings.Count(s.Text, "("), strings.Count(s.Text, ")"); !whole &&
				opened != closed {
				t.Errorf("%s: got the sentence %q, want one that ends behind its brackets",
					s.Where[0], s.Text)
			}
		}
	}
}
