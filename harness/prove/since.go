package prove

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/git"
)

// judges are the parts of a course by which all of its labs are judged: after a change of one,
// nothing that was proved before is.
var judges = []string{
	"go.mod", "go.sum", "harness/kit/", "harness/compile/", "harness/run/", "harness/grade/",
	"harness/diagnose/", "harness/promise/", "harness/prove/",
}

// NoRevision says that git does not know a revision.
type NoRevision struct{ Name string }

func (e *NoRevision) Error() string { return fmt.Sprintf("git knows no revision %q", e.Name) }

// Hint says what to do.
func (e *NoRevision) Hint() string { return "git log --oneline shows what there is" }

// Since returns those labs of which something is no longer what it was in a revision that git
// knows, in their order: a file in one of a lab's two folders, or what judges them all.
func Since(ctx context.Context, c *course.Course, labs []*course.Lab, revision string) (
	[]*course.Lab, error) {
	if _, err := git.Run(ctx, c.Root, "rev-parse", "--verify", "--quiet", "--end-of-options",
		revision+"^{commit}"); err != nil {
		return nil, noRevision(ctx, c.Root, revision, err)
	}
	files, err := git.Changed(ctx, c.Root, revision)
	if err != nil {
		return nil, fmt.Errorf("ask git what has changed: %w", err)
	}
	if slices.ContainsFunc(files, judgesAll) {
		return labs, nil
	}
	var changed []*course.Lab
	for _, l := range labs {
		if slices.ContainsFunc(files, func(file string) bool {
			return strings.HasPrefix(file, "labs/"+l.Slug+"/") ||
				strings.HasPrefix(file, "solutions/"+l.Slug+"/")
		}) {
			changed = append(changed, l)
		}
	}
	return changed, nil
}

func judgesAll(file string) bool {
	return slices.ContainsFunc(judges, func(part string) bool {
		if folder := strings.HasSuffix(part, "/"); folder {
			return strings.HasPrefix(file, part) && !strings.HasSuffix(file, "_test.go")
		}
		return file == part
	})
}

// noRevision says why git does not know a revision.
func noRevision(ctx context.Context, root, revision string, err error) error {
	switch _, outside := git.Run(ctx, root, "rev-parse", "--git-dir"); {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return fault.New("install git, or name the labs", "there is no git to ask what has changed")
	case outside != nil:
		return fault.New("name the labs", "%s is in no git repository, so nobody knows what has "+
			"changed", root)
	}
	return &NoRevision{revision}
}
