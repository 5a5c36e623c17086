package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/prove"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

func TestVerdictError(t *testing.T) {
	t.Parallel()
	passed := run.Result{Verdict: run.Passed, Race: run.Race{State: run.RaceDone}}
	leftOut := run.Result{Verdict: run.Passed, Race: run.Race{State: run.RaceLeftOut}}
	lacks := run.Result{Verdict: run.Passed, Race: run.Race{State: run.RaceNotToBeHad}}
	of := func(v run.Verdict) run.Result { return run.Result{Verdict: v} }
	for _, tt := range []struct {
		name    string
		results []run.Result
		want    int
	}{
		{"nothing", nil, exitPassed},
		{"passed", []run.Result{passed, passed}, exitPassed},
		{"passed, the race run left out", []run.Result{passed, leftOut}, exitPassed},
		{"passed, no race run to be had", []run.Result{passed, lacks}, exitInfra},
		{"failed", []run.Result{passed, of(run.Failed)}, exitNot},
		{"does not compile", []run.Result{of(run.BuildFailed)}, exitNot},
		{"timed out", []run.Result{of(run.TimedOut)}, exitNot},
		{"not attempted", []run.Result{passed, of(run.NotAttempted)}, exitNot},
		{"not handed in", []run.Result{of(run.NotHandedIn)}, exitNot},
		{"rejected", []run.Result{of(run.Failed), of(run.Rejected)}, exitRejected},
		{"no verdict", []run.Result{of(run.Rejected), of(run.InfraError), of(run.Failed)}, exitInfra},
	} {
		if got := exitCode(verdictError(tt.results)); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	refused := func(code string, status int) error {
		return &client.Refused{Said: wire.Error{Code: code}, Status: status}
	}
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, exitPassed},
		{&usageError{errors.New("x"), "y"}, exitUsage},
		{fmt.Errorf("read: %w", &course.NoStub{Lab: "b01-thing", File: "thing.go"}), exitUsage},
		{fmt.Errorf("look: %w", course.ErrUnknownLab), exitUsage},
		{course.ErrNoCourse, exitUsage},
		{&prove.NoStub{Lab: "b01-thing", Why: "it passes TestOne"}, exitNot},
		{fs.ErrPermission, exitInfra},
		{fmt.Errorf("submit: %w", refused("closed", http.StatusConflict)), exitRejected},
		{refused("ended", http.StatusGone), exitRejected},
		{refused("limit", http.StatusTooManyRequests), exitRejected},
		{refused("rejected", http.StatusBadRequest), exitRejected},
		{refused("token", http.StatusUnauthorized), exitUsage},
		{refused("not_found", http.StatusNotFound), exitUsage},
		{refused("busy", http.StatusTooManyRequests), exitInfra},
		{refused("busy", http.StatusInternalServerError), exitInfra},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
}
