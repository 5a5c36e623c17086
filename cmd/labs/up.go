package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/backends"
)

func newUp(a *app) *cobra.Command {
	provider := backends.Auto
	c := &cobra.Command{
		Use:   "up",
		Short: "Start Redis and Postgres and leave them running",
		Long: `Up starts Redis and Postgres and leaves them running: later commands use them and are quicker, and a plain go test, or
an editor's debugger, finds them. labs down removes them.

` + exitHelp,
		Example: `  labs up
  labs up --backend local`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runUp(c.Context(), a, provider) },
	}
	c.Flags().StringVar(&provider, "backend", backends.Auto, "where they come from: {auto|container|local|embedded}")
	return c
}

func runUp(ctx context.Context, a *app, provider string) error {
	if err := checkProvider(provider); err != nil {
		return err
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	state, err := backends.Up(ctx, a.backendOptions(w, provider), backends.Need{Redis: true, RealRedis: true, Postgres: true})
	for _, kind := range []string{backends.Redis, backends.Postgres} {
		if i, ok := state.Info[kind]; ok {
			fmt.Fprintf(a.Out, "%s %s is up (%s)\n", kind, i.Version, i.Provider)
			if i.Detail != "" {
				a.note("%s", i.Detail)
			}
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
