package backpressure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	backpressure "github.com/backend-labs/backend-labs/labs/a13-backpressure"
)

type row = backpressure.Row

// table is a source of rows and the sink for them, and what it sees.
type table struct {
	rows     int                       // in the source
	read     func(n int) time.Duration // that next takes for its n-th row
	readErr  error                     // at the end, in place of io.EOF
	write    func(n int) time.Duration // that sink takes for its n-th row
	writeErr func(n int) error         // of sink for its n-th row; may be nil
	heeds    bool                      // next and sink end with their context

	ctx            context.Context // Pump's
	mu             sync.Mutex
	first          [2]context.Context // that next and sink got with their first call
	early          string             // which of them has ended too early
	nexts          int                // calls that have begun
	returned       int                // rows that next has returned
	got            []row              // that sink was called with
	front          int                // the most rows in front
	reading, using int                // calls under way
	wrong          []string           // what should not have been
	failed         int                // nexts, when sink failed
	left           int                // calls under way when Pump had returned
}

// each is so long a time for each row.
func each(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}

// but is so long a time for each row but the k-th.
func but(k int, long, d time.Duration) func(int) time.Duration {
	return func(n int) time.Duration {
		if n == k {
			return long
		}
		return d
	}
}

func (b *table) next(ctx context.Context) (row, error) {
	b.mu.Lock()
	b.nexts++
	if b.reading++; b.reading > 1 && len(b.wrong) == 0 {
		b.wrong = append(b.wrong, "next was called while a call of it was under way")
	}
	n := b.nexts
	b.remember(ctx, 0, n, "next")
	b.mu.Unlock()
	err := b.pass(ctx, b.read(n))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading--
	switch {
	case err != nil:
		return "", err
	case n <= b.rows:
		b.returned++
		b.front = max(b.front, b.returned-len(b.got))
		return text(n), nil
	case n > b.rows+1 && n < b.rows+10: // it would go on, for whoever asks again
		return text(n), nil
	case b.readErr != nil:
		return "", b.readErr
	default:
		return "", io.EOF
	}
}

// remember keeps the context of the first call, and looks in later ones whether it has ended on its own.
func (b *table) remember(ctx context.Context, i, n int, name string) {
	if n == 1 {
		b.first[i] = ctx
	} else if b.first[i].Err() != nil && b.ctx.Err() == nil && b.failed == 0 {
		b.early = fmt.Sprintf("that of the first call of %s had ended when %s was called again", name, name)
	}
}

// text is the n-th row. Some are empty, which is a row like another.
func text(n int) row {
	if n%5 == 3 {
		return ""
	}
	return row(fmt.Sprint("row ", n))
}

func (b *table) sink(ctx context.Context, r row) error {
	b.mu.Lock()
	b.got = append(b.got, r)
	if b.using++; b.using > 1 && len(b.wrong) == 0 {
		b.wrong = append(b.wrong, "sink was called while a call of it was under way")
	}
	n := len(b.got)
	b.remember(ctx, 1, n, "sink")
	b.mu.Unlock()
	err := b.pass(ctx, b.write(n))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.using--
	if err == nil && b.writeErr != nil {
		if err = b.writeErr(n); err != nil {
			b.failed = b.nexts
		}
	}
	return err
}

// pass lets time pass, less of it where the context ends and that is heeded.
func (b *table) pass(ctx context.Context, d time.Duration) error {
	if !b.heeds {
		ctx = context.Background()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (b *table) pump(ctx context.Context, ahead int) *call {
	b.ctx = ctx
	return start(func() error {
		err := backpressure.Pump(ctx, b.next, b.sink, ahead)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.left = b.reading + b.using
		return err
	})
}

// delivered demands that the first n rows have come, one at a time, in order and nothing else, and
// that nothing is under way.
func (b *table) delivered(t *testing.T, did string, n int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var want []row
	for i := range n {
		want = append(want, text(i+1))
	}
	expect.That(t, len(b.wrong) == 0, expect.Message{
		Did: did, Want: "one call of next and one of sink at a time", Got: strings.Join(b.wrong, "; "),
		Why: "a cursor and a connection are for one goroutine"})
	expect.That(t, slices.Equal(b.got, want), expect.Message{
		Did: did, Want: fmt.Sprintf("rows in the sink: the first %d, in their order", n),
		Got: fmt.Sprintf("%d, and the last of them are %q", len(b.got), b.got[max(0, len(b.got)-5):]),
		Why: "an export that misses a row looks just like one that does not"})
	expect.That(t, b.left == 0, expect.Message{
		Did: did, Want: "when Pump has returned no call of next or sink is under way",
		Got: fmt.Sprintf("%d", b.left),
		Why: "its caller now closes the cursor and the connection"})
}

func TestPumpDeliversAllRows(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		broken := errors.New("connection reset by peer")
		for _, ahead := range []int{0, 1, 4, 1000} {
			for _, rows := range []int{0, 1, 7, 1200} {
				for _, readErr := range []error{nil, broken, io.ErrUnexpectedEOF, context.Canceled,
					fmt.Errorf("query: %w", context.DeadlineExceeded)} {
					for _, read := range []time.Duration{ms, 30 * ms} {
						if rows > 100 && read > ms {
							continue
						}
						b := &table{rows: rows, read: each(read), write: each(10 * ms), readErr: readErr,
							heeds: true}
						did := fmt.Sprintf("called Pump, ahead: %d, with %d rows that take %v to read and 10 ms "+
							"to write, and then %s", ahead, rows, read, "io.EOF")
						if readErr != nil {
							did = did[:len(did)-len("io.EOF")] + "the error " + readErr.Error()
						}
						c := b.pump(t.Context(), ahead)
						time.Sleep(time.Hour)
						same := !c.waits() && (c.err == nil) == (readErr == nil) &&
							(readErr == nil || sentinel.Is(c.err, readErr))
						want := "it returns nil"
						if readErr != nil {
							want = "it returns this error"
						}
						b.delivered(t, did, rows)
						expect.That(t, same, expect.Message{Did: did, Want: want, Got: c.String(),
							Why: "half an export that claims to be a whole one is worse than none"})
						expect.That(t, b.early == "", expect.Message{
							Did: did, Want: "contexts of next and sink that end when Pump's does, or when the sink has failed",
							Got: b.early,
							Why: "a query that the first call begins, and the others read from, ends with the context of the first"})
					}
				}
			}
		}
	})
}

