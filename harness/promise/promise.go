// Package promise cuts the contract of a lab into its promises: the sentences, list items and table
// rows of the brief's section "The contract", and the sentences of the doc comments of the stub's
// exported names. It also finds the promise that a quote is from.
//
// How a contract is cut is told to authors in labs/README.md, "Promises".
package promise

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Kind says whether a learner can break what a sentence says.
type Kind string

// The kinds of sentences. Only a Promise has to be broken; the others may be quoted.
const (
	Promise    Kind = "promise"
	Heading    Kind = "heading"    // a few words that say what the following is about
	Definition Kind = "definition" // what a type, a constant or a variable stands for
	Given      Kind = "given"      // about an interface, which others implement
)

// Sentence is a part of a contract: what is quoted, and broken or kept, as a whole.
type Sentence struct {
	Kind  Kind
	Text  string   // without markup, in one line
	Where []string // file:line of each paragraph or comment that says it
	// sources has one for each of Where. A quote may be from one sentence of each source.
	sources []source
}

type source int

const (
	brief source = iota
	comments
)

// freedom is how a brief leaves something to the learner.
var freedom = regexp.MustCompile(`(?i)\b(up to you|you like|your choice)\b`)

// Free reports whether the sentence says that something is left to the learner.
func (s Sentence) Free() bool { return freedom.MatchString(s.Text) }

// Contract is what a lab promises, in the order of the brief and then of the stub.
type Contract []Sentence

// Read cuts the contract of a brief and of the Go files of a stub. Both are paths.
func Read(briefFile string, stub ...string) (Contract, error) {
	src, err := os.ReadFile(briefFile)
	if err != nil {
		return nil, fmt.Errorf("read the brief: %w", err)
	}
	said, err := fromBrief(filepath.Base(briefFile), src)
	if err != nil {
		return nil, err
	}
	var c Contract
	c.add(brief, said)
	for _, file := range stub {
		src, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the stub: %w", err)
		}
		said, err := fromComments(filepath.Base(file), src)
		if err != nil {
			return nil, err
		}
		c.add(comments, said)
	}
	return c, nil
}

// add cuts passages into sentences. One that is there already word for word is not another one.
func (c *Contract) add(from source, said []passage) {
	for _, p := range said {
		for _, s := range p.cut() {
			s.Where, s.sources = []string{p.where}, []source{from}
			if same := c.find(s.Text); same != nil {
				same.join(s)
			} else {
				*c = append(*c, s)
			}
		}
	}
}

func (c Contract) find(text string) *Sentence {
	for i := range c {
		if bare(c[i].Text) == bare(text) {
			return &c[i]
		}
	}
	return nil
}

// join adds another place of the same words. They are a promise if one of the places makes them one.
func (s *Sentence) join(other Sentence) {
	s.Where = append(s.Where, other.Where...)
	s.sources = append(s.sources, other.sources...)
	if other.Kind == Promise {
		s.Kind = Promise
	}
}

// bare is a sentence without the mark at its end.
func bare(text string) string { return strings.TrimRight(text, ".;:,?! ") }
