package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/run"
)

// keptOutput is how much of what a check printed is kept of each of many submissions.
const keptOutput = 16 << 10

// entry is one of many submissions.
type entry struct {
	name, path string
	results    []run.Result
}

// runBatch judges many submissions and writes a table of them.
func (o *gradeOptions) runBatch(ctx context.Context, args []string) error {
	entries, err := submissions(args)
	if err != nil {
		return err
	}
	j, err := openJournal(filepath.Join(o.course.Dir, "grade"), o.batchKey(entries), o.resume)
	if err != nil {
		return err
	}
	defer j.close()
	tick, done := o.batchBar(len(entries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.jobs)
	for i := range entries {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			results, err := o.entry(ctx, entries[i], j)
			if err != nil {
				return err
			}
			entries[i].results = results
			tick(entries[i].name)
			return nil
		})
	}
	err = group.Wait()
	done()
	if err != nil {
		if n := j.len(); n > 0 {
			o.note("%d of %d are graded; the same command with --resume goes on", n, len(entries))
		}
		return err
	}
	var all []run.Result
	for _, e := range entries {
		all = append(all, e.results...)
	}
	if err := o.write(o.outputs, all, func(w io.Writer) { table(w, all) }); err != nil {
		return err
	}
	j.remove()
	return verdictError(all)
}

