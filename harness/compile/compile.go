// Package compile makes test binaries: the pristine checks of a lab and somebody's files for it
// become one executable. Nothing is copied or edited; the go command's -overlay puts the files in
// their places.
package compile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// Request asks for the test binary of a lab with the files of a folder in it.
type Request struct {
	Lab  *course.Lab
	Dir  string // has the lab's files; Lab.Dir for the learner's own
	Race bool
	// Family are all variants that may be linked into one binary with this one. It is for code that
	// the course itself owns, and not heeded in a sandbox. With the race detector a family has no
	// more than what is asked for at once: few variants need that.
	Family []Member
	// Hunt, if not "", is a file with somebody's own tests, which judge in place of the lab's checks:
	// Lab.Checks are then these tests. It is compiled as course.HuntFile of the lab.
	Hunt string
}

// Member is a variant of a lab in a family.
type Member struct {
	Dir    string   // has the lab's files
	Checks []string // those that it is judged by; nil: all of the lab's
}

// Binary is what a request gives. Exactly one of Path, Compile and Err is set.
type Binary struct {
	Path    string        // the executable, absolute
	Variant string        // what a request to a check calls the files, if Path has a family
	Cached  bool          // it was there already
	Compile *CompileError // the files do not compile
	Err     error         // the build could not be done; not the fault of the files
	SHA256  string        // of the files, whatever came of them
	// Took is this lab's share of the wall time of the go command that built it; 0 if Cached.
	Took time.Duration
}

// Builder builds for one course. Its binaries are kept below Dir, so that a repeat costs
// milliseconds.
type Builder struct {
	Course *course.Course
	Dir    string // where binaries are kept, absolute; made if it is not there

	// Progress, if not nil, is called when a go command takes longer than two seconds: then and
	// every second after that, from one goroutine at a time.
	Progress func(Progress)

	// Sandbox, if not nil, is where the go command runs, one for each request: what is compiled is
	// not trusted. The toolchain, the modules and the build cache are read only there, and time and
	// memory are bounded.
	Sandbox sandbox.Sandbox

	// Late leaves out what makes the account of a check begin before the learner's code. It is for
	// tests of that defence.
	Late bool

	// a command reads the kit once; "watch" makes a new Builder when the kit may have changed
	commonOnce sync.Once
	common     string
	commonErr  error
	progressMu sync.Mutex
	families   families
}

// At is a Builder like this one that keeps its binaries in another folder.
func (b *Builder) At(dir string) *Builder {
	return &Builder{Course: b.Course, Dir: dir, Progress: b.Progress, Sandbox: b.Sandbox, Late: b.Late}
}

// maxCommands is how many go commands run at once. Each uses all cores where it can; two fill the
// gaps of linking.
const maxCommands = 2

// keep is how many binaries of a lab stay under Dir.
const keep = 6

// Build builds all requests, several labs in one go command. The result has the requests' order.
// One that does not compile never stops another.
func (b *Builder) Build(ctx context.Context, reqs []Request) []Binary {
	out := make([]Binary, len(reqs))
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		for i := range out {
			out[i].Err = fault.Of("make a folder for binaries", err)
		}
		return out
	}
	common, err := b.commonHash()
	if err != nil {
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	var batches []*batch
	var kin []*plan
	for i, r := range reqs {
		p, err := b.plan(r, common)
		if err != nil {
			out[i].Err = err
			continue
		}
		out[i].SHA256 = p.sourceSHA
		p.out = &out[i]
		if b.inFamily(r) {
			kin = append(kin, p)
			continue
		}
		if used(p.target) {
			out[i].Path, out[i].Cached = p.target, true
			continue
		}
		if b.Sandbox != nil {
			batches = append(batches, &batch{race: r.Race, plans: []*plan{p}})
			continue
		}
		batches = add(batches, p)
	}
	var wg sync.WaitGroup
	commands := make(chan struct{}, maxCommands)
	for _, batch := range batches {
		wg.Go(func() {
			commands <- struct{}{}
			defer func() { <-commands }()
			b.run(ctx, batch)
		})
	}
	wg.Wait()
	b.prune(reqs)
	b.buildFamilies(ctx, kin, common)
	b.again(ctx, append(batches, &batch{plans: kin}))
	b.excuse(ctx, batches)
	return out
}

