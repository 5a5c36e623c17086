package leader_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	leader "github.com/backend-labs/backend-labs/labs/a19-split-brain"
)

type valueKey struct{}

func TestLeadWaitsForItsTurn(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 3)
		for _, ttl := range []time.Duration{ttl, time.Second, time.Hour} {
			for _, how := range []string{"dies", "releases"} {
				takesOver(t, w, ttl, how)
			}
		}
		w.RTT(ttl / 10)
		ctx, cancel := context.WithCancel(t.Context())
		did := "called Lead, nobody else does, while each answer of Redis takes 1 s of a ttl of 10 s"
		r := lead(ctx, w.elector(0, "slow", ttl), nil)
		expect.That(t, awaits(ttl, r.leads), expect.Message{Did: did, Want: "it leads soon", Got: "not within 10 s",
			Why: "a slow Redis is an hour's work for somebody, and not an hour without a leader"})
		cancel()
		r.back(2 * ttl)
		w.RTT(0)
		loading := func() { w.Refuse("LOADING Redis is loading the dataset in memory") }
		for i, off := range []func(){w.Links[1].Cut, w.Links[1].Hang, loading} {
			name := fmt.Sprint("outage-", i)
			off()
			ctx, cancel := context.WithCancel(t.Context())
			r := lead(ctx, w.elector(1, name, ttl), nil)
			time.Sleep(3 * ttl)
			did := "called Lead while " + []string{"Redis cannot be reached", "Redis hangs",
				"Redis answers that it is loading"}[i] + ", for 30 s"
			select {
			case <-r.returned:
				expect.Fatal(t, expect.Message{Did: did, Want: "it waits until it leads",
					Got: "it has returned " + known.Say(r.err),
					Why: "nobody starts the service again when Redis is back"})
			default:
			}
			w.Heal()
			expect.That(t, awaits(ttl+5*time.Second, r.leads), expect.Message{Did: did + "; then Redis was well again",
				Want: "it leads soon", Got: fmt.Sprintf("not within %v", ttl+5*time.Second)})
			cancel()
			r.back(2 * ttl)
		}
	})
}

// takesOver has B wait, by Lead, for a leader that dies or releases its lease.
func takesOver(t *testing.T, w *world, ttl time.Duration, how string) {
	t.Helper()
	name := fmt.Sprint("ledger-", how, "-", ttl.Milliseconds())
	a, b := w.elector(0, name, ttl), w.elector(1, name, ttl)
	first := acquires(t, a, expect.Message{Did: "A tried, and nobody led"})
	free, latest := ttl, ttl+ttl/100
	if how == "releases" {
		free = ttl*4/10 + 7*time.Millisecond
		latest = free
	}
	began := time.Now()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), valueKey{}, "value"))
	defer cancel()
	time.Sleep(ttl / 7)
	r := lead(ctx, b, nil)
	time.Sleep(free - time.Since(began) - ttl/100 - time.Millisecond)
	did := fmt.Sprintf("with a ttl of %v A leads, B waits in Lead, and A %s %v after its acquisition", ttl, how, free)
	if how == "dies" {
		did = fmt.Sprintf("with a ttl of %v A leads and dies; B waits in Lead", ttl)
	}
	works, _, _ := r.state()
	expect.That(t, works == 0, expect.Message{Did: did, Want: "B's work does not run yet: A may lead",
		Got: fmt.Sprintf("it runs %v after A's acquisition", since(began))})
	if how == "releases" {
		time.Sleep(free - time.Since(began))
		a.Release(t.Context(), first)
	}
	time.Sleep(latest + ttl/10 + time.Millisecond - time.Since(began))
	works, _, _ = r.state()
	expect.That(t, works == 1 && r.leads(), expect.Message{Did: did,
		Want: fmt.Sprintf("B's work runs %v after it can lead, at the latest: ttl/10", ttl/10),
		Got:  map[bool]string{true: "it has run, and does no more", false: "it does not"}[works > 0],
		Why:  "nobody works until the next one has looked"})
	got := r.ctx.Value(valueKey{})
	expect.That(t, got == "value", expect.Message{Did: did, Want: "work's context has the values of Lead's",
		Got: fmt.Sprint(got)})
	expect.That(t, r.token > first.Token, expect.Message{Did: did,
		Want: fmt.Sprintf("work gets a token that is greater than A's, %d", first.Token), Got: fmt.Sprint(r.token)})
	time.Sleep(2 * ttl)
	cancel()
	r.back(ttl)
	works, _, _ = r.state()
	expect.That(t, works == 1, expect.Message{Did: did + ", and its context ended 2 ttl later",
		Want: "work has run once",
		Got:  fmt.Sprintf("%d times", works)})
	last := acquires(t, a, expect.Message{Did: did + "; B ended, and A tried"})
	expect.That(t, last.Token > r.token, expect.Message{Did: did + "; B ended, and A acquired the lease again",
		Want: fmt.Sprintf("a token greater than the one that B's work was given, %d", r.token),
		Got:  fmt.Sprint(last.Token)})
}