func TestPumpIsNeverFarAhead(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, ahead := range []int{0, 1, 4, 500} {
			b := &table{rows: 1200, read: each(ms), write: each(10 * ms)}
			c := b.pump(t.Context(), ahead)
			time.Sleep(time.Hour)
			did := fmt.Sprintf("called Pump, ahead: %d, with 1200 rows that take 1 ms to read and 10 ms to write",
				ahead)
			expect.That(t, !c.waits(), expect.Message{Did: did, Want: "it returns", Got: c.String()})
			b.delivered(t, did, 1200)
			b.mu.Lock()
			front := b.front
			b.mu.Unlock()
			expect.That(t, front <= ahead+1, expect.Message{Did: did,
				Want: fmt.Sprintf("never more than %d rows are read that the sink has not been called with", ahead+1),
				Got:  fmt.Sprintf("%d at one moment", front),
				Why:  "for a phone on a train the whole table lies in memory, and there are many phones"})
		}
	})
}

func TestPumpReadsAhead(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, ahead := range []int{1, 4, 0} {
			b := &table{rows: 100, read: each(10 * ms), write: each(10 * ms)}
			c := b.pump(t.Context(), ahead)
			time.Sleep(time.Hour)
			did := fmt.Sprintf("called Pump, ahead: %d, with 100 rows that take 10 ms to read and 10 ms to write",
				ahead)
			b.delivered(t, did, 100)
			expect.That(t, !c.waits() && c.took <= 1100*ms, expect.Message{Did: did,
				Want: "it takes about a second: one row is read while another one is written", Got: c.String(),
				Why: "in turn each of the two waits for the other one half of the time"})
		}
		for _, ahead := range []int{0, 3, 300} {
			b := &table{rows: 1200, read: each(ms), write: but(2, time.Minute, ms)}
			c := b.pump(t.Context(), ahead)
			time.Sleep(30 * time.Second)
			b.mu.Lock()
			front := b.returned - len(b.got)
			b.mu.Unlock()
			did := fmt.Sprintf("called Pump, ahead: %d; the sink takes a minute for its second row, and 30 s "+
				"have passed", ahead)
			expect.That(t, front >= ahead && front <= ahead+1, expect.Message{Did: did,
				Want: fmt.Sprintf("%d or %d rows are read ahead", ahead, ahead+1),
				Got:  fmt.Sprintf("%d rows ahead", front),
				Why:  "the rows in between are what the sink works on while the source has a slow moment"})
			time.Sleep(time.Hour)
			expect.That(t, !c.waits() && known.Is(c.err, nil), expect.Message{Did: did + ", and then an hour",
				Want: "nil", Got: c.String()})
		}
	})
}