// used marks a binary as used, and reports false if there is none.
func used(path string) bool {
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

// again rebuilds what was edited while it was built: nobody can say which of its contents the
// binary has.
func (b *Builder) again(ctx context.Context, batches []*batch) {
	for _, batch := range batches {
		for _, p := range batch.plans {
			if now, err := SourceSHA256(p.req.Lab, p.req.Dir); ctx.Err() == nil &&
				(err != nil || now != p.sourceSHA) {
				os.Remove(p.target)
				p.req.Family = nil
				*p.out = b.Build(ctx, []Request{p.req})[0]
			}
		}
	}
}

// batch is one go command: every lab at most once, all with or all without the race detector.
type batch struct {
	race  bool
	plans []*plan
	has   map[string]bool
}

func add(batches []*batch, p *plan) []*batch {
	for _, b := range batches {
		if b.race == p.req.Race && !b.has[p.name()] {
			b.plans = append(b.plans, p)
			b.has[p.name()] = true
			return batches
		}
	}
	return append(batches, &batch{race: p.req.Race, plans: []*plan{p},
		has: map[string]bool{p.name(): true}})
}

// run runs the batch's go command and hands the binaries, or the compile errors, to the requests.
func (b *Builder) run(ctx context.Context, batch *batch) {
	fail := func(err error) {
		for _, p := range batch.plans {
			p.out.Err = err
		}
	}
	tmp, err := owner.TempDir(b.Dir, "build")
	if err != nil {
		fail(fault.Of("make a folder for a build", err))
		return
	}
	defer os.RemoveAll(tmp)
	overlay := map[string]string{}
	for _, p := range batch.plans {
		if err := p.writeOverlay(tmp, overlay); err != nil {
			fail(err)
			return
		}
	}
	if err := b.writeOverlay(tmp, batch.race, overlay); err != nil {
		fail(err)
		return
	}
	started := time.Now()
	text, err := b.goTest(ctx, batch, tmp)
	for _, p := range batch.plans {
		p.out.Took = time.Since(started) / time.Duration(len(batch.plans))
	}
	if ctx.Err() != nil {
		fail(ctx.Err())
		return
	}
	var exit *exec.ExitError
	var bomb *Bomb
	if errors.As(err, &bomb) {
		for _, p := range batch.plans {
			p.out.Compile = &CompileError{Raw: bomb.Error()}
		}
		return
	}
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, errGo) {
		fail(noStart(err))
		return
	}
	if err != nil {
		if f := explain(beforeMessages(text), b.Course.Root); f != nil {
			fail(f)
			return
		}
	}
	sections := splitOutput(text)
	for _, p := range batch.plans {
		p.collect(b.Course, tmp, sections, text)
	}
}

// writeOverlay writes what the go command's -overlay reads.
func (b *Builder) writeOverlay(tmp string, race bool, overlay map[string]string) error {
	if err := b.mend(tmp, race, overlay); err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"Replace": overlay})
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, "overlay.json"), data, 0o644)
	}
	if err != nil {
		return fault.Of("write the overlay", err)
	}
	return nil
}

func (b *Builder) goTest(ctx context.Context, batch *batch, tmp string) (string, error) {
	args := testArgs(tmp, batch.race, batch.packages())
	if b.Sandbox != nil {
		return b.inSandbox(ctx, args, tmp, batch.plans)
	}
	defer b.watchBuild(batch, tmp)()
	return b.goCommand(ctx, args, tmp, batch.race)
}

// testArgs are those of a go command that builds test binaries into tmp.
func testArgs(tmp string, race bool, packages []string) []string {
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s", "-overlay",
		filepath.Join(tmp, "overlay.json"), "-o", tmp + string(filepath.Separator)}
	if race {
		args = append(args, "-race")
	}
	return append(args, packages...)
}

// drain is how long it may take to read what a command has printed, once it has ended: on a busy
// machine the reader may have to wait for its turn.
const drain = 5 * time.Second

// goCommand runs the go command, with more settings of its environment, and returns what it printed.
func (b *Builder) goCommand(ctx context.Context, args []string, tmp string, yields bool,
	settings ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Course.Root
	cmd.Env = environment(append(settings, "GOTMPDIR="+tmp)...)
	cmd.WaitDelay = drain
	endTogether(cmd)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	if yields {
		giveWay(cmd.Process.Pid)
	}
	err := cmd.Wait()
	return out.String(), err
}

// prune removes the binaries of these labs that have not been used for longest.
func (b *Builder) prune(reqs []Request) {
	seen := map[string]bool{}
	for _, r := range reqs {
		if seen[r.Lab.Slug] {
			continue
		}
		seen[r.Lab.Slug] = true
		files, _ := filepath.Glob(filepath.Join(b.Dir, r.Lab.Slug+"@*"))
		age := map[string]time.Time{}
		for _, f := range files {
			if st, err := os.Stat(f); err == nil {
				age[f] = st.ModTime()
			}
		}
		sort.Slice(files, func(i, j int) bool { return age[files[i]].After(age[files[j]]) })
		for _, f := range files[min(keep, len(files)):] {
			// Not one that a command at work may have just been given.
			if time.Since(age[f]) > 10*time.Minute {
				os.Remove(f)
			}
		}
	}
}
