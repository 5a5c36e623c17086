package room

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// What may be wrong with a request. Each is the caller's to tell in a line.
var (
	ErrNewer     = errors.New("the database was made by a newer labs")
	ErrCode      = errors.New("that is not the code of this room")
	ErrTaken     = errors.New("somebody of that name is in the room already")
	ErrRoster    = errors.New("that name is not on the roster")
	ErrToken     = errors.New("nobody in this room has that token")
	ErrClosed    = errors.New("it is closed")
	ErrEnded     = errors.New("the workshop has ended")
	ErrNotFound  = errors.New("there is none")
	ErrNoRoom    = errors.New("the database has no room yet")
	ErrDuplicate = errors.New("the roster has a name twice")
)

// Limit says that somebody has handed in too often.
type Limit struct{ Again time.Duration }

func (e *Limit) Error() string { return "too many submissions" }

// Enqueue puts the grading of a submission into the queue, in the transaction that stores it. Lower priorities come
// first: 1 for a first submission, 2 for a repeated one, 3 for a regrade.
type Enqueue func(ctx context.Context, tx *sql.Tx, submission int64, epoch, priority int) error

// Store is a room in its database. It may be used by several goroutines and, on Postgres, several machines at once.
type Store struct {
	todo bool
}

// Open opens the database at a URL, sqlite:PATH or postgres://…, and brings its tables up to date. The error is
// ErrNewer where another version has made them.
func Open(ctx context.Context, url string) (*Store, error) { panic("todo") }

// Close closes it.
func (s *Store) Close() error { panic("todo") }

// DB is the connection that transactions with the queue are made on.
func (s *Store) DB() *sql.DB { panic("todo") }

// Postgres reports whether it is Postgres, otherwise it is SQLite.
func (s *Store) Postgres() bool { panic("todo") }

// Create makes the room, all of whose labs are open, and returns the instructor's secret. With a room there already it
// is left as it is, and a new secret is returned beside the others, which stay.
func (s *Store) Create(ctx context.Context, r Room) (secret string, err error) { panic("todo") }

// Roster adds the names that may join. Those that are there stay. ErrDuplicate names the double one.
func (s *Store) Roster(ctx context.Context, names []Participant) error { panic("todo") }

// Room is the room; ErrNoRoom where there is none yet.
func (s *Store) Room(ctx context.Context) (Room, error) { panic("todo") }

// Change changes the room by f, and what f says of it goes into the audit log.
func (s *Store) Change(ctx context.Context, did, detail string, f func(*Room)) (Room, error) {
	panic("todo")
}

// Settings are those of all labs of the room, in their order.
func (s *Store) Settings(ctx context.Context) ([]Setting, error) { panic("todo") }

// ChangeLab changes the setting of a lab by f.
func (s *Store) ChangeLab(ctx context.Context, lab, did, detail string, f func(*Setting)) (Setting, error) {
	panic("todo")
}

// Instructor reports whether a secret is the instructor's.
func (s *Store) Instructor(ctx context.Context, secret string) (bool, error) { panic("todo") }

// Join gives somebody a place: ErrCode, ErrTaken, ErrRoster, ErrEnded.
func (s *Store) Join(ctx context.Context, code, name string) (Participant, Keys, error) {
	panic("todo")
}

// Rejoin gives somebody their place back, with a new token; that of the lost machine is worth nothing any more.
func (s *Store) Rejoin(ctx context.Context, code, recovery string) (Participant, Keys, error) {
	panic("todo")
}

// ByToken is whose token it is: ErrToken. That they were seen is noted at most every few seconds.
func (s *Store) ByToken(ctx context.Context, token string) (Participant, error) { panic("todo") }

// Participants are all, also those of the roster who are not here yet and those who were removed, by name.
func (s *Store) Participants(ctx context.Context) ([]Participant, error) { panic("todo") }

// Remove ends somebody's part: their token is worth nothing, their submissions stay.
func (s *Store) Remove(ctx context.Context, participant int64) error { panic("todo") }

// Report takes reports; those that came before are passed over.
func (s *Store) Report(ctx context.Context, reports []Report) error { panic("todo") }

// Reports are the last one of each participant and lab.
func (s *Store) Reports(ctx context.Context) ([]Report, error) { panic("todo") }

