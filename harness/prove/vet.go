package prove

import (
	"context"
	"os/exec"
	"strings"
)

// vet runs go vet over the stubs, the solutions and the checks: once over all, and lab by lab only
// if that complains.
func vet(ctx context.Context, root string, subjects []*subject) {
	govet := func(subjects ...*subject) (string, error) {
		args := []string{"vet"}
		for _, s := range subjects {
			args = append(args, s.lab.Package()+"/...", "./solutions/"+s.lab.Slug+"/...")
		}
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	if _, err := govet(subjects...); err == nil {
		return
	}
	for _, s := range subjects {
		if out, err := govet(s); err != nil && ctx.Err() == nil {
			s.problem("go vet: %s", out)
		}
	}
}
