package regions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	regions "github.com/backend-labs/backend-labs/labs/a17-multi-region"
)

func TestWritesAreLocal(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := build(t, three, usual)
		began := time.Now()
		did := "wrote in eu-1, which is 20 ms away from eu-2 and 150 ms from us-1"
		w.put("eu-1", "k", "v", none)
		at := func(d time.Duration, eu2, us string) {
			time.Sleep(d - time.Since(began))
			did := fmt.Sprintf("%s; %v later read", did, d)
			w.has(t, "eu-1", "k", `"v"`, expect.Message{Did: did, Why: "whoever has written sees it"})
			w.has(t, "eu-2", "k", eu2, expect.Message{Did: did})
			w.has(t, "us-1", "k", us, expect.Message{Did: did})
		}
		expect.That(t, time.Since(began) == 0, expect.Message{Did: did, Want: "Put returns at once",
			Got: fmt.Sprintf("after %v", time.Since(began)), Why: "every write would pay an ocean crossing"})
		at(0, notFound, notFound)
		at(19*ms, notFound, notFound)
		at(22*ms, `"v"`, notFound)
		at(149*ms, `"v"`, notFound)
		at(152*ms, `"v"`, `"v"`)
		w.has(t, "us-1", "another", notFound, expect.Message{Did: "read what was never written"})
		manyAtOnce(t)
	})
	bubble.Run(t, unreachable)
}

// manyAtOnce writes faster than updates arrive.
func manyAtOnce(t *testing.T) {
	t.Helper()
	const writes = 50
	w := build(t, three, usual)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range writes {
		wg.Go(func() { w.of["eu-1"].Put(fmt.Sprint("key-", i), "v", none) })
	}
	wg.Wait()
	did := "wrote 50 keys at one moment in eu-1"
	expect.That(t, time.Since(began) == 0, expect.Message{Did: did, Want: "all of it at once",
		Got: fmt.Sprintf("after %v", time.Since(began))})
	time.Sleep(152 * ms)
	missing := 0
	for i := range writes {
		if said(w.of["us-1"].Get(t.Context(), fmt.Sprint("key-", i), none)) != `"v"` {
			missing++
		}
	}
	expect.That(t, missing == 0, expect.Message{Did: did + "; 152 ms later read them in us-1, 150 ms away",
		Want: "all are there",
		Got:  fmt.Sprintf("%d are not", missing), Why: "updates that wait for each other's answers fall behind, by " +
			"an ocean crossing each"})
	time.Sleep(time.Second)
}

// unreachable has a region that an update takes an hour to, and later ones do not.
func unreachable(t *testing.T) {
	for _, far := range three[1:] {
		w := build(t, three, func(from, to string, n int) simnet.Fate {
			if to == far && n == 0 {
				return simnet.Fate{After: time.Hour}
			}
			return usual(from, to, n)
		})
		began := time.Now()
		w.put("eu-1", "k", "v", none)
		time.Sleep(ms)
		w.put("eu-1", "l", "v", none)
		did := fmt.Sprintf("wrote k and then l in eu-1, while the first update to %s takes an hour", far)
		expect.That(t, time.Since(began) == ms, expect.Message{Did: did, Want: "both at once",
			Got: fmt.Sprintf("after %v", time.Since(began)), Why: "one region that is cut off would stop all of them"})
		time.Sleep(152 * ms)
		for _, name := range three[1:] {
			want := `"v"`
			if name == far {
				want = notFound
			}
			w.has(t, name, "k", want, expect.Message{Did: did + "; 153 ms later read k",
				Why: "one region that is cut off must not stop the others"})
			w.has(t, name, "l", `"v"`, expect.Message{Did: did + "; 153 ms later read l",
				Why: "what is late must not stop what comes after it"})
		}
		time.Sleep(time.Hour)
		w.agree(t, "k", `"v"`, expect.Message{Did: did + "; an hour later read k"})
	}
}

