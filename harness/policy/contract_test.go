package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
)

// stub is what the lab declares for the checks.
const stub = `package x

import (
	"context"
	"net/http"
)

// DB is handed in by the checks.
type DB interface {
	Load(ctx context.Context, id string) (string, error)
}

// More has a method that DB has not.
type More interface {
	DB
	Save(id string) error
}

// Options have one too.
type Options struct {
	Dial func() (DB, error)
	all  int
}

// Repo is up to you.
type Repo struct{}

// Level is one of these.
type Level int

const (
	Few Level = iota
	Many
)

// Retries is how often.
const Retries = 2

// Seen may be anything.
var Seen = 0

func New(db DB, o Options) *Repo { return nil }

func (r *Repo) Get(ids ...string) (vals []string, err error) { return nil, nil }

func Handler(next http.Handler) http.Handler { return next }
`

const (
	types = "package x\n\nimport (\n\t\"container/heap\"\n\t\"container/list\"\n\t\"context\"\n\t\"fmt\"\n\t\"net/http\"\n\t\"io\"\n\t\"sync\"\n\t\"sync/atomic\"\n)\n\n" +
		"var _, _, _, _ = fmt.Sprint, http.NotFound, io.Discard, heap.Init\n\ntype _ struct { list.List; sync.Mutex; atomic.Int32 }\n\n" +
		"type DB interface{ Load(ctx context.Context, id string) (string, error) }\n\n" +
		"type More interface { DB; Save(id string) error }\n\n"
	options = "type Options struct { Dial func() (DB, error); mine bool }\n\n"
	repo    = "type Repo struct{ db DB }\n\n"
	newRepo = "func New(db DB, o Options) *Repo { return &Repo{db} }\n\n"
	get     = "func (r *Repo) Get(keys ...string) ([]string, error) { return nil, nil }\n\n"
	handler = "func Handler(h http.Handler) http.Handler { return h }\n\n"
	whole   = types + options + repo + newRepo + get + handler
)

// tmpl is code with a template, and encoded code with encoding/json, behind the whole of the lab's.
func tmpl(code string) string {
	return strings.Replace(whole, "import (\n", "import (\n\t\"text/template\"\n", 1) +
		"var show = template.New(``)\n\n" + code
}

func encoded(code string) string {
	return strings.Replace(whole, "import (\n", "import (\n\t\"encoding/json\"\n", 1) +
		"var _ = json.Valid\n\n" + code
}

