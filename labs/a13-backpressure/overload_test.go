package backpressure_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	backpressure "github.com/backend-labs/backend-labs/labs/a13-backpressure"
)

const (
	workers  = 10
	takes    = 100 * ms // a job, so a hundred are done in a second
	patience = 500 * ms // of whoever asks
	seconds  = 30       // that the rush lasts
	calm     = 5        // and that are looked at after it
)

// request is one that somebody makes.
type request struct {
	offered, began, ended time.Time
	runs                  int
	took                  time.Duration // Submit
	err                   error         // of Submit
}

// rush is a service, and what is asked of it. Its database has as many connections as there ought to be
// workers: more jobs at a time are no faster.
type rush struct {
	submit   func(context.Context, func(context.Context)) error
	database chan struct{}
	sample   func() // called in the middle between two requests; may be nil
	cancels  []context.CancelFunc

	mu  sync.Mutex
	all []*request
}

func newRush(submit func(context.Context, func(context.Context)) error) *rush {
	return &rush{submit: submit, database: make(chan struct{}, workers)}
}

// offer makes so many requests in a second, for some seconds, whatever becomes of them.
func (r *rush) offer(t *testing.T, perSecond, seconds int) {
	every := time.Second / time.Duration(perSecond)
	for range seconds * perSecond {
		r.ask(t)
		if r.sample == nil {
			time.Sleep(every)
			continue
		}
		time.Sleep(every / 2)
		r.sample()
		time.Sleep(every / 2)
	}
}

func (r *rush) ask(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	q := &request{offered: time.Now()}
	err := r.submit(ctx, func(context.Context) {
		r.mu.Lock()
		q.runs++
		q.began = time.Now()
		r.mu.Unlock()
		r.database <- struct{}{}
		time.Sleep(takes)
		<-r.database
		r.mu.Lock()
		defer r.mu.Unlock()
		q.ended = time.Now()
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	q.err, q.took = err, time.Since(q.offered)
	r.all = append(r.all, q)
	r.cancels = append(r.cancels, cancel)
}

// over waits until nothing is left to do, and frees what is held.
func (r *rush) over() {
	for done := -1; ; {
		time.Sleep(time.Minute)
		n := 0
		r.each(func(q *request) {
			if !q.ended.IsZero() {
				n++
			}
		})
		if n == done {
			break
		}
		done = n
	}
	for _, cancel := range r.cancels {
		cancel()
	}
}

func (r *rush) each(f func(*request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.all {
		f(q)
	}
}

// good is how many requests were finished in time in each second after begin.
func (r *rush) good(begin time.Time, seconds int) []int {
	n := make([]int, seconds)
	r.each(func(q *request) {
		second := int(q.ended.Sub(begin) / time.Second)
		if !q.ended.IsZero() && q.ended.Sub(q.offered) <= patience && second < seconds {
			n[second]++
		}
	})
	return n
}

func TestWhatIsFinishedInTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		begin := time.Now()
		r := newRush(newPool(workers, 20, shed).Submit)
		r.offer(t, 1000, seconds)
		r.offer(t, 50, calm)
		r.over()
		mine := r.good(begin, seconds+calm)
		const lane = "finished in time, from second to second"
		tl := timeline.New(lane)
		tl.Point(lane, "%s your pool", bars(mine))
		tl.Point(lane, "%s a goroutine for each job", bars(allAtOnce()))
		tl.Point(lane, "%s a queue of a million, which drops what nobody waits for", bars(inLine(true)))
		tl.Point(lane, "%s a queue of a million, which runs that, too", bars(inLine(false)))
		const did = "asked 1000 times a second for 30 s, with a deadline of 500 ms each, of " +
			"NewPool(10, 20, Shed) and jobs that take 100 ms"
		for i, n := range mine[1:seconds] {
			expect.That(t, n >= 95, expect.Message{Did: did,
				Want: "about 100 are finished in time in each second after the first, as without the rush",
				Got:  fmt.Sprintf("%d in second %d", n, i+2),
				Why: "what is finished too late was for nothing: the service is fully busy, and down " +
					"for everybody",
				Picture: tl})
		}
		expect.Show(t, "30 s of rush, in which 1000 a second are asked for and 100 can be done, and 5 s of "+
			"50 a second: what is finished in time", tl)
	})
}

