package course

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	idForm   = regexp.MustCompile(`^[BIA]\d\d$`)
	testForm = regexp.MustCompile(`^Test[A-Z]\w*$`)
)

// rule is something that a value must be: if wrong, it is noted at the key.
type rule struct {
	key   string
	wrong bool
	msg   string
}

// rules notes the first broken one of each key; path leads to what the keys lie in.
func (f *source) rules(path []any, rules []rule) {
	for _, r := range rules {
		key := append(slices.Clone(path), r.key)
		if r.wrong && !f.faults.below(keyOf(key)) {
			f.faultIn(key, "%s", r.msg)
		}
	}
}

func (f *source) validate(l *Lab) {
	f.validateIdentity(l)
	f.rules(nil, []rule{
		{"title", l.Title == "", "the title is empty"},
		{"question", l.Question == "", "the question is empty: it stands here word for word"},
		{"minutes", l.Minutes < 1, "the estimate is less than a minute"},
		{"files", len(l.Files) == 0, "a lab has at least one file to edit"},
		{"checks", len(l.Checks) == 0, "a lab has at least one check"},
		{"hints", len(l.Hints) == 0, "a lab has at least one hint"},
		{"mutants", len(l.Mutants) == 0, "a lab has at least one mutant"},
	})
	for i, file := range l.Files {
		if path.Clean(file) != file || !filepath.IsLocal(file) ||
			strings.HasSuffix(file, "_test.go") {
			f.faultIn([]any{"files", i},
				"a file to edit is a clean path below the lab's folder, and no _test.go file: "+
					"%q is not", file)
		}
	}
	f.validateGiven(l)
	for i, id := range l.After {
		if !idForm.MatchString(id) {
			f.faultIn([]any{"after", i},
				"%q is no lab's id: it is a letter and two digits, such as B02", id)
		}
	}
	for i, b := range l.Forbid {
		f.rules([]any{"forbid", i}, []rule{
			{"import", b.Import == "", "the import's path is empty"},
			{"why", b.Why == "", "the reason is empty: it is shown to whoever imports it"},
		})
	}
	if given := l.ListenFor; given != (ListenFor{}) {
		const empty = "it is empty: a line says what such an answer contains"
		f.rules([]any{"listen_for"}, []rule{
			{"strong", given.Strong == "", empty},
			{"middling", given.Middling == "", empty},
			{"weak", given.Weak == "", empty},
		})
	}
	f.validateChecks(l)
	f.validateMutants(l)
	f.validateEquivalent(l)
}

// validateIdentity holds level, id and folder against each other.
func (f *source) validateIdentity(l *Lab) {
	switch {
	case f.faults.below("level") || f.faults.below("id"):
	case !slices.Contains(Levels, l.Level):
		f.faultIn([]any{"level"}, "%q is no level: it is beginner, intermediate or advanced",
			l.Level)
	case !idForm.MatchString(l.ID) || l.ID[:1] != l.Level.letter():
		f.faultIn([]any{"id"}, "the id of a lab at level %s is %s and two digits, not %q", l.Level,
			l.Level.letter(), l.ID)
	case !strings.HasPrefix(l.Slug, strings.ToLower(l.ID)+"-"):
		f.faultIn([]any{"id"}, "the folder %s does not begin with the id, %s-", l.Slug,
			strings.ToLower(l.ID))
	}
}

func (f *source) validateGiven(l *Lab) {
	for i, file := range l.Given {
		at := []any{"given", i}
		switch {
		case path.Clean(file) != file || !filepath.IsLocal(file) ||
			!strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			f.faultIn(at, "a given file is a clean path of a .go file below the lab's folder, "+
				"and no _test.go file: %q is not", file)
		case slices.Contains(l.Files, file):
			f.faultIn(at, "%q cannot be both given and a file to edit", file)
		case !isFile(filepath.Join(l.Dir, filepath.FromSlash(file))):
			f.faultIn(at, "the given file %q is not there", file)
		}
	}
}

func (f *source) validateChecks(l *Lab) {
	seen := map[string]bool{}
	for i, c := range l.Checks {
		path := []any{"checks", i}
		f.rules(path, []rule{
			{"test", !testForm.MatchString(c.Test), "a check's test is a top-level TestXxx, not " + strconv.Quote(c.Test)},
			{"test", seen[c.Test], "the check " + c.Test + " stands here twice"},
			{"title", c.Title == "", "the check " + c.Test + " has no title"},
			{"points", c.Points < 1, "the check " + c.Test + " has no points"},
		})
		seen[c.Test] = true
		for _, n := range c.Needs {
			if n != NeedRedis && n != NeedRealRedis && n != NeedPostgres {
				f.faultIn(append(path, "needs"),
					"the check %s needs %q: known are redis, redis! and postgres", c.Test, n)
			}
		}
	}
}

func (f *source) validateMutants(l *Lab) {
	seen := map[string]bool{}
	for i, m := range l.Mutants {
		path := []any{"mutants", i}
		aFile := filepath.Base(m.Patch) == m.Patch && strings.HasSuffix(m.Patch, ".patch")
		f.rules(path, []rule{
			{"patch", !aFile, "a mutant's patch is the name of a file in solutions/" + l.Slug + "/mutants" +
				" that ends in .patch, not " + strconv.Quote(m.Patch)},
			{"patch", seen[m.Patch], "the mutant " + m.Patch + " stands here twice"},
			{"misconception", m.Misconception == "", "the mutant " + m.Patch + " has no misconception"},
			{"explain", m.Explain == "", "the mutant " + m.Patch + " has no explanation"},
			{"fails", len(m.Fails) == 0, "the mutant " + m.Patch + " names no check that fails on it"},
		})
		seen[m.Patch] = true
		f.validateTests(l, path, "fails", m, m.Fails)
		f.validateTests(l, path, "also", m, m.Also)
	}
	f.validateBeliefs(l)
}

// validateTests looks whether a mutant's tests are checks of the lab, and each is named once.
func (f *source) validateTests(l *Lab, path []any, key string, m Mutant, tests []string) {
	if f.faults.below("checks") {
		return
	}
	for i, test := range tests {
		switch {
		case l.Check(test) == nil:
			f.faultIn(append(path, key), "the mutant %s fails %s, which is no check of this lab", m.Patch, test)
		case slices.Contains(tests[:i], test), key == "also" && slices.Contains(m.Fails, test):
			f.faultIn(append(path, key), "the mutant %s names %s twice", m.Patch, test)
		}
	}
}

// validateBeliefs holds the mutants of one belief against each other: a belief is told in one way.
func (f *source) validateBeliefs(l *Lab) {
	explained := map[string]Mutant{}
	for i, m := range l.Mutants {
		first, ok := explained[m.Misconception]
		if !ok {
			explained[m.Misconception] = m
			continue
		}
		if first.Explain != m.Explain {
			f.faultIn([]any{"mutants", i, "explain"},
				"the mutants %s and %s have one misconception and explain it differently",
				first.Patch, m.Patch)
		}
	}
}

func (f *source) validateEquivalent(l *Lab) {
	for i, e := range l.Equivalent {
		f.rules([]any{"equivalent", i}, []rule{
			{"was", e.Was == "", "the line is empty: labs prove --mutate prints it"},
			{"why", e.Why == "", "there is no reason why the change is none for the caller"},
		})
	}
}
