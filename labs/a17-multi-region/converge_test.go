package regions_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/heap"
	"github.com/backend-labs/backend-labs/harness/kit/simnet"
	regions "github.com/backend-labs/backend-labs/labs/a17-multi-region"
)

// TestTheLastOfAChainStays has writers who have each received what was written before, in regions whose clocks differ.
func TestTheLastOfAChainStays(t *testing.T) {
	for seed := range uint64(60) {
		bubble.Run(t, func(t *testing.T) { chain(t, seed) })
	}
}

func chain(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 17))
	luck := rand.New(rand.NewPCG(seed, 71)) // of updates, which are sent by other goroutines
	hop := func() time.Duration { return time.Duration(1+luck.IntN(150)) * ms }
	w := build(t, three, func(string, string, int) simnet.Fate {
		return simnet.Fate{After: hop(), Again: []time.Duration{hop() + time.Duration(luck.IntN(3000))*ms}}
	})
	for _, name := range three {
		w.off[name].set(time.Duration(rnd.IntN(481)-240) * ms)
	}
	did := fmt.Sprintf("three regions, whose clocks are wrong by up to 240 ms, wrote and deleted a key in turn, "+
		"each when it had "+
		"received what was written before; each update arrives twice (seed %d)", seed)
	want, token := notFound, none
	for range 4 + rnd.IntN(5) {
		name := three[rnd.IntN(3)]
		got := w.read(name, "k", token, want)
		expect.That(t, got == want, expect.Message{Did: did + "; the next one read it with the token of the last write",
			Want: want, Got: got, Picture: w.tl})
		if rnd.IntN(3) == 0 {
			token, want = w.delete(name, "k", none), notFound
			continue
		}
		val := fmt.Sprint("v", rnd.IntN(1000))
		token, want = w.put(name, "k", val, none), fmt.Sprintf("%q", val)
	}
	time.Sleep(10 * time.Second)
	w.agree(t, "k", want, expect.Message{Did: did + "; when all had arrived read it everywhere",
		Why: "whoever has seen a value and changes it must not lose to the value that they have changed"})
}

func TestConcurrentWritesConverge(t *testing.T) {
	orders := [][]time.Duration{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}
	for i, delays := range orders {
		for _, gap := range []time.Duration{0, time.Nanosecond, 5 * ms, -5 * ms} {
			bubble.Run(t, func(t *testing.T) { concurrently(t, i, delays, gap) })
		}
	}
	bubble.Run(t, unchanged)
}

// unchanged has a write that changes nothing where it is made, and something elsewhere.
func unchanged(t *testing.T) {
	w := build(t, three, usual)
	w.put("eu-1", "k", "same", none)
	time.Sleep(time.Second)
	w.put("us-1", "k", "other", none)
	time.Sleep(10 * ms)
	w.put("eu-1", "k", "same", none)
	time.Sleep(time.Second)
	w.agree(t, "k", `"same"`, expect.Message{
		Did: "wrote a key in us-1; before that had arrived wrote in eu-1 what was there already; read it when all had arrived",
		Why: "who writes what is there wants it to be there, and was the last: they were told that it is done"})
}

// concurrently has eu-1, eu-2 and us-1 write one after the other, with a gap in between, or the other way round, or
// all at
// one moment. Updates come in different orders everywhere, and twice.
func concurrently(t *testing.T, i int, delays []time.Duration, gap time.Duration) {
	w := build(t, three, func(from, to string, n int) simnet.Fate {
		k := 0
		for j, name := range three {
			if name == from {
				k += j
			}
			if name == to {
				k += j * i
			}
		}
		d := delays[k%3] * 40 * ms
		return simnet.Fate{After: d, Again: []time.Duration{d + 13*ms, time.Second - d}}
	})
	writers, want := three, `"by us-1"`
	if gap < 0 {
		writers, want, gap = []string{"us-1", "eu-2", "eu-1"}, `"by eu-1"`, -gap
	}
	for _, name := range writers {
		w.put(name, "k", "by "+name, none)
		w.put(name, name+"'s own", "v", none)
		time.Sleep(gap)
	}
	time.Sleep(3 * time.Second)
	did := fmt.Sprintf("wrote one key in all three regions, %v apart: in %v; when all had arrived, in another "+
		"order everywhere, "+
		"read it", gap, writers)
	if gap == 0 {
		did = "wrote one key in all three regions at one moment; when all had arrived, in another order " +
			"everywhere, read it"
	}
	w.agree(t, "k", want, expect.Message{Did: did, Why: "two regions would show different values, for ever"})
	for _, name := range three {
		w.agree(t, name+"'s own", `"v"`, expect.Message{Did: did + "; and read what each has written besides"})
	}
}

