package batch

import (
	"context"
	"path"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/git"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// RevisionOf says which course this is: its module and, where git has it, its commit and whether
// its own files differ from that. What learners edit is not the course's own. A workspace has commits of its learner's, and
// so it is told by the version of the course that it was given.
func RevisionOf(ctx context.Context, c *course.Course) run.Revision {
	r := run.Revision{Module: c.Module}
	if given, err := workspace.Given(c.Root); err == nil {
		r.Version, r.Modified = given.Version, given.Edited(c)
		return r
	}
	commit, err := git.Run(ctx, c.Root, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return r
	}
	r.Commit = strings.TrimSpace(commit)
	changed, err := git.Run(ctx, c.Root, "status", "--porcelain", "-z", "--no-renames",
		"--untracked-files=no", "--", ".")
	if err != nil {
		return r
	}
	learners := map[string]bool{}
	for _, l := range c.Labs {
		for _, file := range l.Files {
			learners[path.Join("labs", l.Slug, file)] = true
		}
	}
	// the course may lie in a folder of the repository
	below, _ := git.Run(ctx, c.Root, "rev-parse", "--show-prefix")
	below = strings.TrimSpace(below)
	for line := range strings.SplitSeq(changed, "\x00") {
		if len(line) > 3 && !learners[strings.TrimPrefix(line[3:], below)] {
			r.Modified = true
		}
	}
	return r
}