func TestReadYourWrites(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := build(t, three, usual)
		old := w.put("eu-1", "k", "old", none)
		time.Sleep(time.Second)
		token := w.put("eu-1", "k", "new", none)
		did := "wrote k in eu-1 again, and read it with its token in "
		waits(t, w, "eu-1", "k", token, 0, `"new"`, did+"eu-1")
		waits(t, w, "us-1", "k", old, 0, `"old"`, "wrote k in eu-1 again, and read it with the token of the first "+
			"write in us-1")
		waits(t, w, "us-1", "k", token, 150*ms, `"new"`, did+"us-1, 150 ms away, where the first value is")
		waits(t, w, "us-1", "k", old, 0, `"new"`, "read k with the token of the first write in us-1, where the "+
			"second has arrived")
		token = w.delete("eu-1", "k", none)
		waits(t, w, "us-1", "k", token, 150*ms, notFound, "deleted k in eu-1, and read it with that token in us-1")
		token = w.put("eu-1", "fresh", "v", none)
		waits(t, w, "eu-2", "fresh", token, 20*ms, `"v"`, "wrote another key in eu-1, and read it with its token "+
			"in eu-2")
		waits(t, w, "us-1", "fresh", none, 0, notFound, "read it without a token in us-1")
		together(t, w)
		time.Sleep(time.Second)
		impatient(t)
	})
	bubble.Run(t, besides)
	bubble.Run(t, overtaken)
	bubble.Run(t, busy)
}

// waits reads with a token, and looks how long it takes: ten milliseconds more are no harm.
func waits(t *testing.T, w *world, region, key string, token regions.Token, took time.Duration, want, did string) {
	t.Helper()
	began := time.Now()
	got := w.read(region, key, token, want)
	expect.That(t, got == want, expect.Message{Did: did, Want: want, Got: got, Picture: w.tl,
		Why: "a user who has moved to another region sees their own edit, or that it is not there yet: never the " +
			"old value"})
	after := time.Since(began)
	expect.That(t, after >= took && after <= took+10*ms, expect.Message{Did: did, Want: fmt.Sprintf("after %v", took),
		Got: fmt.Sprintf("after %v", after), Picture: w.tl})
}

// together has twenty readers wait for one write.
func together(t *testing.T, w *world) {
	t.Helper()
	token := w.put("eu-1", "shared", "v", none)
	began := time.Now()
	var mu sync.Mutex
	wrong := 0
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			val, err := w.of["us-1"].Get(t.Context(), "shared", token)
			mu.Lock()
			defer mu.Unlock()
			if val != "v" || err != nil || time.Since(began) > 160*ms {
				wrong++
			}
		})
	}
	wg.Wait()
	expect.That(t, wrong == 0, expect.Message{
		Did:  "wrote in eu-1; 20 readers in us-1, 150 ms away, read with its token at the same moment",
		Want: "all of them have the value after 150 ms", Got: fmt.Sprintf("%d have not", wrong),
		Why: "a page makes many requests at once, all with the same token"})
}

// impatient has updates that take a day, longer than anybody waits.
func impatient(t *testing.T) {
	t.Helper()
	w := build(t, three, func(string, string, int) simnet.Fate { return simnet.Fate{After: time.Hour} })
	w.put("us-1", "k", "older", none)
	time.Sleep(ms)
	token := w.put("eu-1", "k", "v", none)
	waits(t, w, "us-1", "k", token, 200*ms, behind, "read with a token what takes an hour to arrive")
	deadline, cancel := context.WithTimeout(t.Context(), 50*ms)
	defer cancel()
	began := time.Now()
	_, err := w.of["eu-2"].Get(deadline, "k", token)
	expect.That(t, time.Since(began) == 50*ms && sentinel.Is(err, context.DeadlineExceeded) && known.None(err),
		expect.Message{
			Did:  "read with a token what takes an hour to arrive, and a context that ends after 50 ms",
			Want: "its error, then",
			Got:  fmt.Sprintf("%s after %v", known.Say(err), time.Since(began))})
	cancelled, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(60*ms, func() { stop(errors.New("the user has left")) })
	began = time.Now()
	_, err = w.of["eu-2"].Get(cancelled, "k", token)
	expect.That(t, time.Since(began) == 60*ms && sentinel.Is(err, context.Canceled) && known.None(err), expect.Message{
		Did:  "read with a token what takes an hour to arrive, and a context that is cancelled after 60 ms",
		Want: "its error, then", Got: fmt.Sprintf("%s after %v", known.Say(err), time.Since(began))})
	time.Sleep(2 * time.Hour)
}

