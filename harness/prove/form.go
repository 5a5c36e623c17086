package prove

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/diagnose"
	"github.com/backend-labs/backend-labs/harness/owner"
)

// Form holds labs against what can be seen without building or running anything: the files that
// must be there, the texts, whether each mutant's patch applies, whether the beliefs can be told
// apart. The proofs have no matrix. The error says that there is no folder for the mutants.
func Form(labs []*course.Lab) ([]Proof, error) {
	tmp, err := owner.TempDir("", "prove")
	if err != nil {
		return nil, fmt.Errorf("no folder for the mutants: %w", err)
	}
	defer os.RemoveAll(tmp)
	proofs := make([]Proof, len(labs))
	for i, l := range labs {
		s := newSubject(l, filepath.Join(tmp, l.Slug))
		s.order(labs)
		proofs[i] = Proof{
			Lab: l.ID, Slug: l.Slug, Problems: append([]string{}, s.problems...), Notes: []string{},
			Checks: []string{},
			Holds:  len(s.problems) == 0, Matrix: []Variant{}, Promises: s.kept,
		}
	}
	return proofs, nil
}

// form holds the lab's files and texts against what lab.yaml says.
func (s *subject) form() {
	s.documents()
	s.folder()
	s.tests()
	s.patches()
	s.confusables()
	s.promises()
	s.unwritten()
}

// order holds the labs that the lab says it comes after against those that there are. A ring of labs is seen where all of
// it is among those that are looked at.
func (s *subject) order(labs []*course.Lab) {
	before := map[string][]string{}
	for _, l := range labs {
		before[l.ID] = l.After
	}
	for _, id := range s.lab.After {
		found, _ := filepath.Glob(filepath.Join(filepath.Dir(s.lab.Dir), strings.ToLower(id)+"-*", "lab.yaml"))
		if len(found) == 0 {
			s.problem("after: there is no lab %s in this course", id)
		}
	}
	seen := map[string]bool{}
	for next := slices.Clone(s.lab.After); len(next) > 0; next = next[1:] {
		switch id := next[0]; {
		case id == s.lab.ID:
			s.problem("after: the labs that come before %s come after it, too, so that none can be the first", id)
			return
		case !seen[id]:
			seen[id] = true
			next = append(next, before[id]...)
		}
	}
}

// unwritten names the lines that are still to be written, by the word that "labs new" has put there.
func (s *subject) unwritten() {
	for _, top := range []string{s.lab.Dir, s.lab.SolutionDir} {
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == ".stub" {
				return filepath.SkipDir // the stub is looked at where it is edited
			}
			if d.IsDir() || strings.HasSuffix(path, ".patch") {
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			rel, _ := filepath.Rel(filepath.Dir(filepath.Dir(top)), path)
			n := 0
			for line := range strings.Lines(string(data)) {
				n++
				if _, todo, found := strings.Cut(line, "TODO"); found {
					if bold, _, _ := strings.Cut(todo, "**"); strings.Trim(bold, ": ") != "" {
						todo = bold // what is behind it is not what is to be written
					}
					s.problem("%s:%d is to be written: %s", filepath.ToSlash(rel), n,
						strings.Trim(todo, ":\"*,\n "))
				}
			}
			return nil
		})
	}
}

// solved reports whether the solution is there, and says what is missing.
func (s *subject) solved() bool {
	l := s.lab
	if st, err := os.Stat(l.SolutionDir); err != nil || !st.IsDir() {
		s.problem("there is no folder solutions/%s: it holds the reference (%s), ANSWER.md, "+
			"mutants/ and alternatives/; "+
			"labs/README.md has more", l.Slug, strings.Join(l.Files, ", "))
		return false
	}
	return s.has(l.SolutionDir, "reference")
}

// has reports whether a variant's folder has the lab's files, and says which it lacks.
func (s *subject) has(dir, variant string) bool {
	all := true
	for _, file := range s.lab.Files {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			s.problem("the %s has no %s, which lab.yaml names in files", variant, file)
			all = false
		}
	}
	return all
}

