// Package run turns a test binary into verdicts: a process for each check, a full account of what
// it reported, and an explanation in the learner's terms of how it ended.
package run

import (
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// Schema is the version of [Result] as JSON. A field may be added under the same number; a field
// that changes its meaning or goes away raises it.
const Schema = 1

// Verdict is how a check or a whole lab ended.
type Verdict string

// The verdicts. NotJudged is a single check's alone: the backend that it needs is not to be had
// here, or judging it could not change the verdict. InfraError is never the learner's fault and
// never costs points. NotAttempted is a submission whose files are the untouched stub's;
// NotHandedIn a lab that was demanded and is not in the submission.
const (
	Passed      Verdict = "passed"
	Failed      Verdict = "failed"
	BuildFailed Verdict = "build_failed"
	Rejected    Verdict = "rejected"
	TimedOut    Verdict = "timed_out"
	InfraError  Verdict = "infra_error"
	NotJudged   Verdict = "not_judged"

	NotAttempted Verdict = "not_attempted"
	NotHandedIn  Verdict = "not_handed_in"
)

// words are the verdicts as people read them. Whatever is for programs has the verdict itself.
var words = map[Verdict]string{
	Passed: "passed", Failed: "failed", BuildFailed: "does not compile", Rejected: "rejected",
	TimedOut:   "timed out",
	InfraError: "no verdict", NotJudged: "not judged", NotAttempted: "not attempted",
	NotHandedIn: "not handed in",
}

// Words is the verdict as every text for people says it.
func (v Verdict) Words() string { return words[v] }

// Result is what is known of one submission for one lab.
type Result struct {
	Schema int `json:"schema"`
	// Submission names whose files these are, where there are several.
	Submission string  `json:"submission,omitempty"`
	Lab        string  `json:"lab"`  // the lab's id
	Slug       string  `json:"slug"` // the lab's folder
	Title      string  `json:"title"`
	Verdict    Verdict `json:"verdict"`
	Points     int     `json:"points"`
	MaxPoints  int     `json:"max_points"`

	// Message says why there is no verdict on the checks: the compile error, the rejection, what
	// broke. Output has the compiler's words.
	Message string `json:"message,omitempty"`
	Output  string `json:"output,omitempty"`

	Checks []Check `json:"checks"`

	// Likely is the misconception that the failures look like, if there is one that stands out.
	Likely *Likely `json:"likely,omitempty"`

	// Notes are remarks that change nothing about the verdict and are said beside it: a file that
	// is not handed in, a submission that is the reference.
	Notes []string `json:"notes,omitempty"`

	Race     Race               `json:"race"`     // the second run, under the race detector
	Sandbox  string             `json:"sandbox"`  // what the code was run in: none, ns, container, landlock
	Backends map[string]Backend `json:"backends"` // by "redis" and "postgres": those that were used
	Course   Revision           `json:"course"`   // what the checks are of
	Go       string             `json:"go"`       // the version that built the checks
	Seed     uint64             `json:"seed"`     // of everything random in the checks

	SourceSHA256 string `json:"source_sha256"`
	// what this lab took, waiting for others apart: the sum of its Times
	DurationMS float64 `json:"duration_ms"`
	Times      Times   `json:"times"`
}

// Complete reports whether all that the lab demands was judged and has passed: only then is a lab
// passed for good.
func (r Result) Complete() bool {
	return r.Verdict == Passed && (r.Race.State == RaceDone || r.Race.State == RaceNotNeeded)
}

// NotYetRaced reports whether it has passed all but the run under the race detector, which was left
// out or is not to be had: no pass yet, and no failure.
func (r Result) NotYetRaced() bool {
	return r.Verdict == Passed && (r.Race.State == RaceLeftOut || r.Race.State == RaceNotToBeHad)
}

// Words is the verdict as every text for people says it, with what a pass lacks.
func (r Result) Words() string {
	if r.NotYetRaced() {
		return NotYetRaced
	}
	return r.Verdict.Words()
}

// Beside is what is to be said in the lines below the verdict: what a pass lacks and how to get it,
// then the notes.
func (r Result) Beside() (lines []string) {
	if r.NotYetRaced() && r.Race.Reason != "" {
		line := r.Race.Reason
		if r.Race.Remedy != "" {
			line += "; " + r.Race.Remedy
		}
		lines = append(lines, line)
	}
	return append(lines, r.Notes...)
}

// RaceState is what became of the run under the race detector.
type RaceState string

// The states. A lab that has passed and whose race run is RaceLeftOut or RaceNotToBeHad is "passed,
// not yet under the race detector".
const (
	RaceNotNeeded RaceState = "not_needed" // the lab does not ask for one
	RaceDone      RaceState = "done"       // every check was judged under it
	RaceNotBegun  RaceState = "not_begun"  // the plain run had decided already
	RaceLeftOut   RaceState = "left_out"   // by --no-race
	// this machine cannot: no C compiler, a system without a race detector
	RaceNotToBeHad RaceState = "not_to_be_had"
)

// Race tells of the run under the race detector. Reason and Remedy are set where it is
// RaceNotToBeHad or RaceLeftOut.
type Race struct {
	State  RaceState `json:"state"`
	Reason string    `json:"reason,omitempty"`
	Remedy string    `json:"remedy,omitempty"`
}

// Revision says which course has judged.
type Revision struct {
	Module string `json:"module"`
	// of labs that has made the workspace, as labs --version tells it; empty where the course itself has judged
	Version string `json:"version,omitempty"`
	// of git, in full; empty where there is no repository
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the course's own files differ from the commit's
}

// NotYetRaced is how a pass is told whose race run was left out or is not to be had.
const NotYetRaced = "passed, not yet under the race detector"

// Times are the parts of what a lab took, in ms of wall time of its own: the builds, the checks of
// the plain run, and those of the race run. The parts may overlap.
type Times struct {
	BuildMS  float64 `json:"build_ms"`
	ChecksMS float64 `json:"checks_ms"`
	RaceMS   float64 `json:"race_ms"`
}

// Check is the verdict on one check.
type Check struct {
	Test      string  `json:"test"`
	Title     string  `json:"title"`
	Verdict   Verdict `json:"verdict"`
	Points    int     `json:"points"`
	MaxPoints int     `json:"max_points"`
	// real time of the check itself, without the start of its process
	DurationMS float64 `json:"duration_ms"`
	Message    string  `json:"message,omitempty"` // why it did not pass, in the learner's terms
	Output     string  `json:"output,omitempty"`  // what the process printed, at most 1 MiB
	// file:line to look at first: the learner's if it is known, else the check's
	Location string    `json:"location,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Shown    []Shown   `json:"shown,omitempty"` // pictures beside the verdict, whatever it is
	// Race says that it is the run under the race detector that did not pass.
	Race bool `json:"race,omitempty"`
	// Runs counts the runs of the check where there was more than one.
	Runs *Runs `json:"runs,omitempty"`
}

// Runs counts how often a check was run, plain and under the race detector, and how often it
// passed.
type Runs struct {
	Plain       int `json:"plain"`
	PlainPassed int `json:"plain_passed"`
	Race        int `json:"race"`
	RacePassed  int `json:"race_passed"`
}

// Finding is one unmet expectation.
type Finding struct {
	Did   string `json:"did,omitempty"`
	Want  string `json:"want,omitempty"`
	Got   string `json:"got,omitempty"`
	Why   string `json:"why,omitempty"`
	When  string `json:"when,omitempty"`
	Where string `json:"where,omitempty"`
	// Picture is what happened, where it is easier seen than read.
	Picture *timeline.Picture `json:"picture,omitempty"`
}

// Shown is a picture that a check shows, whether or not it passes.
type Shown struct {
	Title   string            `json:"title"`
	Picture *timeline.Picture `json:"picture"`
}

// Likely is a misconception that would explain the failures. It is a likely cause, never a
// certainty.
type Likely struct {
	Mutant        string `json:"mutant"`
	Misconception string `json:"misconception"`
	Explain       string `json:"explain"`
}

// Backend is a store that checks ran against.
type Backend struct {
	Provider string `json:"provider"` // url, container, local, embedded
	Version  string `json:"version"`
	Detail   string `json:"detail"` // where it is
	// PassedOver has the providers before that do not work here, and why.
	PassedOver string `json:"passed_over,omitempty"`
}

// MS gives a duration in the unit of the JSON fields.
func MS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
