package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"charm.land/glamour/v2"
	"github.com/spf13/cobra"
)

func newShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [LAB]",
		Short: "The brief of a lab",
		Example: `  labs show token-bucket
  labs show b10 > brief.md       on a pipe: the Markdown itself`,
		Args:              atMostOneLab,
		ValidArgsFunction: a.completeLabs,
		RunE:              func(_ *cobra.Command, args []string) error { return runShow(a, args) },
	}
}

func runShow(a *app, args []string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	l, err := a.lab(w, args)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(l.Dir, "README.md"))
	if err != nil {
		return fmt.Errorf("read the brief: %w", err)
	}
	if err := a.markdown(string(data)); err != nil {
		return err
	}
	if !a.Interactive {
		return nil
	}
	for _, f := range l.Files {
		fmt.Fprintf(a.Out, "  edit:  %s\n", relative(filepath.Join(l.Dir, f)))
	}
	fmt.Fprintf(a.Out, "  then:  labs watch %s\n", l.Slug)
	return nil
}

// markdown renders text for a terminal; on a pipe it is passed on as it is.
func (a *app) markdown(text string) error {
	if !a.Interactive {
		_, err := fmt.Fprint(a.Out, text)
		return err
	}
	style := "notty"
	if a.Colour {
		style = "dark"
	}
	r, err := glamour.NewTermRenderer(glamour.WithStandardStyle(style), glamour.WithWordWrap(min(a.Columns, 100)))
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	out, err := r.Render(text)
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	_, err = fmt.Fprint(a.Out, out)
	return err
}

// relative is a path as the user would type it here.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, ".."+string(filepath.Separator)+"..") {
		return path
	}
	return rel
}
