package simnet_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/simnet"
)

type node struct {
	name  string
	next  *node
	parts []part
	by    map[string]*part
	any   any
	at    time.Time
	err   error
}

type part struct{ bytes []byte }

var errFixed = errors.New("fixed")

func TestCopy(t *testing.T) {
	p := &part{[]byte("p")}
	m := node{name: "a", parts: []part{{[]byte("q")}}, by: map[string]*part{"p": p, "also p": p}, any: []any{p, 1, nil},
		at: time.Now(), err: fmt.Errorf("wrapped: %w", errFixed)}
	m.next = &m
	c := simnet.Copy(t, m)
	if !reflect.DeepEqual(c, m) || c.at != m.at || !errors.Is(c.err, errFixed) || c.next.next != c.next {
		t.Errorf("got %+v, want %+v", c, m)
	}
	if c.by["p"] != c.by["also p"] || c.any.([]any)[0] != any(c.by["p"]) {
		t.Error("what was one is two in the copy")
	}
	p.bytes[0], m.parts[0].bytes[0] = 'x', 'x'
	m.by["new"] = p
	if len(c.by) != 2 || string(c.by["p"].bytes) != "p" || string(c.parts[0].bytes) != "q" {
		t.Errorf("the copy has changed with the original: %+v", c)
	}
	if c := simnet.Copy(t, node{}); !reflect.DeepEqual(c, node{}) {
		t.Errorf("of nothing: got %+v", c)
	}
}

// failing is a check that a message fails.
type failing struct {
	testing.TB
	said strings.Builder
}

func (f *failing) Helper()           {}
func (f *failing) Error(args ...any) { fmt.Fprint(&f.said, args...) }

func TestCopy_live(t *testing.T) {
	for _, m := range []any{func() {}, make(chan int), &sync.Map{}, struct{ n atomic.Int64 }{}, &node{any: t.Name},
		map[string]any{"x": []any{func() {}}}} {
		f := &failing{TB: t}
		if simnet.Copy(f, m); !strings.Contains(f.said.String(), "this cannot be sent") {
			t.Errorf("%T is taken for data: %q", m, f.said.String())
		}
	}
	simnet.Copy(t, struct {
		f func()
		c chan int
	}{})
}

func TestCopy_lock(t *testing.T) {
	type locked struct {
		mu sync.Mutex
		n  int
	}
	m := &locked{n: 1}
	m.mu.Lock()
	if c := simnet.Copy(t, m); c.n != 1 || !c.mu.TryLock() {
		t.Errorf("got %d, and a lock that is held: it is the sender's", c.n)
	}
}

func TestText(t *testing.T) {
	p := &part{[]byte("bytes")}
	m := &node{name: "a name", parts: []part{*p}, by: map[string]*part{"a key": {[]byte("value")}}, any: p, err: errFixed}
	m.next = m
	text := simnet.Text(m)
	for _, word := range []string{"a name", "bytes", "a key:{bytes:value", "fixed"} {
		if !strings.Contains(text, word) {
			t.Errorf("no %q in %s", word, text)
		}
	}
}

func TestCall_live(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, m := range []any{func() {}, &node{any: make(chan int)}, map[string]any{"x": &sync.Map{}}, atomic.Int64{}} {
			for _, answer := range []bool{false, true} {
				f := &failing{TB: t}
				n := simnet.New[int](f)
				n.Handle(1, func(int, any) any {
					if answer {
						return m
					}
					return nil
				})
				q := m
				if answer {
					q = &node{any: 1, at: time.Now(), err: errFixed}
				}
				for range 2 {
					n.Call(t.Context(), 0, 1, q)
				}
				if got := strings.Count(f.said.String(), "neither a function nor a channel"); got != 1 {
					t.Errorf("%T, as an answer: %v: told %d times, want once", m, answer, got)
				}
			}
		}
	})
}

func TestReaches(t *testing.T) {
	if simnet.Reaches[struct {
		n    int
		at   time.Time
		list [][]part
	}]() {
		t.Error("slices and numbers reach nothing")
	}
	for name, got := range map[string]bool{
		"a pointer": simnet.Reaches[*part](), "a map": simnet.Reaches[[]map[int]int](), "an error": simnet.Reaches[struct{ error }](),
		"a function": simnet.Reaches[struct{ f func() }](), "a counter": simnet.Reaches[struct{ n atomic.Int64 }](),
	} {
		if !got {
			t.Errorf("%s reaches nothing", name)
		}
	}
}