func TestLeadGivesUpWithItsContext(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 3)
		for i, c := range []struct {
			how  string
			want error
			ctx  func() (context.Context, context.CancelFunc)
			held bool
		}{
			{"had been cancelled before", context.Canceled, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				return ctx, cancel
			}, false},
			{"was cancelled after 5 s", context.Canceled, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(5*time.Second, cancel)
				return ctx, cancel
			}, true},
			{"was cancelled after 5 s, with a cause", context.Canceled, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(5*time.Second, func() { cancel(errors.New("the service is shutting down")) })
				return ctx, func() { cancel(nil) }
			}, true},
			{"had a deadline after 5 s", context.DeadlineExceeded, func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(t.Context(), 5*time.Second)
			}, true},
		} {
			name := fmt.Sprint("ledger-", i)
			a, b, third := w.elector(0, name, time.Minute), w.elector(1, name, time.Minute), w.elector(2, name,
				time.Minute)
			var l *leader.Lease
			if c.held {
				l = acquires(t, a, expect.Message{Did: "A tried, and nobody led"})
			}
			ctx, cancel := c.ctx()
			began := time.Now()
			r := lead(ctx, b, nil)
			did := "called Lead with a context that " + c.how
			if c.held {
				did += ", while somebody else leads"
			}
			back := r.back(5*time.Second + time.Millisecond)
			cancel()
			expect.That(t, back, expect.Message{Did: did, Want: "it returns at once", Got: "it goes on waiting"})
			expect.That(t, sentinel.Is(r.err, c.want) && !sentinel.Is(r.err, leader.ErrLost), expect.Message{Did: did,
				Want: c.want.Error(), Got: fmt.Sprintf("%s after %v", known.Say(r.err), since(began))})
			works, _, _ := r.state()
			expect.That(t, works == 0, expect.Message{Did: did, Want: "work does not run", Got: "it has"})
			if c.held {
				a.Release(t.Context(), l)
			}
			time.Sleep(time.Second)
			acquires(t, third, expect.Message{Did: did + "; it returned, and then a third process tried",
				Why: "who has given up must not stand in the way"})
		}

		besideItself(t, w)
		w.RTT(ttl / 10)
		for _, patience := range []time.Duration{300 * time.Millisecond, 700 * time.Millisecond} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(patience, cancel)
			r := lead(ctx, w.elector(1, fmt.Sprint("slow-", patience.Milliseconds()), ttl), nil)
			did := fmt.Sprintf("called Lead, nobody else does, while each answer of Redis takes 1 s of a ttl of 10 s; "+
				"its context was cancelled after %v", patience)
			expect.That(t, r.back(ttl), expect.Message{Did: did, Want: "it returns when the command under way has",
				Got: "it goes on waiting"})
			expect.That(t, sentinel.Is(r.err, context.Canceled) && !sentinel.Is(r.err, leader.ErrLost), expect.Message{
				Did: did, Want: context.Canceled.Error(), Got: known.Say(r.err)})
			works, _, _ := r.state()
			expect.That(t, works == 0, expect.Message{Did: did, Want: "work does not run", Got: "it has",
				Why: "the service is shutting down: what begins now is broken off in its first line"})
		}
	})
}

