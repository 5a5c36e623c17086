// Package sentinel asks an error what it is, of those that a caller must tell apart: this one, and
// none of the others. errors.Is alone asks only the first half, so an error that is all of them, by
// errors.Join or by an Is that always says yes, passes for each.
//
//	var known = sentinel.Errors{"ErrMismatch": orders.ErrMismatch, "ErrDeclined": orders.ErrDeclined}
//
//	expect.That(t, known.Is(err, orders.ErrDeclined), expect.Message{
//		Did:  "placed an order that the card's bank declined",
//		Want: "ErrDeclined",
//		Got:  known.Say(err),
//	})
//
// Errors are the learner's code: what panics in them, or has no end, is an answer like another. What
// an error wraps is asked once, and what its methods Is say is asked in a random order: one that says
// yes to whatever it is asked first, or wraps something else each time, does not know what to say.
package sentinel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Errors are those that must be told apart, by their names.
type Errors map[string]error

// Is reports whether err is want, as errors.Is has it, and none of the others. want need not be one
// of them: then err may be what want is, too.
func (e Errors) Is(err, want error) bool {
	asked := slices.Collect(maps.Values(e))
	if !e.has(want) {
		asked = append(asked, want)
	}
	tr := treeOf(err)
	answers := tr.answers(asked)
	if err == nil || want == nil {
		return err == want
	}
	if tr.everything() {
		return false
	}
	is, member := false, e.has(want)
	for i, one := range asked {
		switch {
		case same(one, want):
			is = answers[i]
		case answers[i] && (member || !treeOf(want).is(one)):
			return false
		}
	}
	return is
}

func (e Errors) has(err error) bool {
	for _, own := range e {
		if same(own, err) {
			return true
		}
	}
	return false
}

// None reports whether err is an error, and none of these.
func (e Errors) None(err error) bool {
	tr := treeOf(err)
	names := e.of(tr)
	return err != nil && !tr.everything() && len(names) == 0
}

// of are the names of those that an error is.
func (e Errors) of(tr tree) (names []string) {
	all := slices.Sorted(maps.Keys(e))
	asked := make([]error, len(all))
	for i, name := range all {
		asked[i] = e[name]
	}
	for i, yes := range tr.answers(asked) {
		if yes {
			names = append(names, all[i])
		}
	}
	return names
}

// Say is err for a message: the name of the one that it is, of all of them if it is several, and its
// text if it is none.
func (e Errors) Say(err error) string {
	tr := treeOf(err)
	names := e.of(tr)
	switch muddle := muddle(tr, names); {
	case err == nil:
		return "no error"
	case muddle != "":
		return "one error that " + muddle
	case len(names) == 1:
		return names[0]
	}
	return "the error: " + Text(err)
}

// Outcome is err for a message about what a call has returned, where nil is an answer like others:
// "nil", or what [Errors.Say] says.
func (e Errors) Outcome(err error) string {
	if err == nil {
		return "nil"
	}
	return e.Say(err)
}

// Quote is the error's text in quotes and, where it is several of these at once, that.
func (e Errors) Quote(err error) string {
	text := strconv.Quote(Text(err))
	tr := treeOf(err)
	if muddle := muddle(tr, e.of(tr)); muddle != "" {
		return text + " (it " + muddle + ")"
	}
	return text
}

// muddle says why no caller can tell what the error is, or nothing.
func muddle(tr tree, names []string) string {
	if tr.everything() {
		return "says of itself that it is every error there is"
	}
	if len(names) < 2 {
		return ""
	}
	last := len(names) - 1
	return "is " + strings.Join(names[:last], ", ") + " and " + names[last] +
		" at once: no caller can tell which"
}

// Is is errors.Is, but for errors that say yes to whatever they are asked: those are none.
func Is(err, want error) bool {
	if err == nil || want == nil {
		return err == want
	}
	return Errors{}.Is(err, want)
}

// Text is what the error says, or what is wrong with that.
func Text(err error) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("one whose Error panics (%v): is it a nil %T?", p, err)
		}
	}()
	return err.Error()
}

// stranger is a target that no error can be assigned to.
type stranger struct{}

func (*stranger) Error() string { return "a stranger" }

// usual are errors that many know; few are even two of them.
var usual = []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, fs.ErrNotExist,
	fs.ErrExist, fs.ErrPermission, fs.ErrClosed, net.ErrClosed}

// tree are an error and what it wraps, depth first, as it was when it was asked.
type tree []error

// everything reports whether an error of the tree says yes to what it cannot be.
func (tr tree) everything() bool {
	return slices.ContainsFunc(tr, func(e error) bool {
		if saysAs(e) {
			return true
		}
		yes := 0
		for _, other := range usual {
			if says(e, other) {
				yes++
			}
		}
		return yes > 2 || says(e, errors.New(rand.Text()))
	})
}

// saysAs reports whether an error's As takes the stranger for one of its own.
func saysAs(e error) (yes bool) {
	defer func() { recover() }()
	as, ok := e.(interface{ As(any) bool })
	var target *stranger
	return ok && as.As(&target)
}

// says is what an error's own Is says.
func says(e, target error) (yes bool) {
	defer func() { recover() }()
	x, ok := e.(interface{ Is(error) bool })
	return ok && x.Is(target)
}

// is is errors.Is.
func (tr tree) is(target error) bool {
	return slices.ContainsFunc(tr, func(e error) bool { return same(e, target) || says(e, target) })
}

// answers are those of is for each target, which are asked in a random order.
func (tr tree) answers(targets []error) []bool {
	all := make([]bool, len(targets))
	for _, i := range mathrand.Perm(len(targets)) {
		all[i] = tr.is(targets[i])
	}
	return all
}

// same compares two errors; those of a type that cannot be compared are none.
func same(a, b error) (yes bool) {
	defer func() { recover() }()
	return a == b
}

// most bounds how many errors of a tree are looked at: an Unwrap may return its own error.
const most = 1000

// treeOf asks an error for all that it wraps. What panics ends the branch.
func treeOf(err error) (tr tree) {
	left := most
	var visit func(error)
	visit = func(err error) {
		defer func() { recover() }()
		if left--; err == nil || left < 0 {
			return
		}
		tr = append(tr, err)
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			visit(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, each := range e.Unwrap() {
				visit(each)
			}
		}
	}
	visit(err)
	return tr
}
