package bubble

import (
	"runtime/metrics"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// A timer that sets itself again whenever it goes off is a goroutine that never ends, in pieces:
// between two of them there is nothing to be seen. So what is left behind is watched for a while of
// virtual time, in which timers that go off once come to an end.

const (
	// chain is how many goroutines must have begun for a suspicion, and as many each time for proof.
	chain = 1000
	// forever is how long is looked at most: twice that in all.
	forever = 20 * 365 * 24 * time.Hour
)

// goesOn reports whether timers go on to go off when all is over. It is called in a bubble, whose
// clock it moves. What it waits for grows each time, so a fast chain is found soon and a slow one at
// last; and timers that go off once, however many, are over by the time that is looked again.
func goesOn() bool {
	begun := created()
	for pause := time.Millisecond; pause < forever; pause *= 2 {
		pass(pause)
		if created()-begun < chain {
			continue
		}
		for range 2 {
			pause *= 4
			begun = created()
			pass(pause)
			if created()-begun < chain {
				return false
			}
		}
		return true
	}
	return false
}

func pass(pause time.Duration) {
	time.Sleep(pause)
	synctest.Wait()
}

// created is how many goroutines this process has begun so far.
func created() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// alone reports whether the process runs one check and nothing else: under a plain "go test" others
// begin goroutines meanwhile.
func alone() bool {
	own, checked := account.Current()
	return checked && !own.Without.Outside
}

func timerMessage() *expect.Message {
	return &expect.Message{
		Did: "let the check run to its end, stopped everything that the API lets a caller stop, and " +
			"let some more time pass",
		Want: "that nothing goes on: whatever a call starts has ended when its work is done or its " +
			"owner has stopped it",
		Got: "a function goes on to be called by a timer, again and again: look for a time.AfterFunc " +
			"that sets itself again",
		Why: "a timer that nothing can end is a leak like a goroutine: it holds its memory, and takes " +
			"time of the processors, until the process dies",
	}
}
