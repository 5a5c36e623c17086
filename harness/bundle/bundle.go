// Package bundle packs all that a room without a network needs into one archive: labs, the modules that its labs use, and
// if asked the Go toolchain.
package bundle

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/owner"
)

// Root is the folder that an archive unpacks to.
const Root = "labs-bundle"

// readme is what stands in the bundle for whoever unpacks it.
const readme = `This folder has labs and all that it needs to work without a network.

1. Go %s or newer must be on the PATH.%s
2. Put bin/labs on the PATH, or call it by its path.
3. labs init --modules %s
`

// Options are what goes into a bundle.
type Options struct {
	Programs []string          // the paths of labs and of what lies beside it
	Go       bool              // the Go toolchain of this machine, too
	Note     func(line string) // hears what is being done; nil for nobody
}

// Write writes the bundle to w, as a .tar.gz. The error says what to do where modules cannot be had.
func (o Options) Write(ctx context.Context, w io.Writer) error {
	if o.Note == nil {
		o.Note = func(string) {}
	}
	tmp, err := owner.TempDir("", "bundle")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	defer writable(tmp)
	o.Note("gathering the modules")
	modules, err := gather(ctx, tmp)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(w)
	a := archive{ctx: ctx, Writer: tar.NewWriter(zip)}
	with := ""
	if o.Go {
		with = " One is in go/: export PATH=\"$PWD/go/bin:$PATH\""
	}
	a.text("README.txt", fmt.Sprintf(readme, embedded.Language(), with, "."))
	for _, program := range o.Programs {
		a.file(program, path.Join("bin", filepath.Base(program)))
	}
	a.tree(modules, "modules", func(name string) bool { return !strings.HasSuffix(name, ".lock") })
	if o.Go {
		o.Note("packing Go, which takes a minute")
		root, err := goRoot(ctx)
		if err != nil {
			return err
		}
		a.tree(root, "go", func(name string) bool {
			top, _, _ := strings.Cut(name, "/")
			return !slices.Contains([]string{"test", "doc", "api"}, top)
		})
	}
	return errors.Join(a.err, a.Close(), zip.Close())
}

// gather fetches the course's modules, from this machine's cache as far as they are there, and returns the folder with
// them: as a module proxy serves it. Source: go.dev/ref/mod, "Module proxies".
func gather(ctx context.Context, tmp string) (string, error) {
	module := filepath.Join(tmp, "course")
	if err := embedded.Write(module, func(name string) bool { return name == "go.mod" || name == "go.sum" }); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return "", fault.Of("ask go for its folders", err)
	}
	cache, proxy, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	from := "file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download"))
	if proxy = strings.TrimSpace(proxy); proxy != "" {
		from += "," + proxy
	}
	own := filepath.Join(tmp, "modules")
	cmd := exec.CommandContext(ctx, "go", "mod", "download")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOMODCACHE="+own, "GOPROXY="+from, "GOTOOLCHAIN=local",
		"GONOSUMDB=*")
	if said, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fault.New("run labs bundle once with a network",
			"the modules that the labs use are not all to be had: %s", strings.Join(strings.Fields(string(said)), " "))
	}
	return filepath.Join(own, "cache", "download"), nil
}

// goRoot is the folder of the Go toolchain.
func goRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fault.Of("ask go where it is", err)
	}
	root, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	if err != nil {
		return "", fault.Of("find Go", err)
	}
	return root, nil
}

// writable lets the module cache, which go makes read-only, be removed.
func writable(dir string) {
	_ = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(at, 0o755)
		}
		return nil
	})
}

// archive writes files below [Root], and keeps the first error.
type archive struct {
	*tar.Writer
	ctx context.Context
	err error
}

func (a *archive) text(name, text string) {
	if a.err == nil {
		a.err = a.WriteHeader(&tar.Header{Name: path.Join(Root, name), Mode: 0o644, Size: int64(len(text))})
	}
	if a.err == nil {
		_, a.err = io.WriteString(a, text)
	}
}

func (a *archive) file(from, name string) {
	if a.err == nil {
		a.err = a.ctx.Err()
	}
	if a.err != nil {
		return
	}
	f, err := os.Open(from)
	if err != nil {
		a.err = fault.Of("pack the bundle", err)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		a.err = err
		return
	}
	mode := int64(0o644)
	if st.Mode()&0o111 != 0 || runtime.GOOS == "windows" {
		mode = 0o755
	}
	a.err = a.WriteHeader(&tar.Header{Name: path.Join(Root, name), Mode: mode, Size: st.Size(), ModTime: st.ModTime()})
	if a.err == nil {
		_, a.err = io.Copy(a, io.LimitReader(f, st.Size()))
	}
}

func (a *archive) tree(from, name string, wanted func(name string) bool) {
	err := filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); wanted(rel) {
			a.file(at, path.Join(name, rel))
		}
		return a.err
	})
	if a.err == nil {
		a.err = err
	}
}
