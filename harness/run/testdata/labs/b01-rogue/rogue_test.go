package rogue_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	rogue "github.com/backend-labs/backend-labs/labs/b01-rogue"
)

func TestNothing(t *testing.T)           { rogue.Nothing() }
func TestExit0(t *testing.T)             { rogue.Exit(0) }
func TestExit1(t *testing.T)             { rogue.Exit(1) }
func TestLogFatal(t *testing.T)          { rogue.LogFatal() }
func TestPanic(t *testing.T)             { rogue.Panic() }
func TestPanicWithError(t *testing.T)    { rogue.PanicWithError() }
func TestPanicInGoroutine(t *testing.T)  { rogue.PanicInGoroutine() }
func TestNil(t *testing.T)               { rogue.Nil() }
func TestNilMap(t *testing.T)            { rogue.NilMap() }
func TestIndex(t *testing.T)             { rogue.Index() }
func TestSendOnClosed(t *testing.T)      { rogue.SendOnClosed() }
func TestCloseTwice(t *testing.T)        { rogue.CloseTwice() }
func TestNegativeWaitGroup(t *testing.T) { rogue.NegativeWaitGroup() }
func TestUnlockOfUnlocked(t *testing.T)  { rogue.UnlockOfUnlocked() }
func TestLoop(t *testing.T)              { rogue.Loop() }
func TestSpinLoop(t *testing.T)          { rogue.SpinLoop() }
func TestLoopInGoroutine(t *testing.T)   { rogue.LoopInGoroutine() }
func TestPrintWithoutEnd(t *testing.T)   { rogue.PrintWithoutEnd() }
func TestPrintMuch(t *testing.T)         { rogue.PrintMuch() }
func TestWait(t *testing.T)              { rogue.Wait() }
func TestLockTwice(t *testing.T)         { rogue.LockTwice() }
func TestSleep(t *testing.T)             { rogue.Sleep() }
func TestGoexit(t *testing.T)            { rogue.Goexit() }
func TestRace(t *testing.T)              { rogue.Race() }
func TestMapRace(t *testing.T)           { rogue.MapRace() }
func TestOverflow(t *testing.T)          { rogue.Overflow(0) }
func TestLeaveAChild(t *testing.T)       { rogue.LeaveAChild() }
func TestKillMyself(t *testing.T)        { rogue.KillMyself() }
func TestTerminate(t *testing.T)         { rogue.Terminate() }
func TestGarbageOnThePipe(t *testing.T)  { rogue.WriteOnThePipe("\x00\xffgarbage\n") }
func TestMuchOnThePipe(t *testing.T)     { rogue.WriteOnThePipe(strings.Repeat("x", 4<<20)) }
func TestCloseThePipe(t *testing.T)      { rogue.CloseThePipe() }
func TestReportTwice(t *testing.T)       { rogue.ReportTwice(t.Name()) }

func TestGuessedLine(t *testing.T) {
	rogue.WriteOnThePipe(`{"test":"TestGuessedLine","verdict":"passed"}` + "\n")
}

func TestReportAndFail(t *testing.T) {
	rogue.ReportTwice(t.Name())
	t.Error("and fails") // mark: reports and fails
}

// TestRaceWithCheck reads what the lab's code writes at the same time.
func TestRaceWithCheck(t *testing.T) {
	n, done := rogue.Counter()
	if *n > 1 { // mark: race in check
		t.Error("more than one")
	}
	<-done
}

func TestPanicInHelperOfStd(t *testing.T) { rogue.SortAndPanic() }

func TestForged(t *testing.T) {
	rogue.PrintPasses(t.Name())
	t.Error("fails all the same") // mark: forged
}

func TestSkip(t *testing.T) { t.Skip("not today") }

func TestPlainError(t *testing.T) {
	t.Errorf("got %d, want %d", 1, 2) // mark: plain error
}

func TestExpectation(t *testing.T) {
	expect.Fatal(t, expect.Message{Did: "did a thing", Want: "a result", Got: "another", Why: "it matters"}) // mark: expectation
}

func TestPicture(t *testing.T) {
	tl := timeline.New("client")
	tl.Point("client", "called").Breaks()
	expect.Show(t, "what was called", tl)
	expect.Fatal(t, expect.Message{Did: "did a thing", Want: "a result", Got: "another", Picture: tl}) // mark: picture
}

func TestShow(t *testing.T) {
	tl := timeline.New("client")
	tl.Point("client", "called")
	for range 10 {
		expect.Show(t, "what was called", tl)
	}
}

func TestExpectationInAHelper(t *testing.T) {
	mustDo(t) // mark: helper
}

func mustDo(t *testing.T) {
	t.Helper()
	rogue.Call(func() {
		expect.Fatal(t, expect.Message{Did: "did a thing", Want: "a result", Got: "another"})
	})
}

func TestExpectationInAGoroutine(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		expect.Fail(t, expect.Message{Did: "did a thing", Want: "a result", Got: "another"}) // mark: goroutine
	}()
	<-done
}

func TestLongExpectation(t *testing.T) {
	expect.Fatal(t, expect.Message{Did: "fetched a page", Want: "a short one", Got: strings.Repeat("long ", 400_000)})
}

func TestManyExpectations(t *testing.T) {
	for range 50 {
		expect.Fail(t, expect.Message{Did: "did a thing again", Want: "a result", Got: "another"}) // mark: many
	}
}

func TestPanicInSubtest(t *testing.T) {
	t.Run("inner", func(t *testing.T) { rogue.Panic() })
}

func TestFailInSubtest(t *testing.T) {
	t.Run("inner", func(t *testing.T) {
		t.Error("the inner one fails\n    in two lines") // mark: subtest
	})
}

func TestPanicInCleanup(t *testing.T) {
	t.Cleanup(rogue.Panic)
}

func TestRaceAndFail(t *testing.T) {
	rogue.Race()
	expect.Fatal(t, expect.Message{Did: "counted", Want: "two", Got: "one"}) // mark: race and fail
}

func TestFindingAndPanic(t *testing.T) {
	expect.Fail(t, expect.Message{Did: "did a thing", Want: "a result", Got: "another"}) // mark: finding and panic
	rogue.Panic()
}

func TestWaitInCheck(t *testing.T) {
	<-make(chan int) // mark: wait in check
}

func TestUnwrapItself(t *testing.T) {
	if err := rogue.Itself(); errors.Is(err, io.EOF) {
		t.Error("is another")
	}
}

func TestManyGoroutines(t *testing.T) { rogue.ManyGoroutines() }

func TestFillMemory(t *testing.T) { rogue.FillMemory() }

func TestLoopWithTheLock(t *testing.T) { rogue.LoopWithTheLock() }
