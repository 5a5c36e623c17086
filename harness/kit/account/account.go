// Package account is the test binary's half of the full account that the runner demands of every
// check.
//
// The runner compiles a generated TestMain into the test binary of a lab, and into the learner's
// package an import of package begin, whose initialisation comes before the learner's. [Begin]
// reads one [Request] from standard input, [Main] runs the one check that the request names, and
// reports over a pipe that one thread of the account's own has a name for and no other (on Linux;
// elsewhere it is merely not told). Each line is sealed with a key that came with the request. The
// runner counts a check as passed only if its verdict arrived exactly once, with all lines before
// it and nothing else, the process ended as expected, and the canary, a check under a random name
// that must fail, did fail: a package testing that has been talked into calling every test a
// success is thereby found out.
//
// What checks believe in and learners could change is looked at before and after the check: the
// exported variables of the learner's package ([Variables]), and those of the standard library.
//
// Under a plain "go test" there is no generated TestMain: [Current] then returns what the
// environment and the state file of "labs up" say, and findings are only printed.
package account

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Verdict words of a report.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Report is the content of one line on the report pipe: a finding, at the end the verdict of one
// test, or, where that does not come in time, a dump of the goroutines.
type Report struct {
	Test    string        `json:"test"`
	Verdict string        `json:"verdict,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns,omitempty"` // real time; with a verdict
	Finding *Finding      `json:"finding,omitempty"`
	Shown   *Shown        `json:"shown,omitempty"`
	Hang    string        `json:"hang,omitempty"` // as [stacks.Parse] reads it
	// Goroutines is how many there were, where they were too many: Hang is then one that stands for
	// most of them.
	Goroutines int `json:"goroutines,omitempty"`
	// Cut says that Hang does not have every goroutine: the one that holds a mutex may be missing.
	Cut bool `json:"cut,omitempty"`
	// Memory says that the process has ended for the memory that it has allocated, in bytes.
	Memory int64 `json:"memory,omitempty"`
	// Broken says why this process cannot be what the runner demands of it: nothing was run.
	Broken string `json:"broken,omitempty"`
}

// Finding is one unmet expectation in the learner's terms; see package expect.
type Finding struct {
	Did   string `json:"did,omitempty"`
	Want  string `json:"want,omitempty"`
	Got   string `json:"got,omitempty"`
	Why   string `json:"why,omitempty"`
	When  string `json:"when,omitempty"`  // the moment, as shown: "+99ms (virtual time)"
	Where string `json:"where,omitempty"` // file:line of the check that found it
	// Picture is what happened, as package timeline writes and reads it.
	Picture json.RawMessage `json:"picture,omitempty"`
}

// Shown is a picture to show beside a check, whether or not it passes.
type Shown struct {
	Title   string          `json:"title"`
	Picture json.RawMessage `json:"picture"`
}

// maxFindings and maxShown bound what one check may report, and maxPart the length of each part of a
// finding in bytes: the first few teach, the rest is noise.
const (
	maxFindings = 10
	maxShown    = 3
	maxPart     = 8 << 10
)

// maxStack ends a recursion without end after a moment. Go's own bound is a gigabyte, and to walk a
// stack of that size for the report takes longer than a check may.
const maxStack = 16 << 20

type session struct {
	Request
	report *pipe
	census census // of the process as it was before the learner's code
	shared shared

	mu       sync.Mutex
	findings int
	shown    int
	over     atomic.Bool // the check has its verdict, or its time is up
}

var (
	currentMu sync.Mutex
	current   *session // nil under a plain go test

	begin = sync.OnceValues(open)
)

// Begin takes the request, which is then nobody else's, and begins to measure the time. It does
// nothing in a process that is a program of a lab and no check (package proc), and nothing the
// second time.
func Begin() {
	if os.Getenv("LABS_PROC") == "" {
		begin()
	}
}

// Main runs the check that standard input asks for, out of checks, and ends the process. It is
// called by the TestMain that the runner generates, and by nothing else.
func Main(checks map[string]func(*testing.T)) {
	Family(map[string]map[string]func(*testing.T){"": checks})
}

// Family does the same for a binary into which several variants of a lab are linked, each with
// checks of its own: the request names both.
func Family(variants map[string]map[string]func(*testing.T)) {
	s, err := begin()
	if err != nil {
		fmt.Fprintln(os.Stderr, "account:", err)
		os.Exit(2)
	}
	checks, ok := variants[s.Variant]
	if !ok {
		fmt.Fprintf(os.Stderr, "account: this binary has no variant %q%s\n", s.Variant, s.disorder())
		os.Exit(2)
	}
	s.run(checks)
}

// disorder says what the initialisers have left behind or changed, which every variant of the
// binary would be blamed for.
func (s *session) disorder() string {
	for _, f := range []*Finding{s.leftBehind(), s.shared.meddled()} {
		if f != nil {
			return ", and is in disorder: " + f.Got
		}
	}
	return ""
}