func TestADeletionStays(t *testing.T) {
	bubble.Run(t, func(t *testing.T) { // the first write is overtaken by the deletion
		w := build(t, three, func(from, to string, n int) simnet.Fate {
			if n == 0 {
				return simnet.Fate{After: 12 * time.Hour}
			}
			return simnet.Fate{After: 20 * ms, Again: []time.Duration{30 * ms, 13 * time.Hour}}
		})
		token := w.put("eu-1", "k", "v", none)
		time.Sleep(time.Second)
		w.delete("eu-1", "k", none)
		did := "wrote a key in eu-1 and deleted it a second later; the write takes 12 hours to the others, the " +
			"deletion 20 ms"
		time.Sleep(time.Second)
		w.agree(t, "k", notFound, expect.Message{Did: did})
		got := w.read("us-1", "k", token, notFound)
		expect.That(t, got == notFound, expect.Message{Did: did + "; read with the token of the write in us-1",
			Want: "ErrNotFound: a later write of that key, the deletion, has arrived", Got: got, Picture: w.tl})
		time.Sleep(13 * time.Hour)
		w.agree(t, "k", notFound, expect.Message{Did: did + "; 13 hours later read it",
			Why: "the deleted user came back"})
		w.put("us-1", "k", "again", none)
		time.Sleep(14 * time.Hour)
		w.agree(t, "k", `"again"`, expect.Message{Did: did + "; then us-1 wrote it anew",
			Why: "what was deleted is no name that nobody may have any more"})
	})
	bubble.Run(t, func(t *testing.T) {
		w := build(t, three, usual)
		w.delete("us-1", "k", none)
		w.put("us-1", "k", "v", none)
		time.Sleep(time.Second)
		w.agree(t, "k", `"v"`, expect.Message{Did: "deleted what was not there in us-1, and wrote it at the same " +
			"moment"})
		w.delete("eu-2", "k", none)
		time.Sleep(time.Second)
		w.agree(t, "k", notFound, expect.Message{Did: "deleted in eu-2 what us-1 had written"})
		w.put("eu-1", "k", "", none)
		time.Sleep(time.Second)
		w.agree(t, "k", `""`, expect.Message{Did: "wrote an empty value", Why: "an empty value is a value"})
	})
	bubble.Run(t, deletedAgain)
}

// deletedAgain has deletions that change nothing where they are made, and something elsewhere.
func deletedAgain(t *testing.T) {
	w := build(t, three, usual)
	w.delete("eu-1", "k", none)
	time.Sleep(time.Second)
	w.put("us-1", "k", "v", none)
	w.put("us-1", "l", "v", none)
	time.Sleep(10 * ms)
	w.delete("eu-1", "k", none)
	w.delete("eu-1", "l", none)
	time.Sleep(time.Second)
	did := "wrote a key in us-1; before that had arrived deleted in eu-1 what was "
	w.agree(t, "k", notFound, expect.Message{Did: did + "deleted already; read it when all had arrived",
		Why: "who deletes what is gone wants it to be gone, and was the last"})
	w.agree(t, "l", notFound, expect.Message{Did: did + "never there; read it when all had arrived",
		Why: "it was there already, elsewhere, and the deletion was the last"})
}

func TestTombstonesAreCollected(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const day = 24 * time.Hour
		w := build(t, three, func(from, to string, n int) simnet.Fate {
			if to == "us-1" {
				return simnet.Fate{After: time.Hour, Again: []time.Duration{3 * time.Hour}}
			}
			return simnet.Fate{After: 20 * ms, Again: []time.Duration{20 * time.Hour}}
		})
		count := func(name string, want int, did string) {
			got := w.of[name].Tombstones()
			expect.That(t, got == want, expect.Message{Did: did, Want: fmt.Sprintf("in %s: %d tombstones", name, want),
				Got: fmt.Sprint(got), Why: "one that goes too soon lets the dead come back, and one that stays " +
					"fills the memory with what is gone"})
		}
		count("eu-1", 0, "asked a new region")
		began := time.Now()
		for i := range 20 {
			w.of["eu-1"].Put(fmt.Sprint("key-", i), "v", none)
			w.of["eu-1"].Delete(fmt.Sprint("key-", i), none)
		}
		w.of["eu-1"].Put("living", "v", none)
		did := "deleted 20 keys in eu-1, from where it is 20 ms to eu-2 and an hour to us-1; each update comes " +
			"again later; "
		at := func(d time.Duration, eu1, eu2, us1 int) {
			time.Sleep(d - time.Since(began))
			for i, name := range three {
				count(name, []int{eu1, eu2, us1}[i], did+fmt.Sprintf("asked %v later", d))
			}
		}
		at(0, 20, 0, 0)
		at(time.Minute, 20, 20, 0)
		at(time.Hour+time.Minute, 20, 20, 20)
		time.Sleep(time.Hour)
		w.of["eu-1"].Put("key-1", "again", none)
		at(2*time.Hour+2*time.Minute, 19, 19, 20)
		at(day-time.Minute, 19, 19, 19)
		at(day+time.Minute, 0, 0, 19)
		at(day+time.Hour-time.Minute, 0, 0, 19)
		at(day+time.Hour+time.Minute, 0, 0, 0)
		for _, name := range three {
			w.has(t, name, "key-0", notFound, expect.Message{Did: did + "read one of them more than a day later"})
			w.has(t, name, "key-1", `"again"`, expect.Message{Did: did + "wrote one of them anew, and read it more " +
				"than a day later"})
			w.has(t, name, "living", `"v"`, expect.Message{Did: did + "read another key more than a day later"})
		}
		w.of["us-1"].Delete("living", none)
		time.Sleep(2 * time.Hour)
		for _, name := range three {
			count(name, 1, did+"deleted another key, more than a day later")
		}
		time.Sleep(24 * time.Hour)
	})
	bubble.Run(t, func(t *testing.T) {
		const most = 1 << 20
		grown := heap.Rise(8, most, func() func(int) {
			r := regions.NewRegion("eu-1", nil, (&offset{}).now, func(string, regions.Update) {})
			return func(round int) {
				for i := range 500 {
					r.Delete(fmt.Sprintf("%s-%d-%d", strings.Repeat("key", 500), round, i), none)
				}
				time.Sleep(25 * time.Hour)
				r.Tombstones()
			}
		})
		expect.That(t, grown <= most, expect.Message{
			Did: "eleven times deleted 500 keys of 1,500 bytes each, waited for 25 hours, and called Tombstones; measured " +
				"the memory after each time",
			Want: "at most a megabyte more than after the third time: what is not remembered is not kept",
			Got:  fmt.Sprintf("%.1f megabytes more", float64(grown)/(1<<20)),
			Why:  "to count deletions no more is not to forget them: the memory fills with what is gone"})
	})
}
