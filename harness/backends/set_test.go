package backends

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/backend-labs/backend-labs/harness/docker"
)

// fake is a source that gives one URL, or an error.
type fake struct {
	provider, over string // "over": what its leases have taken too much
	passed         string
	err            error
	gate           *sync.WaitGroup // with err: nobody is told before all are there
	out            atomic.Int32
	closed         atomic.Int32
}

func (f *fake) info() Info { return Info{Provider: f.provider, PassedOver: f.passed} }

func (f *fake) take(context.Context) (string, func(), error) {
	if f.err != nil {
		if f.gate != nil {
			f.gate.Done()
			f.gate.Wait()
		}
		return "", nil, f.err
	}
	f.out.Add(1)
	return f.provider + "://here", func() { f.out.Add(-1) }, nil
}

func (f *fake) exceeded(string) string { return f.over }

func (f *fake) close() { f.closed.Add(1) }

// supplied is a supply of backend that has src, and finds the others one after the other.
func supplied(backend string, src source, others ...source) *supply {
	s := &supply{backend: backend, src: src, say: func(string, ...any) {}}
	s.open = func(context.Context) (source, *Error) {
		if len(others) == 0 {
			return nil, &Error{Backend: backend, Kind: NotToBeHad, Text: "none is left"}
		}
		next := others[0]
		others = others[1:]
		return next, nil
	}
	return s
}

// TestSet_Acquire_halves: who cannot have all gets nothing, and keeps nothing.
func TestSet_Acquire_halves(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		redis, again source
		pg           source
		need         Need
		want         string
	}{
		"no Postgres": {
			redis: &fake{provider: Local}, pg: &fake{provider: URL, err: broken},
			need: Need{Redis: true, Postgres: true}, want: "none is left",
		},
		"the real Redis died": {
			redis: &fake{provider: Local, err: broken}, again: &fake{provider: Embedded,
				passed: "local: it died"},
			need: Need{RealRedis: true},
			want: "only miniredis is to be had here, and this needs a real Redis (local: it died)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var others []source
			if tt.again != nil {
				others = append(others, tt.again)
			}
			s := &Set{redis: supplied(Redis, tt.redis, others...), pg: supplied(Postgres, tt.pg)}
			l, err := s.Acquire(t.Context(), tt.need)
			if l != nil || err == nil || err.Error() != tt.want {
				t.Errorf("got %+v, %v, want %s", l, err, tt.want)
			}
			for _, src := range []source{tt.redis, tt.again} {
				if f, ok := src.(*fake); ok && f.out.Load() != 0 {
					t.Errorf("a lease of %s is kept", f.provider)
				}
			}
		})
	}
}

func TestSet_Acquire_lease(t *testing.T) {
	t.Parallel()
	redis, pg := &fake{provider: Embedded}, &fake{provider: Local, over: "too much"}
	s := &Set{redis: supplied(Redis, redis), pg: supplied(Postgres, pg)}
	l, err := s.Acquire(t.Context(), Need{Redis: true, Postgres: true})
	if err != nil {
		t.Fatal(err)
	}
	if l.Redis != "embedded://here" || l.RealRedis || l.Postgres != "local://here" {
		t.Errorf("got %+v", l)
	}
	if got := l.Exceeded(); got != "too much" {
		t.Errorf("got %q exceeded, want what Postgres says", got)
	}
	l.Release()
	l.Release()
	if redis.out.Load() != 0 || pg.out.Load() != 0 {
		t.Errorf("released twice: %d and %d are out, want 0", redis.out.Load(), pg.out.Load())
	}
	only, err := s.Acquire(t.Context(), Need{Redis: true})
	if err != nil || only.Postgres != "" || pg.out.Load() != 0 {
		t.Errorf("got %+v, %v, want a Redis alone", only, err)
	}
	if got := only.Exceeded(); got != "" {
		t.Errorf("got %q exceeded of a Redis", got)
	}
}

