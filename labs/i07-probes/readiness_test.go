package probes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	probes "github.com/backend-labs/backend-labs/labs/i07-probes"
)

func TestDownIsUnreadyAndAlive(t *testing.T) {
	virtual(t, func(t *testing.T) {
		db := database()
		p := begin(usual(db.dep()))
		p.Started()
		db.is(errDown, 0, true)
		for i := range 10 {
			p.settled(t)
			want := well
			if i >= 2 {
				want = waiting
			}
			p.wants(t, fmt.Sprintf("with FailAfter: 3, made polls: %d failed", i+1), want,
				"without its database the process can serve nobody, so it should get no "+
					"traffic; but a restart would not bring the database back")
			time.Sleep(5 * time.Second)
		}
	})
}

// sequence is a run of polls, and what readyz says after each.
type sequence struct {
	failAfter, recoverAfter int
	polls, ready            string
}

func (s sequence) run(t *testing.T, why string) {
	t.Helper()
	db := database()
	o := usual(db.dep())
	o.FailAfter, o.RecoverAfter = s.failAfter, s.recoverAfter
	p := begin(o)
	p.Started()
	with := fmt.Sprintf("FailAfter: %d, RecoverAfter: %d", s.failAfter, s.recoverAfter)
	p.polls(t, db, with, s.polls, s.ready, why)
}

// many has 300 polls of the same kind, of which the last decides; good ones come after a failed one.
func many(failAfter, recoverAfter int, poll, before, after rune) sequence {
	s := sequence{failAfter: failAfter, recoverAfter: recoverAfter}
	if poll == 'o' {
		s.polls, s.ready = "x", "0"
	}
	s.polls += strings.Repeat(string(poll), 300)
	s.ready += strings.Repeat(string(before), 299) + string(after)
	return s
}

func TestOnlyARowOfFailuresCounts(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, s := range []sequence{
			{3, 2, "xoxoxoxoxo", "1111111111"},
			{3, 2, "xxoxxoxxx", "111111110"},
			{1, 1, "x", "0"},
			{5, 1, "xxxxx", "11110"},
			{2, 4, "oooxx", "11110"},
			many(300, 1, 'x', '1', '0'),
		} {
			s.run(t, "a failure now and then is normal. A pod that goes for each of them makes "+
				"the others do its work, and then they go, too")
		}
	})
}

func TestOnlyARowOfGoodPollsRecovers(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, s := range []sequence{
			{2, 4, "xxoooo", "100001"},
			{3, 2, "oooooxxxoo", "1111111001"},
			{3, 2, "xxxoxoo", "1100001"},
			{3, 2, "xxxxxxxxxxoo", "110000000001"},
			{3, 2, "xxxooxxoxxxoxoo", "110011111100001"},
			{1, 1, "xoxo", "0101"},
			{2, 3, "xxoooxxoo", "100011000"},
			{5, 1, "xxxxxo", "111101"},
			many(1, 300, 'o', '0', '1'),
		} {
			s.run(t, "a database that has just come back often goes again. A pod that "+
				"returns too early takes requests that it then cannot answer, and one that "+
				"returns too late leaves them to too few")
		}
	})
}

func TestPollsBeforeTheStartCount(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const why = "what was found out while the process warmed up is still true when it has: " +
			"ready without its database, it would answer its first requests with errors"
		db := database()
		p := begin(usual(db.dep()))
		db.is(errDown, 0, true)
		for range 3 {
			p.settled(t)
		}
		p.Started()
		p.wants(t, "let 3 polls in a row fail, with FailAfter: 3, then called Started", unready,
			why)
		p.polls(t, db, "3 failed polls before Started", "oo", "01", why)

		p = begin(usual(db.dep()))
		db.is(errDown, 0, true)
		p.settled(t)
		p.settled(t)
		p.Started()
		p.wants(t, "let 2 polls in a row fail, with FailAfter: 3, then called Started", ready, why)
		p.polls(t, db, "2 failed polls before Started and FailAfter: 3", "x", "0", why)

		p = begin(usual(db.dep()))
		for _, err := range []error{errDown, errDown, errDown, nil, nil} {
			db.is(err, 0, true)
			p.settled(t)
		}
		p.Started()
		p.wants(t, "made 3 failed polls and 2 good ones, with FailAfter: 3 and RecoverAfter: 2, then called Started",
			ready, "it was down while the process warmed up, and has come back before it was needed")

		p = begin(usual(db.dep()))
		for _, err := range []error{errDown, errDown, nil} {
			db.is(err, 0, true)
			p.settled(t)
		}
		p.Started()
		p.polls(t, db, "2 failed polls and a good one before Started, and FailAfter: 3", "xxx", "110",
			"the good one has ended the row, also before the start")
	})
}