// besideItself has two goroutines call Lead with the same elector, of which the second gives up.
func besideItself(t *testing.T, w *world) {
	t.Helper()
	e := w.elector(0, "beside", ttl)
	first, end := context.WithCancel(t.Context())
	did := "a process leads by Lead; another goroutine called Lead with the same elector"
	a := leading(t, first, e, nil, expect.Message{Did: did})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	b := lead(ctx, e, nil)
	did += ", and a context that ends after 5 s"
	expect.That(t, b.back(5*time.Second+time.Millisecond), expect.Message{Did: did, Want: "it returns then",
		Got: "it goes on waiting", Why: "two goroutines of one process wait as those of two processes do"})
	works, _, _ := b.state()
	expect.That(t, sentinel.Is(b.err, context.DeadlineExceeded) && works == 0 && a.leads(), expect.Message{Did: did,
		Want: "context.DeadlineExceeded; its work does not run, and the first one leads on",
		Got:  fmt.Sprintf("%s; its work has run %d times; the first one leads: %t", known.Say(b.err), works, a.leads())})
	b = lead(t.Context(), e, func(context.Context) {})
	time.Sleep(time.Second)
	end()
	expect.That(t, a.back(ttl) && b.back(ttl) && b.err == nil, expect.Message{
		Did:  "a process leads by Lead; another goroutine waits in Lead with the same elector; the first one's context ended",
		Want: "the other one leads, and returns nil when its work has", Got: said(b)})
}

func TestALeaderRenews(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		for _, ttl := range []time.Duration{ttl, time.Second, time.Hour} {
			halves := 100
			if ttl > time.Minute {
				halves = 8 // some renew every second, whatever the ttl
			}
			name := fmt.Sprint("ledger-", ttl.Milliseconds())
			w.Forget()
			ctx, cancel := context.WithCancel(t.Context())
			did := fmt.Sprintf("a process leads by Lead, with a ttl of %v", ttl)
			r := leading(t, ctx, w.elector(0, name, ttl), nil, expect.Message{Did: did})
			for range halves {
				time.Sleep(ttl / 2)
				expect.That(t, r.leads(), expect.Message{Did: did,
					Want: "it leads for as long as its work takes, and Redis is well",
					Got: fmt.Sprintf("it does not %v later",
						since(r.began)), Why: "each change of leader is a pause in the work"})
				refused(t, w.elector(1, name, ttl), expect.Message{Did: fmt.Sprintf("%s; %v later another one tried",
					did,
					since(r.began))})
			}
			cs := w.Links[0].Commands()
			for i := 1; i < len(cs); i++ {
				gap := cs[i].At.Sub(cs[i-1].At)
				expect.That(t, gap <= ttl/3+time.Millisecond, expect.Message{Did: did + ", and Redis answers at once",
					Want: fmt.Sprintf("%v lie between two of its commands at most: ttl/3", ttl/3), Got: gap.String(),
					Why: "who renews at the last moment leads no more after one renewal that fails"})
			}
			slowly(t, w, r, did, ttl)
			cancel()
			r.back(2 * ttl)
		}
	})
}

// slowly lets round trips take a tenth of the ttl.
func slowly(t *testing.T, w *world, r *reign, did string, ttl time.Duration) {
	t.Helper()
	w.RTT(ttl / 10)
	if ttl > time.Minute {
		w.RTT(time.Second) // the client itself waits for 3 s
	}
	for range 8 {
		time.Sleep(ttl / 2)
		expect.That(t, r.leads(), expect.Message{Did: did + fmt.Sprintf("; then each answer of Redis takes %v",
			min(ttl/10, time.Second)), Want: "it leads on", Got: "it does not"})
	}
	w.RTT(0)
}