func TestSet_Missing_both(t *testing.T) {
	t.Parallel()
	missing := func(text, remedy string) *Error {
		return &Error{Kind: NotToBeHad, Text: text, Remedy: remedy}
	}
	for name, tt := range map[string]struct {
		redis, pg  *Error
		text, hint string
	}{
		"different": {missing("no redis", "do this"), missing("no postgres", "do that"),
			"no redis; no postgres", "do this; do that"},
		"one remedy for both": {missing("no redis", "start Docker"),
			missing("no postgres", "start Docker"), "no redis; no postgres", "start Docker"},
	} {
		s := &Set{redis: &supply{backend: Redis, err: tt.redis},
			pg: &supply{backend: Postgres, err: tt.pg}}
		e, ok := errors.AsType[*Error](s.Missing(Need{Redis: true, Postgres: true}))
		if !ok || e.Error() != tt.text || e.Hint() != tt.hint || !errors.Is(e, tt.redis) ||
			!errors.Is(e, tt.pg) {
			t.Errorf("%s: got %v, hint %q; want %s, hint %q", name, e, e.Hint(), tt.text, tt.hint)
		}
	}
	s := &Set{redis: supplied(Redis, &fake{provider: Local}), pg: &supply{backend: Postgres}}
	err := s.Missing(Need{Redis: true, Postgres: true})
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != NotOpened ||
		e.Text != "postgres was not asked for when the backends were opened" {
		t.Errorf("got %v, want that Postgres was not opened", err)
	}
}

// TestSupply_replacedOnce has several leases fail by the same dead server.
func TestSupply_replacedOnce(t *testing.T) {
	t.Parallel()
	dead, next := &fake{provider: Local, err: errors.New("broken")}, &fake{provider: Embedded}
	const leases = 8
	dead.gate = new(sync.WaitGroup)
	dead.gate.Add(leases)
	s := supplied(Redis, dead, next)
	var said []string
	s.say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	var wg sync.WaitGroup
	for range leases {
		wg.Go(func() {
			if _, _, from, err := s.take(t.Context()); err != nil || from != next {
				t.Errorf("got %v, %v, want the next source", from, err)
			}
		})
	}
	wg.Wait()
	want := []string{"redis has stopped working (broken); looking for it again"}
	if dead.closed.Load() != 1 || !slices.Equal(said, want) {
		t.Errorf("closed %d times, said %q; want once, %q", dead.closed.Load(), said, want)
	}
}

