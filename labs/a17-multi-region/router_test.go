package regions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	regions "github.com/backend-labs/backend-labs/labs/a17-multi-region"
)

const hold = 10 * time.Second

// fleet is three regions with room for everybody.
func fleet() []regions.RegionState {
	return []regions.RegionState{
		{Name: "eu-1", Healthy: true, CapacityRPS: 1000, LoadRPS: 100, Zone: "eu"},
		{Name: "eu-2", Healthy: true, CapacityRPS: 1000, LoadRPS: 100, Zone: "eu"},
		{Name: "us-1", Healthy: true, CapacityRPS: 1000, LoadRPS: 100, Zone: "us"},
	}
}

// down is a fleet some of whose regions are unhealthy.
func down(names ...string) []regions.RegionState {
	f := fleet()
	for i := range f {
		for _, n := range names {
			if f[i].Name == n {
				f[i].Healthy = false
			}
		}
	}
	return f
}

// asker asks a router once a second.
type asker struct {
	r    *regions.Router
	home string
}

// ask asks for a while, and wants each answer to be home, or not.
func (a *asker) ask(t *testing.T, hold, length time.Duration, f []regions.RegionState, atHome bool, did string) {
	t.Helper()
	for at := time.Duration(0); at < length; at += time.Second {
		got, err := a.r.Pick(a.home, "", f)
		if err != nil || (got == a.home) != atHome {
			expect.Fatal(t, expect.Message{
				Did:  fmt.Sprintf("with a hold of %v, %s; asked once a second, %v later", hold, did, at),
				Want: map[bool]string{true: a.home, false: "another region than " + a.home}[atHome], Got: said(got, err),
				Why: "each move takes caches, sessions and the load of a whole region along: once when it must be, and " +
					"not for each hiccup"})
		}
		time.Sleep(time.Second)
	}
}

func TestARegionThatIsDownIsLeft(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, hold := range []time.Duration{hold, 3 * time.Second, 10 * time.Minute} {
			for _, home := range three {
				a := &asker{r: regions.NewRouter(hold), home: home}
				a.ask(t, hold, 5*time.Second, fleet(), true, home+" is healthy")
				a.ask(t, hold, hold-time.Second, down(home), true, home+" became unhealthy")
				time.Sleep(2 * time.Second)
				a.ask(t, hold, 3*hold, down(home), false, home+" has been unhealthy for more than the hold")
				a = &asker{r: regions.NewRouter(hold), home: home}
				a.ask(t, hold, hold-time.Second, down(home), true, home+" was never seen healthy")
				time.Sleep(time.Second)
				a.ask(t, hold, time.Second, down(home), false, home+" has been unhealthy for just the hold")
			}
			a := &asker{r: regions.NewRouter(hold), home: "eu-1"}
			busy := fleet()
			busy[0].LoadRPS = 5000
			a.ask(t, hold, 20*time.Second, busy, true, "eu-1 is healthy, and has more load than capacity")
			for range int(hold/time.Second) + 2 {
				a.r.Pick("eu-1", "", down("eu-1"))
				time.Sleep(time.Second)
			}
			for range int(5*hold/time.Second) + 2 {
				a.r.Pick("eu-1", "", busy)
				time.Sleep(time.Second)
			}
			a.ask(t, hold, 20*time.Second, busy, true, "eu-1 was left, has been healthy for more than 5 holds, and has "+
				"more load than capacity")
			for range 3 {
				a.ask(t, hold, hold-time.Second, down("eu-1"), true, "eu-1 was unhealthy for less than the hold, "+
					"and again after that")
				a.ask(t, hold, time.Second, fleet(), true, "eu-1 was unhealthy for less than the hold, and then "+
					"healthy")
			}
		}
	})
}

func TestARegionThatIsBackIsTrustedLater(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, hold := range []time.Duration{hold, 2 * time.Second, 10 * time.Minute} {
			a := &asker{r: regions.NewRouter(hold), home: "us-1"}
			a.ask(t, hold, hold-time.Second, down("us-1"), true, "us-1 is unhealthy")
			time.Sleep(2 * time.Second)
			a.ask(t, hold, time.Minute, down("us-1"), false, "us-1 has been unhealthy for more than the hold")
			for i := range 3 {
				a.ask(t, hold, 5*hold-time.Second, fleet(), false, again(i))
				a.ask(t, hold, time.Second, down("us-1"), false, "us-1 was left, healthy for less than 5 holds, "+
					"and is unhealthy")
			}
			a.ask(t, hold, 5*hold-time.Second, fleet(), false, again(3))
			time.Sleep(time.Second)
			a.ask(t, hold, time.Second, fleet(), true, "us-1 has been healthy for just 5 holds")
			a.ask(t, hold, time.Minute, fleet(), true, "us-1 has been healthy for more than 5 holds")
			a.ask(t, hold, hold-time.Second, down("us-1"), true, "us-1 was left, is home again, and becomes unhealthy")
			time.Sleep(2 * time.Second)
			a.ask(t, hold, time.Minute, down("us-1"), false, "us-1 was left, was home again, and was left again")
		}
		comesBackFromNowhere(t)
	})
}

