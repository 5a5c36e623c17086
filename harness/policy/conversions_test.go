package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/policy"
)

// TestCheck_mistakes is that source with mistakes is left to the compiler, whatever the mistake.
func TestCheck_mistakes(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"var x any = nothing()", "var x, y any = 1", "var x any = 1, 2", "func f() { var x any; x = 1, 2 }",
		"func f() { var x any; x, y = 1 }", "func f() any { return }", "func f() any { return 1, 2 }",
		"func f() { return 1 }", "func f(any) {}; func g() { f(1, 2); f() }",
		"func f(...any) {}; func g() { f([]int{1}...); f(1, []any{}...) }", "func f() { nothing(1) }",
		"func f() { 1(2) }", "type t struct{ a any }; var x = t{1, 2}", "type t struct{ a any }; var x = t{b: 1}",
		"type t struct{ a any }; var x = t{1: 1}", "var x = map[any]any{1}", "var x = int{1}", "var x = nothing{1}",
		"func f() { var x any; for x = range 1.5 {} }", "func f() { var x any; for _, x = range 1 {} }",
		"func f() { var x any; for x, x = range func(func()) {} {} }", "func f() { 1 <- 2 }",
		"func f() { switch 1.(type) {} }", "func f(x any) { x.(nothing).a = 1 }", "func f() { x.y.z = 1 }",
		"func init()", "func f() int\n\nvar x = f()", "func (nothing) m() {}", "var x = nothing.y",
		"type t t", "type t[A any] struct{}; var x t", "func f[A any]() {}; var x = f", "func f[A nothing](a A) {}",
		"var f = func() { return 1 }", "return 1", "var x = [...]any{-1: 2}", "func f() { nothing[1] = 2 }",
		"type i interface{ nothing }", "type i interface{ m(); m() }", "func f() { *1 = 2; &3 = 4; (5) = 6 }",
		"func f() { go 1; defer 2 }", "var x = struct{ nothing }{}", "var x = nothing(http.DefaultClient)",
		"func f(m *sync.Map, h http.Handler) { m.Store(1, h); m.Range() }",
		"var x = http.DefaultClient.nothing", "func f() { http.Nothing = 1; http.DefaultClient.a.b = 1 }",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			src := "package x\n\nimport (\n\t\"net/http\"\n\t\"sync\"\n)\n\nvar _ http.Handler\n\n" +
				"type _ struct{ sync.Mutex }\n\n" + code + "\n"
			found, err := checker().Check(t.Context(), plain, map[string][]byte{"x.go": []byte(src)})
			if err != nil && !errors.As(err, new(*policy.Unread)) {
				t.Errorf("got the error %v", err)
			}
			if len(found) == 0 && err == nil {
				t.Error("got nothing, want the mistake")
			}
		})
	}
}

