package nologs_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/proc"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
	"github.com/backend-labs/backend-labs/labs/a18-no-logs/shop"
)

func init() { proc.Handle("shop", program) }

// program is a shop, as a process of its own.
func program() int {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	s, err := shop.New(os.Getenv("SICKNESS"), seed)
	if err == nil {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			fmt.Println("functions", strings.Join(s.Roles(), " "))
			fmt.Println("listening on", l.Addr())
			err = http.Serve(l, s)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// service is a shop that runs, and a Target.
type service struct {
	ill
	proc  *proc.Proc
	url   string
	roles shop.Roles
	tl    *timeline.Timeline // what Diagnose did and saw
	seen  *timeline.Timeline // what there was to be seen

	mu  sync.Mutex
	cpu time.Duration // that it has had while it was profiled
}

// ill is a shop to be: what it suffers from, and the seed that draws which function does what.
type ill struct {
	sickness string
	seed     uint64
}

// open starts shops, at the same time.
func open(t *testing.T, shops ...ill) (all []*service) {
	t.Helper()
	for _, of := range shops {
		s := &service{ill: of}
		s.proc = proc.Start(t, "shop", proc.Options{Env: []string{"SICKNESS=" + s.sickness,
			fmt.Sprint("SEED=", s.seed), "GOMAXPROCS=4"}})
		all = append(all, s)
	}
	for _, s := range all {
		s.roles = shop.RolesOf(strings.Fields(s.proc.WaitLine("functions ")))
		s.url = "http://" + s.proc.WaitLine("listening on ")
		s.tl = timeline.New("Diagnose", s.roles.Culprit, s.other())
		s.seen = timeline.New(s.roles.Culprit, s.other())
	}
	return all
}

// other is a function that catches the eye, and is innocent.
func (s *service) other() string {
	switch s.sickness {
	case "loop":
		return s.roles.Busiest
	case "memory":
		return s.roles.Cache
	case "lock":
		return s.roles.Startup
	case "pool":
		return s.roles.Waiter
	}
	return s.roles.Worker
}

func (s *service) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != 200 {
		err = errors.New(string(body))
	}
	return body, err
}

// pace says how often the shop's clock has ticked, which is a hundred times a second where it has
// its share of the machine, and when; and the CPU that it has used.
func (s *service) pace() (ticks int, at, cpu time.Duration) {
	body, err := s.get(context.Background(), "/pace", nil)
	if err != nil {
		return 0, 0, 0 // the shop has ended, and whoever asks for something else will say so
	}
	fmt.Sscan(string(body), &ticks, &at, &cpu)
	return ticks, at, cpu
}

func (s *service) call(what string) {
	s.tl.Point("Diagnose", "%s", what)
}

func (s *service) Goroutines(ctx context.Context) (string, error) {
	s.call("Goroutines")
	dump, err := s.get(ctx, "/goroutines", nil)
	if err == nil && s.sickness != "loop" && s.sickness != "memory" && s.sickness != "lock" {
		s.holds("goroutines", 1, goroutinesOf(string(dump)))
	}
	return string(dump), err
}

func (s *service) CPUProfile(ctx context.Context, d time.Duration) ([]byte, error) {
	s.call(fmt.Sprintf("CPUProfile %v", d))
	query := url.Values{"for": {d.String()}}
	if s.sickness == "loop" {
		query.Set("least", (d * 7 / 20).String())
	}
	_, _, before := s.pace()
	profile, err := s.get(ctx, "/cpu", query)
	_, _, after := s.pace()
	s.mu.Lock()
	s.cpu = max(s.cpu, time.Duration(float64(after-before)/max(d.Seconds(), 0.001)))
	s.mu.Unlock()
	if err == nil && s.sickness == "loop" {
		s.holds("ms of CPU", int64(time.Millisecond), valuesOf(profile))
	}
	return profile, err
}

func (s *service) Heap(ctx context.Context) ([]byte, error) {
	s.call("Heap")
	profile, err := s.get(ctx, "/heap", nil)
	if err == nil && s.sickness == "memory" {
		s.holds("kB", 1<<10, valuesOf(profile))
	}
	return profile, err
}

func (s *service) Mutex(ctx context.Context) ([]byte, error) {
	s.call("Mutex")
	profile, err := s.get(ctx, "/mutex", nil)
	if err == nil && s.sickness == "lock" {
		s.holds("ms waited for", int64(time.Millisecond), valuesOf(profile))
	}
	return profile, err
}

func (s *service) Metrics(ctx context.Context) (map[string]float64, error) {
	s.call("Metrics")
	body, err := s.get(ctx, "/metrics", nil)
	gauges := map[string]float64{}
	words := strings.Fields(string(body))
	for pair := range slices.Chunk(words, 2) {
		if err == nil {
			gauges[pair[0]], err = strconv.ParseFloat(pair[1], 64)
		}
	}
	return gauges, err
}

func (s *service) Restart(context.Context) error {
	s.call("Restart")
	return nil
}

// holds draws what is to be seen of the culprit and of the one that catches the eye.
func (s *service) holds(unit string, per int64, values map[string]int64) {
	for _, f := range []string{s.roles.Culprit, s.other()} {
		for _, tl := range []*timeline.Timeline{s.tl, s.seen} {
			tl.Holds(f, "%d %s", values[f]/per, unit)
		}
	}
}

// candidate is the innermost one of a stack, as the README has it.
func candidate(stack []string) string {
	for _, call := range stack {
		for part := range strings.SplitSeq(call[strings.LastIndexByte(call, '/')+1:], ".") {
			if slices.Contains(nologs.Candidates, part) {
				return part
			}
		}
	}
	return ""
}

func goroutinesOf(dump string) map[string]int64 {
	n := map[string]int64{}
	for _, g := range stacks.Parse(dump) {
		var calls []string
		for _, f := range g.Frames {
			calls = append(calls, f.Func)
		}
		n[candidate(append(calls, g.Started.Func))]++
	}
	return n
}

func valuesOf(profile []byte) map[string]int64 {
	n := map[string]int64{}
	samples, _ := nologs.Samples(profile)
	for _, s := range samples {
		n[candidate(s.Stack)] += s.Value
	}
	return n
}

// recording is what a service has said at two looks, with a second between them: a Target that says
// it again, in virtual time.
type recording struct {
	sickness string
	roles    shop.Roles
	looks    [2]struct {
		goroutines  string
		heap, mutex []byte
		metrics     map[string]float64
	}
	cpu []byte
}

// record looks at shops with these sicknesses: five at most, since what a check may have of memory is
// bounded.
func record(t *testing.T, sicknesses ...string) []*recording {
	t.Helper()
	all := make([]*recording, len(sicknesses))
	errs := make([]error, len(sicknesses))
	var wg sync.WaitGroup
	var shops []ill
	for i, sickness := range sicknesses {
		shops = append(shops, ill{sickness, uint64(i)})
	}
	for i, s := range open(t, shops...) {
		wg.Go(func() {
			all[i], errs[i] = s.record(t.Context())
			s.proc.Signal(os.Kill)
			s.proc.Wait(time.Second)
		})
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil {
		t.Fatal("the shop could not be looked at: ", err)
	}
	return all
}

func (s *service) record(ctx context.Context) (r *recording, err error) {
	r = &recording{sickness: s.sickness, roles: s.roles}
	for i := range r.looks {
		l := &r.looks[i]
		var errs [5]error
		if i == 1 {
			r.cpu, errs[0] = s.CPUProfile(ctx, time.Second)
		}
		l.goroutines, errs[1] = s.Goroutines(ctx)
		l.heap, errs[2] = s.Heap(ctx)
		l.mutex, errs[3] = s.Mutex(ctx)
		l.metrics, errs[4] = s.Metrics(ctx)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
	}
	return r, nil
}