// Timeline are all reports and verdicts since then, oldest first, as events for a line of time: at most limit.
func (s *Store) Timeline(ctx context.Context, since time.Time, limit int) ([]Event, error) {
	panic("todo")
}

// Event is something that was seen of a participant at a lab.
type Event struct {
	At          time.Time
	Participant int64
	Lab         string
	Graded      bool // otherwise self-reported
	Verdict     run.Verdict
	Points      int
	MaxPoints   int
}

// Submit stores the files and puts their grading into the queue, both or neither. again says that the same was there:
// then nothing is done. Errors: ErrClosed, ErrEnded, ErrNotFound for a lab that the room has not, *Limit.
func (s *Store) Submit(ctx context.Context, participant int64, lab string, files map[string][]byte, enqueue Enqueue) (
	sub Submission, again bool, err error) {
	panic("todo")
}

// Submission is one, with its place in the queue, its latest applied verdict and its override.
func (s *Store) Submission(ctx context.Context, id int64) (Submission, error) { panic("todo") }

// Submissions are those of a participant (0: of all) for a lab ("": all), oldest first. Results have no pictures and
// no output: [Store.Submission] has them.
func (s *Store) Submissions(ctx context.Context, participant int64, lab string) ([]Submission, error) {
	panic("todo")
}

// Files are what was handed in.
func (s *Store) Files(ctx context.Context, submission int64) (map[string][]byte, error) {
	panic("todo")
}

// Grade stores a verdict. One that is there for this epoch already stays, and false is returned.
func (s *Store) Grade(ctx context.Context, v Verdict) (stored bool, err error) { panic("todo") }

// Begin notes that a worker has begun with a submission.
func (s *Store) Begin(ctx context.Context, submission int64, epoch int, worker string) error {
	panic("todo")
}

// Queue is how many wait and are being graded, when the oldest of the waiting was handed in, and how many were graded
// in the last minute.
func (s *Store) Queue(ctx context.Context) (waiting, grading int, oldest time.Time, lately int, err error) {
	panic("todo")
}

// Override puts an instructor's word in place of the grader's; nil takes it back.
func (s *Store) Override(ctx context.Context, submission int64, o *Override) error { panic("todo") }

// Raise raises a hand; the last one of the same person is lowered.
func (s *Store) Raise(ctx context.Context, h Hand) error { panic("todo") }

// Hands are those that are not answered, oldest first.
func (s *Store) Hands(ctx context.Context) ([]Hand, error) { panic("todo") }

// Answered lowers a hand.
func (s *Store) Answered(ctx context.Context, hand int64) error { panic("todo") }

// Say says something to all.
func (s *Store) Say(ctx context.Context, text string) error { panic("todo") }

// Messages are what was said, oldest first.
func (s *Store) Messages(ctx context.Context) ([]Message, error) { panic("todo") }

// Regrade puts submissions into the queue again, for an epoch that does not count before [Store.Apply].
func (s *Store) Regrade(ctx context.Context, submissions []int64, reason string, enqueue Enqueue) (Regrade, error) {
	panic("todo")
}

// RegradeOf is one with what it would change.
func (s *Store) RegradeOf(ctx context.Context, id int64) (Regrade, error) { panic("todo") }

// Apply makes the verdicts of a regrade count; all of them must be there.
func (s *Store) Apply(ctx context.Context, id int64) error { panic("todo") }

// Drop forgets a regrade.
func (s *Store) Drop(ctx context.Context, id int64) error { panic("todo") }

// Audit is the log, newest first, at most limit.
func (s *Store) Audit(ctx context.Context, limit int) ([]Entry, error) { panic("todo") }

// Note adds a line to the audit log.
func (s *Store) Note(ctx context.Context, e Entry) error { panic("todo") }

// Changed is a number that grows whenever anything in the room has changed that somebody may see.
func (s *Store) Changed(ctx context.Context) (int64, error) { panic("todo") }

// Save writes the whole room as one file, without secrets; Restore makes a room of it that can be looked at: ended, and
// with a new instructor's secret.
func (s *Store) Save(ctx context.Context, w io.Writer) error { panic("todo") }

// Restore reads what Save wrote into an empty database.
func (s *Store) Restore(ctx context.Context, r io.Reader) (secret string, err error) { panic("todo") }