func TestOneRenewalMayFail(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 1)
		for i, f := range []failure{{}, {slow: ttl / 10}, {err: errMemory}, {silent: true}} {
			ctx, cancel := context.WithCancel(t.Context())
			did := "a process leads by Lead"
			r := leading(t, ctx, w.elector(0, fmt.Sprint("ledger-", i), ttl), nil, expect.Message{Did: did})
			time.Sleep(ttl / 100)
			w.halts[0].fail(f, everyOther())
			did += "; every other renewal fails, and the one after it does not"
			switch {
			case f.slow > 0:
				did = fmt.Sprintf("%s; until one fails %v pass", did, f.slow)
			case f.err != nil:
				did = fmt.Sprintf("%s; it is Redis that refuses it: %q", did, f.err)
			case f.silent:
				did += "; it is never answered"
			}
			for range 100 {
				time.Sleep(ttl / 2)
				expect.That(t, r.leads(), expect.Message{Did: did, Want: "it goes on leading",
					Got: fmt.Sprintf("the context of its work has ended %v after it began", since(r.began)),
					Why: "a lease has time for more than one attempt: a packet that is lost must not cost a leader"})
			}
			w.halts[0].fail(failure{}, nil)
			cancel()
			r.back(2 * ttl)
		}
	})
}

// everyOther says of every other renewal that it fails. Commands of one moment are one renewal.
func everyOther() func() bool {
	failed, passed := false, time.Time{}
	return func() bool {
		if !failed && !time.Now().Equal(passed) {
			failed = true
			return true
		}
		failed, passed = false, time.Now()
		return false
	}
}

func TestACutOffLeaderStops(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		for i, how := range []string{"cut off from Redis", "connected to a Redis that hangs",
			"cut off from Redis in the middle of a renewal: the answer is lost"} {
			name := fmt.Sprint("ledger-", i)
			tl := timeline.New("A", "Redis", "B")
			ctx, cancel := context.WithCancel(t.Context())
			did := fmt.Sprintf("A leads by Lead, and B waits in Lead; 61 s later A is %s", how)
			a := leading(t, ctx, w.elector(0, name, ttl), nil, expect.Message{Did: did})
			b := lead(ctx, w.elector(1, name, ttl), nil)
			time.Sleep(61*time.Second + 37*time.Millisecond)
			last := lastOf(w, i)
			reigns := tl.Begin("A", "leads, and has renewed %v ago", since(last))
			tl.Point("Redis", "A is out of reach")
			lives := awaits(ttl+time.Second, func() bool { return !a.leads() })
			_, _, ended := a.state()
			got := fmt.Sprintf("%v after it, %s", ended.Sub(last).Round(time.Millisecond), how)
			if !lives {
				got = fmt.Sprintf("it lives %v after it", since(last))
				ended = time.Now()
			}
			p := reigns.End("work's context ends")
			if ended.Sub(last) > ttl-ttl/100+time.Millisecond {
				p.Breaks()
			}
			expect.That(t, lives && ended.Sub(last) <= ttl-ttl/100+time.Millisecond, expect.Message{Did: did,
				Want: fmt.Sprintf("the context of A's work ends at most %v after the last renewal that A was told of",
					ttl-ttl/100), Got: got, Picture: tl,
				Why: "nobody can tell a leader that it is cut off: it must stop by its own clock, before anybody " +
					"else may lead"})
			expect.That(t, ended.Sub(last) >= ttl/2-2*time.Millisecond, expect.Message{Did: did,
				Want: fmt.Sprintf("the context of A's work lives until %v after the last renewal at least: to the "+
					"lease's Until",
					ttl/2), Got: got, Picture: tl, Why: "an outage of a second must not cost a leader"})
			expect.That(t, a.back(ttl) && known.Is(a.err, leader.ErrLost), expect.Message{Did: did,
				Want: "Lead returns ErrLost when A's work has", Got: said(a), Picture: tl})
			ok := awaits(time.Until(last.Add(2*ttl+ttl/3)), b.leads)
			tl.Begin("B", "leads")
			expect.That(t, ok, expect.Message{Did: did, Want: "B leads when A's lease has run out",
				Got: fmt.Sprintf("it does not %v after A's last renewal", since(last)), Picture: tl})
			_, began, _ := b.state()
			expect.That(t, began.After(ended), expect.Message{Did: did,
				Want: "B's work begins after the context of A's has ended",
				Got:  fmt.Sprintf("%v before", ended.Sub(began)), Picture: tl})
			w.Heal()
			cancel()
			b.back(2 * ttl)
		}
	})
}

