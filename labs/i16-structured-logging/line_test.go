package jsonlog_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	jsonlog "github.com/backend-labs/backend-labs/labs/i16-structured-logging"
)

func TestItIsAHandler(t *testing.T) {
	for _, secrets := range [][]string{nil, {"password"}} {
		o := &out{}
		h := jsonlog.NewHandler(o, jsonlog.Options{Redact: secrets})
		err := slogtest.TestHandler(h, func() (all []map[string]any) {
			lines, err := read(o.text())
			if err != nil {
				t.Log(err)
			}
			for _, l := range lines {
				all = append(all, l)
			}
			return all
		})
		expect.NoError(t, err, expect.Message{
			Did:  fmt.Sprintf("gave the handler, with Redact %q, to testing/slogtest", secrets),
			Want: "groups, attributes and levels as slog.Handler promises them",
			Why: "libraries log through slog, too, and count on what it promises; what they say must " +
				"not end up in another group, or nowhere"})
	}
	likeJSONHandler(t)
}

// plain are records without secrets, as slog.JSONHandler writes them.
var plain = []struct {
	what string
	log  func(l *slog.Logger)
}{
	{"without attributes and without a message", func(l *slog.Logger) { l.Info("") }},
	{"with an empty text, a zero, a false, a nil and an empty list", func(l *slog.Logger) {
		l.Info("x", "text", "", "zero", 0, "false", false, "nil", nil, "list", []int{}, "map", map[string]int{}, "after", 1)
	}},
	{"with an empty text in a group and by With", func(l *slog.Logger) {
		l.With("a", "").WithGroup("g").With("b", "", "c", 0).Info("x", slog.Group("h", "d", "", "e", nil))
	}},
	{"with an empty key", func(l *slog.Logger) { l.Info("x", "", "value", "a", 1) }},
	{"with groups without anything in them", func(l *slog.Logger) {
		l.WithGroup("g").Info("x", slog.Group("h"), slog.Group("i", slog.Group("j")))
	}},
	{"at a level between Info and Warn", func(l *slog.Logger) { l.Log(background, slog.LevelInfo+2, "x") }},
	{"at a level above Error", func(l *slog.Logger) { l.Log(background, slog.LevelError+4, "x") }},
	{"at Warn and at Error", func(l *slog.Logger) { l.Warn("x"); l.Error("y") }},
	{"with a key without a value", func(l *slog.Logger) { l.Info("x", []any{"a"}...) }},
	{"with times, levels and messages in groups", func(l *slog.Logger) {
		at := time.Date(2026, 3, 1, 4, 10, 0, 0, time.FixedZone("Kathmandu", 5*3600+45*60))
		l.Info("x", slog.Group("g", "time", at, "level", slog.LevelWarn, "msg", "inner"))
		l.WithGroup("h").With("time", "noon", "level", 7).Info("x", "time", at, "msg", 1)
	}},
	{"with levels, times and durations in a list", func(l *slog.Logger) {
		l.Info("x", "list", []any{slog.LevelWarn, time.Second, time.Unix(0, 0).UTC(), errors.New("e"), 1e21, uint64(1<<64 - 1)})
	}},
}

// likeJSONHandler compares lines with those of slog.JSONHandler, member for member.
func likeJSONHandler(t *testing.T) {
	t.Helper()
	for _, secrets := range [][]string{nil, {"password"}} {
		for _, tt := range plain {
			l, o := logger(secrets...)
			tt.log(l)
			theirs := &out{}
			tt.log(slog.New(slog.NewJSONHandler(theirs, nil)))
			raw := o.text()
			got, err := read(raw)
			want, _ := read(theirs.text())
			for _, l := range slices.Concat(got, want) {
				delete(l, "time")
			}
			expect.That(t, err == nil && asJSON(got) == asJSON(want), expect.Message{
				Did:  fmt.Sprintf("wrote records %s, with Redact %q", tt.what, secrets),
				Want: "the same as of slog.JSONHandler, but for the time: " + asJSON(want),
				Got:  fmt.Sprintf("%s (%v)", raw, err),
				Why: "what is empty or zero was logged on purpose; who looks for it must find it, by the names that all " +
					"services have"})
		}
	}
}

