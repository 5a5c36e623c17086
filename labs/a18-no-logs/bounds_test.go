package nologs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	nologs "github.com/backend-labs/backend-labs/labs/a18-no-logs"
)

// drawn is a shop that is only drawn, in virtual time: it is as little sick as a shop can be that is, or
// as restless as one can be that is not.
type drawn struct {
	sickness, culprit string
	begun             time.Time
}

// bounds has such a shop diagnosed.
func bounds(t *testing.T, sickness, culprit, story, why string) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		shop := veil(t, &drawn{sickness, culprit, time.Now()}, sickness, culprit)
		f, err := nologs.Diagnose(t.Context(), shop)
		want, got := string(causes[sickness]), fmt.Sprintf("%s, %q", f.Cause, f.Function)
		anywhere := sickness == "none" || sickness == "lock"
		if !anywhere {
			want += ", in " + culprit
		}
		if err != nil {
			got = err.Error()
		}
		expect.That(t, err == nil && f.Cause == causes[sickness] && (anywhere || f.Function == culprit), expect.Message{
			Did: "diagnosed a shop in which " + story, Want: want, Got: got, Why: why})
	})
}

// take is a call, and for how long the shop has been drawn by now.
func (d *drawn) take(ctx context.Context, takes time.Duration) (seconds float64, err error) {
	select {
	case <-time.After(takes):
		return time.Since(d.begun).Seconds(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

const shopPackage = "github.com/backend-labs/backend-labs/labs/a18-no-logs/shop."

// restless are functions of a shop that is well which vary as much as they may.
var restless = []string{"applyCoupon", "priceBasket", "sendReceipt", "sendReceipts"}

// more is what has been added to something that grows by so much each second, or in a shop that is well
// has varied by so much.
func (d *drawn) more(seconds, grows float64, varies int64) map[string]int64 {
	if d.sickness != "none" {
		return map[string]int64{d.culprit: int64(grows * seconds)}
	}
	all := map[string]int64{}
	for _, f := range restless {
		all[f] = int64(min(seconds, 1) * float64(varies))
	}
	return all
}

// only is what no other sickness has.
func (d *drawn) only(sickness string, much float64) float64 {
	if d.sickness != sickness {
		return 0
	}
	return much
}

func (d *drawn) Goroutines(ctx context.Context) (string, error) {
	seconds, err := d.take(ctx, time.Millisecond)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	number := 100
	one := func(state, function string, frames ...string) {
		number++
		fmt.Fprintf(&b, "goroutine %d [%s]:\n", number, state)
		for _, frame := range append(frames, shopPackage+function) {
			fmt.Fprintf(&b, "%s(0xc000123456)\n\t/src/%s.go:123 +0x1d\n", frame, function)
		}
		fmt.Fprintf(&b, "created by %s(*Shop).live in goroutine 1\n\t/src/shop.go:140 +0x55\n\n", shopPackage)
	}
	for range 200 {
		one("chan receive, 2 minutes", "resizeImage", shopPackage+"(*Shop).live.func1")
	}
	if d.sickness == "upstream" {
		for range 40 {
			one("select", d.culprit, "net/http.(*persistConn).roundTrip", "net/http.(*Transport).roundTrip",
				"net/http.(*Transport).RoundTrip", "net/http.(*Client).do", shopPackage+"get")
		}
	}
	if d.sickness == "lock" {
		for range 12 {
			one("sync.Mutex.Lock", d.culprit, "internal/sync.runtime_SemacquireMutex", "sync.(*Mutex).Lock")
		}
	}
	more := d.more(seconds, d.only("goroutines", 50), 10)
	for _, f := range slices.Sorted(maps.Keys(more)) {
		for i := range more[f] { // at several places, as those of a function are
			one("chan send", f, fmt.Sprintf("%s(*Shop).serve.func%d", shopPackage, 1+i%places))
		}
	}
	return b.String(), nil
}

func (d *drawn) CPUProfile(ctx context.Context, long time.Duration) ([]byte, error) {
	if _, err := d.take(ctx, long); err != nil {
		return nil, err
	}
	return profileOf(d.more(long.Seconds(), d.only("loop", 0.25e9), 0.1e9)), nil
}

func (d *drawn) Heap(ctx context.Context) ([]byte, error) {
	seconds, err := d.take(ctx, time.Millisecond)
	if err != nil {
		return nil, err
	}
	all := d.more(seconds, d.only("memory", 3<<20)+d.only("goroutines", 50*(32<<10)), 500_000)
	all["renderPage"] = 28 << 20
	return profileOf(all), nil
}

func (d *drawn) Mutex(ctx context.Context) ([]byte, error) {
	seconds, err := d.take(ctx, time.Millisecond)
	if err != nil {
		return nil, err
	}
	all := d.more(seconds, d.only("lock", 3e9), 0.5e9)
	all["refundCard"] = 3675e6
	return profileOf(all), nil
}

func (d *drawn) Metrics(ctx context.Context) (map[string]float64, error) {
	dump, err := d.Goroutines(ctx)
	if err != nil {
		return nil, err
	}
	seconds := time.Since(d.begun).Seconds()
	return map[string]float64{
		"requests_total": 300 * (60 + seconds), "errors_total": 0, "in_flight": d.only("upstream", 40) + d.only("lock", 12) + 4,
		"latency_p50_seconds": 0.002, "goroutines": float64(strings.Count(dump, "\n\n")),
		"heap_bytes":        30<<20 + seconds*(d.only("memory", 3<<20)+d.only("goroutines", 50*(32<<10))),
		"cpu_seconds_total": 2 + seconds*(0.05+d.only("loop", 0.25)), "pool_max": 10, "pool_in_use": 1, "pool_waiting": 0,
	}, nil
}

func (d *drawn) Restart(context.Context) error { return nil }

// places is how many stacks there are for each function, which does its work at as many places.
const places = 4

// profileOf is a profile as Samples reads it, with some stacks for each function.
func profileOf(values map[string]int64) []byte {
	number := func(field, v uint64) []byte { return binary.AppendUvarint([]byte{byte(field << 3)}, v) }
	data := func(field uint64, parts ...[]byte) []byte {
		all := bytes.Join(parts, nil)
		return append(binary.AppendUvarint([]byte{byte(field<<3 | 2)}, uint64(len(all))), all...)
	}
	raw := data(6)
	names := uint64(0)
	name := func(s string) (id uint64) { // of a function, and of its location
		names++
		raw = append(raw, data(4, number(1, names), data(4, number(1, names)))...)
		raw = append(raw, data(5, number(1, names), number(2, names))...)
		raw = append(raw, data(6, []byte(s))...)
		return names
	}
	var inner [places]uint64
	for i := range inner {
		inner[i] = name(fmt.Sprintf("%s(*Shop).serve.func%d", shopPackage, i+1))
	}
	for _, f := range slices.Sorted(maps.Keys(values)) {
		id, left := name(shopPackage+f), values[f]
		for i, in := range inner {
			part := left / int64(places-i)
			left -= part
			raw = append(raw, data(2, number(1, in), number(1, id), number(2, 1), number(2, uint64(part)))...)
		}
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(raw)
	z.Close()
	return b.Bytes()
}