// lastOf takes A off Redis, in the i-th way, and returns when it has sent the last command that it got an answer to.
func lastOf(w *world, i int) time.Time {
	link := w.Links[0]
	if i < 2 {
		return cutNow(w, 0, []func(){link.Cut, link.Hang}[i])
	}
	cs := link.Commands()
	link.CutAfter(1)
	for len(link.Commands()) == len(cs) {
		time.Sleep(time.Millisecond)
	}
	return cs[len(cs)-1].At
}

// said is what Lead has returned, for a message.
func said(r *reign) string {
	select {
	case <-r.returned:
		return "it has returned " + known.Say(r.err)
	default:
		return "it has not returned"
	}
}

func TestALostLeaseEndsTheWork(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		did := "a process leads by Lead; everything in Redis was deleted"
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tidied := time.Time{}
		r := leading(t, ctx, w.elector(0, "ledger", ttl), func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(3 * time.Second)
			tidied = time.Now()
		}, expect.Message{Did: did})
		time.Sleep(61*time.Second + 37*time.Millisecond)
		w.Admin.FlushAll(t.Context())
		gone := time.Now()
		ok := awaits(ttl/3+time.Millisecond, func() bool { return !r.leads() })
		expect.That(t, ok, expect.Message{Did: did,
			Want: fmt.Sprintf("the context of its work ends with the next renewal, which is ErrLost: %v later at "+
				"the latest",
				ttl/3),
			Got: fmt.Sprintf("it lives %v later", since(gone)),
			Why: "who knows that it leads no more, and goes on, has a second leader beside it at any moment"})
		expect.That(t, r.back(ttl+3*time.Second) && known.Is(r.err, leader.ErrLost), expect.Message{
			Did: did + "; its work needs 3 s to end", Want: "Lead returns ErrLost", Got: said(r)})
		lostFirst(t, w)
		expect.That(t, !r.at.Before(tidied) && !tidied.IsZero(), expect.Message{Did: did + "; its work needs 3 s " +
			"to end",
			Want: "Lead returns after that", Got: "before",
			Why: "whoever calls Lead again, or ends the process, must know that nobody is at work any more"})
	})
}

// lostFirst ends Lead's context when the lease is lost, and work is not yet over.
func lostFirst(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	did := "a process leads by Lead; everything in Redis was deleted; its work needs 3 s to end, and a second before " +
		"that Lead's context was cancelled"
	r := leading(t, ctx, w.elector(0, "lost-first", ttl), func(ctx context.Context) {
		<-ctx.Done()
		time.Sleep(2 * time.Second)
		cancel()
		time.Sleep(time.Second)
	}, expect.Message{Did: did})
	w.Admin.FlushAll(t.Context())
	expect.That(t, r.back(2*ttl) && known.Is(r.err, leader.ErrLost), expect.Message{Did: did,
		Want: "Lead returns ErrLost: that came first", Got: said(r),
		Why: "whoever is told that the end was its own does not look for what has gone wrong"})
}