// TestCheck_any is about all the ways in which a pointer becomes an any, which encoding/json and its
// like write through: a client that may be the one of the checks, and in the same way another value.
func TestCheck_any(t *testing.T) {
	t.Parallel()
	const begin = "package x\n\nimport \"net/http\"\n\ntype client = *http.Client\n\n" +
		"type doer interface{ Do(*http.Request) (*http.Response, error) }\n\n" +
		"type other struct{ Timeout int }\n\nfunc (*other) Do(*http.Request) (*http.Response, error) " +
		"{ return nil, nil }\n\nvar c, o = http.DefaultClient, new(other)\n\n"
	for _, tt := range []struct{ name, code string }{ // V is the value and T its type
		{"returned", "func f() any { return V }"},
		{"returned among others", "func f() (int, any) { return 1, V }"},
		{"returned by a call", "func g() (int, T) { return 1, V }; func f() (int, any) { return g() }"},
		{"returned by a literal", "var f = func() any { return V }"},
		{"returned inside a literal", "func f() T { _ = func() any { return V }; return V }"},
		{"sent", "func f(to chan any) { to <- V }"},
		{"a key", "func f(m map[any]int) { m[V] = 1 }"},
		{"an argument", "func g(any) {}; func f() { g(V) }"},
		{"an argument behind others", "func g(int, any) {}; func f() { g(1, V) }"},
		{"one of many arguments", "func g(int, ...any) {}; func f() { g(1, 2, V) }"},
		{"an argument of a call's results", "func h() (int, T) { return 1, V }; func g(int, any) {}; func f() { g(h()) }"},
		{"many arguments of a call's results", "func h() (int, T) { return 1, V }; func g(...any) {}; func f() { g(h()) }"},
		{"an argument of a value", "func f(g func(any)) { g(V) }"},
		{"an argument of a method's expression", "type t int; func (t) m(any) {}; func f() { t.m(1, V) }"},
		{"an argument of a generic", "func g[A any](A) {}; func f() { g[any](V) }"},
		{"an argument of go and defer", "func g(any) {}; func f() { go g(V) }; func h() { defer g(1) }"},
		{"appended", "func f() []any { return append([]any{}, V) }"},
		{"in a panic", "func f() { panic(V) }"},
		{"converted", "func f() { _ = any(V) }"},
		{"converted to a type of one's own", "type a any; func f() { _ = a(V) }"},
		{"asserted", "func f(d doer) { d = V; _ = d.(any) }"},
		{"asserted in a switch", "func f(d doer) { switch d = V; d.(type) { case any: } }"},
		{"asserted in a switch with a name", "func f(d doer) { switch x := d.(type) { case any: _ = x }; d = V }"},
		{"declared", "var x any = V"},
		{"declared among others", "var x, y any = 1, V"},
		{"declared by a call", "func g() (int, T) { return 1, V }; var x, y any = g()"},
		{"assigned", "func f() { var x any; x = V; _ = x }"},
		{"assigned by a call", "func g() (int, T) { return 1, V }; func f() { var x any; _, x = g(); _ = x }"},
		{"assigned by a map", "func f(m map[int]T) { var x any; var ok bool; x, ok = m[1]; _, _ = x, ok }"},
		{"assigned by a channel", "func f(m chan T) { var x any; x = <-m; _ = x }"},
		{"an element", "var x = []any{V}"},
		{"an element of an array", "var x = [...]any{V}"},
		{"an element at a place", "var x = [...]any{3: V}"},
		{"an element of a map", "var x = map[int]any{1: V}"},
		{"a key of a literal", "var x = map[any]int{V: 1}"},
		{"a field", "var x = struct{ a int; b any }{1, V}"},
		{"a field by its name", "var x = struct{ a int; b any }{b: V}"},
		{"a field of an element", "var x = []struct{ b any }{{V}}"},
		{"a field of a pointer's element", "var x = []*struct{ a, b any }{{b: V}}"},
		{"in a loop", "func f(s []T) { var x any; for _, x = range s {}; _ = x }"},
		{"in a loop over an array", "func f(s [1]T) { var x any; for _, x = range s {}; _ = x }"},
		{"in a loop over an array's pointer", "func f(s *[1]T) { var x any; for _, x = range s {}; _ = x }"},
		{"in a loop over a map", "func f(s map[int]T) { var x any; for _, x = range s {}; _ = x }"},
		{"in a loop over a map's keys", "func f(s map[T]int) { var x any; for x = range s {}; _ = x }"},
		{"in a loop over a channel", "func f(s chan T) { var x any; for x = range s {}; _ = x }"},
		{"in a loop over a function", "func f(s func(func(T) bool)) { var x any; for x = range s {}; _ = x }"},
		{"in a loop over a function's second", "func f(s func(func(int, T) bool)) { var x any; for _, x = range s {}; _ = x }"},
		{"a pointer to it", "var v = V; var x any = &v"},
		{"a slice of it", "var x any = []T{V}"},
		{"an array of it", "var x any = [1]T{V}"},
		{"a map of it", "var x any = map[int]T{1: V}"},
		{"a map with it as the key", "var x any = map[T]int{V: 1}"},
		{"a channel of it", "var x any = make(chan T)"},
		{"a struct of it", "var x any = struct{ A T }{V}"},
		{"a struct that embeds it", "type e struct{ T }; var x any = e{V}"},
		{"a type of one's own in an interface", "type e struct{ C T }; func (e) m() {}; func f(i interface{ m() }) { var x any = i; _, _ = x, e{V} }"},
		{"a type of one's own in an interface, by its pointer", "type e struct{ C T }; func (*e) m() {}; func f(i interface{ m() }) { var x any = i; _, _ = x, e{V} }"},
		{"a generic of it", "func g[A any](a A) any { return a }; func f() { g(V) }"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := strings.NewReplacer("V", "c", "T", "client").Replace(tt.code)
			if got := check(t, plain, begin+client+"\n"); len(got) == 0 ||
				!strings.Contains(got[0], " variable: ") {
				t.Errorf("%s: got %q, want it refused", client, got)
			}
			if strings.Contains(tt.code, "doer") {
				return // which may be a client, whatever has just been put into it
			}
			other := strings.NewReplacer("V", "o", "T", "*other").Replace(tt.code)
			if got := check(t, plain, begin+other+"\n"); len(got) != 0 {
				t.Errorf("%s: got %q, want it allowed", other, got)
			}
		})
	}
}
