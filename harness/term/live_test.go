package term

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// screen is what was written, for several goroutines.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out screen
		s := &Streams{Out: &out, Err: &out, Interactive: true, ErrTerminal: true, Columns: 40}
		l := s.NewLive("building")
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "" {
			t.Errorf("after 0.9 s: got %q, want patience", got)
		}
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if got := out.String(); !strings.HasSuffix(got, "\rbuilding 1.2 s\x1b[K") {
			t.Errorf("after 1.2 s: got %q", got)
		}
		l.Set("checking, %d of %s", 3, Plural(9, "check"))
		if got := out.String(); !strings.HasSuffix(got, "\rchecking, 3 of 9 checks 1.2 s\x1b[K") {
			t.Errorf("got %q, want what goes on now", got)
		}
		l.Above(func() { out.Write([]byte("a result\n")) })
		if got := out.String(); !strings.HasSuffix(got, "\r\x1b[Ka result\n") {
			t.Errorf("got %q, want the line out of the way", got)
		}
		l.Set("%s", strings.Repeat("wide ", 20))
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		_, last, _ := strings.Cut(out.String(), "a result\n")
		if len([]rune(strings.TrimSuffix(last, "\x1b[K"))) > 41 {
			t.Errorf("got %q, wider than the screen", last)
		}
		l.Close()
		l.Close()
		if got := out.String(); !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("got %q, want nothing left of it", got)
		}
	})
}

// TestLive_nobodyLooks writes nothing on a pipe, and takes what is asked of it.
func TestLive_nobodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, errs := Buffers()
		l := s.NewLive("building")
		time.Sleep(time.Minute)
		l.Set("checking")
		called := false
		l.Above(func() { called = true })
		l.Close()
		if errs.Len() > 0 || !called {
			t.Errorf("got %q, called %v", errs, called)
		}
	})
	var none *Live
	none.Set("x")
	none.Close()
	none.Above(func() {})
}

func TestPlural(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n    int
		what string
		want string
	}{{1, "check", "1 check"}, {0, "check", "0 checks"}, {2, "point", "2 points"}} {
		if got := Plural(tt.n, tt.what); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestPager(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"its own variable", map[string]string{"LABS_PAGER": "most", "PAGER": "more"}, "most"},
		{"everybody's", map[string]string{"PAGER": "more"}, "more"},
		{"none", map[string]string{"PAGER": ""}, ""},
	} {
		got := pager(func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok })
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestPage writes what fits, and what nobody looks at, as it is; a pager that is not there is no reason
// to say nothing.
func TestPage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a line\n", 50)
	for name, s := range map[string]Streams{
		"a pipe":       {Pager: "false", Rows: 24},
		"a short text": {Pager: "false", Rows: 100, Interactive: true},
		"no pager":     {Rows: 24, Interactive: true},
		"a missing pager": {Pager: "/nowhere/pager -x", Rows: 24,
			Interactive: true},
	} {
		var out bytes.Buffer
		s.Out = &out
		if err := s.Page(long); err != nil || out.String() != long {
			t.Errorf("%s: got %d bytes, %v", name, out.Len(), err)
		}
	}
}
