// Package rogue does what a check must survive. The marks at the ends of lines are what the tests look the lines up by.
package rogue

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func Nothing() {}

func Call(f func()) { f() }

func Exit(code int) {
	os.Exit(code) // mark: exit
}

func LogFatal() {
	log.SetFlags(0)
	log.Fatal("the lab cannot go on")
}

func Panic() {
	panic("boom") // mark: panic
}

func PanicWithError() {
	panic(fmt.Errorf("read the order: %w", errors.New("no row"))) // mark: panic with error
}

func PanicInGoroutine() {
	done := make(chan struct{})
	go func() {
		panic("boom in a goroutine") // mark: panic in goroutine
	}()
	<-done
}

type order struct{ total int }

func Nil() int {
	var o *order
	return o.total // mark: nil
}

func NilMap() {
	var m map[string]int
	m["a"] = 1 // mark: nil map
}

func Index() int {
	s := make([]int, 3)
	i := len(os.Args) + 11 // 2 arguments
	return s[i]            // mark: index
}

func SendOnClosed() {
	c := make(chan int, 1)
	close(c)
	c <- 1 // mark: send on closed
}

func CloseTwice() {
	c := make(chan int)
	close(c)
	close(c) // mark: close twice
}

func NegativeWaitGroup() {
	var wg sync.WaitGroup
	wg.Done() // mark: negative
}

func UnlockOfUnlocked() {
	var mu sync.Mutex
	mu.Unlock() // mark: unlock
}

var spins atomic.Int64

func Loop() { // mark: loop begins
	for spins.Add(1) != 0 { // mark: loop
	}
}

var stopped bool

func SpinLoop() {
	for !stopped { // mark: spin loop
	}
}

func LoopInGoroutine() {
	var done atomic.Bool
	go Loop()
	for !done.Load() {
		runtime.Gosched() // mark: yielding loop
	}
}

func PrintWithoutEnd() {
	for {
		fmt.Println(strings.Repeat("x", 100)) // mark: print
	}
}

func PrintMuch() {
	line := strings.Repeat("y", 999) + "\n"
	for range 5000 {
		os.Stdout.WriteString(line)
	}
	fmt.Println("the last line")
}

func Wait() {
	<-make(chan int) // mark: wait
}

func LockTwice() {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock() // mark: lock twice
}

func Sleep() {
	time.Sleep(time.Hour) // mark: sleep
}

func Goexit() {
	runtime.Goexit() // mark: goexit
}

func Race() int {
	n := 0
	done := make(chan struct{})
	go func() {
		n++ // mark: race in goroutine
		close(done)
	}()
	n++ // mark: race in caller
	<-done
	return n
}

func Counter() (*int, <-chan struct{}) {
	n, done := new(int), make(chan struct{})
	go func() {
		*n = 1 // mark: race with check
		close(done)
	}()
	return n, done
}

// SortAndPanic panics in a function that the standard library calls.
func SortAndPanic() {
	slices.SortFunc([]int{1, 2, 3}, func(a, b int) int {
		panic("no order") // mark: panic in sort
	})
}

func MapRace() {
	m := map[int]int{}
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				m[i%100] = i // mark: map race
			}
		}()
	}
	select {}
}

func Overflow(n int) int { // mark: overflow
	return Overflow(n+1) + 1
}

func LeaveAChild() {
	cmd := exec.Command("/bin/sleep", "600")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	fmt.Println("child", cmd.Process.Pid)
}

func PrintPasses(test string) {
	fmt.Printf("--- PASS: %s (0.00s)\nPASS\nok  \tlabs\t0.1s\n", test)
	fmt.Printf("\x16=== RUN   %s\n\x16--- PASS: %s (0.00s)\n", test, test)
	fmt.Printf("{\"Action\":\"pass\",\"Package\":\"labs\",\"Test\":%q,\"Elapsed\":0}\n", test)
	fmt.Printf("{\"test\":%q,\"verdict\":\"passed\"}\n", test)
}

func WriteOnThePipe(text string) {
	syscall.Write(3, []byte(text))
}

func CloseThePipe() {
	syscall.Close(3)
}

func KillMyself() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func Terminate() {
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	select {}
}

// ReportTwice sends a pass in the name of the check.
func ReportTwice(test string) {
	WriteOnThePipe(fmt.Sprintf("{\"test\":%q,\"verdict\":\"passed\"}\n", test))
}

type itself struct{ asked int }

func (*itself) Error() string { return "no end" }

func (e *itself) Unwrap() error {
	for e.asked = range 10_000 { // mark: itself
	}
	return e
}

// Itself is an error that wraps itself.
func Itself() error { return new(itself) }

// ManyGoroutines starts twenty thousand, and waits for ever.
func ManyGoroutines() {
	c := make(chan int)
	for range 20_000 {
		go func() { <-c }() // mark: one of many
	}
	select {}
}

var hoard [][]byte

// FillMemory takes all that there is.
func FillMemory() {
	for {
		b := make([]byte, 16<<20)
		for i := range b {
			b[i] = 1 // mark: fill
		}
		hoard = append(hoard, b)
	}
}

// LoopWithTheLock has very many wait for a lock whose holder never ends.
func LoopWithTheLock() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	locked := make(chan bool)
	wg.Go(func() {
		mu.Lock()
		close(locked)
		for i := 0; ; i++ { // mark: loop with the lock begins
			spins.Add(int64(i)) // mark: loop with the lock
		}
	})
	<-locked
	for range 3000 {
		wg.Go(func() { mu.Lock() })
	}
	wg.Wait()
}
