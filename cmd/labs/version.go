package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/embedded"
)

// version is that of the course in labs and the Go that built it.
func version() string {
	return fmt.Sprintf("%s (%s %s/%s)", embedded.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versioned is what --json tells.
type versioned struct {
	Version string `json:"version"` // the module's, or "devel" and the commit
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Labs    int    `json:"labs"` // in the binary
}

func newVersion(a *app) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "version",
		Short: "Which labs this is",
		Example: `  labs version
  labs version --json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if !asJSON {
				_, err := fmt.Fprintln(a.Out, "labs", version())
				return err
			}
			v := versioned{Version: embedded.Version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
			for f, err := range embedded.Files() {
				if err != nil {
					return err
				}
				if strings.HasPrefix(f.Path, "labs/") && strings.HasSuffix(f.Path, "/lab.yaml") {
					v.Labs++
				}
			}
			return a.json(v)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON: version, go, os, arch, labs")
	return c
}
