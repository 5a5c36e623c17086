// Package wire is what a workshop's server and its clients say to each other: JSON over HTTP, version 1. A field may be
// added under the same version; a client that is older or newer than the server is told so by [Hello].
package wire

import (
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
)

// Version is that of this protocol. Every request has it in the header [Header]; a server that does not know it
// answers 426 with an [Error] that says which side is to be updated.
const (
	Version = 1
	Header  = "Labs-Protocol"
)

// Paths of the API. A participant's requests carry "Authorization: Bearer TOKEN", an instructor's the same with the
// instructor's secret. All times are RFC 3339 in UTC.
const (
	HelloPath   = "/api/v1/hello"       // GET, anybody: Hello
	JoinPath    = "/api/v1/join"        // POST Join, anybody: Joined
	RejoinPath  = "/api/v1/rejoin"      // POST Rejoin, anybody: Joined
	MePath      = "/api/v1/me"          // GET: Me
	ReportsPath = "/api/v1/reports"     // POST Reports: 204
	SubmitPath  = "/api/v1/submissions" // POST Submit: Submission; GET: []Submission, one's own
	// GET .../submissions/{id}: Submission; with Accept: text/event-stream, an event "submission" with each change until
	// it is graded
	AskPath = "/api/v1/hands" // POST Ask: 204

	// The instructor's.
	RoomPath      = "/api/v1/room"               // GET: Room; PATCH RoomChange: Room
	LabPath       = "/api/v1/room/labs/"         // PATCH {id} LabChange: Room
	MessagesPath  = "/api/v1/room/messages"      // POST Say: 204
	HandsPath     = "/api/v1/room/hands/"        // DELETE {id}: 204, it is answered
	RemovePath    = "/api/v1/room/participants/" // DELETE {id}: 204
	OverridePath  = "/api/v1/room/submissions/"  // PUT {id}/override Override: Submission; DELETE takes it back
	RegradesPath  = "/api/v1/room/regrades"      // POST Regrade: RegradeState; GET {id}; POST {id}/apply; POST {id}/drop
	EndPath       = "/api/v1/room/end"           // POST: 204
	ArchivePath   = "/api/v1/room/archive"       // GET: the whole room as one file
	ExportPath    = "/api/v1/room/export/"       // GET {csv|json|gradescope|moodle|canvas}
	AuditPath     = "/api/v1/room/audit"         // GET: []Entry
	StandingsPath = "/api/v1/room/standings"     // GET: Standings
)

// Error is the body of every answer that is not 2xx: one line that says what is wrong, and one that says what to do.
type Error struct {
	Text string `json:"error"`
	Hint string `json:"hint,omitempty"`
	// Code is for programs: closed, ended, limit, code, name_taken, roster, token, version, not_found, bad_request,
	// too_large, rejected, busy.
	Code string `json:"code"`
	// RetryAfter is the time in seconds after which the same request may succeed; 0: it will not.
	RetryAfter float64 `json:"retry_after,omitempty"`
}

func (e *Error) Error() string { return e.Text }

// Hello says what serves here.
type Hello struct {
	Title   string       `json:"title"`
	Version int          `json:"protocol"`
	Server  string       `json:"server"` // the version of labs
	Now     time.Time    `json:"now"`    // by the server's clock
	Course  run.Revision `json:"course"`
	Labs    []string     `json:"labs"`
	Ended   bool         `json:"ended"`
	Bundle  bool         `json:"bundle"` // /bundle has binary, course and modules
}

// Join asks for a place in the room.
type Join struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Rejoin asks for the place that one has, from another machine.
type Rejoin struct {
	Code     string `json:"code"`
	Recovery string `json:"recovery"`
}

// Joined is somebody's place.
type Joined struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Token    string `json:"token"`
	Recovery string `json:"recovery,omitempty"` // only on joining: it is told once
}

// Me is what a participant may know of the room.
type Me struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Now      time.Time `json:"now"`
	Labs     []Lab     `json:"labs"`
	Messages []Message `json:"messages"`
	Ended    bool      `json:"ended"`
}

// Lab is one lab of the room as a participant sees it.
type Lab struct {
	ID       string     `json:"id"`
	Slug     string     `json:"slug"`
	Title    string     `json:"title"`
	Open     bool       `json:"open"`
	Deadline *time.Time `json:"deadline,omitempty"`
	LateCost int        `json:"late_cost,omitempty"` // percent
	Hints    []string   `json:"hints,omitempty"`     // those that were released
	Answer   string     `json:"answer,omitempty"`    // Markdown, when it was released
}

