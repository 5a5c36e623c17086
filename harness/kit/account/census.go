package account

import (
	"fmt"
	"os"
	"strings"

	"github.com/backend-labs/backend-labs/harness/kit/stacks"
)

// census is what a process has open.
type census struct {
	descriptors map[int]string // what it is: "a socket"
	files       map[string]bool
}

func takeCensus() census {
	c := census{openDescriptors(), map[string]bool{}}
	entries, _ := os.ReadDir(os.TempDir())
	for _, e := range entries {
		c.files[e.Name()] = true
	}
	return c
}

// leftBehind is what the initialisers of the learner's package have left that would be there before
// the check begins, and so outside of all that the check can see: goroutines, descriptors, files.
func (s *session) leftBehind() *Finding {
	if s.Without.Census {
		return nil
	}
	var left []string
	all, _ := stacks.All()
	for _, g := range all {
		if g.Where() != "" || g.StartedAt() != "" {
			left = append(left, g.Describe())
		}
	}
	now := takeCensus()
	for fd, what := range now.descriptors {
		if _, old := s.census.descriptors[fd]; !old {
			left = append(left, fmt.Sprintf("%s is open (descriptor %d)", what, fd))
		}
	}
	for name := range now.files {
		if !s.census.files[name] {
			left = append(left, "a file was made: "+name)
		}
	}
	if len(left) == 0 {
		return nil
	}
	if len(left) > maxLeft {
		left = append(left[:maxLeft], fmt.Sprintf("and %d more", len(left)-maxLeft))
	}
	return &Finding{
		Did:  "loaded the package, and looked round before anything of it was called",
		Want: "nothing that runs, and nothing that is open: importing a package does no work",
		Got:  strings.Join(left, "; "),
		Why: "what an initialiser starts has no owner: nobody can stop it, no test can take its " +
			"place, and its failure has nobody to be told to",
	}
}

// maxLeft bounds what is told of.
const maxLeft = 3