// TestCheck_contract is about what the stub declares, and what is handed in by it.
func TestCheck_contract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(stub), 0o644); err != nil {
		t.Fatal(err)
	}
	l := &course.Lab{Slug: "x", Dir: dir, Files: []string{"x.go"}, Imports: []string{"reflect"}}
	for _, tt := range []struct{ name, code, want string }{
		{"as in the stub, with other names and fields", whole, ""},
		{"with more methods and functions", whole + "func (r Repo) Close() {}\n\nfunc All[T any](t T) {}", ""},
		{"without one", types + options + repo + newRepo + get, ""}, // the compiler says that
		{"a method of the value", types + options + repo + newRepo +
			"func (r Repo) Get(...string) ([]string, error) { return nil, nil }\n\n" + handler, ""},
		{"interface{} and any", types + options + repo + newRepo + get + handler + "var x interface{} = 1\n\nvar y any = x", ""},

		{"an any in the place of an interface", types + options + repo + get + handler +
			"func New(db any, o Options) *Repo { return &Repo{db.(DB)} }", "contract New"},
		{"a type parameter", types + options + repo + get + handler +
			"func New[D DB](db D, o Options) *Repo { return &Repo{db} }", "contract New"},
		{"a pointer to one", types + options + repo + get + handler +
			"func New[E any, D interface{ *E; DB }](db D, o Options) *Repo { return &Repo{db} }", "contract New"},
		{"an interface that is an any", strings.Replace(whole, "type DB interface{ Load(ctx context.Context, id string) (string, error) }", "type DB any", 1),
			"contract DB, contract More"},
		{"an interface that is another one's alias", strings.Replace(whole, "type DB interface{ Load(ctx context.Context, id string) (string, error) }",
			"type db interface{ Load(ctx context.Context, id string) (string, error) }\n\ntype DB = db", 1),
			"contract DB, contract Options.Dial, contract New"},
		{"a field of another type", strings.Replace(whole, "Dial func() (DB, error)", "Dial any", 1), "contract Options.Dial"},
		{"a method with other parameters", types + options + repo + newRepo + handler +
			"func (r *Repo) Get(keys ...any) ([]string, error) { return nil, nil }", "contract Repo.Get"},
		{"a generic type", types + options + get + handler + "type Repo = repo[DB]\n\ntype repo[D DB] struct{ db D }\n\n" +
			"func New(db DB, o Options) *Repo { return &Repo{db} }\n\n" +
			"func (r *repo[D]) Get(keys ...string) ([]string, error) { return nil, nil }", "contract Repo, contract New"},

		{"a variable in the place of a function", types + options + repo + get + handler +
			"var New = func(db any, o Options) *Repo { return &Repo{} }", "contract New"},
		{"constants of one value", whole + "const (\n\tFew Level = 0\n\tMany Level = 0\n)\n\ntype Level int\n\nvar Seen = 1",
			"contract Many = Few"},
		{"constants in another order", whole + "const (\n\tMany Level = iota\n\tFew\n\tNone Level = 0\n)\n\ntype Level int", ""},
		{"a number of another value", whole + "const Retries = 3", "contract Retries"},
		{"a constant of another type", whole + "const (\n\tFew = 0\n\tMany Level = 1\n)\n\ntype Level int", "contract Few"},
		{"a constant that is a variable", whole + "const Few Level = 0\n\nvar Many = Few\n\ntype Level int", "contract Many"},
		{"constants by other expressions", whole + "const (\n\tMany = Few + 1\n\tFew Level = 1 - 1\n)\n\ntype Level int", ""},
		{"constants of another kind", whole + "const (\n\tFew Level = 0\n\tMany Level = 1\n)\n\ntype Level float64", "contract Level"},
		{"a variable that is a constant", whole + "const Seen = 1", "contract Seen"},

		{"called, kept and compared", whole + "func f(db DB, all []DB, o DB) bool { m := map[DB]int{db: 1}; all = append(all, db); " +
			"g := db.Load; g(nil, ``); return db == o && m[o] == 1 && db != nil }", ""},
		{"wrapped", whole + "type w struct{ DB }\n\nfunc f(db DB) DB { return w{db} }\n\nfunc g(v *w) string { return fmt.Sprint(v) }", ""},
		{"printed", whole + "func f(db DB) string { return fmt.Sprintf(`%+v`, db) }", "handed db as any"},
		{"printed in a list", whole + "func f(db ...DB) string { return fmt.Sprint(db) }", ""}, // of it fmt shows addresses
		{"as an any", whole + "func f(db DB) { var v any = db; _ = v }", "handed db as any"},
		{"as an any in a list", whole + "func f(db DB) []any { return []any{db} }", "handed db as any"},
		{"as an any, returned", whole + "func f(db DB) any { return db }", "handed db as any"},
		{"as an any, of a field", whole + "func (r *Repo) f() { panic(r.db) }", "handed r.db as interface{}"},
		{"as an any, of a result", whole + "func f(o Options) (v any, err error) { return o.Dial() }", "handed o.Dial() as any"},
		{"by an interface of one's own", whole + "type mine interface{ Load(context.Context, string) (string, error) }\n\n" +
			"func f(db DB) { m := mine(db); fmt.Print(m) }", "handed m as any"},
		{"by a function of one's own", whole + "func show[T any](v T) { fmt.Print(v) }\n\nfunc f(db DB) { show(db) }", "handed v as any"},
		{"by two of them", whole + "func show[T any](v T) { fmt.Print(v) }\n\nfunc pass[T any](v T) { show(v) }\n\nfunc f(db DB) { pass(db) }",
			"handed v as any"},
		{"by a type of one's own", whole + "type box[T any] struct{ v T }\n\nfunc (b box[T]) show() { fmt.Print(b.v) }\n\n" +
			"func f(db DB) { box[DB]{db}.show() }", "handed b.v as any"},
		{"a function of one's own, for something else", whole + "func show[T any](v T) { fmt.Print(v) }\n\nfunc f(r *Repo) { show(r) }", ""},
		{"asked for another interface of the stub's", whole + "func f(db DB) { db.(More).Save(``) }", "handed db.(More)"},
		{"asked for a method", whole + "func f(db DB) { if h, ok := db.(interface{ Heal() }); ok { h.Heal() } }", "handed db.(interface{Heal()})"},
		{"asked for one of the library's", whole + "func f(db DB) { if c, ok := db.(io.Closer); ok { c.Close() } }", "handed db.(io.Closer) as io.Closer"},
		{"asked by a switch", whole + "func f(db DB) { switch v := db.(type) { case More: v.Save(``) } }", "handed db"},
		{"asked for a type of one's own", whole + "type own struct{ DB }\n\nfunc f(db DB) { _, _ = db.(*own) }", ""},
		{"kept in a list", whole + "func f(l *list.List, db DB) DB { e := l.PushBack(db); l.MoveToFront(e); " +
			"if v := e.Value; v == db { l.PushFront(l.Remove(e)) }; return l.Front().Value.(DB) }", ""},
		{"kept in a map, a pool, a value and a context", whole + "func f(m *sync.Map, p *sync.Pool, a *atomic.Value, ctx context.Context, db DB) DB { " +
			"m.Store(``, db); p.Put(db); a.Store(db); ctx = context.WithValue(ctx, 1, db); v, ok := m.Load(``); if !ok { v = p.Get() }; " +
			"m.Range(func(k, v any) bool { v.(DB).Load(ctx, k.(string)); return true }); " +
			"switch v := a.Load().(type) { case DB: return v; case nil: panic(`none`) }; ctx.Value(1).(DB).Load(ctx, ``); return v.(DB) }", ""},
		{"kept in a heap", whole + "type queue []DB\n\nfunc (q queue) Len() int { return len(q) }\n\nfunc (q queue) Less(i, j int) bool { return false }\n\n" +
			"func (q queue) Swap(i, j int) {}\n\nfunc (q *queue) Push(x any) { *q = append(*q, x.(DB)) }\n\n" +
			"func (q *queue) Pop() any { db := (*q)[0]; *q = (*q)[1:]; return db }\n\n" +
			"func f(q *queue, db DB) DB { heap.Push(q, db); return heap.Pop(q).(DB) }", ""},
		{"kept in a list, and printed", whole + "func f(l *list.List, db DB) { l.PushBack(db); fmt.Print(l.Front().Value) }", "handed l.Front().Value"},
		{"kept in a list, and printed as a variable", whole + "func f(l *list.List, db DB) { l.PushBack(db); v := l.Front().Value; w := v; fmt.Print(w) }", "handed w"},
		{"kept in a map, and printed", whole + "func f(m *sync.Map, db DB) { m.Store(1, db); m.Range(func(k, v any) bool { fmt.Print(v); return true }) }", "handed v"},
		{"kept in a map, and shown to another function", whole + "func show(k, v any) bool { fmt.Print(v); return true }\n\n" +
			"func f(m *sync.Map, db DB) { m.Store(1, db); m.Range(show) }", "handed show"},
		{"kept in a heap, and printed there", whole + "type queue []DB\n\nfunc (q *queue) Push(x any) { fmt.Print(x) }\n\nfunc f(q *queue, db DB) { q.Push(db) }", "handed x"},
		{"kept in a heap, and printed behind it", whole + "type queue []DB\n\nfunc (q *queue) Pop() any { return (*q)[0] }\n\nfunc f(q *queue) { fmt.Print(q.Pop()) }",
			"handed q.Pop()"},
		{"kept, and asked for a method", whole + "func f(p *sync.Pool, db DB) { p.Put(db); p.Get().(interface{ Heal() }).Heal() }", "handed p.Get()"},
		{"kept, and asked by a switch", whole + "func f(p *sync.Pool, db DB) { p.Put(db); switch v := p.Get().(type) { case io.Closer: v.Close() } }", "handed io.Closer"},
		{"kept, and printed by a switch", whole + "func f(p *sync.Pool, db DB) { p.Put(db); switch v := p.Get().(type) { default: fmt.Print(v) } }", "handed v"},
		{"kept, and returned", whole + "func f(p *sync.Pool, db DB) any { p.Put(db); return p.Get() }", "handed p.Get()"},
		{"kept, and put elsewhere", whole + "func f(p *sync.Pool, db DB) { var all [1]any; p.Put(db); all[0] = p.Get(); fmt.Print(all[0]) }", "handed p.Get()"},
		{"one that has less methods", whole + "func f(m More) DB { return m }", ""},
		{"a handler that is printed", whole + "func f(h http.Handler) { fmt.Print(h) }", "handed h as any"},
		{"a handler that is served", whole + "func f(h http.Handler) { http.NewServeMux().Handle(`/`, h) }", ""},
		{"in a field of what a template shows", tmpl("type w struct{ DB DB }\n\nfunc f(db DB) { show.Execute(nil, w{db}) }"), "handed w{…} as any"},
		{"in what a template's value embeds", tmpl("type w struct{ DB }\n\nfunc f(db DB) { show.Execute(nil, &w{db}) }"), "handed &w{…} as any"},
		{"in a list that a template shows", tmpl("func f(db DB) { var v any = []DB{db}; show.Execute(nil, v) }"), "handed []DB{…} as any"},
		{"by a method that a template calls", tmpl("type w struct{ db DB }\n\nfunc (w w) Get() DB { return w.db }\n\nfunc f(db DB) { show.Execute(nil, w{db}) }"), "handed w{…} as any"},
		{"by a function that a template calls", tmpl("func f(db DB) { show.Execute(nil, func() DB { return db }) }"), "handed (func() DB literal) as any"},
		{"in a list that is encoded", encoded("func f(db DB) { json.Marshal([]DB{db}) }"), "handed []DB{…} as any"},
		{"decoded into", encoded("func f(db DB, b []byte) { json.Unmarshal(b, &db) }"), "handed &db as any"},
		{"in a field that is not exported", encoded("func f(r *Repo) { json.Marshal(r) }"), ""},
		{"in a list that is printed where something is encoded", encoded("func f(db []DB) { fmt.Println(db) }"), ""},
		{"in a struct that is kept where something is encoded", encoded("type w struct{ DB DB }\n\nfunc f(m *sync.Map, db DB) { m.Store(1, &w{db}) }"), ""},
		{"beside what a template shows", tmpl("type w struct{ Name string; db DB }\n\nfunc f(db DB) { show.Execute(nil, w{``, db}) }"), ""},
		{"an error and a writer that are printed", whole + "func f(err error, w io.Writer) { fmt.Fprint(w, err, w) }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, text := range check(t, l, tt.code) {
				_, text, _ = strings.Cut(text, " ")
				rule, rest, _ := strings.Cut(text, ": ")
				what, _, _ := strings.Cut(rest, ": ")
				if rule == "contract" || rule == "handed" {
					rule += " " + what
				}
				got = append(got, rule)
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCheck_contractOf has a stub for each case, and all that is told of what is declared in its place.
func TestCheck_contractOf(t *testing.T) {
	t.Parallel()
	const (
		why = "the stub declares it otherwise, and that is what the checks call: keep its names, types " +
			"and constants: "
		equal = "the stub has another value for each, and no check could tell which of them it got: keep them apart"
		level = "type Level int\n\n"
	)
	for _, tt := range []struct{ name, stub, code, want string }{
		{"a type instead of an alias", "type A = int", "type A int", "A: " + why + "an alias"},
		{"an alias instead of a type", "type A struct{}", "type A = struct{}", "A: " + why + "a type"},
		{"a variable instead of a constant", "const A = 1", "var A = 1", "A: " + why + "a constant"},
		{"a constant instead of a variable", "var A = 1", "const A = 1", "A: " + why + "a variable"},
		{"an alias of another type", "type A = int", "type A = uint", "A: " + why + "alias of int"},
		{"what is not exported", "const a, b Level = 1, 2\n\n" +
			"" + level + "func f()", level + "const a, b Level = 1, 1\n\nvar f = 1", ""},
		{"a field and a method that are missing", "type A struct{ B int }\n\nfunc (A) C() {}", "type A struct{}", ""},
		{"a method that is not exported", "type A struct{}\n\nfunc (A) c() {}", "type A struct{}\n\n" +
			"func (A) c(int) {}", ""},

		{"constants of another package's type", "const A http.ConnState = 1", "const A http.ConnState = 2",
			"A: " + why + "net/http.ConnState = 1"},
		{"constants of one value, as in the stub", level + "const (\n\tA Level = 1\n\tB = A\n)",
			level + "const (\n\tA Level = 2\n\tB = A\n)", ""},
		{"constants of one value, of no type", level + "const (\n\tA Level = iota\n\tB\n)", level + "const A, B = 0, 0",
			"A: " + why + "Level, B: " + why + "Level"},
		{"a number as a constant of a type", level + "const A Level = 0\nconst B = 2",
			level + "const A, B Level = 0, 0", "B: " + why + "untyped int = 2"},
		{"constants of one value and two types", level + "type Other int\n\nconst A Level = 1\nconst B Other = 2",
			level + "type Other int\n\nconst A Level = 1\nconst B Other = 1", ""},
		{"constants of one value, three", level + "const (\n\tA Level = iota\n\tB\n\tC\n)",
			level + "const A, B, C Level = 1, 1, 1", "B = A: " + equal + ", C = B: " + equal},

		{"a constraint", "func F[T any](t T) T { return t }", "func F[T comparable](t T) T { return t }",
			"F: " + why + "func[interface{}]($0) ($0)"},
		{"constraints of two in another order", "func F[A any, B any](a A, b B) {}",
			"func F[A any, B any](b B, a A) {}",
			"F: " + why + "func[interface{}, interface{}]($0, $1)"},
		{"a type parameter of another name", "func F[T any](t ...T) T { panic(1) }",
			"func F[E any](e ...E) (x E) { return x }", ""},
		{"a union", "type N interface{ ~int | ~uint }",
			"type N interface{ ~int }", "N: " + why + "interface{~int | ~uint}"},
		{"an argument of a generic", "type P[T any] struct{}\n\nfunc F(P[int]) {}", "type P[T any] struct{}\n\n" +
			"func F(P[uint]) {}",
			"F: " + why + "func(P[int])"},
		{"one of many", "func F(a ...int) {}", "func F(a []int) {}", "F: " + why + "func(...int)"},
		{"a result", "func F() (int, error) { return 0, nil }",
			"func F() error { return nil }", "F: " + why + "func() (int, error)"},
		{"a pointer", "func F(*int) {}", "func F(int) {}", "F: " + why + "func(*int)"},
		{"an array and a map", "func F([2]int, map[string]bool) {}", "func F([3]int, map[string]int) {}",
			"F: " + why + "func([2]int, map[string]bool)"},
		{"the ways of channels", "func F(a chan int, b chan<- int, c <-chan int) {}", "func F(a, b, c chan int) {}",
			"F: " + why + "func(chan int, chan<- int, <-chan int)"},
		{"an interface's method", "type I interface{ M(a, b int) }", "type I interface{ M(a int) }",
			"I: " + why + "interface{M(int, int)}"},
		{"a function's type", "type F func(int)", "type F func(uint)", "F: " + why + "func(int)"},

		{"an interface without methods", "type Any interface{}\n\nfunc F(Any) {}",
			"type Any interface{}\n\nfunc F(v Any) { println(http.MethodGet, any(v) == nil) }", ""},
		{"a stub that is wrong", "func F(int) { nothing() }", "func F(uint) {}", "F: " + why + "func(int)"},
		{"a stub whose types are wrong", "func F(Nothing) {}\n\nfunc G(int) {}", "func F() {}\n\nfunc G() {}", ""},
		{"a stub that does not parse", "func F(int) {}\n\nfunc", "func F() {}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const begin = "package x\n\nimport \"net/http\"\n\nvar _ http.Handler\n\n"
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte(begin+tt.stub+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			l := &course.Lab{Slug: "x", Dir: dir, Files: []string{"x.go"}}
			var got []string
			for _, text := range check(t, l, begin+tt.code+"\n") {
				_, text, _ = strings.Cut(text, " ")
				got = append(got, strings.TrimPrefix(text, "contract: "))
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCheck_contractOfPackages is that a stub of two packages is held against each by itself.
func TestCheck_contractOfPackages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string][]byte{"x.go": []byte("package x\n\nfunc F() {}\n"),
		"sub/y.go": []byte("package y\n\nfunc F(int) {}\n")}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, src := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := &course.Lab{Slug: "x", Dir: dir, Files: []string{"x.go", "sub/y.go"}}
	if got, err := checker().Check(t.Context(), l, files); len(got) > 0 || err != nil {
		t.Errorf("got %v, %v of the stub itself, want nothing", got, err)
	}
	files["sub/y.go"] = []byte("package y\n\nfunc F() {}\n")
	got, err := checker().Check(t.Context(), l, files)
	if len(got) != 1 || got[0].File != "sub/y.go" || got[0].Rule != "contract" || err != nil {
		t.Errorf("got %v, %v, want the contract of sub/y.go", got, err)
	}
}
