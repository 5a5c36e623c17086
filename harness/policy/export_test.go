package policy

import (
	"context"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
)

// InProcess lets a checker apply its rules in this process, which reads the types of each package
// once.
func (c *Checker) InProcess() *Checker {
	fset := token.NewFileSet()
	lib := &once{lib: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		files, err := c.Exports(context.Background(), []string{path})
		if err != nil {
			return nil, err
		}
		return os.Open(files[path])
	})}
	c.apply = func(_ context.Context, s *source) (verdict, error) {
		return s.inspectWith(fset, lib)
	}
	return c
}

// Allowed are the packages that a lab of a course may use.
func Allowed(c *course.Course) []string {
	paths := slices.Collect(maps.Keys(defaultImports))
	for _, l := range c.Labs {
		paths = append(paths, l.Imports...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// once is an importer for many at once.
type once struct {
	mu  sync.Mutex
	lib types.Importer
}

func (o *once) Import(path string) (*types.Package, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lib.Import(path)
}

// Within has a checker apply its rules in a process that gets that much time.
func (c *Checker) Within(limit time.Duration) *Checker {
	return &Checker{Course: c.Course, Exports: c.Exports,
		apply: func(ctx context.Context, s *source) (verdict, error) {
			return within(ctx, s, limit)
		}}
}