// Message is what the instructor has said to all.
type Message struct {
	ID   int64     `json:"id"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Reports are check runs on one's own machine, oldest first. A report that has come before is taken for the same.
type Reports struct {
	Reports []Report `json:"reports"`
}

// Report is one check run.
type Report struct {
	Key       string      `json:"key"`    // random; makes sending twice harmless
	AgeMS     int64       `json:"age_ms"` // how long ago, by the sender's clock, when it is sent
	Lab       string      `json:"lab"`
	Verdict   run.Verdict `json:"verdict"`
	Points    int         `json:"points"`
	MaxPoints int         `json:"max_points"`
	Failing   []string    `json:"failing,omitempty"`
	Mutant    string      `json:"mutant,omitempty"`
}

// Submit hands in the files of one lab.
type Submit struct {
	Lab   string            `json:"lab"`
	Files map[string][]byte `json:"files"` // by their names as in lab.yaml
}

// State is where a submission is.
type State string

// The states.
const (
	Waiting State = "waiting"
	Grading State = "grading"
	Graded  State = "graded"
)

// Submission is where one of one's submissions stands.
type Submission struct {
	ID     int64       `json:"id"`
	Lab    string      `json:"lab"`
	At     time.Time   `json:"at"`
	Late   bool        `json:"late,omitempty"`
	State  State       `json:"state"`
	Place  int         `json:"place,omitempty"` // how many are before it
	Again  bool        `json:"again,omitempty"` // the same files were handed in before: this is that submission
	Result *run.Result `json:"result,omitempty"`
	// Points are what it counts, with lateness and an instructor's word; absent while there is no number.
	Points   *float64  `json:"points,omitempty"`
	Override *Override `json:"override,omitempty"`
}

// Override is an instructor's word in place of the grader's.
type Override struct {
	Points int    `json:"points"`
	Reason string `json:"reason"`
}

// Ask raises a hand.
type Ask struct {
	Lab   string `json:"lab,omitempty"`
	Check string `json:"check,omitempty"`
	Text  string `json:"text"`
}

// Room is all that an instructor may know, without the submissions themselves.
type Room struct {
	Title        string        `json:"title"`
	Code         string        `json:"code"`
	Opens        *time.Time    `json:"opens,omitempty"`
	Closes       *time.Time    `json:"closes,omitempty"`
	Ended        *time.Time    `json:"ended,omitempty"`
	Labs         []Setting     `json:"labs"`
	Participants []Participant `json:"participants"`
	Hands        []Hand        `json:"hands"`
	Messages     []Message     `json:"messages"`
	Queue        Queue         `json:"queue"`
}

// Setting is what holds for a lab.
type Setting struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Open     bool       `json:"open"`
	Deadline *time.Time `json:"deadline,omitempty"`
	LateCost int        `json:"late_cost"`
	PerHour  int        `json:"per_hour"`
	Hints    int        `json:"hints"`
	HintsOf  int        `json:"hints_of"` // how many there are
	Answer   bool       `json:"answer"`
}

// Participant is one of those in the room.
type Participant struct {
	ID      int64      `json:"id"`
	Name    string     `json:"name"`
	Joined  *time.Time `json:"joined,omitempty"`
	Seen    *time.Time `json:"seen,omitempty"`
	Removed *time.Time `json:"removed,omitempty"`
}

// Hand is a raised hand that is not answered.
type Hand struct {
	ID    int64     `json:"id"`
	Name  string    `json:"name"`
	Lab   string    `json:"lab,omitempty"`
	Check string    `json:"check,omitempty"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// Queue is how the grading goes.
type Queue struct {
	Waiting int        `json:"waiting"`
	Grading int        `json:"grading"`
	Oldest  *time.Time `json:"oldest,omitempty"` // when the one that waits longest was handed in
	// EmptyInMS is when the queue is empty at the speed of late; 0 where nothing is known.
	EmptyInMS int64 `json:"empty_in_ms,omitempty"`
}

// RoomChange changes what holds for all; absent fields stay.
type RoomChange struct {
	Title  *string    `json:"title,omitempty"`
	Opens  *time.Time `json:"opens,omitempty"`
	Closes *time.Time `json:"closes,omitempty"`
}

// LabChange changes what holds for a lab; absent fields stay. The zero time takes a deadline back.
type LabChange struct {
	Open     *bool      `json:"open,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
	LateCost *int       `json:"late_cost,omitempty"`
	PerHour  *int       `json:"per_hour,omitempty"`
	Hints    *int       `json:"hints,omitempty"`
	Answer   *bool      `json:"answer,omitempty"`
}

// Say is a message to all.
type Say struct {
	Text string `json:"text"`
}

// Regrade asks for submissions to be graded again: those of a lab, of a participant, or one; of none, all. The latest
// of each participant for each lab is meant, unless All is set.
type Regrade struct {
	Lab         string `json:"lab,omitempty"`
	Participant int64  `json:"participant,omitempty"`
	Submission  int64  `json:"submission,omitempty"`
	All         bool   `json:"all,omitempty"`
	Reason      string `json:"reason"`
}

// RegradeState is what a regrade would change.
type RegradeState struct {
	ID      int64    `json:"id"`
	Of      int      `json:"of"`
	Done    int      `json:"done"`
	Applied bool     `json:"applied"`
	Dropped bool     `json:"dropped"`
	Changes []Change `json:"changes"`
}

// Change is a verdict that would change.
type Change struct {
	Submission  int64       `json:"submission"`
	Name        string      `json:"name"`
	Lab         string      `json:"lab"`
	Before      run.Verdict `json:"before"`
	PointsThen  int         `json:"points_then"`
	Then        run.Verdict `json:"then"`
	PointsAfter int         `json:"points_after"`
}

// Entry is a line of the audit log.
type Entry struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Did    string    `json:"did"`
	What   string    `json:"what,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// Standings is where everybody stands, by participant and lab.
type Standings struct {
	Rows []Standing `json:"rows"`
}

// Standing is where one participant stands in one lab.
type Standing struct {
	Participant int64       `json:"participant"`
	Name        string      `json:"name"`
	Lab         string      `json:"lab"`
	Graded      run.Verdict `json:"graded,omitempty"` // the best that the grader said
	Points      *float64    `json:"points,omitempty"`
	MaxPoints   int         `json:"max_points"`
	Says        run.Verdict `json:"says,omitempty"` // what their own machine said last
	Failing     []string    `json:"failing,omitempty"`
	Mutant      string      `json:"mutant,omitempty"` // of what was said last, by either
	At          *time.Time  `json:"at,omitempty"`
	Removed     bool        `json:"removed,omitempty"` // they were removed from the room; only exports have them
}
