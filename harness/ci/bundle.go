package ci

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/git"
	"github.com/backend-labs/backend-labs/harness/outfile"
)

// DefaultBundle is where a bundle is written if nothing else is said.
const DefaultBundle = "autograder.zip"

// bundles are the services that take several files, which somebody uploads.
var bundles = map[string][]string{"gradescope": {"setup.sh", "run_autograder"}}

// IsBundle reports whether a service takes several files, which [Files] has and [Text] has not.
func IsBundle(service string) bool { return bundles[service] != nil }

// File is one of the files for a service.
type File struct {
	Name string // with slashes, from the top of a repository or of the bundle
	Data []byte
	Mode fs.FileMode
}

// Files are the files for a service: the one that [Text] has, or those of a bundle. A bundle without
// [Options.Course] needs the one of [Course] beside them. Its error is an [*OptionError] where an
// option does not fit.
func Files(service string, o Options) ([]File, error) {
	if !IsBundle(service) {
		text, err := Text(service, o)
		return []File{{Target(service), []byte(text), 0o644}}, err
	}
	if err := o.check(service); err != nil {
		return nil, err
	}
	var all []File
	for _, name := range bundles[service] {
		text, err := fill("templates/"+service+"/"+name, o)
		if err != nil {
			return nil, err
		}
		all = append(all, File{name, []byte(text), 0o755})
	}
	return all, nil
}

// Course is the course in a folder as git has it, for a bundle that takes it along: what is
// committed at a ref, or at HEAD for "". Outside a repository the error is [ErrNoRepository], and
// of a ref that is not there an [*OptionError].
func Course(ctx context.Context, root, ref string) (File, error) {
	if _, err := repository(root); err != nil {
		return File{}, err
	}
	if ref == "" {
		ref = "HEAD"
	}
	if _, err := git.Run(ctx, root, "rev-parse", "--verify", "--quiet", ref+"^{commit}"); err != nil {
		return File{}, &OptionError{fmt.Sprintf("the course's repository has no commit %q", ref),
			"commit the course, or name a branch, tag or commit of it with --ref"}
	}
	data, err := git.Run(ctx, root, "archive", "--format=tar.gz", ref)
	if err != nil {
		return File{}, fmt.Errorf("pack the course: %w", err)
	}
	return File{"course.tar.gz", []byte(data), 0o644}, nil
}

// PlaceBundle writes the files of a bundle to a path: a zip if that is its name, else a folder. What
// is there is kept, which is a [*ThereAlready], unless force says otherwise.
func PlaceBundle(path string, all []File, force bool) error {
	if err := Vacant(path, all, force); err != nil {
		return err
	}
	if isZip(path) {
		if err := outfile.Check(path); err != nil {
			return err
		}
		data, err := zipped(all)
		if err != nil {
			return err
		}
		return outfile.Write(path, data)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, f := range all {
		to := filepath.Join(path, f.Name)
		// A mode is that of a file that is made, and not of one that is there.
		if err := errors.Join(os.WriteFile(to, f.Data, f.Mode), os.Chmod(to, f.Mode)); err != nil {
			return err
		}
	}
	return nil
}

func isZip(path string) bool { return strings.EqualFold(filepath.Ext(path), ".zip") }

// Vacant is a [*ThereAlready] if [PlaceBundle] would have to write over something, unless force says that it may.
func Vacant(path string, all []File, force bool) error {
	if isZip(path) {
		return vacant(path, force)
	}
	for _, f := range all {
		if err := vacant(filepath.Join(path, f.Name), force); err != nil {
			return err
		}
	}
	return nil
}

// vacant is a [*ThereAlready] if something is at a path and must stay.
func vacant(path string, force bool) error {
	if _, err := os.Lstat(path); err == nil && !force {
		return &ThereAlready{path}
	}
	return nil
}

// zipped are files as a zip, the same bytes each time.
func zipped(all []File) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range slices.SortedFunc(slices.Values(all), func(a, b File) int {
		return strings.Compare(a.Name, b.Name)
	}) {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate}
		h.SetMode(f.Mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
