package promise

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is the part of a sentence that a quote is.
type Span struct {
	Sentence   int // index in the contract
	Begin, End int // bytes of its text
}

// Overlaps reports whether two quotes have words in common.
func (s Span) Overlaps(o Span) bool {
	return s.Sentence == o.Sentence && s.Begin < o.End && o.Begin < s.End
}

// Find finds what a quote is a part of: one sentence of the brief, one of the comments, or one of
// each. The quote may be written with the contract's markup or without; white space does not count,
// and everything else does.
func (c Contract) Find(quote string) ([]Span, error) {
	plain := fold(quote)
	if plain == "" {
		return nil, errors.New("a quote is empty: quote a sentence of the contract, or a part of one")
	}
	for _, q := range []string{plain, unmarked(quote)} {
		if spans := c.having(q); len(spans) > 0 {
			return spans, c.ambiguous(quote, spans)
		}
	}
	return nil, c.missing(plain)
}

// having are the sentences with a quote in them. One that is the quote counts alone.
func (c Contract) having(quote string) (spans []Span) {
	for i, s := range c {
		if bare(s.Text) == bare(quote) {
			return []Span{{i, 0, len(s.Text)}}
		}
		if at := index(s.Text, quote); at >= 0 {
			spans = append(spans, Span{i, at, at + len(quote)})
		}
	}
	return spans
}

// ambiguous is the error for a quote that is in several sentences of the brief, or of the comments.
func (c Contract) ambiguous(quote string, spans []Span) error {
	in := map[source][]string{}
	for _, s := range spans {
		for i, from := range c[s.Sentence].sources {
			in[from] = append(in[from], c[s.Sentence].Where[i])
		}
	}
	for _, from := range []source{brief, comments} {
		if len(in[from]) > 1 && len(spans) > 1 {
			return fmt.Errorf("the quote %q is in several sentences (%s): quote more of the one "+
				"that is meant", quote, strings.Join(in[from], ", "))
		}
	}
	return nil
}

// missing says what is wrong with a quote that is in no sentence, and what it may be meant to be.
func (c Contract) missing(quote string) error {
	for _, s := range c {
		if at := index(stripped(s.Text), stripped(quote)); at >= 0 {
			return fmt.Errorf("the quote %q has markup that is not the contract's, or half of it: "+
				"write it without, as in %q (%s)", quote, s.Text, s.Where[0])
		}
	}
	parts := c.sentencesIn(quote)
	if parts > 1 {
		return fmt.Errorf("the quote %q goes over %d sentences: quote each by itself, as labs prove "+
			"--promises lists them", quote, parts)
	}
	near, ok := c.nearest(quote)
	if !ok {
		return fmt.Errorf("the contract does not say %q, neither in the brief nor in the stub's "+
			"comments: quote it word for word", quote)
	}
	return fmt.Errorf("the contract does not say %q (any more?); nearest is %q (%s)", quote,
		near.Text, near.Where[0])
}

// sentencesIn counts the sentences that are parts of a quote, or which it begins or ends within.
func (c Contract) sentencesIn(quote string) (n int) {
	for _, part := range sentences(letters{}.add(unmarked(quote), letter{}), false) {
		if len(c.having(part.String())) > 0 {
			n++
		}
	}
	return n
}

// nearest is the sentence with the most of a quote's words, if it has more than half of them.
func (c Contract) nearest(quote string) (near Sentence, ok bool) {
	of := words(quote)
	most := len(of) / 2
	for _, s := range c {
		said := words(s.Text)
		n := 0
		for _, w := range of {
			if slices.Contains(said, w) {
				n++
			}
		}
		if n > most {
			near, ok, most = s, true, n
		}
	}
	return near, ok
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !inWord(r) })
}

// index finds a quote that begins and ends where words do.
func index(text, quote string) int {
	for from := 0; quote != ""; {
		at := strings.Index(text[from:], quote)
		if at < 0 {
			return -1
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		first, size := utf8.DecodeRuneInString(quote)
		after, _ := utf8.DecodeRuneInString(text[at+len(quote):])
		last, _ := utf8.DecodeLastRuneInString(quote)
		if !(inWord(before) && inWord(first)) && !(inWord(last) && inWord(after)) {
			return at
		}
		from = at + size
	}
	return -1
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// fold has one space wherever there is white space.
func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

// unmarked is what a quote says that is written in Markdown; a row of a table without its edges.
func unmarked(quote string) string {
	p := &page{src: []byte(strings.Trim(fold(quote), "| "))}
	var all letters
	for n := p.parse().FirstChild(); n != nil; n = n.NextSibling() {
		all = append(all.add(" ", letter{}), p.inline(n, letter{})...)
	}
	return all.folded().trimmed().String()
}

// stripped has none of the characters that markup is made of.
func stripped(s string) string {
	return fold(strings.NewReplacer("`", "", "*", "", "_", "", "[", "", "]", "", "|", "").Replace(s))
}
