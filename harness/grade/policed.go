package grade

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/policy"
)

// admit holds every submission against the policy. What it refuses is neither built nor run.
//
// The rules about types need the types of what a submission imports, which are there once something
// has been built. Where nobody's code is to be kept from the compiler, they wait for that: see
// [session.afterBuild].
func (s *session) admit(ctx context.Context) {
	s.files = make([]map[string][]byte, len(s.jobs))
	s.unread = make([]*policy.Unread, len(s.jobs))
	var all []int
	for i, j := range s.jobs {
		for _, note := range []string{j.Note, j.Lab.NotHandedIn(j.Dir)} {
			if note != "" {
				s.tallies[i].notes = append(s.tallies[i].notes, note)
			}
		}
		s.files[i] = map[string][]byte{}
		for _, name := range j.Lab.Files {
			data, err := os.ReadFile(filepath.Join(j.Dir, filepath.FromSlash(name)))
			if err != nil {
				s.tallies[i].broken(compile.Unread(j.Lab, name, j.Dir, err))
				continue
			}
			s.files[i][name] = data
		}
		if s.g.unpoliced || j.Hunt != "" || s.tallies[i].verdict != "" {
			continue
		}
		if v := policy.Text(j.Lab, s.files[i]); len(v) > 0 {
			s.tallies[i].reject(v)
			continue
		}
		all = append(all, i)
	}
	if s.g.Builder.Sandbox != nil {
		s.police(ctx, all)
	}
}

// police applies the rules about types to these jobs.
func (s *session) police(ctx context.Context, jobs []int) {
	checker := &policy.Checker{Course: s.g.Builder.Course, Exports: s.g.Builder.Exports}
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for _, i := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			found, err := checker.Check(ctx, s.jobs[i].policed(), s.files[i])
			switch {
			case len(found) > 0:
				s.tallies[i].reject(found)
			case errors.As(err, &s.unread[i]), err == nil, ctx.Err() != nil:
			case s.g.Builder.Sandbox != nil:
				s.tallies[i].broken(err)
			}
		})
	}
	wg.Wait()
}

// policed is the lab with the rules that hold for a job.
func (j Job) policed() *course.Lab {
	if !j.Keeps {
		return j.Lab
	}
	l := *j.Lab
	l.NoPackageState = false
	return &l
}

// afterBuild applies the rules about types where they have waited for the build, and refuses what
// the compiler has understood and they have not. A binary that must not run is taken away.
func (s *session) afterBuild(ctx context.Context, jobs []int, binaries []compile.Binary) {
	if s.g.unpoliced {
		return
	}
	var built []int
	for k, i := range jobs {
		if binaries[k].Path != "" && s.jobs[i].Hunt == "" {
			built = append(built, i)
		}
	}
	if s.g.Builder.Sandbox == nil {
		s.police(ctx, built)
	}
	for _, i := range built {
		if u := s.unread[i]; u != nil {
			s.tallies[i].reject([]policy.Violation{u.Doubt})
		}
	}
	for k, i := range jobs {
		if s.tallies[i].verdict != "" {
			binaries[k].Path = ""
		}
	}
}
