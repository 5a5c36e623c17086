package batch

import (
	"context"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
)

// RevisionOf says which course this is: its module and, where git has it, its commit and whether
// its own files differ from that. What learners edit is not the course's own.
func RevisionOf(ctx context.Context, c *course.Course) run.Revision {
	r := run.Revision{Module: c.Module}
	commit, err := git(ctx, c.Root, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return r
	}
	r.Commit = strings.TrimSpace(commit)
	changed, err := git(ctx, c.Root, "status", "--porcelain", "-z", "--no-renames",
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
	below, _ := git(ctx, c.Root, "rev-parse", "--show-prefix")
	below = strings.TrimSpace(below)
	for line := range strings.SplitSeq(changed, "\x00") {
		if len(line) > 3 && !learners[strings.TrimPrefix(line[3:], below)] {
			r.Modified = true
		}
	}
	return r
}

// git runs git in a folder, whatever repository the environment speaks of.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.Output()
	return string(out), err
}
