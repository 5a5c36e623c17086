// Package git asks git, where it is there, what it knows of a folder.
package git

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// Run runs git in a folder, whatever repository the environment speaks of, and returns what it
// printed. The error is an [*exec.ExitError] where git itself has one.
func Run(ctx context.Context, dir string, args ...string) (string, error) {
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

// Changed lists the files below a folder that differ from what they were in a revision, with those
// that git does not have yet: paths from there, with forward slashes. Both names of one that was
// moved are among them.
func Changed(ctx context.Context, dir, revision string) (files []string, err error) {
	for _, args := range [][]string{
		{"diff", "--name-only", "--relative", "--no-renames", "-z", revision, "--", "."},
		{"ls-files", "--others", "--exclude-standard", "-z", "--", "."},
	} {
		out, err := Run(ctx, dir, args...)
		if err != nil {
			return nil, err
		}
		for file := range strings.SplitSeq(out, "\x00") {
			if file != "" {
				files = append(files, file)
			}
		}
	}
	return files, nil
}
