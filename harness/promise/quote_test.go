package promise_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/promise"
)

const section = `
- A **challenge** is the header ` + "`WWW-Authenticate: Bearer`" + `, never
  another one. It ends within 404 ms.
- It may be ` + "`text/*`" + ` or ` + "`*/*`" + `. What else it is, is up to you.

| | answer |
|---|---|
| GET | 200, an array |
| PUT | | 
| POST | 200, an array of one |
| no array | 200 |
`

const declarations = `
// Take takes. It never ends within 404 ms, or another one is a challenge.
func Take() {}

// Give gives what Take takes.
func Give() {}
`

func TestFind(t *testing.T) {
	t.Parallel()
	c := read(t, section, declarations)
	for name, tt := range map[string]struct {
		quote string
		want  []string // the sentences' beginnings
	}{
		"a sentence with its markup": {"A **challenge** is the header `WWW-Authenticate: Bearer`, " +
			"never another one.", []string{"A challenge"}},
		"without it, and without its end": {"A challenge is the header WWW-Authenticate: Bearer, " +
			"never another one", []string{"A challenge"}},
		"white space as it comes": {"  never\n   another  one", []string{"A challenge"}},
		"a part":                  {"the header", []string{"A challenge"}},
		"of the brief and of a comment": {"within 404 ms", []string{"It ends within",
			"It never ends"}},
		"stars that are no markup":                       {"It may be text/* or */*", []string{"It may be text"}},
		"a row as it stands in the table":                {"| GET | 200, an array |", []string{"GET |"}},
		"a cell of it":                                   {"200, an array of one", []string{"POST |"}},
		"a whole sentence that is a part of another one": {"Take takes.", []string{"Take takes."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans, err := c.Find(tt.quote)
			if err != nil || len(spans) != len(tt.want) {
				t.Fatalf("got %v and the error %v, want %q", spans, err, tt.want)
			}
			for i, s := range spans {
				got := c[s.Sentence].Text
				if !strings.HasPrefix(got, tt.want[i]) || s.End > len(got) || s.Begin >= s.End {
					t.Errorf("got %d to %d of %q, want a part of %q", s.Begin, s.End, got, tt.want[i])
				}
			}
		})
	}
}

func TestFind_faults(t *testing.T) {
	t.Parallel()
	c := read(t, section, declarations)
	for name, tt := range map[string]struct{ quote, want string }{
		"a text that has changed": {"It ends within 405 ms", `the contract does not say "It ends ` +
			`within 405 ms" (any more?); nearest is "It ends within 404 ms." (README.md:8)`},
		"other capital letters": {"the Header", `the contract does not say "the Header"`},
		"half a number":         {"ends within 40", `the contract does not say "ends within 40" (any more?)`},
		"something else":        {"Nobody waits for anybody", "neither in the brief nor in the stub's comments"},
		"half of the markup": {"challenge** is the header", `has markup that is not the contract's, ` +
			`or half of it: write it without, as in "A challenge is`},
		"other markup": {"A challenge is the _header_ `WWW-Authenticate: Bearer", "has markup that"},
		"two sentences": {"It may be `text/*` or `*/*`. What else it is, is up to you.",
			"goes over 2 sentences: quote each by itself"},
		"words of several sentences": {"an array", "is in several sentences (README.md:14, "},
		"nothing":                    {" \n", "a quote is empty"},
		"only markup":                {"**", `the contract does not say "**"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans, err := c.Find(tt.quote)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v and the error %v, want one that has %q", spans, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line", err)
			}
		})
	}
}

func TestRead_faults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ brief, stub, want string }{
		"a brief without a contract": {"# A lab\n\nIt waits.\n", "package lab\n",
			`README.md has no section "The contract", so it promises nothing: write ` +
				`"## The contract" above what a solution must keep to`},
		"a contract without a sentence": {"## The contract\n\n```\ncode\n```\n\n## Read on\n\nIt.\n",
			"package lab\n", `the section "The contract" of README.md has no sentence`},
		"a stub that is no Go": {"## The contract\n\nIt waits.\n", "package lab\n}\n",
			"a file of the stub is no Go: stub.go:2:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			brief, stub := filepath.Join(dir, "README.md"), filepath.Join(dir, "stub.go")
			write(t, brief, tt.brief)
			write(t, stub, tt.stub)
			c, err := promise.Read(brief, stub)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v and the error %v, want %s", c, err, tt.want)
			}
		})
	}
}

func TestSentence_Free(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"What its body says is up to you.":     true,
		"(At the very moment: as you like.)":   true,
		"0 means a default of your choice.":    true,
		"Among equals, whichever you like.":    true,
		"It does up to youthful requests.":     false,
		"What is left open is said elsewhere.": false,
	} {
		if got := (promise.Sentence{Text: text}).Free(); got != want {
			t.Errorf("%q: got free %v, want %v", text, got, want)
		}
	}
}

func TestSpan_Overlaps(t *testing.T) {
	t.Parallel()
	a := promise.Span{Sentence: 1, Begin: 2, End: 5}
	for b, want := range map[promise.Span]bool{
		{Sentence: 1, Begin: 4, End: 9}: true,
		{Sentence: 1, Begin: 5, End: 9}: false,
		{Sentence: 1, Begin: 0, End: 2}: false,
		{Sentence: 2, Begin: 2, End: 5}: false,
	} {
		if got := a.Overlaps(b); got != want || b.Overlaps(a) != want {
			t.Errorf("%v and %v: got %v, want %v", a, b, got, want)
		}
	}
}
