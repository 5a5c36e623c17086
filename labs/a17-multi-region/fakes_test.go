package regions_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	regions "github.com/backend-labs/backend-labs/labs/a17-multi-region"
)

// known are the errors that callers tell apart.
var known = sentinel.Errors{
	"ErrSkew": regions.ErrSkew, "ErrBehind": regions.ErrBehind, "ErrNotFound": regions.ErrNotFound,
	"ErrNoRegion": regions.ErrNoRegion,
}

const ms = time.Millisecond

var none regions.Token

var three = []string{"eu-1", "eu-2", "us-1"}

// world is some regions and the network between them.
type world struct {
	t     *testing.T
	names []string
	net   *simnet.Network[string]
	tl    *timeline.Timeline
	of    map[string]*regions.Region
	off   map[string]*offset // of each region's clock

	mu   sync.Mutex
	errs []error // what Receive has returned, but for nil
	sent []leg   // what has been sent
}

// leg is an update on its way.
type leg struct {
	from, to string
	u        regions.Update
}

// offset is by how much a clock is wrong.
type offset struct {
	mu sync.Mutex
	d  time.Duration
}

func (o *offset) set(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.d = d
}

// now has no monotonic reading, as a machine's clock that is set.
func (o *offset) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Add(o.d).Round(0)
}

// build makes regions whose updates take as long as delay says of the n-th from one to the other, counted from 0.
func build(t *testing.T, names []string, delay func(from, to string, n int) simnet.Fate) *world {
	t.Helper()
	w := &world{t: t, names: names, net: simnet.New[string](t), tl: timeline.New(names...), of: map[string]*regions.Region{},
		off: map[string]*offset{}}
	w.net.Rule(func(l simnet.Leg[string]) simnet.Fate {
		if l.Answer {
			return simnet.Fate{}
		}
		w.note(leg{l.From, l.To, l.Message.(regions.Update)})
		return delay(l.From, l.To, l.N)
	})
	w.net.Draw(w.tl, func(name string) string { return name }, func(l simnet.Leg[string]) string {
		if l.Answer {
			return ""
		}
		return "update"
	})
	for _, name := range names {
		w.off[name] = &offset{}
		peers := slices.DeleteFunc(slices.Clone(names), func(p string) bool { return p == name })
		r := regions.NewRegion(name, peers, w.off[name].now, func(to string, u regions.Update) {
			w.net.Call(t.Context(), name, to, simnet.Copy(t, u))
		})
		w.of[name] = r
		w.net.Handle(name, func(_ string, m any) any {
			if err := r.Receive(simnet.Copy(t, m.(regions.Update))); err != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.errs = append(w.errs, err)
			}
			return nil
		})
	}
	return w
}

func (w *world) note(l leg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, l)
}

// legs are those of the far regions first, in the order of their texts: the order of sending is the scheduler's.
func (w *world) legs() []leg {
	w.mu.Lock()
	defer w.mu.Unlock()
	ls := slices.Clone(w.sent)
	slices.SortFunc(ls, func(a, b leg) int {
		return cmp.Or(-cmp.Compare(a.to, b.to), cmp.Compare(fmt.Sprintf("%+v", a.u), fmt.Sprintf("%+v", b.u)))
	})
	return ls
}

func (w *world) refused() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.errs)
}

// usual is how long an update takes on a good day.
func usual(from, to string, _ int) simnet.Fate {
	if zone(from) == "eu" && zone(to) == "eu" {
		return simnet.Fate{After: 20 * ms}
	}
	return simnet.Fate{After: 150 * ms}
}

func zone(region string) string {
	z, _, _ := strings.Cut(region, "-")
	return z
}

// put writes, and draws it.
func (w *world) put(region, key, val string, after regions.Token) regions.Token {
	w.tl.Point(region, "Put %s %s", key, val)
	return simnet.Copy(w.t, w.of[region].Put(key, val, after))
}

func (w *world) delete(region, key string, after regions.Token) regions.Token {
	w.tl.Point(region, "Delete %s", key)
	return simnet.Copy(w.t, w.of[region].Delete(key, after))
}

// read is what a Get says: a value in quotes, or an error. Where that is not what is wanted, the picture says so.
func (w *world) read(region, key string, after regions.Token, want string) string {
	got := said(w.of[region].Get(context.Background(), key, after))
	if p := w.tl.Point(region, "%s: %s", key, got); got != want {
		p.Breaks()
	}
	return got
}

func said(val string, err error) string {
	if err != nil {
		return known.Say(err)
	}
	return fmt.Sprintf("%q", val)
}

// has wants a Get to say something, at once.
func (w *world) has(t *testing.T, region, key, want string, m expect.Message) {
	t.Helper()
	began := time.Now()
	got := w.read(region, key, none, want)
	m.Want, m.Got, m.Picture = fmt.Sprintf("%s in %s", want, region), fmt.Sprintf("%s in %s", got, region), w.tl
	expect.That(t, got == want, m)
	m.Want, m.Got = "an answer at once: there is no token to wait for", fmt.Sprintf("after %v", time.Since(began))
	expect.That(t, time.Since(began) == 0, m)
}

// agree wants all regions to say something when everything has arrived.
func (w *world) agree(t *testing.T, key, want string, m expect.Message) {
	t.Helper()
	for _, name := range w.names {
		w.has(t, name, key, want, m)
	}
	errs := w.refused()
	expect.That(t, len(errs) == 0, expect.Message{Did: m.Did, Want: "every update is received without an error",
		Got: fmt.Sprintf("%d errors, the first is %s", len(errs), known.Say(errors.Join(errs[:min(1, len(errs))]...)))})
}

const (
	notFound = "ErrNotFound"
	behind   = "ErrBehind"
)
