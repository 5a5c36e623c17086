package policy_test

import (
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// TestCheck_initialisers has beside each thing that begins before a check does the neighbour that is
// allowed.
func TestCheck_initialisers(t *testing.T) {
	t.Parallel()
	l := &course.Lab{Files: []string{"x.go"}, Imports: []string{"os", "os/signal",
		"github.com/redis/go-redis/v9"}}
	for _, tt := range []struct {
		name, imports, code string
		want                string // "" is allowed
	}{
		{"what initialisers are for", "errors regexp strings html/template sync/atomic fmt", "var (a = errors.New(``); b = regexp.MustCompile(``); c = strings.NewReplacer(``, ``); d = map[string]int{`a`: 1}; e = template.Must(template.New(``).Funcs(template.FuncMap{`f`: f}).Parse(``)); g atomic.Int64; h = fmt.Errorf(`%w`, a); i = make(chan int, 1))\n\nfunc f() int { return 1 }", ""},
		{"a goroutine in init", "", "func init() { go func() {}() }", "5 initialiser"},
		{"a goroutine in a function", "", "func f() { go func() {}() }", ""},
		{"a goroutine in a variable's value", "", "var x = func() int { go f(); return 1 }()\n\nfunc f() {}", "5 initialiser"},
		{"a goroutine in a value that is not called", "", "var x = func() int { go f(); return 1 }\n\nfunc f() {}", ""},
		{"a goroutine in a function that init calls", "", "func init() { f() }\n\nfunc f() { g() }\n\nfunc g() { go g() }", "9 initialiser"},
		{"a goroutine in a method that a value calls", "", "type t struct{}\n\nfunc (*t) start() *t { go func() {}(); return nil }\n\nvar x = new(t).start()", "7 initialiser"},
		{"a goroutine in a method that nothing calls", "", "type t struct{}\n\nfunc (*t) start() *t { go func() {}(); return nil }\n\nvar x = new(t)", ""},
		{"a goroutine in a generic", "", "func start[T any](t T) T { go func() {}(); return t }\n\nvar x = start[int](1)", "5 initialiser"},
		{"a goroutine in a generic of two", "", "func start[A, B any](a A) (b B) { go func() {}(); return b }\n\nvar x = start[int, int](1)", "5 initialiser"},
		{"a goroutine in a generic's method", "", "type t[T any] struct{}\n\nfunc (t[T]) start() int { go func() {}(); return 1 }\n\nvar x = t[int]{}.start()", "7 initialiser"},
		{"a goroutine by a function's value", "", "func f() { go f() }\n\nfunc init() { g := f; g() }", "5 initialiser"},
		{"a goroutine by a literal's value", "", "func init() { f := func() { go g() }; f() }\n\nfunc g() {}", "5 initialiser"},
		{"a goroutine by a parameter", "", "func call(f func()) { f() }\n\nfunc init() { call(func() { go call(nil) }) }", "7 initialiser"},
		{"a goroutine by a method's value", "", "type t int\n\nfunc (t) start() { go t(0).start() }\n\nfunc init() { f := t(0).start; f() }", "7 initialiser"},
		{"a goroutine by a method's expression", "", "type t int\n\nfunc (t) start() { go t(0).start() }\n\nfunc init() { (t).start(1) }", "7 initialiser"},
		{"a goroutine by an interface", "", "type t int\n\nfunc (t) start() { go t(0).start() }\n\nfunc init() { var s interface{ start() } = t(0); s.start() }", "7 initialiser"},
		{"a goroutine by a table of functions", "", "var table = map[string]func(){`a`: func() { go f() }}\n\nfunc f() {}\n\nfunc init() { table[`a`]() }", "5 initialiser"},
		{"a table of functions", "", "var table = map[string]func(){`a`: func() { go f() }, `b`: f}\n\nfunc f() { go f() }", ""},
		{"a goroutine by a constraint", "", "type t int\n\nfunc (t) start() { go t(0).start() }\n\nfunc call[T interface{ start() }](x T) int { x.start(); return 1 }\n\nvar x = call(t(0))", "7 initialiser"},
		{"a goroutine by a deferred function", "", "func init() { defer func() { go f() }() }\n\nfunc f() {}", "5 initialiser"},
		{"a goroutine in a second init", "", "func init() {}\nfunc init() { go f() }\n\nfunc f() {}", "6 initialiser"},
		{"a method that is called init", "", "type t int\n\nfunc (t) init() { go t(0).init() }", ""},
		{"a goroutine by an iterator", "", "func seq(yield func(int) bool) { go f() }\n\nfunc f() {}\n\nfunc init() { s := seq; for range s {} }", "5 initialiser"},
		{"a goroutine by another package", "slices", "func less(a, b int) int { go f(); return 0 }\n\nfunc f() {}\n\nfunc init() { slices.SortFunc([]int{2, 1}, less) }", "5 initialiser"},
		{"a function that another package keeps", "sync", "var f = sync.OnceValue(func() int { go g(); return 1 })\n\nfunc g() {}", ""},
		{"a function that another package has kept", "sync", "var f = sync.OnceValue(func() int { go g(); return 1 })\n\nfunc g() {}\n\nvar n = f()", "5 initialiser"},
		{"a goroutine by a method that another package calls", "fmt", "type t int\n\nfunc (t) String() string { go fmt.Print(); return `` }\n\nvar s = fmt.Sprint(t(1))", "7 initialiser"},
		{"a goroutine by an error's method", "fmt", "type t int\n\nfunc (t) Error() string { go fmt.Print(); return `` }\n\nvar e error = t(1)\n\nvar s = fmt.Errorf(`%w`, e)", "7 initialiser"},
		{"a goroutine by a slice of such", "fmt", "type t int\n\nfunc (t) String() string { go fmt.Print(); return `` }\n\nvar s = fmt.Sprint([]t{1})", "7 initialiser"},
		{"a goroutine by a map of such", "fmt", "type t int\n\nfunc (t) String() string { go fmt.Print(); return `` }\n\nvar s = fmt.Sprint(map[int]*t{})", "7 initialiser"},
		{"a goroutine by a struct of such", "fmt", "type t int\n\nfunc (t) String() string { go fmt.Print(); return `` }\n\nvar s = fmt.Sprint(struct{ X [1]t }{})", "7 initialiser"},
		{"a goroutine by a pool", "sync", "var p = sync.Pool{New: func() any { go f(); return 1 }}\n\nfunc f() {}\n\nfunc init() { p.Get() }", "5 initialiser"},
		{"a pool", "sync", "var p = sync.Pool{New: func() any { go f(); return 1 }}\n\nfunc f() {}", ""},
		{"a handler that starts something", "net/http", "var h = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { go f() })\n\nfunc f() {}", ""},
		{"a wrapped error beside handlers", "errors fmt", "var a = errors.New(``)\nvar b = fmt.Errorf(`%w`, a)\nvar table = []func(){f}\n\nfunc f() { go f() }", ""},
		{"a goroutine of a group", "sync", "func init() { var g sync.WaitGroup; g.Go(func() {}) }", "5 initialiser"},
		{"a goroutine of another module", "golang.org/x/sync/errgroup", "var g errgroup.Group\n\nfunc init() { g.Go(nil) }", "7 initialiser"},
		{"a script and a semaphore", "github.com/redis/go-redis/v9 golang.org/x/sync/semaphore", "var s, l = redis.NewScript(``), semaphore.NewWeighted(1)", ""},
		{"a client with a pool", "github.com/redis/go-redis/v9", "var c = redis.NewClient(nil)", "5 name, 5 initialiser"},

		{"a send", "", "var c = make(chan int)\n\nfunc init() { c <- 1 }", "7 initialiser"},
		{"a receive", "", "var c = make(chan int)\nvar n = <-c", "6 initialiser"},
		{"a select", "", "func init() { select {} }", "5 initialiser"},
		{"a loop over a channel", "", "func init() { for range make(chan int) {} }", "5 initialiser"},
		{"a loop over a slice", "", "func init() { for range []int{} {} }", ""},
		{"sleep", "time", "func init() { time.Sleep(1) }", "5 initialiser"},
		{"the clock as a value", "time", "var now, sleep, after = time.Now, time.Sleep, time.AfterFunc", ""},
		{"the clock as a value that is called", "time", "var after = time.AfterFunc\n\nvar t = after(1, nil)", "5 initialiser"},
		{"a timer", "time", "var t = time.AfterFunc(1, nil)", "5 initialiser"},
		{"a ticker", "time", "var t = time.NewTicker(1).C", "5 initialiser"},
		{"a context with a deadline", "context time", "var ctx, _ = context.WithTimeout(context.Background(), time.Hour)", "5 initialiser"},
		{"a context", "context", "var ctx, _ = context.WithCancel(context.Background())", ""},
		{"a listener", "net", "var l, _ = net.Listen(``, ``)", "5 initialiser"},
		{"a dialer", "net", "var d = &net.Dialer{}\n\nfunc f() { d.Dial(``, ``) }", ""},
		{"a dialer's call", "net", "var c, _ = (&net.Dialer{}).Dial(``, ``)", "5 initialiser"},
		{"a server", "net/http", "func init() { http.ListenAndServe(``, nil) }", "5 initialiser"},
		{"a server of one's own", "net/http", "var s = &http.Server{}\n\nfunc f() { s.ListenAndServe() }", ""},
		{"a server's call", "net/http", "var e = (&http.Server{}).ListenAndServe()", "5 initialiser"},
		{"a server's call by an interface", "net/http", "var s interface{ ListenAndServe() error } = &http.Server{}\n\nvar e = s.ListenAndServe()", "7 initialiser"},
		{"an interface's call", "", "type t int\n\nfunc (t) name() string { return `` }\n\nvar x interface{ name() string } = t(1)\n\nvar s = x.name()", ""},
		{"an error's text", "errors", "var s = errors.New(``).Error()", ""},
		{"a request", "net/http", "var r, _ = http.Get(``)", "5 initialiser"},
		{"a file", "os", "var f, _ = os.Open(``)", "5 initialiser"},
		{"the environment", "os", "var e = os.Getenv(``)", ""},
		{"a signal", "os os/signal", "func init() { signal.Notify(make(chan os.Signal)) }", "5 initialiser"},
		{"a coroutine", "iter slices", "var next, _ = iter.Pull(slices.Values([]int{}))", "5 initialiser"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := body(tt.imports, tt.code)
			if got := strings.Join(rules(t, l, src), ", "); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, check(t, l, src))
			}
		})
	}
}
