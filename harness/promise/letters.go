package promise

import (
	"slices"
	"strings"
	"unicode"
)

// letter is one character of a text and how it is set.
type letter struct {
	r          rune
	code, bold bool
}

// letters are a text whose code and bold parts are known.
type letters []letter

func (l letters) String() string {
	var b strings.Builder
	for _, c := range l {
		b.WriteRune(c.r)
	}
	return b.String()
}

// add appends a text in a style.
func (l letters) add(text string, style letter) letters {
	for _, r := range text {
		style.r = r
		l = append(l, style)
	}
	return l
}

// folded has one space wherever there is white space.
func (l letters) folded() (out letters) {
	for _, c := range l {
		if unicode.IsSpace(c.r) {
			if c.r = ' '; len(out) > 0 && out[len(out)-1].r == ' ' {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// trimmed has no space at either end.
func (l letters) trimmed() letters {
	space := func(c letter) bool { return c.r == ' ' }
	for len(l) > 0 && space(l[0]) {
		l = l[1:]
	}
	for len(l) > 0 && space(l[len(l)-1]) {
		l = l[:len(l)-1]
	}
	return l
}

// at is the character at an index, and a space beyond the ends.
func (l letters) at(i int) rune {
	if i < 0 || i >= len(l) {
		return ' '
	}
	return l[i].r
}

// word is the word that ends before an index.
func (l letters) word(end int) string {
	begin := end
	for begin > 0 && l[begin-1].r != ' ' && l[begin-1].r != '(' {
		begin--
	}
	return l[begin:end].String()
}

// words counts the words.
func (l letters) words() int { return len(strings.Fields(l.String())) }

// bold reports whether all of it is in bold.
func (l letters) bold() bool {
	return !slices.ContainsFunc(l, func(c letter) bool { return !c.bold && c.r != ' ' })
}