func TestLeadEndsWithItsWork(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := start(t, 2)
		for i, takes := range []time.Duration{0, time.Second, 10 * ttl} {
			name := fmt.Sprint("ledger-", i)
			did := fmt.Sprintf("called Lead; work ended by itself after %v", takes)
			r := lead(t.Context(), w.elector(0, name, ttl), func(context.Context) { time.Sleep(takes) })
			expect.That(t, r.back(takes+ttl), expect.Message{Did: did, Want: "Lead returns", Got: "it does not"})
			works, _, _ := r.state()
			expect.That(t, works == 1, expect.Message{Did: did, Want: "work has run once",
				Got: fmt.Sprintf("%d times", works)})
			expect.That(t, r.err == nil, expect.Message{Did: did, Want: "nil", Got: known.Say(r.err)})
			quiet(t, w, 0, did)
			acquires(t, w.elector(1, name, ttl), expect.Message{Did: did + "; Lead returned, and another process tried",
				Why: "a successor need not wait for the rest of the ttl"})
		}
		tidiesUp(t, w)
		endedMeanwhile(t, w)
		whileItHangs(t, w)
		overBeforeTheNext(t, w)
		tidiesUpForLong(t, w)
	})
}

// tidiesUp ends Lead's context while work runs, which needs 2 s more.
func tidiesUp(t *testing.T, w *world) {
	t.Helper()
	cause := errors.New("the service is shutting down")
	for i, c := range []struct {
		how  string
		want error
		ctx  func() context.Context
	}{
		{"was cancelled", context.Canceled, func() context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(30*time.Second, cancel)
			return ctx
		}},
		{"was cancelled with a cause", context.Canceled, func() context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(30*time.Second, func() { cancel(cause) })
			return ctx
		}},
		{"reached its deadline", context.DeadlineExceeded, func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			t.Cleanup(cancel)
			return ctx
		}},
		{"is that of another Lead's work, whose lease was lost,", context.Canceled, func() context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(30*time.Second, func() { cancel(leader.ErrLost) })
			return ctx
		}},
	} {
		name := fmt.Sprint("tidy-", i)
		did := fmt.Sprintf("called Lead with a context that %s after 30 s; work needs 2 s more", c.how)
		other := w.elector(1, name, ttl)
		working := false
		began := time.Now()
		r := leading(t, c.ctx(), w.elector(0, name, ttl), func(ctx context.Context) {
			working = true
			<-ctx.Done()
			time.Sleep(2 * time.Second)
			working = false
		}, expect.Message{Did: did})
		time.Sleep(30*time.Second + 100*time.Millisecond - time.Since(began))
		expect.That(t, !r.leads(), expect.Message{Did: did, Want: "work's context ends with Lead's", Got: "it lives"})
		for range 9 {
			refused(t, other, expect.Message{Did: did + "; meanwhile another process tried",
				Want: "ErrHeld: work has not returned yet",
				Why: "a lease that is given up before the work has ended lets the " +
					"next leader in beside it"})
			time.Sleep(200 * time.Millisecond)
		}
		expect.That(t, r.back(ttl+time.Second), expect.Message{Did: did, Want: "Lead returns when work has",
			Got: "it does not"})
		expect.That(t, !working, expect.Message{Did: did, Want: "Lead returns when work has", Got: "before"})
		expect.That(t, sentinel.Is(r.err, c.want) && known.None(r.err), expect.Message{Did: did,
			Want: c.want.Error() + ": the error of its context", Got: known.Say(r.err)})
		acquires(t, other, expect.Message{Did: did + "; Lead returned, and another process tried at the same moment",
			Why: "each deployment ends a leader this way: if it cannot release its lease because its context has " +
				"ended, the name has no leader for a ttl"})
		quiet(t, w, 0, did)
	}
}

// endedMeanwhile ends Lead's context when work has returned, and Lead has not yet.
func endedMeanwhile(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	did := "called Lead, while each answer of Redis takes 1 s of a ttl of 10 s; work ended by itself after 30 s, and " +
		"half a second later Lead's context"
	w.RTT(ttl / 10)
	r := lead(ctx, w.elector(0, "meanwhile", ttl), func(context.Context) {
		time.Sleep(30 * time.Second)
		time.AfterFunc(500*time.Millisecond, cancel)
	})
	expect.That(t, r.back(30*time.Second+2*ttl), expect.Message{Did: did, Want: "Lead returns", Got: "it does not"})
	cancel()
	expect.That(t, r.err == nil, expect.Message{Did: did, Want: "nil: work had ended by itself", Got: known.Say(r.err),
		Why: "the work is done, whatever comes after it: it need not be done again"})
	w.RTT(0)
}