// run runs the check out of checks, and ends the process.
func (s *session) run(checks map[string]func(*testing.T)) {
	check := checks[s.Check]
	if check == nil {
		fmt.Fprintf(os.Stderr, "account: this binary has no check %q\n", s.Check)
		os.Exit(2)
	}
	currentMu.Lock()
	current = s
	currentMu.Unlock()
	if f := flag.Lookup("rapid.seed"); f != nil {
		flag.Set("rapid.seed", fmt.Sprint(s.Seed))
		flag.Set("rapid.nofailfile", "true")
		flag.Set("rapid.shrinktime", "3s") // of 30: a check has 15 in all
	}
	debug.SetMaxStack(maxStack)
	early := s.leftBehind()
	matchAll := func(string, string) (bool, error) { return true, nil }
	canary := func(t *testing.T) { t.Fail() }
	guarded := func(t *testing.T) { s.guard(t, early, check) }
	testing.Main(matchAll, []testing.InternalTest{s.wrap(s.Canary, canary),
		s.wrap(s.Check, guarded)}, nil, nil)
}

func open() (*session, error) {
	s := new(session)
	var k Key
	defer clear(k[:])
	err := readRequest(&k, &s.Request)
	if err != nil {
		return nil, err
	}
	emptyInput()
	s.report, err = openPipe(uintptr(s.ReportFD), k, s.Private, s.Without.Table)
	if err != nil {
		s.send(Report{Test: s.Check, Broken: err.Error()})
		return nil, err
	}
	s.census, s.shared = takeCensus(), takeShared()
	if s.Timeout > 0 {
		go s.watch()
	}
	return s, nil
}

// wrap makes a test that reports its verdict as the very last thing that happens in it: a cleanup
// registered first runs after every subtest and every other cleanup. Failed looks for data races,
// too. A panic or a Goexit that is on its way through the test runs cleanups before the test counts
// as failed.
func (s *session) wrap(name string, f func(*testing.T)) testing.InternalTest {
	return testing.InternalTest{Name: name, F: func(t *testing.T) {
		start, returned := time.Now(), false
		t.Cleanup(func() {
			verdict := Passed
			switch {
			case t.Failed():
				verdict = Failed
			case t.Skipped():
				verdict = Skipped
			case !returned:
				verdict = Failed
			}
			if name == s.Check && !s.over.CompareAndSwap(false, true) {
				// Too late: that its time was up is being reported. An end now would be one
				// without a verdict and without that report.
				select {}
			}
			s.send(Report{Test: name, Verdict: verdict, Elapsed: time.Since(start)})
		})
		f(t)
		returned = true
	}}
}

func (s *session) send(r Report) {
	line, err := json.Marshal(r)
	if err != nil {
		return // strings and numbers always marshal
	}
	s.report.send(line)
}

// serving is the session of this process, or nil under a plain go test.
func serving() *session {
	currentMu.Lock()
	defer currentMu.Unlock()
	return current
}

// Record sends a finding to the runner. It reports false where there is none to send it to, as
// under a plain go test: the caller then prints it. A check's findings beyond the tenth are
// dropped.
func Record(f Finding) bool {
	s := serving()
	if s == nil {
		return false
	}
	s.record(f)
	return true
}

// Show sends a picture to the runner, and reports false where there is none to send it to. A check's
// pictures beyond the third are dropped.
func Show(p Shown) bool {
	s := serving()
	if s == nil {
		return false
	}
	s.mu.Lock()
	s.shown++
	full := s.shown > maxShown
	s.mu.Unlock()
	if !full {
		p.Title = shortened(p.Title)
		s.send(Report{Test: s.Check, Shown: &p})
	}
	return true
}

func (s *session) record(f Finding) {
	s.mu.Lock()
	s.findings++
	full := s.findings > maxFindings
	s.mu.Unlock()
	if !full {
		for _, part := range []*string{&f.Did, &f.Want, &f.Got, &f.Why} {
			*part = shortened(*part)
		}
		s.send(Report{Test: s.Check, Finding: &f})
	}
}

// shortened keeps the beginning of a text that is too long for a report.
func shortened(s string) string {
	if len(s) <= maxPart {
		return s
	}
	return strings.ToValidUTF8(s[:maxPart], "") + fmt.Sprintf("… (%d bytes in all)", len(s))
}

// Current returns the request that this process serves and true or, under a plain go test, what the
// environment (LABS_REDIS_URL, LABS_POSTGRES_URL, LABS_SEED) and then the state of "labs up" give,
// and false.
func Current() (Request, bool) {
	s := serving()
	if s != nil {
		return s.Request, true
	}
	return plain(), false
}