// submissions lists what is to be judged: what is named, or what lies in the one folder named. A folder that is itself
// a submission is one.
func submissions(args []string) ([]entry, error) {
	if len(args) == 1 {
		st, err := os.Stat(args[0])
		if err != nil {
			return nil, &usageError{fmt.Errorf("read the submissions: %w", err), "name a folder of submissions, or several"}
		}
		if _, err := os.Stat(filepath.Join(args[0], "labs")); st.IsDir() && err != nil {
			list, err := os.ReadDir(args[0])
			if err != nil {
				return nil, fmt.Errorf("read the submissions: %w", err)
			}
			dir := args[0]
			args = nil
			for _, e := range list {
				if !strings.HasPrefix(e.Name(), ".") {
					args = append(args, filepath.Join(dir, e.Name()))
				}
			}
			if len(args) == 0 {
				return nil, &usageError{fmt.Errorf("there are no submissions in %s", dir), "each is a folder or an archive in it"}
			}
		}
	}
	entries := make([]entry, len(args))
	for i, path := range args {
		if path == "-" {
			return nil, &usageError{errors.New("standard input cannot be one of many submissions"), "leave --submissions away"}
		}
		entries[i] = entry{name: filepath.Base(filepath.Clean(path)), path: path}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}

// batchKey is the same for the same command on the same submissions.
func (o *gradeOptions) batchKey(entries []entry) string {
	h := sha256.New()
	fmt.Fprintln(h, o.lab, o.noRace, o.seed, o.timeout)
	for _, e := range entries {
		path, _ := filepath.Abs(e.path)
		fmt.Fprintln(h, path)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// entry judges one of many submissions. Whatever is wrong with it or breaks meanwhile is its result; only the end of
// ctx is an error.
func (o *gradeOptions) entry(ctx context.Context, e entry, j *journal) ([]run.Result, error) {
	subs, results, err := o.read(e.path)
	key := ""
	if err == nil && results == nil {
		key, err = o.contentKey(e, subs)
	}
	if err == nil && results == nil {
		if results = j.find(key); results != nil {
			return results, nil
		}
		results, err = o.grade(ctx, subs, grade.Options{Parallel: max(1, runtime.NumCPU()/o.jobs)}, nil)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if not, ok := errors.AsType[*notToGrade](err); ok {
		return nil, not
	}
	if err != nil {
		results = []run.Result{o.noVerdict(run.InfraError, err)}
	}
	for i := range results {
		results[i].Submission = e.name
		for k := range results[i].Checks {
			if c := &results[i].Checks[k]; len(c.Output) > keptOutput {
				c.Output = strings.ToValidUTF8(c.Output[:keptOutput], "") + "\n… cut"
			}
		}
	}
	if key != "" && verdictsStand(results) {
		if err := j.add(key, results); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func verdictsStand(results []run.Result) bool {
	return !slices.ContainsFunc(results, func(r run.Result) bool { return r.Verdict == run.InfraError })
}

// contentKey is the same for the same files of the same submission and the same checks.
func (o *gradeOptions) contentKey(e entry, subs []intake.Submission) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, e.name)
	b := o.builder(o.course)
	for _, s := range subs {
		checks, err := b.ChecksSHA256(s.Lab)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, s.Lab.ID, checks)
		for _, file := range s.Lab.Files {
			fmt.Fprintf(h, "%s %d %x\n", file, len(s.Files[file]), sha256.Sum256(s.Files[file]))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// batchBar shows progress: a bar on a terminal, elsewhere a line for each submission.
func (o *gradeOptions) batchBar(n int) (tick func(name string), done func()) {
	var mu sync.Mutex
	if !o.ErrTerminal {
		count := 0
		return func(name string) {
			mu.Lock()
			defer mu.Unlock()
			count++
			o.note("%d of %d: %s", count, n, report.Plain(name))
		}, func() {}
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(o.Err), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))
	return func(name string) { bar.Describe(report.Plain(name)); bar.Add(1) }, func() { bar.Finish() }
}

// table shows many results, a line each, and what became of them all.
func table(w io.Writer, results []run.Result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SUBMISSION\tLAB\tVERDICT\tPOINTS\tWHY")
	count := map[run.Verdict]int{}
	for _, r := range results {
		count[r.Verdict]++
		why := firstLine(r.Message)
		if r.Likely != nil {
			why = r.Likely.Misconception
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d of %d\t%s\n", report.Plain(r.Submission), r.Slug, r.Verdict, r.Points, r.MaxPoints, report.Plain(why))
	}
	t.Flush()
	var parts []string
	for _, v := range []run.Verdict{run.Passed, run.Failed, run.TimedOut, run.BuildFailed, run.Rejected, run.NotJudged, run.InfraError} {
		if n := count[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	fmt.Fprintf(w, "\n%s\n", strings.Join(parts, ", "))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// journal keeps the results of a batch as they come, a line of JSON each, so that one that was stopped can go on.
type journal struct {
	mu   sync.Mutex
	file *os.File
	have map[string][]run.Result
}

type journalLine struct {
	Key     string       `json:"key"`
	Results []run.Result `json:"results"`
}

// openJournal opens the journal of that name, with what it has if resume is set, else empty.
func openJournal(dir, name string, resume bool) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("keep the results: %w", err)
	}
	flags := os.O_RDWR | os.O_CREATE
	if !resume {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".jsonl"), flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep the results: %w", err)
	}
	j := &journal{file: f, have: map[string][]run.Result{}}
	in := bufio.NewReader(f)
	whole := int64(0) // behind the last line that was written to its end
	for {
		line, err := in.ReadBytes('\n')
		var l journalLine
		if err != nil || json.Unmarshal(line, &l) != nil {
			break
		}
		whole += int64(len(line))
		j.have[l.Key] = l.Results
	}
	if err := errors.Join(f.Truncate(whole), seek(f, whole)); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep the results: %w", err)
	}
	return j, nil
}

func seek(f *os.File, to int64) error {
	_, err := f.Seek(to, io.SeekStart)
	return err
}

func (j *journal) find(key string) []run.Result {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.have[key]
}

func (j *journal) add(key string, results []run.Result) error {
	line, err := json.Marshal(journalLine{key, results})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.have[key] = results
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keep the results: %w", err)
	}
	return nil
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.have)
}

func (j *journal) close() { j.file.Close() }

// remove is for a batch that is done.
func (j *journal) remove() {
	j.file.Close()
	os.Remove(j.file.Name())
}