// besides has a reader wait for what takes an hour, while somebody writes the same key in the region itself.
func besides(t *testing.T) {
	w := build(t, three, func(string, string, int) simnet.Fate { return simnet.Fate{After: time.Hour} })
	token := w.put("eu-1", "k", "v", none)
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(50 * ms)
		w.put("us-1", "k", "own", token)
	})
	waits(t, w, "us-1", "k", token, 50*ms, `"own"`, "read with a token in us-1 what takes an hour to arrive; 50 ms "+
		"later somebody wrote that key in us-1, with the same token, which is a later write")
	wg.Wait()
	time.Sleep(2 * time.Hour)
}

// overtaken has later writes arrive first: of another key, which say nothing, and of the same one, which do.
func overtaken(t *testing.T) {
	w := build(t, three, func(_, _ string, n int) simnet.Fate {
		if n == 1 {
			return simnet.Fate{After: 10 * time.Second}
		}
		return simnet.Fate{After: ms}
	})
	w.put("eu-1", "k", "old", none)
	time.Sleep(time.Second)
	token := w.put("eu-1", "k", "new", none)
	time.Sleep(ms)
	w.put("eu-1", "other", "v", none)
	time.Sleep(100 * ms)
	did := "wrote k again in eu-1, and then another key, whose update arrives in us-1 while that of k takes 10 s; " +
		"read k with its token in us-1"
	waits(t, w, "us-1", "k", token, 200*ms, behind, did)
	time.Sleep(time.Second)
	w.put("eu-1", "k", "newest", none)
	time.Sleep(100 * ms)
	waits(t, w, "us-1", "k", token, 0, `"newest"`, did+", when a third write of k had arrived")
	time.Sleep(20 * time.Second)
	w.agree(t, "k", `"newest"`, expect.Message{Did: did + "; and 20 s later without one"})
}

// busy has a region that hears something every 20 ms, but not what is waited for.
func busy(t *testing.T) {
	w := build(t, three, func(_, _ string, n int) simnet.Fate {
		if n == 0 {
			return simnet.Fate{After: time.Hour}
		}
		return simnet.Fate{After: ms}
	})
	token := w.put("eu-1", "k", "v", none)
	time.Sleep(ms)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 50 {
			w.of["eu-1"].Put(fmt.Sprint("other-", i), "v", none)
			time.Sleep(20 * ms)
		}
	})
	waits(t, w, "us-1", "k", token, 200*ms, behind, "read with a token what takes an hour to arrive, while other "+
		"keys arrive "+
		"every 20 ms")
	wg.Wait()
	time.Sleep(2 * time.Hour)
}

// TestATokenOrdersWrites has a user who writes, moves on, and writes again before the first write has arrived, to a
// region
// whose clock is behind.
func TestATokenOrdersWrites(t *testing.T) {
	for i := range 4 {
		second, to := []string{"Put", "Delete"}[i%2], []string{"us-1", "eu-2"}[i/2]
		far := usual("eu-1", to, 0).After
		for _, behindBy := range []time.Duration{-480 * ms, -ms, 0, 480 * ms} {
			bubble.Run(t, func(t *testing.T) {
				w := build(t, three, usual)
				w.off["eu-1"].set(-behindBy / 2)
				w.off[to].set(behindBy / 2)
				first := w.put("eu-1", "k", "first", none)
				want := `"second"`
				var token regions.Token
				if second == "Put" {
					token = w.put(to, "k", "second", first)
				} else {
					token, want = w.delete(to, "k", first), notFound
				}
				began := time.Now()
				did := fmt.Sprintf("a user wrote in eu-1, took that token to %s, whose clock is %v behind, and "+
					"called %s "+
					"there before the first write had arrived", to, -behindBy, second)
				w.has(t, to, "k", want, expect.Message{Did: did + "; read at once"})
				waits(t, w, "eu-1", "k", token, far, want, did+"; read with its token in eu-1")
				time.Sleep(time.Second - time.Since(began))
				w.agree(t, "k", want, expect.Message{Did: did + "; read when all had arrived",
					Why: "the user has seen their first edit, and corrects it: the correction must not lose " +
						"because of a clock"})
				if i == 0 && behindBy == -480*ms {
					expect.Show(t, "a user who is faster than their edit, and a clock that is behind", w.tl)
				}
			})
		}
	}
}