func TestWhichDependenciesCount(t *testing.T) {
	virtual(t, func(t *testing.T) {
		a, b := database(), &fake{name: "queue", critical: true}
		extra := &fake{name: "recommendations"}
		for _, deps := range [][]probes.Dep{
			{a.dep(), b.dep(), extra.dep()}, {extra.dep(), b.dep(), a.dep()},
		} {
			oneOfSeveral(t, a, b, extra, deps)
		}
		p := begin(usual())
		p.Started()
		for range 5 {
			p.settled(t)
		}
		p.wants(t, "made 5 polls without any dependency", ready,
			"there is nothing that could be down")
		inVain(t)
		ofOneName(t)
	})
}

// inVain makes polls that find nothing out, of what needs nothing.
func inVain(t *testing.T) {
	t.Helper()
	extra := &fake{name: "recommendations"}
	extra.is(nil, time.Hour, true)
	for of, deps := range map[string][]probes.Dep{
		"without any dependency": nil, "of recommendations alone, which are not critical and hang": {extra.dep()},
	} {
		for _, after := range []time.Duration{0, time.Second} {
			p := begin(usual(deps...))
			p.Started()
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), after)
				p.Poll(ctx)
				cancel()
			}
			p.wants(t, fmt.Sprintf("made 5 polls %s, whose contexts ended after %v", of, after), ready,
				"it is checks of critical dependencies that fail, and not the poll itself: there was none that could")
		}
	}
}

// ofOneName has two databases that are called alike, one of which is down.
func ofOneName(t *testing.T) {
	t.Helper()
	down, up := database(), database()
	down.is(errDown, 0, true)
	for _, slower := range []time.Duration{0, 100 * time.Millisecond} {
		up.is(nil, slower, true)
		for _, deps := range [][]probes.Dep{{down.dep(), up.dep()}, {up.dep(), down.dep()}} {
			p := begin(usual(deps...))
			p.Started()
			for range 3 {
				p.settled(t)
			}
			p.wants(t, "made 3 polls of two critical dependencies that are both called db, one of which is down",
				unready, "a name is for people; two replicas may well have the same")
		}
	}
}

// oneOfSeveral lets a, or the one that is not critical, be down alone.
func oneOfSeveral(t *testing.T, a, b, extra *fake, deps []probes.Dep) {
	t.Helper()
	const needsAll = "it needs all that is critical: one that is down is enough"
	order := fmt.Sprintf("of %s, %s and %s ", deps[0].Name, deps[1].Name, deps[2].Name)
	set := func(aErr, bErr, extraErr error, takes time.Duration) {
		a.is(aErr, takes, true)
		b.is(bErr, 0, true)
		extra.is(extraErr, 0, true)
	}
	for _, one := range []struct {
		did         string
		a, b, extra error
		takes       time.Duration // the check of a
		polls       int
		want        answers
		why         string
	}{
		{"let recommendations fail, which are not critical, in 10 polls", nil, nil, errDown, 0, 10,
			ready, "what the process can do without must not take it away from everybody"},
		{"let db fail after 200 ms and the others succeed at once, in 3 polls", errDown, nil, nil,
			200 * time.Millisecond, 3, unready, needsAll},
		{"let only db fail, in 2 polls", errDown, nil, nil, 0, 2, ready, "FailAfter is 3"},
		{"let only db fail, in 3 polls", errDown, nil, nil, 0, 3, unready,
			needsAll},
		{"let only queue fail, in 3 polls", nil, errDown, nil, 0, 3, unready,
			needsAll},
		{"let all three fail, in 2 polls", errDown, errDown, errDown, 0, 2, ready, "FailAfter is " +
			"about polls, so that the time until it acts does not depend on how many things fail"},
		{"let all three fail, in 3 polls", errDown, errDown, errDown, 0, 3, unready,
			"FailAfter is 3"},
	} {
		p := begin(usual(deps...))
		p.Started()
		set(one.a, one.b, one.extra, one.takes)
		for range one.polls {
			p.settled(t)
		}
		p.wants(t, order+one.did, one.want, one.why)
	}
	p := begin(usual(deps...))
	p.Started()
	for _, failing := range [][2]error{{errDown, nil}, {nil, errDown}, {errDown, nil}} {
		set(failing[0], failing[1], nil, 0)
		p.settled(t)
	}
	p.wants(t, order+"let db, queue and db fail in turn, one in each of 3 polls", unready,
		"in each of these polls the process could not have served anybody")
}

func TestEveryErrorIsAFailure(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, err := range []error{errDown, context.Canceled, context.DeadlineExceeded,
			fmt.Errorf("ping: %w", context.Canceled), errors.Join(errDown, context.Canceled),
			io.EOF, fmt.Errorf("ping: %w", fs.ErrNotExist), errors.New(""), (*quiet)(nil),
			fmt.Errorf("ping: %w", errors.ErrUnsupported)} {
			db := database()
			db.is(err, 0, true)
			p := begin(usual(db.dep()))
			p.Started()
			for range 3 {
				p.settled(t)
			}
			p.wants(t, fmt.Sprintf("let the check of db return %q at once, in 3 polls", err),
				unready, "drivers have time limits and contexts of their own, and report just "+
					"these errors: the database has not answered")
			time.Sleep(time.Second)
		}
	})
}

// quiet is an error also as a nil pointer, and has nothing to say.
type quiet struct{}

func (*quiet) Error() string { return "" }
