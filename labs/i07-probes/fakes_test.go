package probes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

var errDown = errors.New("connection refused")

// virtual runs f in virtual time. Probes have no Close, so what they leave behind is the business
// of one check alone, and does not fail all the others with it.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
}

// process is one whose handlers were set up when it began, as programs do it.
type process struct {
	*probes.Probes
	startupz, livez, readyz http.Handler
}

func begin(o probes.Options) process {
	p := probes.New(o)
	return process{p, p.Startupz(), p.Livez(), p.Readyz()}
}

// usual are options under which no beat is missed, so that only polls decide.
func usual(deps ...probes.Dep) probes.Options {
	return probes.Options{LiveWindow: time.Hour, FailAfter: 3, RecoverAfter: 2, Deps: deps}
}

// answers are the codes of the three probes. One that is wanted to be 0 may be any.
type answers struct{ startupz, livez, readyz int }

var (
	starting = answers{503, 200, 503}
	well     = answers{livez: 200, readyz: 200}
	waiting  = answers{livez: 200, readyz: 503} // for its dependencies, or for its end
	ready    = answers{readyz: 200}
	unready  = answers{readyz: 503}
)

func (a answers) String() string {
	var parts []string
	for _, one := range []struct {
		name string
		code int
	}{{"startupz", a.startupz}, {"livez", a.livez}, {"readyz", a.readyz}} {
		if one.code != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", one.name, one.code))
		}
	}
	return strings.Join(parts, ", ")
}

// ask asks those of which an answer is wanted.
func (p process) ask(method string, want answers) (got answers) {
	for _, one := range []struct {
		h    http.Handler
		path string
		want int
		got  *int
	}{
		{p.startupz, "/startupz", want.startupz, &got.startupz},
		{p.livez, "/livez", want.livez, &got.livez},
		{p.readyz, "/readyz", want.readyz, &got.readyz},
	} {
		if one.want != 0 {
			*one.got = code(one.h, method, one.path)
		}
	}
	return got
}

func code(h http.Handler, method, path string) int {
	rec := httpwire.New()
	h.ServeHTTP(rec.Writer(), httptest.NewRequest(method, path, nil))
	return rec.Status()
}

// wants demands these answers, at once.
func (p process) wants(t *testing.T, did string, want answers, why string) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		asked := time.Now()
		got := p.ask(method, want)
		took := time.Since(asked)
		with := ""
		if method == http.MethodHead {
			with = ", and asked with HEAD"
		}
		expect.That(t, got == want, expect.Message{
			Did: did + with, Want: want.String(), Got: got.String(), Why: why,
		})
		expect.That(t, took == 0, expect.Message{
			Did:  did + with,
			Want: want.String() + ", at once",
			Got:  fmt.Sprintf("the right answers, after %v", took),
			Why: "a kubelet waits a second for an answer. A probe that waits for something " +
				"is late just when that is slow, and then the answer is no",
		})
	}
}

// instant demands that f takes no time.
func instant(t *testing.T, did string, f func()) {
	t.Helper()
	called := time.Now()
	f()
	took := time.Since(called)
	expect.That(t, took == 0, expect.Message{
		Did: did, Want: "it returns at once", Got: fmt.Sprintf("it returned after %v", took),
		Why: "who calls it is the main loop, or the shutdown: a dependency that hangs would " +
			"hold them up, and the loop's beats fail to come",
	})
}

// fake is a dependency.
type fake struct {
	name     string
	critical bool

	mu     sync.Mutex
	err    error         // what its check returns
	takes  time.Duration // after how long
	minds  bool          // whether it returns as soon as its context has ended
	runs   int
	ended  []time.Duration // how long after the start of a check its context had ended, if it did
	flying int             // how many checks are running
}

func database() *fake { return &fake{name: "db", critical: true, minds: true} }

func (f *fake) dep() probes.Dep {
	return probes.Dep{Name: f.name, Critical: f.critical, Check: f.check}
}

// is changes what the checks from now on do.
func (f *fake) is(err error, takes time.Duration, minds bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.takes, f.minds = err, takes, minds
}

func (f *fake) check(ctx context.Context) error {
	f.mu.Lock()
	err, takes, minds := f.err, f.takes, f.minds
	f.runs++
	f.flying++
	f.mu.Unlock()
	called := time.Now()
	err = wait(ctx, takes, minds, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying--
	if ctx.Err() != nil {
		f.ended = append(f.ended, time.Since(called))
	}
	return err
}

func wait(ctx context.Context, d time.Duration, minds bool, err error) error {
	if d == 0 {
		return err
	}
	if !minds {
		time.Sleep(d)
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return err
	}
}

// seen are what is known of the checks so far.
func (f *fake) seen() (runs, flying int, ended []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs, f.flying, append([]time.Duration(nil), f.ended...)
}

// poll makes one poll that may take a second.
func (p process) poll(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	p.Poll(ctx)
}

// settled makes a poll and waits a little: whether it is counted at once is a check's of its own.
func (p process) settled(t *testing.T) {
	t.Helper()
	p.poll(t)
	time.Sleep(50 * time.Millisecond)
}

// polls makes a poll for each letter, one every 5 s: x with the dependency down, o with it up.
// then has a digit for each of them: 1 if the process is to be ready after it, else 0.
func (p process) polls(t *testing.T, db *fake, with, letters, then string, why string) {
	t.Helper()
	for i, letter := range letters {
		db.is(map[rune]error{'x': errDown, 'o': nil}[letter], 0, true)
		p.settled(t)
		want := map[byte]answers{'0': unready, '1': ready}[then[i]]
		p.wants(t, fmt.Sprintf("with %s, made polls: %s", with, spell(letters[:i+1])), want, why)
		time.Sleep(5 * time.Second)
	}
}

// spell says polls in words: "4 good, 2 failed".
func spell(letters string) string {
	var parts []string
	for len(letters) > 0 {
		same := len(letters) - len(strings.TrimLeft(letters, letters[:1]))
		word := map[byte]string{'x': "failed", 'o': "good"}[letters[0]]
		parts = append(parts, fmt.Sprintf("%d %s", same, word))
		letters = letters[same:]
	}
	return strings.Join(parts, ", ")
}
