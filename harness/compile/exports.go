package compile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// exportsFile keeps what [Builder.Exports] has found, below Builder.Dir.
const exportsFile = "exports.json"

// exported is what is kept in that file.
type exported struct {
	Common string            // the toolchain and the modules that it is about
	Files  map[string]string // by import path
}

// exportsMu has one goroutine at a time look for exports: the others find what it has found.
var exportsMu sync.Mutex

// Exports finds the files in which the go command keeps the types of packages, by import path. It
// has it compile those that are not in the build cache yet; where they are, the answer is known
// from the last time. Packages that the course's module cannot import are left out.
func (b *Builder) Exports(ctx context.Context, paths []string) (map[string]string, error) {
	exportsMu.Lock()
	defer exportsMu.Unlock()
	common, err := b.commonHash()
	if err != nil {
		return nil, err
	}
	known := b.knownExports(common)
	missing := slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(known[path])
		return err == nil
	})
	if len(missing) > 0 {
		found, err := b.listExports(ctx, missing)
		if err != nil {
			return nil, err
		}
		maps.Copy(known, found)
		b.keepExports(exported{Common: common, Files: known})
	}
	files := map[string]string{}
	for _, path := range paths {
		if known[path] != "" {
			files[path] = known[path]
		}
	}
	return files, nil
}

// knownExports are those that were found before, for the same toolchain and modules.
func (b *Builder) knownExports(common string) map[string]string {
	var kept exported
	data, err := os.ReadFile(filepath.Join(b.Dir, exportsFile))
	if err != nil || json.Unmarshal(data, &kept) != nil || kept.Common != common ||
		kept.Files == nil {
		return map[string]string{}
	}
	return kept.Files
}

// keepExports writes them for the next time, if that is possible.
func (b *Builder) keepExports(e exported) {
	data, err := json.Marshal(e)
	if err != nil || os.MkdirAll(b.Dir, 0o755) != nil {
		return
	}
	tmp, err := os.CreateTemp(b.Dir, exportsFile)
	if err != nil {
		return
	}
	_, err = tmp.Write(data)
	if errors.Join(err, tmp.Close(), os.Rename(tmp.Name(), filepath.Join(b.Dir,
		exportsFile))) != nil {
		os.Remove(tmp.Name())
	}
}

// listed is what the go command says of a package.
type listed struct {
	ImportPath, Export string
	Error              *struct{ Err string }
}

// notThere is how the go command says that no module has a package.
var notThere = regexp.MustCompile(`no required module provides package|missing go\.sum entry|` +
	`cannot find module providing package`)

func (b *Builder) listExports(ctx context.Context, paths []string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-e", "-export",
		"-json=ImportPath,Export,Error", "--"}, paths...)...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = b.Course.Root, environment(), drain
	endTogether(cmd)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil, b.noExport(stderr.String())
	}
	if err != nil {
		return nil, noStart(err)
	}
	files := map[string]string{}
	for dec := json.NewDecoder(&out); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return files, nil
		} else if err != nil {
			return nil, fault.Of("read what go list says", err)
		}
		switch {
		case p.Export != "":
			files[p.ImportPath] = p.Export
		case p.Error == nil:
			return nil, b.noExport(stderr.String())
		case !notThere.MatchString(p.Error.Err):
			return nil, b.noExport(p.Error.Err)
		}
	}
}

// noExport is the error where the go command could not compile a package of others.
func (b *Builder) noExport(words string) error {
	if f := explain(words, b.Course.Root); f != nil {
		return f
	}
	return fault.New("run go build ./... in "+b.Course.Root, "the types of a package are not to be "+
		"had: %s", strings.TrimSpace(words))
}
