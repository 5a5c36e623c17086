package main

import (
	"context"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/judge"
	"github.com/backend-labs/backend-labs/harness/stores"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// judging is how check, watch and demo judge, with the stores that are started when a check first
// needs one.
type judging struct {
	*judge.Judge
	app      *app // what the builds and the stores say is said here
	w        *workspace.Workspace
	provider string
	stores   *stores.Stores
}

func newJudging(a *app, w *workspace.Workspace, provider string, opts grade.Options) *judging {
	j := &judging{app: a, w: w, provider: provider}
	j.Judge = &judge.Judge{
		Workspace: w, Builder: func() *compile.Builder { return a.builder(w) },
		Open: j.open, Sandbox: localSandbox(), Options: opts,
	}
	return j
}

func (j *judging) open(ctx context.Context, needs []string) (grade.Stores, error) {
	if j.stores == nil {
		j.stores = newStores(j.app, j.w, j.provider, false)
	}
	return j.stores.Open(ctx, needs)
}

// close ends the stores. They are started again when they are needed.
func (j *judging) close() {
	if j.stores != nil {
		j.stores.Close()
	}
	j.stores = nil
}
