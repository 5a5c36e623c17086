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
			"func (r *repo[D]) Get(keys ...string) ([]string, error) { return nil, nil }", "contract New"},

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
