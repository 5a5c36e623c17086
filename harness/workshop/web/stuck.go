package web

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// standing is how a room stands with one lab.
type standing struct {
	Lab    *course.Lab
	Graded int // whom the grader has passed
	Says   int // of the others, whose own machine says that it passes
	On     int // have begun and not passed, by neither
	Idle   int // have not begun

	Check     *course.Check // the one at which most are stuck, or nil
	Stuck     int           // how many are
	Belief    *course.Mutant
	Believers int // of those who are stuck, how many it explains; 0: it is only the likeliest
	Hint      string
	Passage   string // Markdown, of the model answer
}

// Of is how many there are in all.
func (s standing) Of() int { return s.Graded + s.Says + s.On + s.Idle }

// Passing is how many pass, by either.
func (s standing) Passing() int { return s.Graded + s.Says }

// standingOf counts who stands where with a lab, and finds where most are stuck and what they
// believe.
func (s *snapshot) standingOf(l *course.Lab) standing {
	out := standing{Lab: l}
	var stuck []work
	for _, p := range s.people {
		c := s.cells[place{p.ID, l.ID}]
		switch {
		case c.gradedPass():
			out.Graded++
		case c.saysPass():
			out.Says++
		case c.begun():
			out.On++
			_, failing, mutant, _ := c.latest()
			stuck = append(stuck, work{failing, mutant})
		default:
			out.Idle++
		}
	}
	out.stuck(stuck)
	return out
}

// work is what somebody who is stuck fails, and the misconception that it looks like, or "".
type work struct {
	failing []string
	mutant  string
}

// stuck finds the check that most fail. A stub fails all of them, so of equal ones it is the first.
func (s *standing) stuck(all []work) {
	for i := range s.Lab.Checks {
		check := &s.Lab.Checks[i]
		n := 0
		for _, w := range all {
			if slices.Contains(w.failing, check.Test) {
				n++
			}
		}
		if n > s.Stuck {
			s.Check, s.Stuck = check, n
		}
	}
	if s.Check == nil {
		return
	}
	var there []work
	for _, w := range all {
		if slices.Contains(w.failing, s.Check.Test) {
			there = append(there, w)
		}
	}
	s.believed(there)
	s.righted()
}

// believed is the misconception that explains most of them; where none was recognised, the one
// whose failures are most like theirs, if it is rather like them.
func (s *standing) believed(there []work) {
	likeliest := 0.5
	for i := range s.Lab.Mutants {
		m := &s.Lab.Mutants[i]
		n, alike := 0, 0.0
		for _, w := range there {
			if of := s.Lab.Mutant(w.mutant); of != nil && of.Misconception == m.Misconception {
				n++
			}
			alike += likeness(w.failing, m.Fails) / float64(len(there))
		}
		switch {
		case n > s.Believers:
			s.Belief, s.Believers = m, n
		case s.Believers == 0 && alike > likeliest && slices.Contains(m.Fails, s.Check.Test):
			s.Belief, likeliest = m, alike
		}
	}
}

// likeness is how much of two sets is common to both, from 0 to 1.
func likeness(a, b []string) float64 {
	common := 0
	for _, x := range a {
		if slices.Contains(b, x) {
			common++
		}
	}
	return float64(common) / float64(max(1, len(a)+len(b)-common))
}

// righted finds what puts the belief right: the hint, and the passage of the model answer, that
// speak most of the same.
func (s *standing) righted() {
	about := s.Check.Title
	if s.Belief != nil {
		about = s.Belief.Misconception + " " + s.Belief.Explain
	}
	key := s.Lab.Dir + "\x00" + about
	found, ok := righting.Load(key)
	if !ok {
		found = [2]string{nearest(about, s.Lab.Hints), nearest(about, passages(s.Lab))}
		righting.Store(key, found)
	}
	s.Hint, s.Passage = found.([2]string)[0], found.([2]string)[1]
}

// righting has what [standing.righted] has found: as many as there are checks and misconceptions,
// since both are the course's.
var righting sync.Map

// passages are the paragraphs and list items of a lab's model answer.
func passages(l *course.Lab) (all []string) {
	text, err := os.ReadFile(filepath.Join(l.SolutionDir, "ANSWER.md"))
	if err != nil {
		return nil
	}
	plain := strings.ReplaceAll(string(text), "\r\n", "\n")
	for block := range strings.SplitSeq(plain, "\n\n") {
		if block = strings.TrimSpace(block); block == "" || block[0] == '#' || strings.HasPrefix(block, "```") {
			continue
		}
		if block[0] != '-' {
			all = append(all, block)
			continue
		}
		for item := range strings.SplitSeq("\n"+block, "\n- ") {
			if item = strings.TrimSpace(item); item != "" {
				all = append(all, item)
			}
		}
	}
	return all
}

// nearest is the text that shares most with what is spoken about: a word counts the more the fewer
// of the texts have it. A long text does not win by its length alone.
func nearest(about string, texts []string) (best string) {
	wanted, all, has := words(about), make([]map[string]bool, len(texts)), map[string]int{}
	for i, text := range texts {
		all[i] = words(text)
		for word := range all[i] {
			has[word]++
		}
	}
	most := 0.0
	for i, of := range all {
		score := 0.0
		for word := range of {
			if wanted[word] {
				score += math.Log(1 + float64(len(texts))/float64(has[word]))
			}
		}
		if score /= math.Sqrt(float64(max(8, len(of)))); score > most {
			best, most = texts[i], score
		}
	}
	return best
}

// words are the words of a text that say something, without their endings.
func words(text string) map[string]bool {
	all := map[string]bool{}
	between := func(r rune) bool { return !unicode.IsLetter(r) }
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), between) {
		if len(word) < 4 || common[word] {
			continue
		}
		for _, end := range []string{"ing", "ed", "es", "s"} {
			if cut, ok := strings.CutSuffix(word, end); ok && len(cut) >= 4 {
				word = cut
				break
			}
		}
		all[word] = true
	}
	return all
}

// common are words that tell no text from another.
var common = wordSet(`that this with from what when which there they them have must each every then than only also
	more most does into other whose where still once their never same`)

func wordSet(text string) map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		all[word] = true
	}
	return all
}

// standingsOf are those of all labs, in their order.
func (s *snapshot) standingsOf() (all []standing) {
	for _, l := range s.labs {
		all = append(all, s.standingOf(l))
	}
	return all
}

// byStuck puts first what most are stuck at.
func byStuck(all []standing) []standing {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b standing) int { return cmp.Compare(b.Stuck, a.Stuck) })
	return all
}

// failed reports whether a verdict is one that the learner has something to do about.
func failed(v run.Verdict) bool {
	return v == run.Failed || v == run.BuildFailed || v == run.Rejected || v == run.TimedOut
}
