package policy

import (
	"context"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"sync"
	"time"
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
