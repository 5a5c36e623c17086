// Package course reads labs as data. A course is a directory tree with labs/, solutions/ and a
// go.mod; a lab is what lies on the disk, and there is no registry besides it.
package course

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/mod/modfile"
)

// Level is how far a question goes.
type Level string

// The levels, in their order. A lab's id begins with the level's letter.
const (
	Beginner     Level = "beginner"
	Intermediate Level = "intermediate"
	Advanced     Level = "advanced"
)

// Levels are all levels in their order.
var Levels = []Level{Beginner, Intermediate, Advanced}

func (l Level) letter() string { return strings.ToUpper(string(l[:1])) }

// rank orders the levels.
func (l Level) rank() int {
	return slices.Index(Levels, l)
}

// Lab is one question made executable: the content of its lab.yaml, and where it lies.
type Lab struct {
	ID       string   `yaml:"id"`
	Title    string   `yaml:"title"`
	Question string   `yaml:"question"`
	Level    Level    `yaml:"level"`
	Topics   []string `yaml:"topics"`
	After    []string `yaml:"after"`   // ids of the labs that prepare for this one
	Minutes  int      `yaml:"minutes"` // an honest estimate
	// what the learner edits, relative to Dir, with forward slashes
	Files []string `yaml:"files"`
	// Given are the other Go files of the lab that are no tests, written as Files are. No other Go
	// file belongs to the lab. The key may be left out.
	Given   []string `yaml:"given" key:"optional"`
	Imports []string `yaml:"imports"` // allowed beyond the policy's default list
	Forbid  []Forbid `yaml:"forbid"`
	// NoPackageState says that variables at the top of the package may keep nothing, as the checks make
	// several instances of a service, or several of its lives, in one process. The key may be left out.
	NoPackageState bool `yaml:"no_package_state" key:"optional"`

	Race   bool     `yaml:"race"` // the checks are also run under the race detector
	Checks []Check  `yaml:"checks"`
	Hints  []string `yaml:"hints"`
	// ListenFor is for whoever asks the question. The key may be left out.
	ListenFor ListenFor `yaml:"listen_for" key:"optional"`
	Mutants   []Mutant  `yaml:"mutants"`
	// Unbroken are the promises that no mutant can break. The key may be left out.
	Unbroken []Unbroken `yaml:"unbroken" key:"optional"`
	// Freedoms are the sentences of the contract that leave something open. The key may be left out.
	Freedoms []Freedom `yaml:"freedoms" key:"optional"`
	// Equivalent are changes of the reference that no check can notice. The key may be left out.
	Equivalent []Equivalent `yaml:"equivalent" key:"optional"`

	// HuntOf is the lab whose wrong answers are hunted by what is handed in for this one: see
	// [Lab.AsHunt]. It is nil for any other.
	HuntOf *Lab `yaml:"-"`

	Slug        string `yaml:"-"` // the folder's name, such as b10-token-bucket
	Dir         string `yaml:"-"` // absolute
	SolutionDir string `yaml:"-"` // absolute
}

// ListenFor is what tells spoken answers to the question apart: what a strong, a middling and a weak one
// contains.
type ListenFor struct {
	Strong   string `yaml:"strong"`
	Middling string `yaml:"middling"`
	Weak     string `yaml:"weak"`
}

// Forbid is an import that the lab is about building oneself.
type Forbid struct {
	Import string `yaml:"import"`
	Why    string `yaml:"why"` // shown to whoever imports it
}

// Check is one graded behaviour: one top-level test of the lab.
type Check struct {
	Test   string   `yaml:"test"`
	Title  string   `yaml:"title"`
	Points int      `yaml:"points"`
	Needs  []string `yaml:"needs"` // NeedRedis, NeedRealRedis, NeedPostgres
}

// What a check may need. NeedRealRedis is a real server, which a miniature in memory is not.
const (
	NeedRedis     = "redis"
	NeedRealRedis = "redis!"
	NeedPostgres  = "postgres"
)

// Mutant is a known wrong answer: a patch of the reference.
type Mutant struct {
	Patch         string   `yaml:"patch"` // a file in the solution's mutants folder
	Misconception string   `yaml:"misconception"`
	Explain       string   `yaml:"explain"`
	Fails         []string `yaml:"fails"` // checks that fail on it, every time
	// Also are checks that fail on it besides, most of the time or always, without which it is caught as well.
	// The key may be left out.
	Also []string `yaml:"also" key:"optional"`
	// Shows is a piece of what one of these checks then says, for mutants that fail the same checks
	// as another of a different misconception. The key may be left out.
	Shows string `yaml:"shows" key:"optional"`
	// Breaks are the promises that it breaks, quoted from the brief or from the stub's comments. The
	// key may be left out.
	Breaks []string `yaml:"breaks" key:"optional"`
}

// Unbroken is a promise that no mutant can break, quoted as [Mutant.Breaks] are, and the reason.
type Unbroken struct {
	Text string `yaml:"text"`
	Why  string `yaml:"why"`
}

// Freedom is a sentence of the contract that leaves something open, quoted as [Mutant.Breaks] are. An
// alternative uses it, or there is a reason why none does.
type Freedom struct {
	Text        string `yaml:"text"`
	Alternative string `yaml:"alternative" key:"optional"` // a folder of the solution's alternatives
	Why         string `yaml:"why" key:"optional"`
}

// Equivalent is a change of the reference that leaves it correct. It is named by the text of the
// changed line, without comments, before and after.
type Equivalent struct {
	Was     string `yaml:"was"`
	Becomes string `yaml:"becomes" key:"optional"` // nothing where the line goes
	// In is the function or method, such as "New" or "Limiter.Allow", where several have the line.
	In  string `yaml:"in" key:"optional"`
	Why string `yaml:"why"`
}

