package prove

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/promise"
	"github.com/backend-labs/backend-labs/harness/term"
)

// Kept is a sentence of a lab's contract, and what lab.yaml has for it.
type Kept struct {
	Text    string       `json:"text"`
	Kind    promise.Kind `json:"kind"`
	Where   []string     `json:"where"`   // file:line
	Mutants []string     `json:"mutants"` // those that break it
	// Unbroken is the reason why no mutant can break it.
	Unbroken string `json:"unbroken,omitempty"`
	// Freedom is what uses what the sentence leaves open: an alternative, or the reason why none does.
	Freedom string `json:"freedom,omitempty"`
}

// open reports whether somebody could break the sentence unnoticed.
func (k *Kept) open() bool {
	return k.Kind == promise.Promise && len(k.Mutants) == 0 && k.Unbroken == "" && k.Freedom == ""
}

// ledger holds a lab's contract against the quotes in its lab.yaml.
type ledger struct {
	*subject
	contract promise.Contract
	kept     []Kept
	broken   []mutantSpan
}

type mutantSpan struct {
	promise.Span
	mutant string
}

// promises looks whether each promise is broken by a mutant, and each quote is there.
func (s *subject) promises() {
	contract, err := s.contract()
	if errors.Is(err, fs.ErrNotExist) {
		return // which file is missing is said already
	}
	if err != nil {
		s.problem("%v", err)
		return
	}
	l := &ledger{subject: s, contract: contract}
	for _, c := range contract {
		l.kept = append(l.kept, Kept{Text: c.Text, Kind: c.Kind, Where: c.Where, Mutants: []string{}})
	}
	l.breaks()
	l.unbroken()
	l.freedoms()
	l.missing()
	s.kept = l.kept
}

// contract is read from the brief, and from the stub as it is handed out.
func (s *subject) contract() (promise.Contract, error) {
	dir, err := s.lab.Stub()
	if err != nil {
		dir = s.lab.Dir
	}
	var files []string
	for _, f := range s.lab.Files {
		files = append(files, filepath.Join(dir, filepath.FromSlash(f)))
	}
	return promise.Read(filepath.Join(s.lab.Dir, "README.md"), files...)
}

// find is where a quote stands; a quote that is nowhere is a problem of who quotes.
func (l *ledger) find(who, quote string) []promise.Span {
	spans, err := l.contract.Find(quote)
	if err != nil {
		l.problem("%s: %v", who, err)
	}
	return spans
}

func (l *ledger) breaks() {
	for _, m := range l.lab.Mutants {
		for _, quote := range m.Breaks {
			for _, at := range l.find("mutant "+m.Name()+", breaks", quote) {
				l.broken = append(l.broken, mutantSpan{at, m.Name()})
				if k := &l.kept[at.Sentence]; !slices.Contains(k.Mutants, m.Name()) {
					k.Mutants = append(k.Mutants, m.Name())
				}
			}
		}
	}
}

func (l *ledger) unbroken() {
	for _, u := range l.lab.Unbroken {
		if strings.TrimSpace(u.Why) == "" {
			l.problem("unbroken %q has no reason: say in why why no mutant can break it", u.Text)
		}
		for _, at := range l.find("unbroken", u.Text) {
			l.kept[at.Sentence].Unbroken = u.Why
			for _, b := range l.broken {
				if b.Overlaps(at) {
					l.problem("unbroken has %q, and the mutant %s breaks it: one of the two is wrong",
						u.Text, b.mutant)
				}
			}
		}
	}
}

func (l *ledger) freedoms() {
	for _, f := range l.lab.Freedoms {
		uses := f.Why
		switch {
		case f.Alternative != "":
			uses = strings.TrimSpace("alternative " + f.Alternative + " " + f.Why)
			l.alternative(f)
		case strings.TrimSpace(f.Why) == "":
			l.problem("the freedom %q has neither an alternative that uses it nor, in why, a reason "+
				"why none does", f.Text)
		}
		for _, at := range l.find("freedoms", f.Text) {
			l.kept[at.Sentence].Freedom = uses
		}
	}
}

// alternative looks whether the alternative of a freedom is there.
func (l *ledger) alternative(f course.Freedom) {
	dirs, _ := l.lab.Alternatives()
	var names []string
	for _, dir := range dirs {
		names = append(names, filepath.Base(dir))
	}
	if !slices.Contains(names, f.Alternative) {
		l.problem("the freedom %q names the alternative %s, and there is none of that name in "+
			"solutions/%s/alternatives (%s)", f.Text, f.Alternative, l.lab.Slug,
			strings.Join(names, ", "))
	}
}

// missing names the promises that nobody breaks, and the freedoms that nobody uses.
func (l *ledger) missing() {
	for i, k := range l.kept {
		free := l.contract[i].Free()
		switch {
		case free && k.Freedom == "" && k.Unbroken == "":
			l.problem("nothing uses the freedom %q (%s): name in freedoms the alternative that does, "+
				"or the reason why none does", k.Text, strings.Join(k.Where, ", "))
		case !free && k.open():
			l.problem("no mutant breaks the promise %q (%s): write the one that is almost right, or "+
				"say in unbroken why none can", k.Text, strings.Join(k.Where, ", "))
		}
	}
}

// survivors takes promises back from the mutants that no check catches, once they have been run.
func (s *subject) survivors() {
	lives := func(name string) bool {
		return slices.ContainsFunc(s.rows, func(r *row) bool {
			return r.Kind == KindMutant && r.Name == name &&
				!slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.Always })
		})
	}
	for i := range s.kept {
		k := &s.kept[i]
		wasOpen := k.open()
		k.Mutants = slices.DeleteFunc(k.Mutants, lives)
		if k.open() && !wasOpen {
			s.problem("no mutant that is caught breaks the promise %q (%s)", k.Text,
				strings.Join(k.Where, ", "))
		}
	}
}

// Promises writes each sentence of the labs' contracts with the mutants that break it.
func Promises(w io.Writer, proofs []Proof, colour bool) {
	p := term.NewPaint(colour)
	for _, proof := range proofs {
		fmt.Fprintf(w, "%s %s: %s\n", p.Strong(proof.Lab), proof.Slug, tallied(proof.Promises))
		for _, k := range proof.Promises {
			fmt.Fprintf(w, "\n  %s %s\n", k.Text, p.Faint(strings.Join(k.Where, ", ")))
			fmt.Fprintf(w, "      %s\n", k.by(p))
		}
		fmt.Fprintln(w)
	}
}

// by says who breaks a sentence, or why nobody does.
func (k *Kept) by(p term.Paint) string {
	var by []string
	if len(k.Mutants) > 0 {
		by = append(by, p.Good("✗")+" "+strings.Join(k.Mutants, ", "))
	}
	if k.Unbroken != "" {
		by = append(by, "unbroken: "+k.Unbroken)
	}
	if k.Freedom != "" {
		by = append(by, "a freedom: "+k.Freedom)
	}
	switch {
	case k.open():
		by = append(by, p.Bad("! nobody breaks it"))
	case len(by) == 0:
		by = append(by, p.Faint(string(k.Kind)+": need not be broken"))
	}
	return strings.Join(by, "; ")
}

func tallied(all []Kept) string {
	promises, open := 0, 0
	for _, k := range all {
		if k.Kind == promise.Promise {
			promises++
		}
		if k.open() {
			open++
		}
	}
	return fmt.Sprintf("%s, %d of them broken by nobody", count(promises, "promise"), open)
}