func TestDataStaysWhereItBelongs(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		names := []string{"eu-1", "eu-2", "us-1", "us-2", "euro-1", "eu-west-3"}
		w := build(t, names, usual)
		secret := func(i int) string { return fmt.Sprint("secret-", i) }
		for i, key := range []string{"eu/alice", "eu/", "eu/us/x"} {
			token := simnet.Copy(t, w.of["eu-1"].Put(key, secret(i), none))
			w.of["eu-2"].Put(key, secret(i), token)
		}
		w.of["eu-2"].Delete("eu/alice", none)
		bob := simnet.Copy(t, w.of["us-1"].Put("eu/bob", "secret-3", none))
		waits(t, w, "us-1", "eu/bob", bob, 0, `"secret-3"`, "wrote a key that begins with eu/ in us-1, and read it there "+
			"with its token")
		time.Sleep(time.Second)
		for _, l := range w.legs() {
			text := simnet.Text(l.u)
			expect.That(t, zone(l.to) == "eu" || !strings.Contains(text, "secret"), expect.Message{
				Did: "wrote keys that begin with eu/ in eu-1, eu-2 and us-1, and read everything that was sent to other " +
					"zones",
				Want: "nothing of them is sent there", Got: fmt.Sprintf("%s sent to %s: %s", l.from, l.to, text),
				Why: "the contract with these customers says that their data does not leave Europe"})
			expect.That(t, zone(l.to) == "eu" || !strings.Contains(text, "eu/"), expect.Message{
				Did:  "wrote and deleted keys that begin with eu/, and read everything that was sent to other zones",
				Want: "nothing of them is sent there: a key is a name, too",
				Got:  fmt.Sprintf("%s sent to %s: %s", l.from, l.to, text)})
		}
		for _, name := range []string{"eu-1", "eu-2", "eu-west-3"} {
			w.has(t, name, "eu/us/x", `"secret-2"`, expect.Message{Did: "wrote a key that begins with eu/ in eu-1"})
			w.has(t, name, "eu/alice", notFound, expect.Message{Did: "wrote and deleted a key that begins with eu/"})
			w.has(t, name, "eu/bob", `"secret-3"`, expect.Message{Did: "wrote a key that begins with eu/ in us-1",
				Why: "Europe is where it belongs: there it must arrive, from wherever it comes"})
		}
		for _, key := range []string{"europe/x", "eu", "EU/x", "x/eu/", "us/x", "eu-1/x", ""} {
			w.of["eu-1"].Put(key, "public", none)
			time.Sleep(time.Second)
			for _, name := range names {
				w.has(t, name, key, `"public"`, expect.Message{Did: fmt.Sprintf("wrote the key %q in eu-1; a "+
					"second later read it", key),
					Why: "only what begins with eu/ is resident"})
			}
		}
	})
	first, again, other := abroad(t, "alice", "secret"), abroad(t, "alice", "secret"), abroad(t, "zoe", "a riddle")
	expect.That(t, !slices.Equal(first, again) || slices.Equal(first, other), expect.Message{
		Did: `twice wrote and deleted keys that begin with eu/, "eu/alice" with the value "secret" and "eu/zoe" with the ` +
			`value "a riddle", and read everything that was sent to other zones`,
		Want: "the same is sent there, or nothing: nothing of these keys",
		Got:  fmt.Sprintf("for the one %q, and for the other %q", first, other),
		Why: "what differs with the data has to do with it: a digest of a name can be looked up, and a length says " +
			"something, too"})
}