// Name is the mutant's name: the patch without its ending.
func (m Mutant) Name() string { return strings.TrimSuffix(m.Patch, ".patch") }

// MaxPoints is the sum of the checks' points.
func (l *Lab) MaxPoints() int {
	sum := 0
	for _, c := range l.Checks {
		sum += c.Points
	}
	return sum
}

// Check returns the check of that test name, or nil.
func (l *Lab) Check(test string) *Check {
	for i := range l.Checks {
		if l.Checks[i].Test == test {
			return &l.Checks[i]
		}
	}
	return nil
}

// Needs is the union of what the checks need, in the order redis, redis!, postgres.
func (l *Lab) Needs() []string {
	var needs []string
	for _, n := range []string{NeedRedis, NeedRealRedis, NeedPostgres} {
		for _, c := range l.Checks {
			if slices.Contains(c.Needs, n) {
				needs = append(needs, n)
				break
			}
		}
	}
	return needs
}

// Chance reports whether the checks make random choices, which a seed repeats.
func (l *Lab) Chance() bool {
	files, _ := filepath.Glob(filepath.Join(l.Dir, "*_test.go"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for _, sign := range []string{`"pgregory.net/rapid"`, "bubble.Property(", ".Seed"} {
			if bytes.Contains(data, []byte(sign)) {
				return true
			}
		}
	}
	return false
}

// Package is the lab's import path below the course's module, with a leading "./".
func (l *Lab) Package() string { return "./labs/" + l.Slug }

// Alternatives are the folders with other correct solutions, in the order of their names.
func (l *Lab) Alternatives() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(l.SolutionDir, "alternatives"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(l.SolutionDir, "alternatives", e.Name()))
		}
	}
	return dirs, nil
}

// Course is a tree of labs.
type Course struct {
	Root   string // absolute
	Module string // the module's path, from go.mod
	Labs   []*Lab // by level, then by id

	// Broken are the labs that could not be read: one error for each, with file and line. The
	// others work.
	Broken []error
}

// ErrNoCourse says that there is no course in a folder or above it.
var ErrNoCourse = errors.New("there is no course: no folder with go.mod and labs/")

// Find looks for a course in dir and the folders above it.
func Find(dir string) (root string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s is not there", ErrNoCourse, dir)
	}
	if isFile(dir) {
		return "", fmt.Errorf("%w: %s is a file", ErrNoCourse, dir)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if isFile(filepath.Join(at, "go.mod")) && isDir(filepath.Join(at, "labs")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%w, neither here nor in a folder above %s", ErrNoCourse, dir)
		}
	}
}

// Load reads the course at root. A lab that cannot be read is in Broken; the error is for the
// course as a whole.
func Load(root string) (*Course, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	c := &Course{Root: root}
	if c.Module, err = modulePath(root); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "labs", "*", "lab.yaml"))
	if err != nil {
		return nil, err
	}
	labs, errs := make([]*Lab, len(files)), make([]error, len(files))
	var wg sync.WaitGroup
	for i, file := range files {
		wg.Go(func() { labs[i], errs[i] = Read(root, filepath.Base(filepath.Dir(file))) })
	}
	wg.Wait()
	c.Broken = unnamed(root, files)
	ids := map[string]string{}
	for i, l := range labs {
		if errs[i] != nil {
			c.Broken = append(c.Broken, errs[i])
			continue
		}
		if other, taken := ids[l.ID]; taken {
			c.Broken = append(c.Broken, &Error{
				File: files[i], Line: 1, Text: "id: " + l.ID, Key: "id",
				Msg: l.ID + " is the id of " + other + ", too", root: root,
			})
			continue
		}
		ids[l.ID] = l.Slug
		c.Labs = append(c.Labs, l)
	}
	sort.SliceStable(c.Labs, func(i, j int) bool {
		a, b := c.Labs[i], c.Labs[j]
		if a.Level != b.Level {
			return a.Level.rank() < b.Level.rank()
		}
		return a.ID < b.ID
	})
	return c, nil
}

// folderForm is what the name of a lab's folder begins with.
var folderForm = regexp.MustCompile(`^[bia][0-9]{2}-`)

// unnamed are the errors for folders of labs that have no lab.yaml, beside those files.
func unnamed(root string, files []string) (errs []error) {
	entries, err := os.ReadDir(filepath.Join(root, "labs"))
	if err != nil {
		return []error{fmt.Errorf("read the course: %w", err)}
	}
	for _, e := range entries {
		file := filepath.Join(root, "labs", e.Name(), "lab.yaml")
		if e.IsDir() && folderForm.MatchString(e.Name()) && !slices.Contains(files, file) {
			errs = append(errs, &Error{File: file, Line: 1, Msg: "there is no such file, and a lab is read from it", root: root})
		}
	}
	return errs
}

// Language is the version of Go that the course's go.mod asks for, such as 1.26.0.
func (c *Course) Language() (string, error) {
	mod, err := readMod(c.Root)
	if err != nil {
		return "", err
	}
	if mod.Go == nil {
		return "", fmt.Errorf("%s: no go line", mod.Syntax.Name)
	}
	return mod.Go.Version, nil
}

// modulePath is that of the module in a folder.
func modulePath(root string) (string, error) {
	mod, err := readMod(root)
	if err != nil {
		return "", err
	}
	if mod.Module == nil {
		return "", fmt.Errorf("%s: no module line", mod.Syntax.Name)
	}
	return mod.Module.Mod.Path, nil
}

func readMod(root string) (*modfile.File, error) {
	path := filepath.Join(root, "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the course: %w", err)
	}
	return modfile.ParseLax(path, data, nil)
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