// whileItHangs ends work when Redis does not answer any more.
func whileItHangs(t *testing.T, w *world) {
	t.Helper()
	for i, ttl := range []time.Duration{ttl, time.Second} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		did := fmt.Sprintf("called Lead with a ttl of %v; Redis hung, and a moment later work ended by itself", ttl)
		r := leading(t, ctx, w.elector(0, fmt.Sprint("hangs-", i), ttl), func(context.Context) { <-done },
			expect.Message{Did: did})
		time.Sleep(ttl * 11 / 10)
		w.Hang()
		time.Sleep(ttl / 8)
		close(done)
		ended := time.Now()
		expect.That(t, r.back(ttl), expect.Message{Did: did,
			Want: fmt.Sprintf("Lead returns %v after work at the latest: a ttl",
				ttl), Got: fmt.Sprintf("it has not %v later", since(ended)),
			Why: "a process that cannot end because it wants to say that it ends has to be killed"})
		expect.That(t, r.err == nil, expect.Message{Did: did, Want: "nil: work ended while it led",
			Got: known.Say(r.err)})
		w.Heal()
		quiet(t, w, 0, did)
		cancel()
	}
}

// overBeforeTheNext ends A's work by itself, while B waits.
func overBeforeTheNext(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	did := "A leads by Lead, and B waits in Lead; A's work ended by itself after 30 s, and A stood still for 5 s behind " +
		"the next command that it sent"
	a := lead(ctx, w.elector(0, "next", ttl), func(context.Context) {
		time.Sleep(30*time.Second + 37*time.Millisecond)
		w.halts[0].at(1, 5*time.Second)
	})
	expect.That(t, awaits(ttl, a.leads), expect.Message{Did: did, Want: "A leads", Got: "it does not"})
	first := true
	b := lead(ctx, w.elector(1, "next", ttl), func(context.Context) { first = a.leads() })
	expect.That(t, b.back(30*time.Second+2*ttl), expect.Message{Did: did, Want: "B leads soon", Got: "it does not"})
	expect.That(t, !first && !a.leads(), expect.Message{Did: did,
		Want: "the context of A's work has ended when B's begins: of all these one at most has not",
		Got:  fmt.Sprintf("when B's work began it had ended: %t; when B's was over: %t", !first, !a.leads()),
		Why: "what A's work has begun in the background stops when its context ends, and by nothing else: it would write " +
			"beside B"})
	cancel()
	a.back(2 * ttl)
	w.halts[0].disarm()
}

// tidiesUpForLong has work go on for two ttl after Lead's context has ended.
func tidiesUpForLong(t *testing.T, w *world) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	did := "called Lead, whose context was cancelled after 30 s; work needs 20 s more, two ttl"
	r := lead(ctx, w.elector(0, "for-long", ttl), func(ctx context.Context) {
		<-ctx.Done()
		time.Sleep(2 * ttl)
	})
	time.Sleep(30 * time.Second)
	cancel()
	expect.That(t, r.back(4*ttl) && sentinel.Is(r.err, context.Canceled) && known.None(r.err), expect.Message{Did: did,
		Want: "Lead returns context.Canceled: that came first", Got: said(r)})
}

// quiet looks whether a process sends anything in the hour after Lead has returned.
func quiet(t *testing.T, w *world, i int, did string) {
	t.Helper()
	w.Links[i].Forget()
	time.Sleep(time.Hour)
	cs := w.Links[i].Commands()
	expect.That(t, len(cs) == 0, expect.Message{Did: did + "; Lead returned; an hour passed",
		Want: "nothing of it runs any more", Got: fmt.Sprintf("it has sent %d commands, the first is %v", len(cs),
			append(cs, cs...)[:min(1, len(cs))]),
		Why: "a renewal that goes on keeps a lease that nobody uses"})
}
