package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/bundle"
	"github.com/backend-labs/backend-labs/harness/fault"
)

func newBundle(a *app) *cobra.Command {
	withGo, force, file := false, false, "labs-bundle.tar.gz"
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Pack labs and the modules that it needs, for a room without a network",
		Long: `Bundle writes one archive with labs, which has the course in it, and the Go modules that the labs use; --with-go adds the
Go of this machine. Unpacked on another machine of the same kind, labs init --modules labs-bundle makes a folder to work in, and
nothing is fetched.

` + exitHelp,
		Example: `  labs bundle
  labs bundle --with-go -o /media/stick/labs.tar.gz`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runBundle(c.Context(), a, file, withGo, force) },
	}
	c.Flags().BoolVar(&withGo, "with-go", false, "the Go toolchain, too: some 70 MB more")
	c.Flags().StringVarP(&file, "output", "o", file, "the `file` to write")
	c.Flags().BoolVar(&force, "force", false, "overwrite the file that is there")
	return c
}

func runBundle(ctx context.Context, a *app, file string, withGo, force bool) error {
	if _, err := os.Lstat(file); err == nil && !force {
		return &usageError{fmt.Errorf("%s is there already", file), "--force overwrites it, -o takes another path"}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	programs := []string{exe}
	beside := filepath.Join(filepath.Dir(exe), "labs-sandbox")
	if _, err := os.Stat(beside); err == nil {
		programs = append(programs, beside)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fault.Of("write "+file, err)
	}
	defer os.Remove(tmp.Name()) // fails once it has been renamed
	err = bundle.Options{Programs: programs, Go: withGo, Note: func(line string) { a.note("%s", line) }}.Write(ctx, tmp)
	if err2 := tmp.Chmod(0o644); runtime.GOOS != "windows" {
		err = errors.Join(err, err2)
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fault.Of("write "+file, err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fault.Of("write "+file, err)
	}
	st, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "wrote %s, %d MB; there: tar xzf %s && labs-bundle/bin/%s init --modules labs-bundle\n", relative(file),
		st.Size()>>20, filepath.Base(file), filepath.Base(exe))
	return nil
}
