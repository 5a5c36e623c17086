package account_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// What the checks below change.
var (
	errOne   = errors.New("one")
	setting  = 1
	ofTheKit = "kit"
)

// changes are what code can do that all code of a process feels, by the name under which it is told
// of.
var changes = map[string]func(){
	"io.EOF":             func() { io.EOF = errOne },
	"io.Discard":         func() { io.Discard = io.MultiWriter() },
	"os.Args":            func() { os.Args = os.Args[:0] },
	"runtime.GOMAXPROCS": func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) },
	"the environment":    func() { os.Setenv("ACCOUNT_TEST_NEW", "1") },
	"kit.Value":          func() { ofTheKit = "other" },
	"io.EOF, os.Args":    func() { os.Args, io.EOF = nil, nil },
	"io.EOF, runtime.GOMAXPROCS, the environment": func() {
		os.Clearenv()
		io.EOF = nil
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	},
	"ErrOne":          func() { errOne = errors.New("one") },
	"ErrOne, Setting": func() { errOne, setting = io.EOF, 2 },
	"ErrOne is nil":   func() { errOne = nil },
}

func init() {
	account.Keep("kit.Value", &ofTheKit)
	exported := func() {
		account.Variables("", map[string]any{"Setting": &setting, "ErrOne": &errOne})
	}
	// In a lab the initialisers come between Begin and Main.
	helpers["changed late"] = func() { account.Begin(); exported(); account.Main(changing) }
	helpers["changed early"] = func() {
		account.Begin()
		exported()
		changes[os.Getenv("ACCOUNT_TEST_CHANGE")]()
		account.Main(checks)
	}
	helpers["left behind"] = func() {
		account.Begin()
		leavings[os.Getenv("ACCOUNT_TEST_LEAVE")]()
		account.Main(checks)
	}
	for name, change := range changes {
		changing[name] = func(*testing.T) { change() }
	}
	changing["for itself"] = func(t *testing.T) { t.Setenv("ACCOUNT_TEST_NEW", "1") }
	changing["and back"] = func(*testing.T) {
		was := io.EOF
		io.EOF = nil
		io.EOF = was
	}
	changing["fails and changes"] = func(t *testing.T) {
		account.Record(account.Finding{Got: "less"})
		os.Args = nil
		t.FailNow()
	}
}

var changing = map[string]func(*testing.T){}