func TestPumpStopsWhenTheSinkFails(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		for _, ahead := range []int{0, 4, 1000} {
			for _, read := range []struct {
				what  string
				each  func(int) time.Duration
				heeds bool
			}{
				{"take 3 ms to read", each(3 * ms), true},
				{"take 33 ms to read", each(33 * ms), true},
				{"take 33 ms to read (next does not look at its context)", each(33 * ms), false},
				{"take 3 ms to read (the fifth one takes a day)", but(5, 24*time.Hour, 3*ms), true},
			} {
				for _, at := range []int{1, 4} {
					b := &table{rows: 5000, read: read.each, write: each(10 * ms), heeds: read.heeds,
						writeErr: func(n int) error {
							if n == at {
								return fmt.Errorf("row %d: %w", n, broken)
							}
							return nil
						}}
					c := b.pump(t.Context(), ahead)
					time.Sleep(time.Second)
					did := fmt.Sprintf("called Pump, ahead: %d, with 5000 rows that %s and 10 ms to write; the "+
						"sink fails with row %d", ahead, read.what, at)
					b.mu.Lock()
					again := "sink was not called again"
					if len(b.got) > at {
						again = "sink was called again"
					}
					b.mu.Unlock()
					expect.That(t, !c.waits() && sentinel.Is(c.err, broken), expect.Message{Did: did,
						Want: "it returns this error, at once", Got: c.String() + "; " + again,
						Why: "the connection is broken: there is nobody to read for, and the reason must not " +
							"get lost behind what follows from it"})
					b.delivered(t, did, at)
					b.mu.Lock()
					more := b.nexts - b.failed
					b.mu.Unlock()
					expect.That(t, more <= 1, expect.Message{Did: did,
						Want: "next is called once more at most", Got: fmt.Sprintf("%d times", more),
						Why: "the database reads a table that nobody will get"})
				}
			}
		}
		for _, readErr := range []error{io.EOF, errors.New("connection reset by peer")} {
			for _, writeErr := range []error{broken, io.EOF, context.Canceled} {
				b := &table{rows: 3, read: each(ms), readErr: readErr, write: each(10 * ms),
					writeErr: func(n int) error {
						if n == 2 {
							return writeErr
						}
						return nil
					}}
				c := b.pump(t.Context(), 4)
				time.Sleep(time.Second)
				did := fmt.Sprintf("called Pump, ahead: 4, with 3 rows that take 1 ms to read and 10 ms to write, "+
					"and then %v of next; with row 2 the sink fails, with %v", readErr, writeErr)
				expect.That(t, !c.waits() && sentinel.Is(c.err, writeErr), expect.Message{Did: did,
					Want: "it returns the error of the sink", Got: c.String(),
					Why: "row 2 is where the export broke off, whatever the source has come to and whatever the " +
						"sink calls it"})
				b.delivered(t, did, 2)
			}
		}
	})
}

func TestPumpEndsWithItsContext(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
			b := &table{rows: 10, read: each(ms), write: each(ms)}
			c := b.pump(ended(t, want), 4)
			time.Sleep(time.Second)
			const did = "called Pump with a context that has ended already"
			expect.That(t, !c.waits() && known.Is(c.err, want), expect.Message{Did: did, Want: say(want), Got: c.String()})
			expect.That(t, b.nexts == 0 && len(b.got) == 0, expect.Message{Did: did,
				Want: "neither next nor sink is called",
				Got:  fmt.Sprintf("calls of next: %d, of sink: %d", b.nexts, len(b.got)),
				Why:  "the first call may be the query that reads the whole table"})
		}
		for _, ahead := range []int{0, 4, 1000} {
			for _, tt := range []struct {
				what        string
				rows        int
				read, write func(int) time.Duration
				heeds       bool
			}{
				{"that take 10 ms to read and 4 ms to write", 1000, each(10 * ms), each(4 * ms), true},
				{"that take 4 ms to read and 10 ms to write", 1000, each(4 * ms), each(10 * ms), true},
				{"all of which have been read when the sink takes 10 ms for each", 40, each(2 * ms),
					each(10 * ms), false},
				{"of which next gets the third after a day", 1000, but(3, 24*time.Hour, 2*ms), each(ms), true},
				{"of which the sink takes a day for the third", 1000, each(2 * ms), but(3, 24*time.Hour, ms), true},
				{"that take 4 ms to read and 10 ms to write, by a next and a sink that do not look at their " +
					"context", 1000, each(4 * ms), each(10 * ms), false},
			} {
				for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
					b := &table{rows: tt.rows, read: tt.read, write: tt.write, heeds: tt.heeds}
					ctx := after(t, 105*ms)
					if want == context.Canceled {
						ctx = cancelled(t, 105*ms)
					}
					c := b.pump(ctx, ahead)
					time.Sleep(104*ms + 900*time.Microsecond)
					b.mu.Lock()
					nexts, sinks := b.nexts, len(b.got)
					b.mu.Unlock()
					time.Sleep(time.Second)
					did := fmt.Sprintf("called Pump, ahead: %d, with %d rows %s; its context ends after 105 ms",
						ahead, tt.rows, tt.what)
					expect.That(t, !c.waits() && known.Is(c.err, want) && c.took <= 120*ms, expect.Message{Did: did,
						Want: say(want) + ", as soon as what is under way has returned", Got: c.String(),
						Why: "the user has closed the page; and an export that was cut short must not " +
							"pass for a whole one"})
					b.delivered(t, did, len(b.got))
					b.mu.Lock()
					nexts, sinks = b.nexts-nexts, len(b.got)-sinks
					b.mu.Unlock()
					expect.That(t, nexts == 0 && sinks == 0, expect.Message{Did: did,
						Want: "neither next nor sink is called after that",
						Got: fmt.Sprintf("calls of next: %d, of sink: %d",
							nexts, sinks),
						Why: "up to a whole queue of rows goes to somebody who has gone"})
				}
			}
		}
	})
}
