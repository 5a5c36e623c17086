package tokenbucket_test

import (
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	tokenbucket "github.com/backend-labs/backend-labs/labs/b10-token-bucket"
)

func TestBurst(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(10, 5)
		for i := range 5 {
			if !l.Allow() {
				t.Errorf("call %d: got denied, want allowed", i)
			}
		}
		if l.Allow() {
			t.Error("sixth: got allowed, want denied")
		}
		time.Sleep(time.Hour)
		n := 0
		for range 100 {
			if l.Allow() {
				n++
			}
		}
		if n != 5 {
			t.Errorf("after an hour: got %d, want 5", n)
		}
	})
}

func TestOverdemanding(t *testing.T) {
	if tokenbucket.New(1, 1).AllowN(0) != true {
		t.Error("AllowN(0): got false, want true")
	}
}

func TestTogether(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := tokenbucket.New(10, 5)
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 1000 {
			wg.Go(func() {
				if l.Allow() {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if n != 5 {
			t.Errorf("got %d, want 5", n)
		}
	})
}
