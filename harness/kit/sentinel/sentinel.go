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
// Errors are the learner's code: what panics in them, or has no end, is an answer like another.
package sentinel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Errors are those that must be told apart, by their names.
type Errors map[string]error

// Is reports whether err is want, as errors.Is has it, and none of the others. want need not be one
// of them: then err may be what want is, too.
func (e Errors) Is(err, want error) bool {
	if !Is(err, want) {
		return false
	}
	member := e.has(want)
	for _, other := range e {
		if !same(other, want) && is(err, other) && (member || !is(want, other)) {
			return false
		}
	}
	return true
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
func (e Errors) None(err error) bool { return err != nil && !everything(err) && len(e.of(err)) == 0 }

// of are the names of those that err is.
func (e Errors) of(err error) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if is(err, e[name]) {
			names = append(names, name)
		}
	}
	return names
}

// Say is err for a message: the name of the one that it is, of all of them if it is several, and its
// text if it is none.
func (e Errors) Say(err error) string {
	names := e.of(err)
	switch muddle := e.muddle(err, names); {
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
	if muddle := e.muddle(err, e.of(err)); muddle != "" {
		return text + " (it " + muddle + ")"
	}
	return text
}

// muddle says why no caller can tell what the error is, or nothing.
func (e Errors) muddle(err error, names []string) string {
	if everything(err) {
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
func Is(err, want error) bool { return is(err, want) && !everything(err) }

// Text is what the error says, or what is wrong with that.
func Text(err error) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("one whose Error panics (%v): is it a nil %T?", p, err)
		}
	}()
	return err.Error()
}

// errNobody is an error that no error can be, and stranger a target that none can be assigned to.
var errNobody = errors.New("nobody's")

type stranger struct{}

func (*stranger) Error() string { return "a stranger" }

// everything reports whether an error in err's tree says yes to what it cannot be.
func everything(err error) bool {
	yes := false
	walk(err, func(e error) bool {
		if as, ok := e.(interface{ As(any) bool }); ok {
			var target *stranger
			yes = yes || as.As(&target)
		}
		return yes
	})
	return yes || is(err, errNobody)
}

// is is errors.Is for errors that may panic or have no end.
func is(err, target error) bool {
	if err == nil || target == nil {
		return err == target
	}
	found := false
	walk(err, func(e error) bool {
		if found = same(e, target); !found {
			if x, ok := e.(interface{ Is(error) bool }); ok {
				found = x.Is(target)
			}
		}
		return found
	})
	return found
}

// same compares two errors; those of a type that cannot be compared are none.
func same(a, b error) (yes bool) {
	defer func() { recover() }()
	return a == b
}

// most bounds how many errors of a tree are looked at: an Unwrap may return its own error.
const most = 1000

// walk calls f with the errors of err's tree, depth first, until it says that it is enough. What
// panics ends the walk of that branch.
func walk(err error, f func(error) bool) {
	left := most
	var visit func(error) bool
	visit = func(err error) (enough bool) {
		defer func() { recover() }()
		if left--; err == nil || left < 0 {
			return false
		}
		if f(err) {
			return true
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			return visit(e.Unwrap())
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(e.Unwrap(), visit)
		}
		return false
	}
	visit(err)
}