// bars are a character for each second.
func bars(good []int) string {
	var b strings.Builder
	for _, n := range good {
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, n*7/95)])
	}
	return b.String()
}

// What other designs finish in time under the same load is a matter of arithmetic, in milliseconds.

// arrivals are the times at which somebody asks.
func arrivals() []int {
	var at []int
	for now := range 1000 * (seconds + calm) {
		if now < 1000*seconds || now%20 == 0 {
			at = append(at, now)
		}
	}
	return at
}

// inLine is a queue without end before ten workers.
func inLine(drops bool) []int {
	good := make([]int, seconds+calm)
	free := make([]int, workers) // when each has done what it has
	for _, at := range arrivals() {
		worker := &free[slices.Index(free, slices.Min(free))]
		begin := max(at, *worker)
		if drops && begin > at+int(patience/ms) {
			continue
		}
		*worker = begin + int(takes/ms)
		if second := *worker / 1000; *worker <= at+int(patience/ms) && second < len(good) {
			good[second]++
		}
	}
	return good
}

// allAtOnce is a goroutine for each job: all that are there share what ten can do.
func allAtOnce() []int {
	good := make([]int, seconds+calm)
	type job struct{ at, until float64 }
	var jobs []job
	var each float64 // what a job that was there from the beginning has got
	at := arrivals()
	for now := range 1000 * (seconds + calm) {
		for len(at) > 0 && at[0] == now {
			jobs = append(jobs, job{float64(now), each + float64(takes/ms)})
			at = at[1:]
		}
		each += min(1, workers/float64(max(1, len(jobs))))
		for len(jobs) > 0 && jobs[0].until <= each {
			if float64(now) < jobs[0].at+float64(patience/ms) {
				good[now/1000]++
			}
			jobs = jobs[1:]
		}
	}
	return good
}

func TestNobodyWaitsForLong(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := newRush(newPool(workers, 20, shed).Submit)
		r.offer(t, 1000, 10)
		r.over()
		const did = "asked 1000 times a second for 10 s of NewPool(10, 20, Shed) and jobs that take 100 ms"
		var longest, refusal time.Duration
		var finished, refused int
		r.each(func(q *request) {
			refusal = max(refusal, q.took)
			if q.err != nil {
				refused++
			}
			if !q.ended.IsZero() {
				finished++
				longest = max(longest, q.ended.Sub(q.offered))
			}
		})
		expect.That(t, refusal == 0, expect.Message{Did: did,
			Want: "Submit returns at once, each time", Got: fmt.Sprintf("one took %v", refusal),
			Why: "a refusal that makes its caller wait is itself a queue, without a bound"})
		expect.That(t, finished > 900 && longest <= 310*ms, expect.Message{Did: did,
			Want: "whoever is served has waited for 20 others at most: 300 ms with the own job",
			Got:  fmt.Sprintf("%d served, one after %v", finished, longest),
			Why:  "the depth of the queue, divided by the rate, is the time in it: that is what it is chosen by"})
		expect.That(t, refused > 8800, expect.Message{Did: did,
			Want: "nine of ten are refused: no more than 100 a second can be done",
			Got:  fmt.Sprintf("%d of 10000 are", refused)})
	})
}

func TestNothingIsDoneForNobody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := newRush(newPool(workers, 1000, shed).Submit)
		r.offer(t, 1000, 10)
		r.over()
		const did = "asked 1000 times a second for 10 s, with a deadline of 500 ms each, of " +
			"NewPool(10, 1000, Shed) and jobs that take 100 ms"
		wasted, ran := 0, 0
		r.each(func(q *request) {
			if !q.began.IsZero() {
				ran++
			}
			if q.began.Sub(q.offered) > patience {
				wasted++
			}
		})
		expect.That(t, wasted == 0, expect.Message{Did: did,
			Want: "no job begins after its deadline", Got: fmt.Sprintf("%d of %d did", wasted, ran),
			Why: "the workers are busy with answers for people who have gone, and those who are " +
				"there wait until they go, too"})
		expect.That(t, ran >= 900, expect.Message{Did: did,
			Want: "the workers are busy all the time: about 1000 jobs are run",
			Got:  fmt.Sprintf("%d are", ran)})
	})
}

