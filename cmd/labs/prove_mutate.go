package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// mutants is "labs prove --mutate".
func (o *proveOptions) mutants(ctx context.Context, w *workspace.Workspace, labs []*course.Lab,
	start time.Time) error {
	scores, err := o.scores(ctx, w, labs)
	if err != nil {
		if len(scores) > 0 && !o.json {
			prove.Scores(o.Out, scores, time.Since(start), o.Colour)
		}
		return err
	}
	if o.json {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", " ")
		err = enc.Encode(scores)
	} else {
		prove.Scores(o.Out, scores, time.Since(start), o.Colour)
	}
	if err == nil && !prove.AllKilled(scores) {
		return &notPassed{exitNot}
	}
	return err
}

func (o *proveOptions) scores(ctx context.Context, w *workspace.Workspace,
	labs []*course.Lab) ([]prove.Score, error) {
	p, done := o.prover(w)
	defer done()
	meter := o.meter()
	defer meter.Close()
	return p.Mutate(ctx, labs, o.seed, meter.Set)
}