// TestMain_changed is about checks during which something changes that everybody goes by.
func TestMain_changed(t *testing.T) {
	t.Parallel()
	noLibrary := account.Without{Library: true}
	noVariables := account.Without{Variables: true}
	for _, tt := range []struct {
		check   string
		without account.Without
		want    []string // what was got instead
	}{
		{"io.EOF", account.Without{}, []string{"changed meanwhile: io.EOF"}},
		{"io.Discard", noVariables, []string{"changed meanwhile: io.Discard"}},
		{"os.Args", account.Without{}, []string{"changed meanwhile: os.Args"}},
		{"runtime.GOMAXPROCS", account.Without{},
			[]string{"changed meanwhile: runtime.GOMAXPROCS"}},
		{"the environment", account.Without{}, []string{"changed meanwhile: the environment"}},
		{"kit.Value", account.Without{}, []string{"changed meanwhile: kit.Value"}},
		{"io.EOF, runtime.GOMAXPROCS, the environment", account.Without{},
			[]string{"changed meanwhile: io.EOF, runtime.GOMAXPROCS, the environment"}},
		{"io.EOF", noLibrary, nil},
		{"the environment", noLibrary, nil},
		{"ErrOne", account.Without{},
			[]string{"ErrOne had another value when the package was loaded"}},
		{"ErrOne, Setting", noLibrary,
			[]string{"ErrOne, Setting had another value when the package was loaded"}},
		{"ErrOne is nil", account.Without{},
			[]string{"ErrOne had another value when the package was loaded"}},
		{"ErrOne", noVariables, nil},
		{"for itself", account.Without{}, nil},
		{"and back", account.Without{}, nil},
		{"fails and changes", account.Without{}, []string{"less", "changed meanwhile: os.Args"}},
	} {
		name := tt.check
		if tt.without != (account.Without{}) {
			name += ", not looked at"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := serve(t, "changed late", account.Request{Check: tt.check, Without: tt.without})
			verdict := []string{account.Passed}
			if tt.want != nil {
				verdict[0] = account.Failed
			}
			if got := is.verdicts(t, tt.check); !cmp.Equal(got, verdict) {
				t.Errorf("got the verdicts %q, want %q", got, verdict)
			}
			if diff := cmp.Diff(tt.want, is.gots()); diff != "" {
				t.Errorf("the findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

// gots are what was got, of each finding.
func (is told) gots() (all []string) {
	for _, f := range is.findings() {
		all = append(all, f.Got)
	}
	return all
}

// TestMain_changedEarly is about initialisers that change it: the check, which would panic, is not
// begun.
func TestMain_changedEarly(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"io.EOF":          "changed meanwhile: io.EOF",
		"the environment": "changed meanwhile: the environment",
		"ErrOne":          "ErrOne had another value when the package was loaded",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			is := serve(t, "changed early", account.Request{Check: "panics"},
				"ACCOUNT_TEST_CHANGE="+change)
			if got := is.gots(); len(got) != 1 || got[0] != want || is.code != 1 {
				t.Errorf("got %q and exit code %d, want %q and 1", got, is.code, want)
			}
			if got := is.verdicts(t, "panics"); !cmp.Equal(got, []string{account.Failed}) {
				t.Errorf("got the verdicts %q, want one: failed", got)
			}
		})
	}
}

// TestMain_noVariant is about a family's binary that an initialiser has put in disorder: whoever
// reads why it does not serve is told.
func TestMain_noVariant(t *testing.T) {
	t.Parallel()
	const none = "account: this binary has no variant \"other\""
	for name, tt := range map[string]struct{ play, env, want string }{
		"changed": {"changed early", "ACCOUNT_TEST_CHANGE=io.EOF",
			none + ", and is in disorder: changed meanwhile: io.EOF\n"},
		"left behind": {"left behind", "ACCOUNT_TEST_LEAVE=a goroutine", none +
			", and is in disorder: a goroutine is waiting to receive from a channel at thing.go:20\n"},
		"in order": {"left behind", "ACCOUNT_TEST_LEAVE=nothing", none + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := serve(t, tt.play, account.Request{Check: "passes", Variant: "other"}, tt.env)
			if is.output != tt.want || is.code != 2 || len(is.reports) > 0 {
				t.Errorf("got %q, exit code %d and %d reports, want %q, 2 and none", is.output,
					is.code, len(is.reports), tt.want)
			}
		})
	}
}

// leavings are what initialisers can leave behind.
var leavings = map[string]func(){
	"nothing":     func() {},
	"a goroutine": leave,
	"a pipe":      func() { open(1) },
	"a file":      func() { os.Create(filepath.Join(os.TempDir(), "left")) },
	"three":       func() { open(1); leave() },
	"much":        func() { open(2); leave() },
}

// leave starts a goroutine, and returns when it waits.
func leave() {
	go waitInLab()
	waits := func(g stacks.Goroutine) bool { return g.Where() == "thing.go:20" && !g.Moves() }
	for {
		if all, _ := stacks.All(); slices.ContainsFunc(all, waits) {
			return
		}
		runtime.Gosched()
	}
}

func open(pairs int) {
	for range pairs {
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		keptOpen = append(keptOpen, r, w)
	}
}

var keptOpen []*os.File

// TestMain_leftBehind is about what packages start and open when they are loaded.
func TestMain_leftBehind(t *testing.T) {
	t.Parallel()
	for leave, want := range map[string][]string{ // what is told of, in any order
		"nothing":     nil,
		"a goroutine": {"waiting to receive from a channel at thing.go:20"},
		"a pipe":      {"a pipe is open (descriptor "},
		"a file":      {"a file is open (descriptor ", "a file was made: left"},
		"three":       {"a goroutine is ", "; a pipe is open (descriptor "},
		"much":        {"a goroutine is ", "; a pipe is open (descriptor ", "; and 2 more"},
	} {
		for _, without := range []bool{false, true} {
			name := leave
			if without {
				name += ", not looked at"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				is := serve(t, "left behind", account.Request{Check: "passes",
					Without: account.Without{Census: without}},
					"ACCOUNT_TEST_LEAVE="+leave)
				verdict, found := account.Passed, 0
				if want != nil && !without {
					verdict, found = account.Failed, 1
				}
				if got := is.verdicts(t, "passes"); !cmp.Equal(got, []string{verdict}) {
					t.Errorf("got the verdicts %q, want one: %s", got, verdict)
				}
				got := is.gots()
				if len(got) != found {
					t.Fatalf("got the findings %q, want %d", got, found)
				}
				if found > 0 && (strings.Contains(got[0], "more") != (leave == "much")) {
					t.Errorf("got %q, want the first three and how many more there are", got[0])
				}
				for _, part := range want {
					if found > 0 && !strings.Contains(got[0], part) {
						t.Errorf("got %q, want %q in it", got[0], part)
					}
				}
			})
		}
	}
}

