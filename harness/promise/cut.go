package promise

import "strings"

// passage is a paragraph, a list item without the lists in it, a row of a table or a comment.
type passage struct {
	text  letters
	where string // file:line
	row   bool   // of a table
	leads bool   // a list or a table follows
	// about is what its sentences are: those of a definition only in the first, up to a colon.
	about Kind
}

// fewWords are how many words a heading has at most.
const fewWords = 5

// abbreviations end in a full stop that ends no sentence.
var abbreviations = []string{"e.g.", "i.e.", "cf.", "vs.", "etc.", "approx.", "resp."}

// cut gives the sentences of a passage. A row is one.
func (p passage) cut() (all []Sentence) {
	parts := []letters{p.text.trimmed()}
	if !p.row {
		parts = sentences(p.text, p.about == Definition)
	}
	for i, part := range parts {
		if text := strings.Trim(part.String(), " "); text != "" {
			all = append(all, Sentence{Kind: p.kind(parts, i), Text: text})
		}
	}
	return all
}

// kind says what the i-th part of a passage is.
func (p passage) kind(parts []letters, i int) Kind {
	part, last := parts[i], i == len(parts)-1
	few := !p.row && part.words() <= fewWords
	goesOn := !last || p.leads
	unended := last && p.leads && !strings.ContainsRune(".;?!", part.at(len(part)-1))
	switch {
	case few && (i == 0 && goesOn && part.bold() || unended):
		return Heading
	case p.about == Given, p.about == Definition && i == 0:
		return p.about
	}
	return Promise
}

// sentences cuts a text behind the marks that end a sentence. The first one of a definition ends at
// a colon as well: what follows says more than what a name stands for.
func sentences(text letters, definition bool) (all []letters) {
	text = text.folded().trimmed()
	s := scanner{text: text}
	begin := 0
	for i := range text {
		s.step(i, begin)
		end := s.ends(i) || definition && len(all) == 0 && s.colon(i)
		if !end {
			continue
		}
		for i+1 < len(text) && strings.ContainsRune(`)]"'”’`, text[i+1].r) {
			i++
		}
		if text.at(i+1) == ' ' {
			all = append(all, text[begin:i+1].trimmed())
			begin, s.depth = i+1, 0
		}
	}
	if rest := text[begin:].trimmed(); len(rest) > 0 {
		all = append(all, rest)
	}
	return all
}

// scanner knows at each letter whether it stands in brackets or between quotation marks.
type scanner struct {
	text   letters
	depth  int // of brackets that were opened within the sentence
	quoted bool
}

// step takes the next letter of a sentence that begins at an index. Brackets round whole sentences
// do not count.
func (s *scanner) step(i, begin int) {
	c := s.text[i]
	if c.code {
		return
	}
	switch c.r {
	case '(', '[':
		if s.depth > 0 || len(s.text[begin:i].trimmed()) > 0 {
			s.depth++
		}
	case ')', ']':
		s.depth = max(0, s.depth-1)
	case '"':
		s.quoted = !s.quoted && strings.ContainsRune(s.text[i+1:].String(), '"')
	}
}

// ends reports whether a sentence ends at a letter.
func (s *scanner) ends(i int) bool {
	c := s.text[i]
	if c.code || s.depth > 0 || !strings.ContainsRune(".;?!", c.r) {
		return false
	}
	if s.quoted && s.text.at(i+1) != '"' {
		return false
	}
	switch c.r {
	case '.':
		return !s.abbreviation(i)
	case ';':
		return !s.parameter(i)
	}
	return true
}

func (s *scanner) colon(i int) bool {
	return s.text[i].r == ':' && !s.text[i].code && s.depth == 0 && !s.quoted
}

func (s *scanner) abbreviation(i int) bool {
	word := strings.ToLower(s.text.word(i + 1))
	for _, a := range abbreviations {
		if word == a {
			return s.text.at(i+1) == ' '
		}
	}
	return false
}

// parameter reports whether a semicolon belongs to a header: text/csv; charset=utf-8.
func (s *scanner) parameter(i int) bool {
	next, _, _ := strings.Cut(s.text[i+1:].trimmed().String(), " ")
	return strings.Contains(next, "=") && !strings.HasPrefix(next, "=")
}
