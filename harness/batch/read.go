package batch

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/run"
)

// reading is what was found in a submission: either files of labs or, of one that is refused, its
// results.
type reading struct {
	found   []intake.Submission
	refused []run.Result
}

// read takes a submission in. What intake refuses is no error but a result.
func (g *Grader) read(s Submission, stdin io.Reader) (*reading, error) {
	found, err := intake.Read(unwrapped(s.Path), stdin, g.Labs, g.Single)
	if no, ok := errors.AsType[*intake.Rejection](err); ok {
		v := run.Rejected
		if no.Nothing && g.Demanded {
			v = run.NotHandedIn
		}
		return &reading{refused: g.whole(s, v, no.Error())}, nil
	}
	return &reading{found: found}, err
}

// unwrapped is the archive that a folder has and nothing else, as learning platforms hand out what was
// uploaded; any other path is itself.
func unwrapped(path string) string {
	entries, err := os.ReadDir(path)
	if err != nil {
		return path
	}
	inner := ""
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."), e.Name() == "__MACOSX":
		case inner != "" || !e.Type().IsRegular() || !intake.IsArchive(e.Name()):
			return path
		default:
			inner = filepath.Join(path, e.Name())
		}
	}
	if inner == "" {
		return path
	}
	return inner
}

// whole are the results of a submission that was not judged as a whole: one for each lab where it
// is known which were meant, otherwise one that is of no lab.
func (g *Grader) whole(s Submission, v run.Verdict, why string) []run.Result {
	if !g.Demanded {
		return []run.Result{g.blank(v, why)}
	}
	results := make([]run.Result, len(g.Labs))
	for i, l := range g.Labs {
		results[i] = g.unjudged(l, v, why)
	}
	return results
}