// TestSupply_failsTwice: what the second source says is the error, with its provider.
func TestSupply_failsTwice(t *testing.T) {
	t.Parallel()
	s := supplied(Postgres, &fake{provider: Container, err: errors.New("first")},
		&fake{provider: Local, err: errors.New("second")})
	_, _, _, err := s.take(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Text != "postgres (local): second" ||
		e.Remedy == "" {
		t.Errorf("got %v, want the error of the second, and what to do", err)
	}
}

// TestSupply_closedMeanwhile: what is found after the end is closed at once, and nobody gets it.
func TestSupply_closedMeanwhile(t *testing.T) {
	t.Parallel()
	before, late := &fake{provider: Local}, &fake{provider: Container}
	s := supplied(Redis, before, late)
	s.close()
	s.start(t.Context())
	if before.closed.Load() != 1 || late.closed.Load() != 1 {
		t.Errorf("closed %d and %d times, want each once", before.closed.Load(), late.closed.Load())
	}
	if _, _, _, err := s.take(t.Context()); !errors.Is(err, errClosed) ||
		err.Error() != "the backends are closed" {
		t.Errorf("got %v, want that they are closed", err)
	}
}

// openings are candidates that fail as told, or work.
func openings(errs ...*Error) (list []candidate) {
	for i, provider := range []string{URL, Container, Local, Embedded} {
		list = append(list, candidate{provider, func(context.Context) (source, *Error) {
			if err := errs[i]; err != nil {
				return nil, err
			}
			return &fake{provider: provider}, nil
		}})
	}
	return list
}

func failing(provider string, kind Kind, text string, cause error) *Error {
	return &Error{Backend: Redis, Provider: provider, Kind: kind, Text: text, Err: cause}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	noURL := failing(URL, NotInstalled, "it is not set", nil)
	badURL := failing(URL, BadOptions, "it is no URL", nil)
	noEngine := failing(Container, NoEngine, "no Docker", nil)
	hangs := failing(Container, NoEngine, "it hangs", &docker.Error{Err: context.DeadlineExceeded})
	noImage := failing(Container, NoImage, "no image", nil)
	none := failing(Local, NotInstalled, "no program", nil)
	no := failing(Embedded, NoDownload, "no download", nil)
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tt := range map[string]struct {
		ctx        context.Context
		provider   string
		errs       []*Error
		want       string // provider or error
		passed     string
		said, hint string
	}{
		"the first that works": {nil, Auto, []*Error{noURL, nil, nil, nil}, Container, "", "", ""},
		"what is not there is no news": {nil, Auto, []*Error{noURL, noEngine, none, nil}, Embedded,
			"container: no Docker; local: no program", "", ""},
		"what is there and does not work is": {nil, Auto, []*Error{badURL, noImage, nil, nil}, Local,
			"url: it is no URL; container: no image",
			"passed over url: it is no URL; labs doctor has more\n" +
				"passed over container: no image; labs doctor has more", ""},
		"an engine that is there": {nil, Auto, []*Error{noURL, hangs, nil, nil}, Local,
			"container: it hangs", "passed over container: it hangs; labs doctor has more", ""},
		"the one that was named": {nil, Local, []*Error{nil, nil, none, nil}, "no program", "", "",
			""},
		"none": {nil, Auto, []*Error{noURL, noEngine, none, no},
			"no redis is to be had here: container: no Docker; local: no program; embedded: " +
				"no download", "", "",
			"start Docker, or " + installRedis + ", or set LABS_REDIS_URL"},
		"nobody waits any more": {ended, Auto, []*Error{badURL, nil, nil, nil}, "it is no URL", "",
			"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			st := &site{Options: Options{Dir: t.TempDir(), Provider: tt.provider,
				Progress: func(line string) { said = append(said, line) }}}
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			for range 2 { // Redis and Postgres: said once
				src, err := st.choose(ctx, Redis, openings(tt.errs...))
				if err != nil {
					if err.Error() != tt.want || err.Hint() != tt.hint {
						t.Errorf("got %v, hint %q; want %s, hint %q", err, err.Hint(), tt.want,
							tt.hint)
					}
					continue
				}
				if i := src.info(); i.Provider != tt.want || i.PassedOver != tt.passed {
					t.Errorf("got %+v, want %s, passed over %q", i, tt.want, tt.passed)
				}
			}
			if got := strings.Join(said, "\n"); got != tt.said {
				t.Errorf("it said %q, want %q", got, tt.said)
			}
		})
	}
}

// TestFirst_up is about labs up, which takes what can stay.
func TestFirst_up(t *testing.T) {
	t.Parallel()
	fails := func(provider string) func(context.Context) *Error {
		return func(context.Context) *Error {
			return &Error{Provider: provider, Kind: NoStart, Text: "it ends", Remedy: "see its log"}
		}
	}
	works := func(context.Context) *Error { return nil }
	for name, tt := range map[string]struct {
		provider string
		openers  map[string]func(context.Context) *Error
		passed   int
		want     string
	}{
		"the second works": {Auto, map[string]func(context.Context) *Error{
			Container: fails(Container), Local: works}, 1, ""},
		"none works": {Auto, map[string]func(context.Context) *Error{Container: fails(Container),
			Local: fails(Local)}, 0, "no redis is to be had here: container: it ends; local: " +
			"it ends; embedded: the embedded redis lives inside a command and cannot stay"},
		"the one that was named": {Local, map[string]func(context.Context) *Error{
			Container: works, Local: fails(Local)}, 0, "it ends"},
		"one that cannot stay": {Embedded, map[string]func(context.Context) *Error{Local: works}, 0,
			"the embedded redis lives inside a command and cannot stay"},
		"one that is up anyway": {URL, map[string]func(context.Context) *Error{Local: works}, 0,
			"a redis named by a URL is up without labs"},
	} {
		st := &site{Options: Options{Provider: tt.provider}}
		passed, missing := st.first(t.Context(), Redis, tt.openers)
		got := ""
		if missing != nil {
			got = missing.Error()
		}
		if len(passed) != tt.passed || got != tt.want || missing != nil && missing.Hint() == "" {
			t.Errorf("%s: got %v, %q, want %d passed over, %q", name, passed, got, tt.passed,
				tt.want)
		}
	}
}
