package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/backends"
)

type upOptions struct {
	*app
	provider string
	json     bool
}

func newUp(a *app) *cobra.Command {
	o := &upOptions{app: a}
	c := &cobra.Command{
		Use:   "up",
		Short: "Start Redis and Postgres and leave them running",
		Long: `Up starts Redis and Postgres and leaves them running: later commands use them and are quicker, and a plain go test, or
an editor's debugger, finds them. It says how to look into them by hand. labs down removes them.

` + exitHelp,
		Example: `  labs up
  labs up --backend local
  labs up --json        the URLs, for a program`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.Flags().StringVar(&o.provider, "backend", backends.Auto,
		"where they come from: {auto|container|local|embedded}")
	c.Flags().BoolVar(&o.json, "json", false, "as JSON on standard output")
	return c
}

func (o *upOptions) run(ctx context.Context) error {
	if err := checkProvider(o.provider); err != nil {
		return err
	}
	w, err := o.open()
	if err != nil {
		return err
	}
	state, err := backends.Up(ctx, o.backendOptions(w, o.provider),
		backends.Need{Redis: true, RealRedis: true, Postgres: true})
	servers := state.Servers()
	if o.json {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", "  ")
		return errors.Join(err, enc.Encode(servers))
	}
	for _, s := range servers {
		fmt.Fprintf(o.Out, "%s %s is up (%s)\n  %s\n", s.Backend, s.Version, s.Provider, s.Client)
		if s.Detail != "" {
			o.note("%s", s.Detail)
		}
	}
	return err
}

func newDown(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "Remove what labs up left running",
		Example: `  labs down`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			removed, err := backends.Down(c.Context(), a.backendOptions(w, backends.Auto))
			for _, r := range removed {
				fmt.Fprintln(a.Out, "removed", r)
			}
			if err == nil && len(removed) == 0 {
				fmt.Fprintln(a.Out, "nothing was up")
			}
			return err
		},
	}
}
