package compile

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Progress tells how far one go command is.
type Progress struct {
	Labs    []string // the slugs of what it builds
	Race    bool     // with the race detector
	Elapsed time.Duration
	// Cold says that it compiles what the labs depend on, too: the build cache did not have it, so
	// this takes about a minute. Packages are those that it has begun; Total is how many it is at
	// most, or 0 as long as that is not known.
	Cold     bool
	Packages int
	Total    int
}

const (
	// progressAfter is when a build is long enough to be told of, and progressEvery how often it is
	// told then.
	progressAfter = 2 * time.Second
	progressEvery = time.Second
	// A build is warm as long as it compiles no more than this many packages, and this many for
	// each lab: the lab, its checks, the generated main, and what of the kit has just been edited.
	warmPackages, warmPerLab = 12, 5
)

// watchBuild calls b.Progress for a go command that works in tmp until the returned function is
// called.
func (b *Builder) watchBuild(batch *batch, tmp string) (stop func()) {
	if b.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		started := time.Now()
		timer := time.NewTimer(progressAfter)
		defer timer.Stop()
		var total func() int
		for {
			select {
			case <-done:
				return
			case <-timer.C:
			}
			p := Progress{Labs: batch.slugs(), Race: batch.race, Elapsed: time.Since(started),
				Packages: begun(tmp)}
			p.Cold = p.Packages > warmPackages+warmPerLab*len(p.Labs)
			if p.Cold && total == nil {
				total = b.countPackages(batch)
			}
			if total != nil {
				p.Total = max(total(), p.Packages)
			}
			b.tell(p)
			timer.Reset(progressEvery)
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func (b *Builder) tell(p Progress) {
	b.progressMu.Lock()
	defer b.progressMu.Unlock()
	b.Progress(p)
}

// begun counts the packages that a go command has begun to compile: it makes a folder for each.
func begun(tmp string) int {
	dirs, _ := filepath.Glob(filepath.Join(tmp, "go-build*", "b[0-9]*"))
	return len(dirs)
}

// countPackages begins to count all packages that a batch is made of; the function that it returns
// gives 0 until then.
func (b *Builder) countPackages(batch *batch) func() int {
	var n atomic.Int64
	cmd := exec.Command("go", append([]string{"list", "-deps", "-test"}, batch.packages()...)...)
	cmd.Dir, cmd.Env = b.Course.Root, environment()
	go func() {
		if out, err := cmd.Output(); err == nil {
			n.Store(int64(strings.Count(string(out), "\n")))
		}
	}()
	return func() int { return int(n.Load()) }
}

func (b *batch) slugs() []string {
	list := make([]string, len(b.plans))
	for i, p := range b.plans {
		list[i] = p.req.Lab.Slug
	}
	return list
}

func (b *batch) packages() []string {
	list := make([]string, len(b.plans))
	for i, p := range b.plans {
		list[i] = "./" + p.pkgPath()
	}
	return list
}
