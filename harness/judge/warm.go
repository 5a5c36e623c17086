package judge

import (
	"context"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
)

// Warm builds a lab as it is, and leaves the binaries for whoever needs them: while somebody reads
// the brief, what the lab depends on is compiled, and the verdict on the first save does not wait
// for it. It returns when it is done, or soon after ctx ends; what does not compile is nobody's
// business yet.
func (j *Judge) Warm(ctx context.Context, l *course.Lab) {
	b := j.Builder()
	b.Progress = nil
	for _, race := range []bool{false, true} {
		if ctx.Err() == nil && (!race || l.Race && j.Options.Race) {
			b.Build(ctx, []compile.Request{{Lab: l, Dir: l.Dir, Race: race}})
		}
	}
}