func TestTheTimeIsUTC(t *testing.T) {
	zone := time.FixedZone("Kathmandu", 5*3600+45*60)
	moment := time.Date(2026, 3, 1, 4, 10, 0, 123456789, zone)
	l, o := logger("password")
	r := slog.NewRecord(moment, slog.LevelWarn, "paid", 0)
	did := "wrote a record of 04:10 in Kathmandu, at the level Warn"
	if err := l.Handler().Handle(background, r); err != nil {
		t.Fatal(err)
	}
	got, _ := one(t, did, o)
	member(t, did, got, "time", "2026-02-28T22:25:00.123456789Z",
		"lines of many machines are sorted by this text; with a zone in it they are out of order")
	member(t, did, got, "level", "WARN", "")
	member(t, did, got, "msg", "paid", "")
	l.Info("meeting", "at", moment)
	got, _ = one(t, did, o)
	member(t, "wrote an attribute that is 04:10 in Kathmandu", got, "at",
		"2026-03-01T04:10:00.123456789+05:45", "only the record's own time is changed")
}

// hostile are texts that have broken logs.
var hostile = []string{"a\nlevel=ERROR b", "a\r\nb", "a\x00b", "\x1b[31mred", "a\tb", "\x07", "\x1f",
	`quote " and backslash \`, "bad \xff utf-8", "\u2028", "}\n{\"level\":\"INFO\",\"msg\":\"all is well\"}",
	strings.Repeat("x", 100_000)}

func TestNothingBreaksOutOfALine(t *testing.T) {
	for _, secrets := range [][]string{nil, {"password"}} {
		for _, text := range hostile {
			l, o := logger(secrets...)
			shown := fmt.Sprintf("%.40q", text)
			did := "had the text " + shown + " as message, key, value, error and name of a group"
			l.With("a", text).WithGroup("g"+text).Info(text, "k"+text, text, "e", errors.New(text),
				slog.Group("h"+text, "b", text), "m", map[string]string{"m" + text: text})
			got, raw := one(t, did, o)
			bad := strings.IndexFunc(strings.TrimSuffix(raw, "\n"), func(r rune) bool { return r < 0x20 })
			expect.That(t, bad < 0, expect.Message{Did: did,
				Want: "no byte below 0x20, but the newline at the end", Got: fmt.Sprintf("%.200q", raw),
				Why: "a line break in a name writes a second line, which says what its author likes; an " +
					"escape sequence does things to the terminal of who reads it"})
			want := strings.ToValidUTF8(text, "\ufffd")
			member(t, did, got, "msg", want, "what was said must be found again as it was")
			member(t, did, got, "a", want, "what was said must be found again as it was")
		}
	}
}

// TestOneLineAtATime has a hundred goroutines that write through loggers of one handler.
func TestOneLineAtATime(t *testing.T) {
	const writers, each = 100, 100
	o := &out{yields: 3}
	root := slog.New(jsonlog.NewHandler(o, jsonlog.Options{Redact: []string{"password"}}))
	var wg sync.WaitGroup
	for i := range writers {
		l := root
		if i%2 == 1 {
			l = root.With("writer", i).WithGroup("g")
		}
		wg.Go(func() {
			for j := range each {
				l.Info("hello", "i", i, "j", j, "password", "hunter2")
			}
		})
	}
	wg.Wait()
	did := "let 100 goroutines write 100 records each, half of them through loggers made by With and " +
		"WithGroup"
	expect.That(t, o.overlaps.Load() == 0, expect.Message{Did: did,
		Want: "the writer is called by one at a time",
		Got:  fmt.Sprintf("%d calls while another one was under way", o.overlaps.Load()),
		Why: "a file takes two writes at once, and mixes their bytes: neither line can be read. A lock " +
			"helps only if all have the same one"})
	expect.That(t, o.writes.Load() == writers*each, expect.Message{Did: did,
		Want: "one call of Write for each record: 10,000", Got: fmt.Sprint(o.writes.Load()),
		Why: "between two writes of one line another process that has the same file open can write"})
	lines, err := read(o.text())
	expect.That(t, err == nil && len(lines) == writers*each, expect.Message{Did: did,
		Want: "10,000 lines, each a JSON object", Got: fmt.Sprintf("%d, and then: %v", len(lines), err)})
}

// derived is a logger made by With and WithGroup, and what its lines have to show.
type derived struct {
	*slog.Logger
	groups []string // that are open
	shows  map[string]any
}

// derive makes another one, which shows one attribute more and sometimes in a group of its own.
func (d derived) derive(i int) derived {
	next := derived{d.Logger, slices.Clone(d.groups), deep(d.shows)}
	if i%5 == 0 && len(d.groups) < 5 {
		group := fmt.Sprint("g", i)
		next.Logger, next.groups = d.WithGroup(group), append(next.groups, group)
	}
	key := fmt.Sprint("k", i)
	next.Logger = next.With(key, i)
	in := next.shows
	for _, group := range next.groups {
		if in[group] == nil {
			in[group] = map[string]any{}
		}
		in = in[group].(map[string]any)
	}
	in[key] = i
	return next
}

// deep is a copy that shares nothing.
func deep(m map[string]any) map[string]any {
	other := map[string]any{}
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			v = deep(inner)
		}
		other[k] = v
	}
	return other
}

func TestDerivedLoggersShareNothing(t *testing.T) {
	l, o := logger("password")
	all := []derived{{Logger: l, shows: map[string]any{}}}
	for i := range 1000 {
		all = append(all, all[rand.IntN(len(all))].derive(i))
	}
	for _, d := range all[1:] {
		d.Info("x")
		did := "made 1000 loggers by With and WithGroup, each from a random one of those before, and " +
			"wrote with each"
		got, _ := one(t, did, o)
		for _, own := range []string{"time", "level", "msg"} {
			delete(got, own)
		}
		expect.That(t, asJSON(got) == asJSON(d.shows), expect.Message{Did: did,
			Want: "each shows what it and those before it have got: " + asJSON(d.shows),
			Got:  asJSON(got),
			Why: "a line that shows the user of another request sends people after the wrong one, " +
				"and tells one customer's data to those who may read the other's"})
	}
}

// unwritable are values that cannot be encoded.
var unwritable = map[string]any{
	"a channel": make(chan int), "a function": func() {}, "a nil pointer": (*broken)(nil),
	"a MarshalJSON that panics": broken{}, "a MarshalJSON that fails": failing{},
	"a map with a channel in it":                 map[string]any{"c": make(chan int)},
	"a struct that points to itself":             circle(),
	"a map with a panic in it":                   map[string]any{"a": 1, "b": []any{broken{"deep"}}},
	"a LogValuer that panics":                    valuer(func() slog.Value { panic("no value") }),
	"an error that is a nil pointer, and panics": (*badError)(nil),
}

type broken struct{ name string }

func (b broken) MarshalJSON() ([]byte, error) { panic("broken " + b.name) }

type ring struct{ Next *ring }

func circle() *ring {
	r := &ring{}
	r.Next = r
	return r
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("failing") }

type badError struct{ text string }

func (e *badError) Error() string { return e.text }

// valuer is a LogValuer.
type valuer func() slog.Value

func (v valuer) LogValue() slog.Value { return v() }

func TestWhatCannotBeEncodedCostsNothingElse(t *testing.T) {
	for _, secrets := range [][]string{nil, {"password"}} {
		for _, what := range slices.Sorted(maps.Keys(unwritable)) {
			v := unwritable[what]
			for _, with := range []bool{false, true} {
				l, o := logger(secrets...)
				did := fmt.Sprintf("wrote a record with %s between two other attributes; by With: %v; "+
					"Redact: %q", what, with, secrets)
				panicked := func() (p any) {
					defer func() { p = recover() }()
					if with {
						l.With("before", 1, "it", v, "after", 2).Error("x")
					} else {
						l.Error("x", "before", 1, "it", v, "after", 2, slog.Group("g", "before", 3, "it", v, "after", 4))
					}
					return nil
				}()
				why := "the line that matters most is that of an error, and there values are in a state " +
					"that nobody has thought of"
				expect.That(t, panicked == nil, expect.Message{Did: did, Want: "a line",
					Got: fmt.Sprintf("a panic with %v", panicked), Why: why})
				got, _ := one(t, did, o)
				member(t, did, got, "before", 1, why)
				member(t, did, got, "after", 2, why)
				member(t, did, got, "msg", "x", why)
				if !with {
					member(t, did+", and in a group", got, "g.before", 3, why)
					member(t, did+", and in a group", got, "g.after", 4, why)
				}
			}
		}
	}
}