// valued is an error that can be compared, and loose one that looks as if it could.
type (
	valued struct{ text string }
	loose  struct{ what any }
	sliced []string
)

func (e valued) Error() string { return e.text }
func (e loose) Error() string  { return "loose" }
func (e sliced) Error() string { return "sliced" }

// TestVariables is about values that callers could not tell apart.
func TestVariables(t *testing.T) {
	t.Parallel()
	one, two := errors.New("one"), errors.New("one")
	var none error
	var nobody *valued
	var pointed error = nobody
	alike, other := valued{"one"}, valued{"two"}
	sameText := error(alike)
	looseOne, looseTwo := loose{[]int{1}}, loose{[]int{1}}
	slicedOne, slicedTwo := sliced{"one"}, sliced{"one"}
	zero, also, empty, blank := 0, 0, "", []string(nil)
	var f func()
	var m map[string]int
	var c chan int
	again := one
	for name, tt := range map[string]struct {
		pointers map[string]any
		want     string
	}{
		"none":                     {nil, ""},
		"two errors with one text": {map[string]any{"A": &one, "B": &two}, ""},
		"one error": {map[string]any{"B": &again, "A": &one},
			"A and B are one and the same"},
		"a nil":                     {map[string]any{"A": &one, "B": &none}, "B is nil"},
		"a nil pointer":             {map[string]any{"A": &nobody}, "A is nil"},
		"a nil pointer as an error": {map[string]any{"A": &pointed}, "A is nil"},
		"the first that is wrong": {map[string]any{"C": &none, "B": &again, "A": &one},
			"A and B are one and the same"},
		"equal values": {map[string]any{"A": &alike, "B": &sameText},
			"A and B are one and the same"},
		"other values":               {map[string]any{"A": &alike, "B": &other}, ""},
		"what only looks comparable": {map[string]any{"A": &looseOne, "B": &looseTwo}, ""},
		"what cannot be compared":    {map[string]any{"A": &slicedOne, "B": &slicedTwo}, ""},
		"numbers, a text and a slice": {map[string]any{"A": &zero, "B": &also, "C": &empty,
			"D": &blank}, ""},
		"a function that is nil": {map[string]any{"A": &zero, "F": &f}, "F is nil"},
		"a map that is nil":      {map[string]any{"M": &m}, "M is nil"},
		"a channel that is nil":  {map[string]any{"C": &c}, "C is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variant := t.Name()
			account.Variables(variant, tt.pointers)
			got := account.Muddle(variant)
			switch {
			case got == nil && tt.want != "":
				t.Errorf("got nothing, want %q", tt.want)
			case got != nil && (got.Got != tt.want || got.Did == "" || got.Why == ""):
				t.Errorf("got %+v, want %q", got, tt.want)
			}
		})
	}
}

// TestVariables_variants is about families: each has variables of its own, of several packages.
func TestVariables_variants(t *testing.T) {
	t.Parallel()
	one, two, three := errors.New("one"), errors.New("two"), errors.New("three")
	account.Variables("variants/a", map[string]any{"One": &one})
	account.Variables("variants/a", map[string]any{"Two": &two})
	account.Variables("variants/b", map[string]any{"Three": &three})
	two = one // in another package: whoever sees both takes one for the other, but by its own name
	for variant, want := range map[string]string{
		"variants/a": "Two had another value when the package was loaded",
		"variants/b": "",
		"variants/c": "",
	} {
		got := account.Muddle(variant)
		if got == nil && want != "" || got != nil && got.Got != want {
			t.Errorf("%s: got %+v, want %q", variant, got, want)
		}
	}
}