// comesBackFromNowhere has a home that was left and is healthy again, while no other region is.
func comesBackFromNowhere(t *testing.T) {
	t.Helper()
	r := regions.NewRouter(hold)
	for range 12 {
		r.Pick("us-1", "", down(three...))
		time.Sleep(time.Second)
	}
	for at := time.Duration(0); at < 6*hold; at += time.Second {
		got, err := r.Pick("us-1", "", down("eu-1", "eu-2"))
		did := fmt.Sprintf("with a hold of %v, us-1 was left, and is healthy again, while all others are down; asked once "+
			"a second, %v later", hold, at)
		if at < 5*hold-time.Second {
			expect.That(t, known.Is(err, regions.ErrNoRegion), expect.Message{Did: did, Want: "ErrNoRegion",
				Got: said(got, err)})
		} else if at > 5*hold {
			expect.That(t, got == "us-1" && err == nil, expect.Message{Did: did, Want: "us-1", Got: said(got, err),
				Why: "home is healthy, and nobody else is: who does not go back now is in an outage that nothing ends"})
		}
		time.Sleep(time.Second)
	}
}

func again(times int) string {
	return fmt.Sprintf("us-1 was left, was healthy %d times for less than 5 holds, and is healthy again", times)
}

func TestAHomeThatFlaps(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, left := range []bool{false, true} {
			r := regions.NewRouter(hold)
			if left {
				for range 15 {
					r.Pick("eu-1", "", down("eu-1"))
					time.Sleep(time.Second)
				}
			}
			moves, last := 0, left
			for s := range 600 {
				f := fleet()
				f[0].Healthy = s/3%2 == 0
				got, err := r.Pick("eu-1", "", f)
				expect.That(t, err == nil, expect.Message{Did: "eu-1 goes up and down", Want: "a region",
					Got: known.Say(err)})
				if away := got != "eu-1"; away != last {
					moves, last = moves+1, away
				}
				time.Sleep(time.Second)
			}
			did := "eu-1 is up for 3 s and down for 3 s, for ten minutes"
			if left {
				did = "eu-1 was down for 15 s; then it " + did[5:]
			}
			expect.That(t, moves == 0, expect.Message{Did: did, Want: "no move", Got: fmt.Sprintf("%d moves", moves),
				Why: "a region that cannot decide is the worst one to follow"})
		}
	})
}

func TestAFailoverIsLawful(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, c := range []struct {
			home, residency string
			regions         []regions.RegionState
			want            []string
		}{
			{"eu-1", "eu", down("eu-1"), []string{"eu-2"}},
			{"eu-1", "eu", down("eu-1", "eu-2"), nil},
			{"eu-2", "eu", down("eu-1", "eu-2"), nil},
			{"eu-1", "", down("eu-1", "eu-2"), []string{"us-1"}},
			{"eu-1", "us", down("eu-1", "eu-2"), []string{"us-1"}},
			{"eu-1", "", down("eu-1"), []string{"eu-2", "us-1"}},
			{"us-1", "", down("us-1"), []string{"eu-1", "eu-2"}},
			{"eu-1", "", down("eu-1", "eu-2", "us-1"), nil},
			{"eu-1", "", down("eu-1")[:1], nil},
			{"eu-1", "eu", append(down("eu-1", "eu-2"),
				regions.RegionState{Name: "eu-9", Healthy: true, CapacityRPS: 10, Zone: "us"},
				regions.RegionState{Name: "mars", Healthy: true, CapacityRPS: 10, Zone: "eu"}), []string{"mars"}},
		} {
			r := regions.NewRouter(hold)
			for range 11 {
				r.Pick(c.home, c.residency, c.regions)
				time.Sleep(time.Second)
			}
			got, err := r.Pick(c.home, c.residency, c.regions)
			did := fmt.Sprintf("%s has been unhealthy for 11 s, the residency is %q, and this is known: %+v", c.home,
				c.residency,
				c.regions)
			if c.want == nil {
				expect.That(t, known.Is(err, regions.ErrNoRegion), expect.Message{Did: did, Want: "ErrNoRegion",
					Got: said(got, err), Why: "an outage is over in an hour; data that has left Europe is never back"})
				continue
			}
			ok := false
			for _, name := range c.want {
				ok = ok || got == name
			}
			expect.That(t, ok && err == nil, expect.Message{Did: did, Want: fmt.Sprintf("one of %q", c.want),
				Got: said(got, err)})
		}

		r := regions.NewRouter(hold)
		for range 12 {
			r.Pick("eu-1", "", down("eu-1"))
			time.Sleep(time.Second)
		}
		got, err := r.Pick("eu-1", "", down("eu-2", "us-1"))
		expect.That(t, known.Is(err, regions.ErrNoRegion), expect.Message{
			Did:  "eu-1 was unhealthy for 12 s, and has been healthy for no second; all others are unhealthy now",
			Want: "ErrNoRegion: another region there is none, and eu-1 is not home again before 5 holds are over",
			Got:  said(got, err),
			Why:  "a region that has just come back has cold caches, and the load of all others would be its first"})

		r = regions.NewRouter(hold)
		f := down("eu-1", "eu-2")
		for range 12 {
			r.Pick("eu-1", "", f)
			time.Sleep(time.Second)
		}
		got, err = r.Pick("eu-1", "us", f)
		expect.That(t, got == "us-1" && err == nil, expect.Message{
			Did: "eu-1 was unhealthy for 12 s, and asked for requests without a residency all the time; asked for one with " +
				"the residency us for the first time, while eu-2 is down, too",
			Want: "us-1: eu-1 was left", Got: said(got, err),
			Why: "people of all kinds live in one home, and its health is one"})
		time.Sleep(time.Second)
		got, err = r.Pick("eu-1", "eu", down("eu-1"))
		expect.That(t, got == "eu-2" && err == nil, expect.Message{
			Did: "eu-1 was unhealthy for 13 s; its requests went to us-1, for eu-2 was down, too; asked for one with the " +
				"residency eu, when eu-2 is healthy again",
			Want: "eu-2: us-1 is not lawful for this one", Got: said(got, err),
			Why: "where the last one went the next one may not be allowed to go"})
	})
}

func TestAFailoverOverloadsNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		f := down("eu-1")
		f[1].CapacityRPS, f[1].LoadRPS = 200, 160
		f[2].CapacityRPS, f[2].LoadRPS = 325.75, 300.5 // a quarter of a request is no room
		r := regions.NewRouter(hold)
		for range 11 {
			r.Pick("eu-1", "", f)
			time.Sleep(time.Second)
		}
		placed, refused := 0, 0
		for range 100 {
			got, err := r.Pick("eu-1", "", f)
			if err != nil {
				expect.That(t, known.Is(err, regions.ErrNoRegion), expect.Message{Did: "a region failed over to " +
					"two that are full",
					Want: "ErrNoRegion", Got: known.Say(err)})
				refused++
				continue
			}
			for i := range f {
				if f[i].Name == got {
					f[i].LoadRPS++
				}
			}
			placed++
		}
		for _, s := range f[1:] {
			expect.That(t, s.LoadRPS <= s.CapacityRPS, expect.Message{
				Did:  "a region with 100 requests failed over to two that have room for 40 and 25",
				Want: fmt.Sprintf("%s has a load of %v at most", s.Name, s.CapacityRPS), Got: fmt.Sprint(s.LoadRPS),
				Why: "the next region to fail is the one that was given more than it can bear"})
		}
		expect.That(t, placed == 65 && refused == 35, expect.Message{
			Did:  "a region with 100 requests failed over to two that have room for 40 and 25",
			Want: "65 are placed, 35 are refused", Got: fmt.Sprintf("%d and %d", placed, refused),
			Why: "whom there is room for need not suffer"})
	})
}

func TestHomesAreIndependent(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r, other := regions.NewRouter(hold), regions.NewRouter(hold)
		f := down("eu-1")
		for s := range 30 {
			at := time.Duration(s) * time.Second
			for _, home := range []string{"eu-2", "us-1"} {
				got, err := r.Pick(home, "", f)
				expect.That(t, got == home && err == nil, expect.Message{
					Did: fmt.Sprintf("eu-1 is down, and %s is not; asked for both once a second, %v later for %s",
						home, at, home),
					Want: home, Got: said(got, err), Why: "one region's bad day is not everybody's"})
			}
			got, err := r.Pick("eu-1", "", f)
			if s > 10 {
				expect.That(t, err == nil && got != "eu-1", expect.Message{
					Did: fmt.Sprintf("eu-1 is down; asked for it and for two healthy ones once a second, %v later "+
						"for it", at),
					Want: "another region", Got: said(got, err)})
			}
			time.Sleep(time.Second)
		}
		got, err := other.Pick("eu-1", "", f)
		expect.That(t, got == "eu-1" && err == nil, expect.Message{
			Did:  "eu-1 has been down for 30 s; asked another router for the first time",
			Want: "eu-1: it knows nothing yet",
			Got:  said(got, err)})
	})
}
