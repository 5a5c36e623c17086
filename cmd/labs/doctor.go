package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// ailment is one line of the doctor's: something that is there or not.
type ailment struct {
	Part   string `json:"part"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

func newDoctor(a *app) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What works on this machine, and what to do about the rest",
		Long: `Doctor looks at the toolchain, at every place from which Redis and Postgres could come, and at the sandboxes that
graded runs need, by trying from inside what they must prevent.

It ends with 0 if labs can be checked here, and with 3 if not even that is possible.`,
		Example: `  labs doctor
  labs doctor --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDoctor(c.Context(), a, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON on standard output")
	return c
}

func runDoctor(ctx context.Context, a *app, asJSON bool) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	all := append([]ailment{examineGo()}, examineBackends(ctx, a.backendOptions(w, backends.Auto))...)
	all = append(all, examineSandbox(ctx, filepath.Join(w.Course.Root, "go.mod"))...)
	if asJSON {
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		err = enc.Encode(all)
	} else {
		a.prescribe(all)
	}
	if err == nil && !all[0].OK {
		return &notPassed{exitInfra}
	}
	return err
}

func (a *app) prescribe(all []ailment) {
	p := a.Paint()
	for _, x := range all {
		mark := p.Good("✓")
		if !x.OK {
			mark = p.Warn("–")
		}
		fmt.Fprintf(a.Out, "%s %-22s %s\n", mark, x.Part, ansi.Truncate(x.Detail, max(40, a.Columns-26), "…"))
		if !x.OK && x.Hint != "" {
			fmt.Fprintf(a.Out, "  %-22s %s\n", "", p.Faint(x.Hint))
		}
	}
}

func examineGo() ailment {
	path, err := exec.LookPath("go")
	if err != nil {
		return ailment{"go", false, "the go command is not on the PATH", "install Go 1.26 or later"}
	}
	return ailment{Part: "go", OK: true, Detail: compile.GoVersion() + " at " + path}
}

func examineBackends(ctx context.Context, o backends.Options) (all []ailment) {
	running := backends.Running(ctx, o)
	for _, kind := range []string{backends.Redis, backends.Postgres} {
		if i, ok := running.Info[kind]; ok {
			all = append(all, ailment{Part: kind + " up", OK: true, Detail: i.Version + ", " + i.Provider + ", " + i.Detail})
		}
	}
	for _, s := range backends.Probe(ctx, o) {
		all = append(all, ailment{s.Backend + " " + s.Provider, s.OK, s.Detail, s.Hint})
	}
	return all
}

func examineSandbox(ctx context.Context, secret string) []ailment {
	return append(examine(ctx, "ns", secret), examine(ctx, "container", secret)...)
}

// examine probes one sandbox. A container needs no mention where there is no engine.
func examine(ctx context.Context, name, secret string) (all []ailment) {
	part := "sandbox " + name
	box, err := sandbox.ForGrading(ctx, name, secret)
	if errors.Is(err, sandbox.ErrNoEngine) {
		return nil
	}
	if err != nil {
		return []ailment{{part, false, err.Error(), needs[name]}}
	}
	found, err := sandbox.Probe(ctx, box, secret, true)
	if err != nil {
		return []ailment{{part, false, err.Error(), "labs grade does not work with it here; labs check does"}}
	}
	for _, f := range found {
		verb := "cannot "
		if !f.Holds {
			verb = "CAN "
		}
		all = append(all, ailment{part, f.Holds, verb + f.Probe + " (" + f.Detail + ")", "labs grade refuses to start with it here"})
	}
	return all
}

// needs says what a sandbox needs.
var needs = map[string]string{
	"ns":        "it needs Linux with user namespaces, or root; labs grade may have a container instead, labs check needs neither",
	"container": "it needs a Docker engine that sees the files of this machine; labs check does not",
}