// folder holds the lab's files against the recorded stub, and against what lab.yaml names.
func (s *subject) folder() {
	if !s.has(s.lab.Dir, "lab's folder") {
		return
	}
	if _, err := s.lab.Stub(); err != nil {
		s.problem("the stub is not recorded: labs stub %s --record does it", s.lab.Slug)
	} else if text := s.lab.NotTheStub(); text != "" {
		s.problem("%s; labs stub %s --record records a stub that was changed on purpose", text,
			s.lab.Slug)
	}
	strays, err := s.lab.Strays()
	if err != nil {
		s.problem("%v", err)
	}
	for _, name := range strays {
		s.problem("%s is neither in files nor in given of lab.yaml", name)
	}
}

// documents looks at the texts besides lab.yaml, and at how many hints there are.
func (s *subject) documents() {
	l := s.lab
	brief, err := os.ReadFile(filepath.Join(l.Dir, "README.md"))
	quoted := "> " + l.Question
	switch {
	case err != nil:
		s.problem("there is no brief: labs/%s/README.md cannot be read", l.Slug)
	case !strings.Contains(string(brief), quoted):
		s.problem("README.md does not quote the question word for word: %q", quoted)
	}
	if _, err := os.Stat(l.SolutionDir); err == nil {
		s.answer()
	}
	if len(l.Hints) < 3 || len(l.Hints) > 5 {
		s.problem("%s %s; three to five lead from a nudge to almost the answer",
			are(len(l.Hints)), count(len(l.Hints), "hint"))
	}
}

func (s *subject) answer() {
	answer, err := os.ReadFile(filepath.Join(s.lab.SolutionDir, "ANSWER.md"))
	if err != nil {
		s.problem("there is no model answer: solutions/%s/ANSWER.md cannot be read", s.lab.Slug)
	} else if n := len(strings.Fields(string(answer))); n < 200 || n > 600 {
		s.problem("ANSWER.md has %s; 200 to 500 and a little for the follow-up questions is right",
			count(n, "word"))
	}
}

// tests holds the tests beside the stub against the checks of lab.yaml.
func (s *subject) tests() {
	files, _ := filepath.Glob(filepath.Join(s.lab.Dir, "*_test.go"))
	found := map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			s.problem("a file of checks is no Go: %v",
				strings.TrimPrefix(err.Error(), s.lab.Dir+string(filepath.Separator)))
			return
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil &&
				strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = true
				if s.lab.Check(fn.Name.Name) == nil {
					s.problem("%s in %s is no check of lab.yaml: give it a title and points there",
						fn.Name.Name, filepath.Base(path))
				}
			}
		}
	}
	for _, c := range s.lab.Checks {
		if !found[c.Test] {
			s.problem("lab.yaml has the check %s, and no _test.go file of labs/%s has that test",
				c.Test, s.lab.Slug)
		}
	}
}

// patches looks for those that lab.yaml does not name.
func (s *subject) patches() {
	patches, _ := filepath.Glob(filepath.Join(s.lab.SolutionDir, "mutants", "*"))
	for _, path := range patches {
		name := filepath.Base(path)
		if !slices.ContainsFunc(s.lab.Mutants,
			func(m course.Mutant) bool { return m.Patch == name }) {
			s.problem("mutants/%s is not in lab.yaml", name)
		}
	}
}

// confusables looks for mutants of different beliefs that a learner's failures could not tell
// apart, and for those that could be taken for anything.
func (s *subject) confusables() {
	for i := range s.lab.Mutants {
		a := &s.lab.Mutants[i]
		if diagnose.Vague(s.lab, a) && len(a.Fails)+len(a.Also) < len(s.lab.Checks) {
			s.problem("the mutant %s fails %d of %d checks, as much else does: say by shows what it is known by, a piece of "+
				"what one of them says of it", a.Name(), len(a.Fails), len(s.lab.Checks))
		}
		for j := range s.lab.Mutants[:i] {
			if b := &s.lab.Mutants[j]; diagnose.Confusable(a, b) {
				s.problem("the mutants %s and %s fail the same checks and claim different "+
					"beliefs: add a check that tells "+
					"them apart, say by shows what each is known by, or give them one belief",
					b.Name(), a.Name())
			}
		}
	}
}
