package account

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

// watched are variables, with what was in them.
type watched []variable

type variable struct {
	name string
	at   reflect.Value // a pointer to it
	was  string        // its memory
}

func watch(name string, pointer any) variable {
	v := variable{name: name, at: reflect.ValueOf(pointer)}
	v.was = v.memory()
	return v
}

// memory is what lies in the variable, word for word: two interfaces are the same only if they hold
// the very same value, and nothing of the learner's is called to find that out.
func (v variable) memory() string {
	return string(unsafe.Slice((*byte)(v.at.UnsafePointer()), v.at.Elem().Type().Size()))
}

// changed are the names of those that no longer have what they had.
func (w watched) changed() (names []string) {
	for _, v := range w {
		if v.memory() != v.was {
			names = append(names, v.name)
		}
	}
	return names
}

var (
	exportedMu sync.Mutex
	exported   = map[string][]watched{} // of each package of the learner's, by variant
)

// Variables tells the account of the exported variables of one of the learner's packages, by
// pointers to them, when its initialisers are done. That callers can tell them apart, and that
// nothing changes them, is a condition of every check. The file that calls it is generated. variant
// is that of the family, if the package belongs to one.
func Variables(variant string, pointers map[string]any) {
	var w watched
	for name, p := range pointers {
		w = append(w, watch(name, p))
	}
	slices.SortFunc(w, func(a, b variable) int { return strings.Compare(a.name, b.name) })
	exportedMu.Lock()
	defer exportedMu.Unlock()
	exported[variant] = append(exported[variant], w)
}

// muddle says what is wrong with the exported variables of a variant as they are.
func muddle(variant string) *Finding {
	f := &Finding{
		Did:  "looked at the variables that the package exports",
		Want: "values that are not nil, each another one, and the same ones all the time",
		Why: "callers tell by them what has happened: with two that are the same they cannot, " +
			"and one that is nil says that all is well",
	}
	exportedMu.Lock()
	defer exportedMu.Unlock()
	for _, w := range exported[variant] {
		if names := w.changed(); len(names) > 0 {
			f.Got = strings.Join(names, ", ") + " had another value when the package was loaded"
			return f
		}
		if f.Got = w.confused(); f.Got != "" {
			return f
		}
	}
	return nil
}

// confused says which of them are nil, or one and the same.
func (w watched) confused() string {
	for i, v := range w {
		if empty(v.at.Elem()) {
			return v.name + " is nil"
		}
		for _, other := range w[:i] {
			if same(v.at.Elem(), other.at.Elem()) {
				return other.name + " and " + v.name + " are one and the same"
			}
		}
	}
	return ""
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return v.IsNil() || empty(v.Elem())
	case reflect.Func, reflect.Map, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// same is for errors: two counters may well both be 0.
func same(a, b reflect.Value) bool {
	e, ok := a.Interface().(error)
	f, too := b.Interface().(error)
	return ok && too && reflect.TypeOf(e) == reflect.TypeOf(f) && reflect.TypeOf(e).Comparable() &&
		equal(e, f)
}

// equal compares two errors. Of a type that looks comparable a value may hold what is not.
func equal(a, b error) (yes bool) {
	defer func() { recover() }()
	return a == b
}

// library are those variables of the standard library that checks rely on, and that a program can
// change.
func library() watched {
	return watched{
		watch("io.EOF", &io.EOF), watch("io.ErrUnexpectedEOF", &io.ErrUnexpectedEOF),
		watch("io.ErrClosedPipe", &io.ErrClosedPipe), watch("io.Discard", &io.Discard),
		watch("io.ErrShortWrite", &io.ErrShortWrite),
		watch("context.Canceled", &context.Canceled),
		watch("context.DeadlineExceeded", &context.DeadlineExceeded),
		watch("errors.ErrUnsupported", &errors.ErrUnsupported),
		watch("os.ErrNotExist", &os.ErrNotExist), watch("os.ErrExist", &os.ErrExist),
		watch("os.ErrDeadlineExceeded", &os.ErrDeadlineExceeded),
		watch("os.ErrClosed", &os.ErrClosed), watch("os.Stdout", &os.Stdout),
		watch("os.Stderr", &os.Stderr), watch("os.Args", &os.Args),
		watch("time.UTC", &time.UTC), watch("*time.UTC", time.UTC),
		watch("time.Local", &time.Local),
		watch("base64.StdEncoding", &base64.StdEncoding),
		watch("*base64.StdEncoding", base64.StdEncoding),
		watch("base64.URLEncoding", &base64.URLEncoding),
		watch("*base64.URLEncoding", base64.URLEncoding),
		watch("base64.RawStdEncoding", &base64.RawStdEncoding),
		watch("*base64.RawStdEncoding", base64.RawStdEncoding),
		watch("base64.RawURLEncoding", &base64.RawURLEncoding),
		watch("*base64.RawURLEncoding", base64.RawURLEncoding),
	}
}

var kept watched

// Keep adds a variable of a library to those that must not change while a check runs. It is called
// by packages of the kit, in their initialisers: the pointer is to the variable, or the variable
// itself where it is a pointer.
func Keep(name string, pointer any) { kept = append(kept, watch(name, pointer)) }

// shared is what belongs to the process as a whole, as it was before the learner's code.
type shared struct {
	library watched
	procs   int
	env     string
}

func takeShared() shared { return shared{library(), runtime.GOMAXPROCS(0), environment()} }

func environment() string { return strings.Join(os.Environ(), "\x00") }

// meddled says what of it is no longer so.
func (s shared) meddled() *Finding {
	names := append(s.library.changed(), kept.changed()...)
	if runtime.GOMAXPROCS(0) != s.procs {
		names = append(names, "runtime.GOMAXPROCS")
	}
	if environment() != s.env {
		names = append(names, "the environment")
	}
	if len(names) == 0 {
		return nil
	}
	return &Finding{
		Did:  "looked at what all code of a process shares, before and after the check",
		Want: "all of it as it was",
		Got:  "changed meanwhile: " + strings.Join(names, ", "),
		Why: "it belongs to the whole program: every other package goes by it, and so does " +
			"the check, which sees nothing true any more",
	}
}

// guard runs the check between two looks at what it relies on.
func (s *session) guard(t *testing.T, early *Finding, check func(*testing.T)) {
	if early == nil {
		early = s.spoilt()
	}
	if early != nil {
		s.record(*early)
		t.FailNow()
	}
	t.Cleanup(func() {
		if f := s.spoilt(); f != nil {
			s.record(*f)
			t.Fail()
		}
	})
	check(t)
}

// spoilt says why what the check sees cannot be relied on.
func (s *session) spoilt() *Finding {
	if !s.Without.Library {
		if f := s.shared.meddled(); f != nil {
			return f
		}
	}
	if s.Without.Variables {
		return nil
	}
	return muddle(s.Variant)
}
