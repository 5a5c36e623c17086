package policy_test

import (
	"strings"
	"testing"
)

// TestCheck_stateFlow follows what a variable of the package holds to where it is read, or written: of two that
// go the same way the one that is written is told.
func TestCheck_stateFlow(t *testing.T) {
	t.Parallel()
	const (
		m       = "var m = map[string]int{`a`: 1}\n\n"
		l       = "var l = []int{1, 2}\n\n"
		ms      = "var ms = []map[string]int{{}}\n\n"
		pair    = "type pair struct{ a, b map[string]int }\n\n"
		counter = "func c() func() int { n := 0; return func() int { n++; return n } }\n\n"
		two     = "func two() (func() int, func() int) { n := 0; return nil, func() int { n++; return n } }\n\n"
		put     = "type t struct{}\n\nfunc (t) put(a, b map[string]int) { a[`b`] = len(b) }\n\n"
		page    = "var t = template.New(`a`)\n\n"
	)
	for _, tt := range []struct {
		name, imports, code string
		want                string // "" is allowed
	}{
		// Into parameters.
		{"the first of a method's expression", "", m + put + "func f() { t.put(t{}, m, nil) }", "9 state"},
		{"the second of a method's expression", "", m + put + "func f() { t.put(t{}, nil, m) }", ""},
		{"one of many", "", m + "func put(all ...map[string]int) { all[0][`b`] = 1 }\n\nfunc f() { put(nil, m) }",
			"7 state"},
		{"one of many that is read", "", m + "func get(all ...map[string]int) int { return all[0][`b`] }\n\n" +
			"func f() int { return get(nil, m) }", ""},
		{"one of many in interfaces", "", m + "func put(all ...any) {}\n\nfunc f() { put(m) }", "9 state"},
		{"the last of many in interfaces", "", m + "func put(s string, all ...any) {}\n\nfunc f() { put(``, m) }",
			"9 state"},
		{"before many in interfaces", "", m + "func get(m map[string]int, all ...any) int { return m[`a`] }\n\n" +
			"func f() int { return get(m, 1) }", ""},
		{"a list as the many that are written", "", "var l = []any{1}\n\nfunc put(all ...any) { all[0] = 2 }\n\n" +
			"func f() { put(l...) }",
			"7 state"},
		{"a list as the many that are read", "", "var l = []any{1}\n\n" +
			"func get(all ...any) any { return all[0] }\n\n" +
			"func f() any { return get(l...) }", ""},
		{"a writer's method without parameters", "io", "type w struct{}\n\nfunc (w) Write() {}\n\n" +
			"var b = []byte(`a`)\n\n" +
			"func f(x io.Writer) { x.Write(b) }", ""},

		// Into functions of the language and of other packages.
		{"a number, appended", "", "var n = 1\n\nfunc f(l []int) []int { return append(l, n) }", ""},
		{"a map, appended", "", m + "func f(l []map[string]int) { l = append(l, m) }", "7 state"},
		{"to a buffer", "bytes", "var b = []byte(`a`)\n\nfunc f(w *bytes.Buffer) { w.Write(b) }", ""},
		{"to a function called Write", "encoding/binary io",
			l + "func f(w io.Writer) { binary.Write(w, binary.BigEndian, l) }",
			"7 state"},
		{"a clone of maps", "slices", ms + "func f() { x := slices.Clone(ms); x[0][`a`]++ }", "7 state"},
		{"a clone of maps that is read", "slices", ms + "func f() int { x := slices.Clone(ms); return x[0][`a`] }",
			""},
		{"elements with a String method", "fmt", "type t map[string]int\n\n" +
			"func (t t) String() string { t[`a`]++; return `` }\n\n" +
			"var l = []t{{}}\n\nfunc f() string { return fmt.Sprint(l) }", "7 state"},

		// Into variables.
		{"the second of an assignment", "", m + "func f() { x, y := map[string]int{}, m; y[`b`] = len(x) }",
			"7 state"},
		{"beside an assignment", "", m + "func f() { x, y := map[string]int{}, m; x[`b`] = len(y) }", ""},
		{"the second of a declaration", "", m + "func f() { var x, y = map[string]int{}, m; y[`b`] = len(x) }",
			"7 state"},
		{"beside a declaration", "", m + "func f() { var x, y = map[string]int{}, m; x[`b`] = len(y) }", ""},
		{"beside a result", "", m + "func get() (map[string]int, int) { return m, 1 }\n\n" +
			"func f(l []int) { var x map[string]int; x, l[0] = get(); _ = x }", ""},
		{"a result beside an error", "", m + "func get() (map[string]int, error) { return m, nil }\n\n" +
			"func f() { x, _ := get(); x[`a`]++ }", "9 state"},
		{"a result beside an error that is read", "", m + "func get() (map[string]int, error) { return m, nil }\n\n" +
			"func f() int { x, _ := get(); return x[`a`] }", ""},
		{"a result that is an any", "", m + "func get() any { return m }", "7 state"},
		{"a generic's result", "", m + "func get[T any]() map[string]int { return m }\n\n" +
			"func f() { get[int]()[`a`]++ }", "9 state"},
		{"a generic's result that is read", "", m + "func get[T any]() map[string]int { return m }\n\n" +
			"func f() int { return get[int]()[`a`] }", ""},
		{"a literal's result", "", m + "func f() { x := func() map[string]int { return m }(); x[`a`]++ }", "7 state"},
		{"a literal's result that is read", "",
			m + "func f() int { return func() map[string]int { return m }()[`a`] }", ""},
		{"what a literal would return", "",
			m + "func f() func() map[string]int { return func() map[string]int { return m } }",
			"7 state"},
		{"what a literal that is handed on would return", "", m + "func g(func() map[string]int) {}\n\n" +
			"func f() { g(func() map[string]int { return m }) }", "9 state"},

		// Into literals.
		{"a list of maps", "", m + "func f() { x := []map[string]int{m}; x[0][`a`]++ }", "7 state"},
		{"a list of maps that is read", "", m + "func f() int { return []map[string]int{m}[0][`a`] }", ""},
		{"a list of any", "", m + "func f() []any { return []any{m} }", "7 state"},
		{"the second field", "", m + pair + "func f() { x := pair{map[string]int{}, m}; x.b[`a`]++ }", "9 state"},
		{"beside the second field", "", m + pair + "func f() { x := pair{map[string]int{}, m}; x.a[`a`]++ }", ""},

		// Out of interfaces.
		{"a channel in an interface", "", "var x any = 1\n\nfunc f() { <-x.(chan int) }", "7 state"},
		{"a number in an interface", "", "var x any = 1\n\nfunc f() int { return -x.(int) }", ""},
		{"a number", "", "var n = 1\n\nfunc f() int { return -n }", ""},

		// While the package is initialised, or later.
		{"written above its declaration", "", "func f() { n = 1 }\n\nvar n int", "5 state"},
		{"written in a function above its declaration", "", "func f() func() { return func() { n = 1 } }\n\n" +
			"var n int", "5 state"},
		{"the second that init assigns", "", counter + "var a, b func() int\n\nfunc init() { b, a = nil, c() }",
			"5 state"},
		{"the second of a call in init", "", two + "var a, b func() int\n\nfunc init() { a, b = two() }", "5 state"},
		{"what is counted before it is kept", "",
			"func sum(l ...int) func() int { n := 0; for _, x := range l { n += x }; " +
				"return func() int { return n } }\n\nvar three = sum(1, 2)", ""},
		{"a closure by a declaration", "", counter + "func d() func() int { var x = c(); return x }\n\nvar a = d()",
			"5 state"},
		{"a list that another begins with", "", l + "var all = append(l, 3)", ""},

		// By pointers to what may be shared.
		{"a constraint", "", "type s struct{ n int }\n\nvar a = &s{}\n\nfunc set[P *s](p P) { *p = s{1} }",
			"9 state"},
		{"a constraint of all such types", "", "type s struct{ n int }\n\nvar a = &s{}\n\n" +
			"func set[P ~*s](p P) { *p = s{1} }", "9 state"},
		{"an any that a value of a function gets", "", "type s struct{ n int }\n\nvar a = &s{}\n\n" +
			"func f(g func(any)) { g(a) }", "9 state"},
		{"an any that is shown", "fmt", "type s struct{ n int }\n\nvar a = &s{}\n\n" +
			"func f() string { return fmt.Sprint(a) }", ""},
		{"a template that Must gives back", "text/template",
			page + "func f(s string) { template.Must(t, nil).Parse(s) }", "7 state"},
		{"a template that is cloned", "text/template",
			page + "func f(s string) { template.Must(t.Clone()).Parse(s) }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := body(tt.imports, tt.code)
			if got := strings.Join(rules(t, strict, src), ", "); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, check(t, strict, src))
			}
		})
	}
}
