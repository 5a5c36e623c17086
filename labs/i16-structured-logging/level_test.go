package jsonlog_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	jsonlog "github.com/backend-labs/backend-labs/labs/i16-structured-logging"
)

func TestTheLevelIsAskedEachTime(t *testing.T) {
	var level slog.LevelVar
	o := &out{}
	root := slog.New(jsonlog.NewHandler(o, jsonlog.Options{Level: &level}))
	for _, l := range []*slog.Logger{root, root.With("a", 1), root.WithGroup("g")} {
		for _, at := range []slog.Level{slog.LevelInfo, slog.LevelDebug, slog.LevelError, 2, slog.LevelInfo} {
			level.Set(at)
			for _, of := range []slog.Level{slog.LevelDebug, slog.LevelInfo, 1, 2, 3, slog.LevelError} {
				l.Log(background, of, "x")
				n := len(o.chunks)
				o.text()
				want := map[bool]int{true: 1}[of >= at]
				expect.That(t, n == want, expect.Message{
					Did: fmt.Sprintf("set the level to %v and wrote a record of %v, with a logger "+
						"made before", at, of),
					Want: fmt.Sprintf("%d lines", want), Got: fmt.Sprint(n),
					Why: "in an incident the level is set to Debug in a server that runs; restarting it " +
						"would end what was to be looked at"})
			}
		}
	}
	l, o := logger()
	l.Debug("x")
	l.Info("y")
	got, _ := one(t, "wrote Debug and Info without a Level", o)
	member(t, "wrote Debug and Info without a Level", got, "msg", "y", "")
}

func TestWhatIsNotWrittenCostsNothing(t *testing.T) {
	l, o := logger("password")
	calls := 0
	v := valuer(func() slog.Value {
		calls++
		return slog.StringValue("expensive")
	})
	for range 100 {
		l.Debug("x", "v", v, slog.Group("g", "w", v))
		l.WithGroup("h").Debug("x", "v", v)
	}
	expect.That(t, calls == 0 && o.writes.Load() == 0, expect.Message{
		Did:  "wrote 200 records at Debug, which is off, with values that are worked out when asked",
		Want: "none is written, and none is asked",
		Got:  fmt.Sprintf("%d written, %d asked", o.writes.Load(), calls),
		Why: "debug lines stand in the hottest loops because they cost nothing; one that works out " +
			"its values costs as much as if it were written"})
	l.Info("x", "v", v)
	got, _ := one(t, "wrote one at Info", o)
	member(t, "wrote one at Info", got, "v", "expensive", "")
}
