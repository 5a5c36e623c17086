package policy_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// strict is a lab with instances: variables of the package may keep nothing.
var strict = &course.Lab{Files: []string{"x.go"}, NoPackageState: true, Imports: []string{"reflect",
	"github.com/redis/go-redis/v9"}}

// TestCheck_state has what variables at the top of a package may hold, and beside it the ways to keep
// something there.
func TestCheck_state(t *testing.T) {
	t.Parallel()
	const m = "var m = map[string]int{`a`: 1}\n\n"
	const l = "var l = []int{1, 2}\n\n"
	for _, tt := range []struct {
		name, imports, code string
		want                string // "" is allowed
	}{
		// Right code.
		{"errors", "errors fmt", "var (\n\tErrA = errors.New(`a`)\n\tErrB = fmt.Errorf(`b: %w`, ErrA)\n)\n\nfunc f(err error) error { if errors.Is(err, ErrA) { return ErrB }; e := ErrA; return e }", ""},
		{"an error of one's own", "errors", "type Error struct{ Code string; status int }\n\nfunc (e *Error) Error() string { return e.Code }\n\nvar ErrA = &Error{Code: `a`}\n\nvar ErrB error = &Error{Code: `b`}\n\nfunc f(err error) string { var e *Error; if errors.As(err, &e) { return e.Code }; return ErrB.Error() }\n\nfunc g() error { return &Error{Code: `c`, status: 1} }", ""},
		{"an error by a helper", "errors", "type fail struct{ text string }\n\nfunc (f fail) Error() string { return f.text }\n\nfunc newFail(s string) error { return fail{s} }\n\nvar ErrA, ErrB = newFail(`a`), errors.Join(newFail(`b`))", ""},
		{"regexps and replacers", "regexp strings", "var re, all = regexp.MustCompile(`a`), []*regexp.Regexp{regexp.MustCompile(`b`)}\n\nvar rep = strings.NewReplacer(`a`, `b`)\n\nfunc f(s string) bool { for _, r := range all { if r.MatchString(s) { return true } }; return re.MatchString(rep.Replace(s)) }\n\nvar match = re.MatchString", ""},
		{"templates", "html/template io", "var page = template.Must(template.New(`a`).Funcs(template.FuncMap{`up`: func(s string) string { return s }}).Parse(`b`))\n\nfunc f(w io.Writer) error { return page.Execute(w, 1) }", ""},
		{"a template of one's own beside one of the package's", "text/template", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc f(s string) (*template.Template, error) { if t, err := page.Clone(); err == nil { return t, nil }; return template.New(`c`).Parse(s) }", ""},
		{"scripts", "github.com/redis/go-redis/v9 context", "var take = redis.NewScript(`return 1`)\n\nfunc f(ctx context.Context, c redis.Scripter) error { return take.Run(ctx, c, []string{`a`}, 1).Err() }", ""},
		{"a lookup table", "slices maps", m + "func f(s string) (int, bool) { n, ok := m[s]; for k := range m { _ = k }; return n + len(m), ok && slices.Contains(slices.Sorted(maps.Keys(m)), s) }", ""},
		{"a list", "slices strings sort fmt", "var l = []string{`a`}\n\nfunc f(s string) string { for i, x := range l { if x == s { return fmt.Sprint(i, l) } }; _ = sort.SearchStrings(l, s); return strings.Join(l[1:], ``) + l[slices.Index(l, s)] }", ""},
		{"a table of structs", "strings", "type row struct { name string; codes []int; ok func(string) bool }\n\nvar rows = []row{{`a`, []int{1}, func(s string) bool { return s == `` }}, {name: `b`, ok: isB}}\n\nfunc isB(s string) bool { return strings.HasPrefix(s, `b`) }\n\nfunc f(s string) (n int) { for _, r := range rows { if r.ok(s) { for _, c := range r.codes { n += c } } }; return n }", ""},
		{"functions by name", "net/http", "var handlers = map[string]http.HandlerFunc{`a`: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, `b`: b}\n\nfunc b(http.ResponseWriter, *http.Request) {}\n\nfunc f(w http.ResponseWriter, r *http.Request) { handlers[r.URL.Path](w, r) }", ""},
		{"functions that change what they get", "", "type Config struct{ A string }\n\nvar set = map[string]func(*Config, string){`a`: func(c *Config, s string) { c.A = s }}\n\nfunc f() *Config { c := &Config{}; set[`a`](c, `b`); return c }", ""},
		{"default settings", "time", "type Config struct { N int; Wait time.Duration; Steps []int }\n\nvar Default = Config{N: 1, Wait: time.Second, Steps: []int{1, 2}}\n\nfunc f(c Config) Config { if c.N == 0 { c.N = Default.N }; d := Default; d.N++; return d }", ""},
		{"default settings by a pointer", "", "type Config struct{ N int }\n\nvar Default = &Config{N: 1}\n\nfunc f(c *Config) int { if c == nil { c = Default }; d := *c; d.N++; return d.N }", ""},
		{"a table that init makes", "", "var m map[string]int\n\nfunc init() { m = map[string]int{}; for i, s := range []string{`a`} { m[s] = i } }\n\nfunc f(s string) int { return m[s] }", ""},
		{"a table that a function makes", "", "var m = build()\n\nvar a = func() (t [256]int) { for i := range t { t[i] = i }; return t }()\n\nfunc build() map[string]int { m := map[string]int{}; m[`a`] = 1; return m }\n\nfunc f() int { return m[`a`] + a[1] }", ""},
		{"a table made when it is asked for", "sync", "var table = sync.OnceValue(func() map[string]int { m := map[string]int{}; m[`a`] = 1; return m })\n\nfunc f(s string) int { return table()[s] }", ""},
		{"values of other packages", "net/netip time encoding/base64 reflect", "var p, z, b, y = netip.MustParsePrefix(`10.0.0.0/8`), time.FixedZone(``, 1), base64.RawURLEncoding, reflect.TypeFor[error]()\n\nvar at = time.Unix(0, 0)\n\nfunc f() bool { return p.Contains(p.Addr()) && at.In(z).IsZero() && y.Kind() == 0 }", ""},
		{"a copy that is changed", "slices maps", m + l + "func f() { n := maps.Clone(m); n[`b`] = 1; k := slices.Clone(l); k[0] = 1; k = append([]int{}, l...); k[0] = 2; copy(k, l) }", ""},
		{"a helper that reads", "", m + l + "func get(m map[string]int, l []int) int { return m[`a`] + l[0] }\n\nfunc all() map[string]int { return m }\n\nfunc f() int { x := m; return get(x, l) + all()[`a`] }", ""},
		{"a generic helper that reads", "", l + "func has[T comparable](l []T, x T) bool { for _, y := range l { if x == y { return true } }; return false }\n\nfunc f() bool { return has(l, 1) }", ""},
		{"a type with methods", "", "type set map[string]bool\n\nfunc (s set) has(x string) bool { return s[x] }\n\nfunc (s set) add(x string) { s[x] = true }\n\nfunc f() set { s := set{}; s[`b`] = true; return s }", ""},
		{"a list as bytes", "net/http", "var body = []byte(`{}`)\n\nfunc f(w http.ResponseWriter) { w.Write(body); _ = string(body) }", ""},
		{"an interface that is met", "io", "type t struct{ n int }\n\nfunc (*t) Read([]byte) (int, error) { return 0, io.EOF }\n\nvar _ io.Reader = (*t)(nil)\n\nfunc f(x *t) { x.n++ }", ""},
		{"a strategy", "", "type codec interface{ code(string) string }\n\ntype plain struct{}\n\nfunc (plain) code(s string) string { return s }\n\nvar codecs = map[string]codec{`a`: plain{}}\n\nfunc f(s string) string { return codecs[s].code(s) }", ""},
		{"a closure that keeps a constant", "", "func is(n int) func(int) bool { return func(m int) bool { return n == m } }\n\nvar isOne = is(1)", ""},
		{"a client", "net/http time", "var client = &http.Client{Timeout: time.Second}\n\nfunc f() { client.Get(``) }", ""},
		{"the shared client", "net/http", "var client = http.DefaultClient\n\nfunc f() { client.Get(``) }", ""},
		{"options", "crypto/tls", "type o struct{ v uint16 }\n\nvar all = [...]o{{tls.VersionTLS12}, {tls.VersionTLS13}}\n\nfunc f() uint16 { return all[1].v }", ""},
		{"state of an instance", "sync", "type S struct { mu sync.Mutex; m map[string]int }\n\nfunc New() *S { return &S{m: map[string]int{}} }\n\nfunc (s *S) Add(k string) { s.mu.Lock(); s.m[k]++; s.mu.Unlock() }", ""},
		{"what sync.OnceValues makes", "sync html/template", "var page = sync.OnceValues(func() (*template.Template, error) { return template.New(`a`).Parse(`b`) })\n\nfunc f() error { _, err := page(); return err }", ""},
		{"what a function makes for sync.OnceValue", "sync", "type Config struct{ N int }\n\nfunc load() *Config { return &Config{N: 1} }\n\nvar config = sync.OnceValue(load)\n\nfunc f() int { return config().N }", ""},
		{"a handler that sync.OnceValue makes", "sync net/http", "var h = sync.OnceValue(func() http.Handler { return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }) })\n\nfunc f(w http.ResponseWriter, r *http.Request) { h().ServeHTTP(w, r) }", ""},
		{"a logger", "log/slog io", "var quiet = slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn})).With(`a`, 1)\n\nvar usual = slog.Default()\n\nfunc f() { quiet.Info(`b`); usual.Info(`c`) }", ""},
		{"a logger with a handler of one's own", "log/slog io context", "type tagged struct{ slog.Handler }\n\nfunc (h tagged) Handle(ctx context.Context, r slog.Record) error { r.Add(`a`, 1); return h.Handler.Handle(ctx, r) }\n\nvar log = slog.New(tagged{slog.NewTextHandler(io.Discard, nil)})\n\nfunc f() { log.Info(`b`) }", ""},
		{"a logger of an instance beside one of the package", "log/slog io bytes", "var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))\n\ntype S struct { b bytes.Buffer; l *slog.Logger }\n\nfunc New() *S { s := &S{}; s.l = slog.New(slog.NewTextHandler(&s.b, nil)); return s }", ""},
		{"a template that is only cloned", "html/template io", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc f(w io.Writer) error { t, err := page.Clone(); if err != nil { return err }; return t.Execute(w, 1) }", ""},
		{"functions of an instance's template", "html/template", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc New() *template.Template { n := 0; return template.Must(page.Clone()).Funcs(template.FuncMap{`n`: func() int { n++; return n }}) }", ""},
		{"a name made once", "unique", "var h = unique.Make(`a`)\n\nfunc f(s string) bool { return unique.Make(s) == h }", ""},
		{"a time that is decoded", "time encoding/json", "var epoch = time.Unix(0, 0)\n\ntype S struct{ At time.Time }\n\nfunc f(b []byte) (s S) { json.Unmarshal(b, &s); s.At.UnmarshalText(b); if s.At.Before(epoch) { s.At = epoch }; return s }", ""},
		{"patterns by a generic function", "regexp", "var all = []*regexp.Regexp{regexp.MustCompile(`a`)}\n\nfunc has[T comparable](l []T, x T) bool { for _, y := range l { if x == y { return true } }; return false }\n\nfunc f(r *regexp.Regexp) bool { return has(all, r) }", ""},
		{"a pattern that is decoded", "regexp encoding/json", "type rule struct{ Path *regexp.Regexp }\n\nfunc f(b []byte) (r rule) { json.Unmarshal(b, &r); return r }", ""},
		{"what a method returns through an interface", "", "type tab interface{ get() []int }\n\ntype im struct{ s []int }\n\nfunc (i im) get() []int { return i.s }\n\nvar t tab = im{[]int{1}}\n\nfunc f() int { return t.get()[0] }", ""},

		// Types that are there to be changed.
		{"a mutex", "sync", "var mu sync.Mutex", "5 state"},
		{"a sync.Map", "sync", "var seen sync.Map\n\nfunc f(k any) { seen.Store(k, 1) }", "5 state"},
		{"a pool", "sync", "var pool = sync.Pool{New: func() any { return 1 }}", "5 state"},
		{"an atomic", "sync/atomic", "var n atomic.Int64", "5 state"},
		{"a pointer to an atomic", "sync/atomic", "var n = new(atomic.Int64)", "5 state"},
		{"an atomic function", "sync/atomic", "var n int64\n\nfunc f() { atomic.AddInt64(&n, 1) }", "7 state"},
		{"a channel", "", "var c = make(chan int, 9)", "5 state"},
		{"a list of another package", "container/list", "var l = list.New()", "5 state"},
		{"a buffer", "bytes", "var b bytes.Buffer", "5 state"},
		{"a number that grows", "math/big", "var n = big.NewInt(1)", "5 state"},
		{"within a struct within a map", "sync", "type s struct{ mu sync.Mutex }\n\nvar m = map[string]*s{}", "7 state"},
		{"a pointer to a number", "", "var p = new(int)", "5 state"},

		// Writes where they stand.
		{"assigned", "", "var n int\n\nfunc f() { n = 1 }", "7 state"},
		{"counted", "", "var n int\n\nfunc f() { n++ }", "7 state"},
		{"an element", "", m + "func f() { m[`b`]++ }", "7 state"},
		{"a map of maps", "", "var m = map[any]map[string]int{}\n\nfunc f(s any) { if m[s] == nil { m[s] = map[string]int{} }; m[s][`a`]++ }", "7 state"},
		{"deleted", "", m + "func f() { delete(m, `a`) }", "7 state"},
		{"cleared", "", l + "func f() { clear(l) }", "7 state"},
		{"copied over", "", l + "func f() { copy(l, []int{3}) }", "7 state"},
		{"appended", "", l + "func f() { l = append(l, 1) }", "7 state"},
		{"swapped", "", l + "func f() { l[0], l[1] = l[1], l[0] }", "7 state"},
		{"an element of an array", "", "var a [9]int\n\nfunc f() { a[1] = 1 }", "7 state"},
		{"an array by its slice", "", "var a [9]int\n\nfunc f() { s := a[:]; s[1] = 1 }", "7 state"},
		{"a field", "", "var s struct{ n int }\n\nfunc f() { s.n = 1 }", "7 state"},
		{"by a loop", "", "var n int\n\nfunc f() { for n = range 3 { } }", "7 state"},
		{"by an address", "", "var n int\n\nfunc f() { p := &n; *p = 1 }", "7 state"},
		{"an element by an address", "", l + "func f() { p := &l[0]; *p = 1 }", "7 state"},
		{"in a function that init leaves", "", "var n int\n\nvar f func()\n\nfunc init() { f = func() { n++ } }", "9 state"},
		{"in a package's function literal", "", "var n int\n\nvar f = func() int { n++; return n }", "7 state"},

		// Writes by other ways.
		{"by a helper", "", m + "func put(m map[string]int) { m[`b`] = 1 }\n\nfunc f() { put(m) }", "7 state"},
		{"by a generic helper", "", m + "func put[K comparable, V any](m map[K]V, k K, v V) { m[k] = v }\n\nfunc f() { put(m, `a`, 1) }", "7 state"},
		{"by a generic helper of any type", "", m + "func put[M ~map[string]int](m M) { m[`b`] = 1 }\n\nfunc f() { put(m) }", "7 state"},
		{"by what a helper returns", "", m + "func all() map[string]int { return m }\n\nfunc f() { all()[`b`] = 1 }", "9 state"},
		{"by a variable", "", m + "func f() { x := m; y := x; y[`b`] = 1 }", "7 state"},
		{"by a field of something else", "", m + "type t struct{ m map[string]int }\n\nfunc New() *t { return &t{m: m} }\n\nfunc (t *t) put() { t.m[`b`] = 1 }", "11 state"},
		{"by an interface", "", m + "func put(x any) { x.(map[string]int)[`b`] = 1 }\n\nfunc f() { put(m) }", "9 state"},
		{"by a pointer in an interface", "", "type s struct{ n int }\n\nfunc (s *s) Add() { s.n++ }\n\nvar a interface{ Add() } = &s{}", "7 state"},
		{"by a pointer that is found in an interface", "errors", "type e struct{ n int }\n\nfunc (*e) Error() string { return `` }\n\nvar Err error = &e{}\n\nfunc f(err error) { var x *e; if errors.As(err, &x) { x.n++ } }", "11 state"},
		{"by a closure", "", "func counter() func() int { n := 0; return func() int { n++; return n } }\n\nvar next = counter()", "5 state"},
		{"by a closure around a map", "", "var put, get = func() (func(string), func(string) int) { m := map[string]int{}; return func(k string) { m[k]++ }, func(k string) int { return m[k] } }()", "5 state"},
		{"by a closure around a mutex", "sync", "var f = func() func() { var mu sync.Mutex; return func() { mu.Lock() } }()", "5 state"},
		{"by a closure in a struct", "", "type s struct{ next func() int }\n\nfunc new1() s { n := 0; return s{func() int { n++; return n }} }\n\nvar a = new1()", "7 state"},
		{"by a closure that init makes", "", "func counter() func() int { n := 0; return func() int { n++; return n } }\n\nvar next func() int\n\nfunc init() { next = counter() }", "5 state"},
		{"by a method's value", "", "type s struct{ n int }\n\nfunc (s *s) add() { s.n++ }\n\nvar add = (&s{}).add", "7 state"},
		{"by a method with a pointer", "", "type s struct{ n int }\n\nfunc (s *s) add() { s.n++ }\n\nvar a s\n\nfunc f() { a.add() }", "7 state"},
		{"by a method with a map", "", "type set map[string]bool\n\nfunc (s set) add(x string) { s[x] = true }\n\nvar all = set{}\n\nfunc f() { all.add(`a`) }", "7 state"},
		{"by a method's expression", "", "type set map[string]bool\n\nfunc (s set) add(x string) { s[x] = true }\n\nvar all = set{}\n\nfunc f() { set.add(all, `a`) }", "7 state"},
		{"by a pointer", "", "type s struct{ m map[string]int }\n\nvar a = &s{m: map[string]int{}}\n\nfunc f() { x := a.m; x[`a`]++ }", "9 state"},
		{"by the pointer's pointee", "", "type s struct{ n int }\n\nvar a = &s{}\n\nfunc f() { *a = s{1} }", "9 state"},
		{"by a generic pointer", "", "type s struct{ n int }\n\nvar a = &s{}\n\nfunc set[T any](p *T, v T) { *p = v }\n\nfunc f() { set(a, s{1}) }", "11 state"},
		{"by a loop over maps", "", "var ms = []map[string]int{{}}\n\nfunc f() { for _, m := range ms { m[`a`]++ } }", "7 state"},
		{"by a loop over pointers", "", "type s struct{ n int }\n\nvar all = []*s{{}}\n\nfunc f() { for _, x := range all { x.n++ } }", "9 state"},
		{"by maps.Copy", "maps", m + "func f(n map[string]int) { maps.Copy(m, n) }", "7 state"},
		{"by slices.Sort", "slices", l + "func f() { slices.Sort(l) }", "7 state"},
		{"by another package", "encoding/json", m + "func f(b []byte) { json.Unmarshal(b, &m) }", "7 state"},
		{"a struct by another package", "encoding/json", "type s struct{ N int }\n\nvar a = &s{}\n\nfunc f(b []byte) { json.Unmarshal(b, a) }", "9 state"},
		{"by what append returns", "", l + "func f() []int { return append(l[:0], 3) }", "7 state"},
		{"by an iterator", "slices", "var ms = []map[string]int{{}}\n\nfunc f() { for _, m := range slices.All(ms) { m[`a`]++ } }", "7 state"},
		{"by a callback", "slices", "var ms = []map[string]int{{}}\n\nfunc f() { slices.ContainsFunc(ms, func(m map[string]int) bool { m[`a`]++; return true }) }", "7 state"},
		{"by a channel", "", m + "func f(c chan map[string]int) { c <- m; (<-c)[`a`]++ }", "7 state"},
		{"by a template", "text/template", "var t = template.New(`a`)\n\nfunc put(k, v string) { t.New(k).Parse(v) }", "7 state"},
		{"by a regexp", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc f() { r.Longest() }", "7 state"},
		{"what sync.OnceValue keeps", "sync", "var table = sync.OnceValue(func() map[string]int { return map[string]int{} })\n\nfunc f() { table()[`a`]++ }", "7 state"},
		{"by a generic type", "", "type box[T any] struct{ v T }\n\nfunc (b *box[T]) set(v T) { b.v = v }\n\nvar b box[int]\n\nfunc f() { b.set(1) }", "7 state"},
		{"by an embedded type", "", "type in struct{ n int }\n\nfunc (i *in) add() { i.n++ }\n\ntype out struct{ in }\n\nvar o out\n\nfunc f() { o.add() }", "7 state"},
		{"by an embedded type of a pointer", "", "type in int\n\nfunc (i *in) add() { *i++ }\n\ntype out struct{ in }\n\nvar o = &out{}\n\nfunc f() { o.add() }", "7 state"},
		{"by a client", "net/http", "var client = &http.Client{}\n\nfunc f() { client.Timeout++ }", "7 state"},
		{"by an interface with a map", "", "type jar struct{ m map[string]int }\n\nfunc (j jar) add() { j.m[`a`]++ }\n\nvar j interface{ add() } = jar{m: map[string]int{}}", "7 state"},
		{"by a value's method", "", "type t struct{ m map[string]int }\n\nfunc (x t) add() { x.m[`a`]++ }\n\nvar v = t{m: map[string]int{}}\n\nfunc f() { v.add() }", "7 state"},
		{"by a function's parameter", "", m + "var put = func(m map[string]int) { m[`b`]++ }\n\nfunc f() { put(m) }", "9 state"},
		{"by a type switch", "", "var m = map[string]any{`a`: []int{1}}\n\nfunc f() { switch x := m[`a`].(type) { case []int: x[0]++ } }", "5 state"},
		{"by unwrapping a struct", "", "type t struct{ m map[string]int }\n\nvar v = t{m: map[string]int{}}\n\nfunc get() t { return v }\n\nfunc f() { x := get(); x.m[`a`]++ }", "11 state"},
		{"by a deferred call", "", m + "func f() { defer delete(m, `a`); defer func() { m[`c`]++ }() }", "7 state"},
		{"by a map that init keeps twice", "", "var a, b map[string]int\n\nfunc init() { a = map[string]int{}; b = a }\n\nfunc f() { b[`a`]++ }", "9 state"},
		{"by an array of maps", "", "var a [2]map[string]int\n\nfunc init() { a[0] = map[string]int{} }\n\nfunc f() { x := a; x[0][`a`]++ }", "9 state"},
		{"by a pointer to a slice", "", "var l = &[]int{1}", "5 state"},
		{"by a map with a function that keeps", "", "func c() func() int { n := 0; return func() int { n++; return n } }\n\nvar m = map[string]func() int{`a`: c()}", "5 state"},
		{"by an interface with a closure in it", "", "type s interface{ next() int }\n\ntype fn func() int\n\nfunc (f fn) next() int { return f() }\n\nfunc c() s { n := 0; return fn(func() int { n++; return n }) }\n\nvar a = c()", "11 state"},
		{"by a parameter that is kept", "", "func c(n int) func() int { return func() int { n++; return n } }\n\nvar a = c(1)", "5 state"},
		{"by a writer of one's own", "io", "type w struct{}\n\nfunc (w) Write(p []byte) (int, error) { p[0] = 1; return 1, nil }\n\nvar b = []byte(`a`)\n\nfunc f(x io.Writer) { x.Write(b) }", "7 state"},
		{"by a String method", "fmt", "type t map[string]int\n\nfunc (t t) String() string { t[`a`]++; return `` }\n\nvar m = t{}\n\nfunc f() string { return fmt.Sprint(m) }", "7 state"},

		// What is in what looks still.
		{"a regexp that is decoded", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc f(b []byte) { r.UnmarshalText(b) }", "7 state"},
		{"a regexp by encoding/json", "regexp encoding/json", "var r = regexp.MustCompile(`a`)\n\nfunc f(b []byte) { json.Unmarshal(b, r) }", "7 state"},
		{"a regexp in a struct by encoding/json", "regexp encoding/json", "var r = regexp.MustCompile(`a`)\n\ntype s struct{ R *regexp.Regexp }\n\nfunc f(b []byte) { json.Unmarshal(b, &s{r}) }", "9 state"},
		{"a regexp in a list by encoding/json", "regexp encoding/json", "var r = regexp.MustCompile(`a`)\n\nfunc f(b []byte) { l := []*regexp.Regexp{r}; json.Unmarshal(b, &l) }", "7 state"},
		{"a regexp by an interface", "regexp encoding", "var r = regexp.MustCompile(`a`)\n\nfunc f(b []byte) { var u encoding.TextUnmarshaler = r; u.UnmarshalText(b) }", "7 state"},
		{"a regexp by an interface of one's own", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc f() { var l interface{ Longest() } = r; l.Longest() }", "7 state"},
		{"a regexp by its method as a function", "regexp", "var r = regexp.MustCompile(`a`)\n\nvar set = (*regexp.Regexp).UnmarshalText\n\nfunc f(b []byte) { set(r, b) }", "7 state"},
		{"a regexp by what it points to", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc f(s string) { q := r; *q = *regexp.MustCompile(s) }", "7 state"},
		{"a regexp by a generic pointer", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc set[T any](p *T, v T) { *p = v }\n\nfunc f(s string) { set(r, *regexp.MustCompile(s)) }", "9 state"},
		{"a regexp by a constraint", "regexp", "var r = regexp.MustCompile(`a`)\n\nfunc set[T interface{ UnmarshalText([]byte) error }](x T) { x.UnmarshalText(nil) }\n\nfunc f() { set(r) }", "9 state"},
		{"a regexp that is embedded, by an interface", "regexp encoding", "type s struct{ *regexp.Regexp }\n\nvar r = s{regexp.MustCompile(`a`)}\n\nfunc f(b []byte) { var u encoding.TextUnmarshaler = r; u.UnmarshalText(b) }", "9 state"},
		{"a regexp of a table", "regexp", "var t = []struct{ r *regexp.Regexp }{{regexp.MustCompile(`a`)}}\n\nfunc f(b []byte) { t[0].r.UnmarshalText(b) }", "7 state"},
		{"a time", "time", "var at = time.Unix(0, 0)\n\nfunc f(b []byte) { at.UnmarshalText(b) }", "7 state"},
		{"a time by its address", "time", "var at = time.Unix(0, 0)\n\nfunc f() { p := &at; *p = time.Now() }", "7 state"},
		{"a prefix by encoding/json", "net/netip encoding/json", "var p = netip.MustParsePrefix(`10.0.0.0/8`)\n\nfunc f(b []byte) { json.Unmarshal(b, &p) }", "7 state"},
		{"a struct that sync.OnceValue keeps", "sync", "type k struct{ p []int }\n\nvar v = sync.OnceValue(func() *k { return &k{} })\n\nfunc f() { v().p = nil }", "9 state"},
		{"a struct of a function that sync.OnceValue keeps", "sync", "type k struct{ p []int }\n\nfunc mk() *k { return &k{} }\n\nvar v = sync.OnceValue(mk)\n\nfunc f() { v().p = nil }", "11 state"},
		{"a struct of a generic that sync.OnceValue keeps", "sync", "type k struct{ p []int }\n\nfunc mk[T any]() *T { return new(T) }\n\nvar v = sync.OnceValue(mk[k])\n\nfunc f() { v().p = nil }", "11 state"},
		{"one of two that sync.OnceValues keeps", "sync", "type k struct{ p []int }\n\nfunc mk() (*k, error) { return &k{}, nil }\n\nvar v = sync.OnceValues(mk)\n\nfunc f() { x, _ := v(); x.p = nil }", "11 state"},
		{"a lock that sync.OnceValue keeps", "sync", "func mk() *sync.Mutex { return new(sync.Mutex) }\n\nvar v = sync.OnceValue(mk)", "7 state"},
		{"a mux that sync.OnceValue keeps", "sync net/http", "var v = sync.OnceValue(http.NewServeMux)", "5 state"},
		{"a closure that sync.OnceValue keeps", "sync", "func mk() func() int { n := 0; return func() int { n++; return n } }\n\nvar v = sync.OnceValue(mk)", "5 state"},
		{"an interface that sync.OnceValue keeps", "sync", "type k struct{ p []int }\n\nfunc (x *k) add() { x.p = append(x.p, 1) }\n\nvar v = sync.OnceValue(func() interface{ add() } { return &k{} })\n\nfunc f() { v().add() }", "7 state"},
		{"an error that sync.OnceValues keeps", "sync errors", "type k struct{ p []int }\n\nfunc (*k) Error() string { return `` }\n\nvar v = sync.OnceValues(func() (int, error) { return 1, &k{} })\n\nfunc f() { _, err := v(); var x *k; errors.As(err, &x); x.p = nil }", "11 state"},
		{"a handler in a logger", "log/slog context", "type h struct { slog.Handler; m []int }\n\nfunc (x *h) Handle(context.Context, slog.Record) error { x.m[0]++; return nil }\n\nvar l = slog.New(&h{m: make([]int, 1)})", "7 state"},
		{"a handler out of a logger", "log/slog", "type h struct { slog.Handler; m []int }\n\nvar l = slog.New(&h{m: make([]int, 1)})\n\nfunc f() { l.Handler().(*h).m = nil }", "9 state"},
		{"a writer in a logger", "log/slog", "type k struct{ p []int }\n\nfunc (x *k) Write(b []byte) (int, error) { x.p = append(x.p, len(b)); return len(b), nil }\n\nvar l = slog.New(slog.NewTextHandler(&k{}, nil))", "7 state"},
		{"a logger that a function makes", "log/slog", "type k struct{ p []int }\n\nfunc (x *k) Write(b []byte) (int, error) { x.p = append(x.p, len(b)); return len(b), nil }\n\nfunc mk() *slog.Logger { return slog.New(slog.NewTextHandler(&k{}, nil)) }\n\nvar l = mk()", "7 state"},
		{"what an attribute has", "log/slog", "var a = slog.Any(``, map[string]int{})\n\nfunc f() { a.Value.Any().(map[string]int)[`a`]++ }", "5 state"},
		{"a template's function", "html/template", "func funcs() template.FuncMap { n := 0; return template.FuncMap{`n`: func() int { n++; return n }} }\n\nvar t = template.Must(template.New(`a`).Funcs(funcs()).Parse(`{{n}}`))", "5 state"},
		{"a template's method", "html/template", "type k struct{ p []int }\n\nfunc (x *k) Add() int { x.p = append(x.p, 1); return len(x.p) }\n\nvar t = template.Must(template.New(`a`).Funcs(template.FuncMap{`n`: (&k{}).Add}).Parse(`{{n}}`))", "7 state"},
		{"a template that is executed and cloned", "html/template io", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc f(w io.Writer) { page.Execute(w, 1) }\n\nfunc g() bool { _, err := page.Clone(); return err == nil }", "9 state"},
		{"a template of a table that is cloned", "html/template", "var pages = []*template.Template{template.Must(template.New(`a`).Parse(`b`))}\n\nfunc g() bool { _, err := pages[0].Clone(); return err == nil }", "7 state"},
		{"a template that is cloned by another name", "html/template", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc g() bool { t := page; _, err := t.Clone(); return err == nil }", "7 state"},
		{"a template that is embedded and cloned", "html/template", "type p struct{ *template.Template }\n\nvar page = p{template.Must(template.New(`a`).Parse(`b`))}\n\nfunc f() { page.Execute(nil, 1) }\n\nfunc g() bool { _, err := page.Clone(); return err == nil }", "11 state"},
		{"a template's tree", "html/template", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc g() string { return page.Tree.Root.String() }", "7 state"},
		{"a template's names", "html/template", "var page = template.Must(template.New(`a`).Parse(`b`))\n\nfunc g() string { return page.DefinedTemplates() }", "7 state"},
		{"what a handle has", "unique", "var h = unique.Make(new(int))\n\nfunc f() { *h.Value() = 1 }", "5 state"},
		{"what a handle's struct has", "unique", "type s struct{ p *int }\n\nvar h = unique.Make(s{new(int)})\n\nfunc f() { *h.Value().p = 1 }", "7 state"},
		{"what a handle's interface has", "unique", "type k struct{ p []int }\n\nvar h = unique.Make[any](&k{})\n\nfunc f() { h.Value().(*k).p = nil }", "7 state"},
		{"what a method returns by an interface", "", "type tab interface{ get() []int }\n\ntype im struct{ s []int }\n\nfunc (i im) get() []int { return i.s }\n\nvar t tab = im{[]int{1}}\n\nfunc f() { t.get()[0]++ }", "13 state"},

		// What the machine and the process keep for all.
		{"a listener that is handed in", "net", "func Serve(l net.Listener) error { c, err := l.Accept(); _ = c; return err }", ""},
		{"a way to dial that is handed in", "net", "func Get(dial func() (net.Conn, error)) { dial() }", ""},
		{"a client of one's own", "net/http", "func f(s string) { c := &http.Client{}; c.Get(s) }", ""},
		{"a port", "net", "func f() { net.Listen(``, ``); net.ListenPacket(``, ``) }", "5 state"},
		{"a port by its type", "net", "func f() {\n\tnet.ListenTCP(``, nil)\n\tnet.ListenUDP(``, nil)\n}", "6 state, 7 state"},
		{"a port by settings", "net context", "func f(ctx context.Context) { var l net.ListenConfig; l.Listen(ctx, ``, ``) }", "5 state"},
		{"a port to dial from", "net", "func f(at net.Addr) { (&net.Dialer{LocalAddr: at}).Dial(``, ``) }", "5 state"},
		{"a port to dial from, at once", "net", "func f(at *net.UDPAddr) { net.DialUDP(``, at, nil) }", "5 state"},
		{"a port of a server's", "net/http", "func f(s *http.Server) {\n\ts.ListenAndServe()\n\thttp.ListenAndServeTLS(``, ``, ``, nil)\n}",
			"6 state, 7 state"},
		{"a port with a certificate", "crypto/tls", "func f() {\n\ttls.Listen(``, ``, nil)\n\t(&tls.Dialer{}).Dial(``, ``)\n}",
			"6 state, 7 state"},
		{"a port by a value", "net", "var open = net.Dial", "5 state"},
		{"goroutines", "runtime", "func f() bool { return runtime.NumGoroutine() > 99 }", "5 state"},
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

// TestCheck_stateAllowed is that a lab can allow it.
func TestCheck_stateAllowed(t *testing.T) {
	t.Parallel()
	l := &course.Lab{Files: []string{"x.go"}}
	if got := check(t, l, "package x\n\nvar n int\n\nfunc f() { n++ }\n"); len(got) > 0 {
		t.Errorf("got %q, want nothing", got)
	}
}
