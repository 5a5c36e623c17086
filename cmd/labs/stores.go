package main

import (
	"fmt"
	"slices"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/stores"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

var providers = []string{backends.Auto, backends.URL, backends.Container, backends.Local,
	backends.Embedded}

func checkProvider(name string) error {
	if slices.Contains(providers, name) {
		return nil
	}
	return &usageError{
		fmt.Errorf("--backend %q is none of auto, url, container, local, embedded", name),
		"auto takes the first that works",
	}
}

func (a *app) backendOptions(w *workspace.Workspace, provider string) backends.Options {
	return backends.Options{Provider: provider, Dir: w.Dir,
		Progress: func(line string) { a.note("%s", line) }}
}

// newStores starts nothing yet. apart is for checks of code that is not to be trusted.
func newStores(a *app, w *workspace.Workspace, provider string, apart bool) *stores.Stores {
	o := a.backendOptions(w, provider)
	o.Apart = apart
	return stores.New(o)
}
