// Package room is the state of one workshop or course and the rules that hold for it: who takes part, which labs are
// open, what was handed in and what came of it, and everything that an instructor has done. It is kept in a database:
// SQLite for one machine, Postgres where several work on it. A database has one room.
package room

import (
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// Room is what holds for all.
type Room struct {
	Title   string
	Code    string       // what participants join with, such as K7QF-2M; not a secret that protects anything by itself
	Labs    []string     // the ids of its labs, in the course's order
	Course  run.Revision // the course that it was made with
	Created time.Time
	Opens   time.Time // zero: from the beginning
	Closes  time.Time // zero: never by itself
	Ended   time.Time // zero while it goes on
	Limited bool      // only names of the roster may join
}

// Setting is what holds for one lab of the room.
type Setting struct {
	Lab      string // its id
	Open     bool
	Deadline time.Time // zero: none
	LateCost int       // percent of the points that a submission after the deadline loses, 0 to 100
	PerHour  int       // submissions for each participant, as a token bucket of that many; 0: no limit
	Hints    int       // how many hints are released to everybody
	Answer   bool      // the model answer is released
}

// Participant is one of those in the room.
type Participant struct {
	ID      int64
	Name    string
	Group   string    // of the roster, or ""
	Mail    string    // of the roster, for grade books, or ""
	Joined  time.Time // zero: on the roster and not here yet
	Seen    time.Time // the last time that anything came from them
	Removed time.Time
}

// Keys are the secrets of somebody who has just joined. The room keeps only their hashes.
type Keys struct {
	Token    string // goes with every request
	Recovery string // brings them back from another machine; typed by people
}

// Report is what a participant's own machine says of a check run. It is shown as such and never counts as a verdict.
type Report struct {
	Participant int64
	Lab         string
	Key         string    // chosen by the sender: the same report sent twice is one
	At          time.Time // by the room's clock when it came, less the age that the sender gave
	Verdict     run.Verdict
	Points      int
	MaxPoints   int
	Failing     []string // tests that did not pass
	Mutant      string   // the misconception that it looks like, as in [run.Likely], or ""
}

// Submission is what somebody has handed in for one lab.
type Submission struct {
	ID          int64
	Participant int64
	Lab         string
	Content     string // SHA-256 of the files, hex: the same content of the same person for a lab is one submission
	At          time.Time
	Late        bool
	First       bool // the first of this person for this lab
	Epoch       int  // counts the times that it is graded: 0, then one more for each regrade that was applied
	Begun       bool // a worker has begun with it, or is done
	Place       int  // how many are graded before it; 0 when its turn has come or it is graded
	Graded      *Verdict
	Override    *Override
}

// Verdict is what the grader said of a submission in an epoch. There is exactly one for each.
type Verdict struct {
	Submission int64
	Epoch      int
	Result     run.Result
	Failing    []string // tests that did not pass, also where the result has no checks
	Worker     string
	Started    time.Time
	Done       time.Time
}

// Override is an instructor's word in place of the grader's.
type Override struct {
	Points int
	Reason string
	At     time.Time
}

// Hand is a question that somebody has raised at a lab, and perhaps at a check.
type Hand struct {
	ID          int64
	Participant int64
	Lab         string // may be ""
	Check       string // a test's name, or ""
	Text        string
	At          time.Time
	Answered    time.Time
}

// Message is what the instructor says to all.
type Message struct {
	ID   int64
	Text string
	At   time.Time
}

// Entry is a line of the audit log: who did what, to what.
type Entry struct {
	ID     int64
	At     time.Time
	Who    string // "instructor", "participant 12", "worker host/3"
	Did    string // a verb in the past, such as "opened", "overrode"
	What   string // such as "B10", "submission 17"
	Detail string
}

// Regrade is a set of submissions that are graded again. Nothing of it counts before it is applied.
type Regrade struct {
	ID      int64
	Reason  string
	Begun   time.Time
	Applied time.Time
	Dropped time.Time
	Of      int // submissions in it
	Done    int // of these graded again
	Changes []Change
}

// Change is a verdict that a regrade would change.
type Change struct {
	Submission   int64
	Participant  int64
	Lab          string
	Before, Then Verdict
}

// Points are what a submission counts in a grade book: the override, or the verdict less what lateness costs. ok says
// whether there is a number at all: a submission that is not graded, or could not be, has none.
func (s Submission) Points(set Setting) (points float64, ok bool) {
	switch {
	case s.Override != nil:
		return float64(s.Override.Points), true
	case s.Graded == nil || s.Graded.Result.Verdict == run.InfraError:
		return 0, false
	case s.Late:
		return float64(s.Graded.Result.Points) * float64(100-set.LateCost) / 100, true
	}
	return float64(s.Graded.Result.Points), true
}