// abroad is what is sent out of Europe when somebody's key is written and deleted in all regions.
func abroad(t *testing.T, who, what string) (sent []string) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		w := build(t, []string{"eu-1", "eu-2", "us-1", "us-2"}, usual)
		for _, name := range w.names {
			w.of[name].Put("eu/"+who, what, none)
			time.Sleep(time.Second)
		}
		w.of["eu-2"].Delete("eu/"+who, none)
		time.Sleep(time.Second)
		for _, l := range w.legs() {
			if zone(l.to) != "eu" {
				sent = append(sent, fmt.Sprintf("%s to %s: %s", l.from, l.to, simnet.Text(l.u)))
			}
		}
	})
	slices.Sort(sent)
	return sent
}

func TestAnUpdateFromTheFuture(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := build(t, three, usual)
		ahead := regions.NewRegion("us-9", []string{"eu-1"}, (&offset{d: time.Hour}).now, func(_ string,
			u regions.Update) {
			w.note(leg{"us-9", "eu-1", u})
		})
		token := simnet.Copy(t, ahead.Put("k", "from the future", none))
		time.Sleep(ms)
		ls := w.legs()
		did := "gave eu-1 an update of a region whose clock is an hour ahead"
		expect.That(t, len(ls) > 0, expect.Message{Did: "wrote in a region with one peer", Want: "an update is sent",
			Got: "none is"})
		u := ls[0].u
		for range 3 {
			err := w.of["eu-1"].Receive(simnet.Copy(t, u))
			expect.That(t, known.Is(err, regions.ErrSkew), expect.Message{Did: did, Want: "ErrSkew",
				Got: known.Say(err)})
		}
		w.has(t, "eu-1", "k", notFound, expect.Message{Did: did,
			Why: "it would win against everything that is written in the " +
				"next hour"})
		got := w.read("eu-1", "k", token, behind)
		expect.That(t, got == behind, expect.Message{Did: did + ", and read with its token", Want: behind, Got: got})
		w.put("eu-1", "k", "now", none)
		time.Sleep(time.Second)
		w.agree(t, "k", `"now"`, expect.Message{Did: did + ", and wrote that key there",
			Why: "a clock that was taken along would make all others refuse what it writes"})
		time.Sleep(time.Hour)
		did += "; and again an hour later"
		for i := range 3 {
			err := w.of["eu-1"].Receive(simnet.Copy(t, u))
			expect.That(t, err == nil, expect.Message{Did: fmt.Sprintf("%s, %d times", did, i+1),
				Want: "nil: time has caught up",
				Got:  known.Say(err), Why: "what is known already is no error: networks repeat themselves"})
		}
		w.has(t, "eu-1", "k", `"from the future"`, expect.Message{Did: did,
			Why: "what was refused may come again, and then counts"})
		aLittleAhead(t)
	})
}

// aLittleAhead has regions whose clocks are somewhat less, and somewhat more, than half a second ahead.
func aLittleAhead(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		ahead time.Duration
		want  error
	}{{490 * ms, nil}, {510 * ms, regions.ErrSkew}} {
		w := build(t, three, usual)
		ahead := regions.NewRegion("us-9", []string{"eu-1"}, (&offset{d: c.ahead}).now, func(_ string, u regions.Update) {
			w.note(leg{"us-9", "eu-1", u})
		})
		ahead.Put("k", "v", none)
		time.Sleep(ms)
		ls := w.legs()
		did := fmt.Sprintf("gave eu-1 an update that is %v ahead", c.ahead-ms)
		expect.That(t, len(ls) > 0, expect.Message{Did: "wrote in a region with one peer", Want: "an update is sent",
			Got: "none is"})
		err := w.of["eu-1"].Receive(simnet.Copy(t, ls[0].u))
		has := map[bool]string{true: `"v"`, false: notFound}
		expect.That(t, known.Is(err, c.want), expect.Message{Did: did, Want: known.Say(c.want), Got: known.Say(err),
			Why: "clocks differ by less than half a second: what is further ahead is broken, and what is not must be heard"})
		w.has(t, "eu-1", "k", has[c.want == nil], expect.Message{Did: did})
		time.Sleep(20 * ms)
		err = w.of["eu-1"].Receive(simnet.Copy(t, ls[0].u))
		did += ", and again 20 ms later"
		expect.That(t, err == nil, expect.Message{Did: did, Want: "nil", Got: known.Say(err)})
		w.has(t, "eu-1", "k", `"v"`, expect.Message{Did: did})
	}
}