func TestAfterTheRushAllIsWell(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := newRush(newPool(workers, 20, shed).Submit)
		r.offer(t, 1000, 10)
		calm := time.Now()
		r.offer(t, 50, 2)
		r.over()
		var good [2]int
		r.each(func(q *request) {
			if !q.offered.Before(calm) && !q.ended.IsZero() && q.ended.Sub(q.offered) <= patience {
				good[min(q.offered.Sub(calm)/time.Second, 1)]++
			}
		})
		expect.That(t, good[0] >= 45 && good[1] == 50, expect.Message{
			Did: "asked 1000 times a second for 10 s of NewPool(10, 20, Shed) and jobs that take 100 ms, " +
				"and then 50 times a second",
			Want: "of the 50 in the first second after the rush at least 45 are finished in time, and " +
				"all 50 of the next one",
			Got: fmt.Sprintf("%d, and %d", good[0], good[1]),
			Why: "an overload that stays when the load has gone is called metastable: only a restart ends it"})
	})
}

func TestEveryJobHasAFate(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, depth := range []int{20, 1000} {
			p := newPool(workers, depth, shed)
			r := newRush(p.Submit)
			r.offer(t, 1000, 3)
			r.over()
			did := "asked 1000 times a second for 3 s, with a deadline of 500 ms each, of " + p.name +
				" and jobs that take 100 ms"
			r.each(func(q *request) {
				expect.That(t, known.Is(q.err, nil) || known.Is(q.err, backpressure.ErrOverloaded), expect.Message{
					Did: did, Want: "nil or ErrOverloaded, each time", Got: say(q.err)})
				waited := q.began.Sub(q.offered)
				lost := q.err == nil && q.runs == 0 && depth == 20
				expect.That(t, !lost, expect.Message{Did: did,
					Want: "every job that was accepted is run: none of them waits for longer than 200 ms",
					Got:  fmt.Sprintf("one never was, offered after %v", q.offered.Sub(r.all[0].offered)),
					Why:  "its caller was told that it will be done"})
				expect.That(t, q.err == nil || q.runs == 0, expect.Message{Did: did,
					Want: "no job is run that was refused", Got: fmt.Sprintf("one was, after %v", waited),
					Why: "its caller was told to come again, and then it is done twice"})
				expect.That(t, q.runs <= 1, expect.Message{Did: did,
					Want: "no job is run twice", Got: fmt.Sprintf("one ran %d times", q.runs)})
			})
		}
	})
}

func TestGoroutinesHaveABound(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, depth := range []int{0, 20, 200} {
			base := runtime.NumGoroutine()
			p := newPool(workers, depth, shed)
			r := newRush(p.Submit)
			most, served := 0, 0
			r.sample = func() { most = max(most, runtime.NumGoroutine()-base) }
			r.offer(t, 1000, 3)
			r.over()
			p.Close(after(t, time.Hour))
			r.each(func(q *request) { served += q.runs })
			did := fmt.Sprintf("asked 1000 times a second for 3 s of %s and jobs that take 100 ms", p.name)
			expect.That(t, served >= 250, expect.Message{Did: did, Want: "about 300 jobs are run",
				Got: fmt.Sprintf("%d are", served)})
			expect.That(t, most <= workers+depth+5, expect.Message{Did: did,
				Want: fmt.Sprintf("at most %d goroutines more than before", workers+depth+5),
				Got:  fmt.Sprintf("%d", most),
				Why:  "a queue of goroutines is a queue, too: each has a stack, and what its request holds"})
		}

		const producers = 100
		p := newPool(2, 3, block)
		base := runtime.NumGoroutine() // with the workers, if there are any yet
		did := p.name + ": submitted five jobs that take a minute, and let 100 producers wait for a place"
		for range 5 {
			p.accept(t, did, func(context.Context) { time.Sleep(time.Minute) }, "")
		}
		for range producers {
			p.submit(after(t, 30*time.Second), func(context.Context) {}).still(t, did, "")
		}
		most := runtime.NumGoroutine() - base - producers
		expect.That(t, most <= 2+3+5, expect.Message{Did: did,
			Want: "at most 10 goroutines more than before, without those of the producers",
			Got:  fmt.Sprint(most),
			Why:  "whoever waits has a goroutine, its own: one more for each is a queue without a bound"})
		p.Close(after(t, time.Hour))
	})
}
