package backends

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/backend-labs/backend-labs/harness/owner"
)

// Left tells whether a command of the course with this .labs folder was killed and has left
// something for [Sweep].
func Left(dir string) bool {
	return len(journalsOfDead(runDir(dir))) > 0
}

// Sweep removes what killed commands of this course left behind: processes, containers, temporary
// folders and leased databases. Nothing is touched whose owner still runs, nor what "labs up"
// started. Every Open does this, too; the result says what was removed, for a human.
func Sweep(ctx context.Context, o Options) (removed []string, err error) {
	st, err := newSite(o)
	if err != nil {
		return nil, err
	}
	defer st.close()
	removed, err = st.sweepJournals(ctx)
	if e, missing := st.engine(ctx); missing == nil {
		containers, err2 := st.sweepContainers(ctx, e)
		removed, err = append(removed, containers...), errors.Join(err, err2)
	}
	return removed, err
}

// sweepSoon sweeps before anything is opened what costs nothing to find, and the rest beside it.
func (st *site) sweepSoon(ctx context.Context) {
	st.sweepJournals(ctx)
	if st.Provider != Auto && st.Provider != Container {
		return
	}
	st.sweeping.Go(func() {
		if e, missing := st.engine(st.ctx); missing == nil {
			st.sweepContainers(st.ctx, e)
		}
	})
}

// sweepJournals removes what dead owners have written down. What cannot be removed now stays
// written down.
func (st *site) sweepJournals(ctx context.Context) (removed []string, err error) {
	up := st.loadUp()
	for _, file := range journalsOfDead(st.runDir()) {
		var failed error
		for _, e := range readJournal(file) {
			if up.knows(e) {
				continue
			}
			what, err := st.sweepEntry(ctx, e)
			if what != "" {
				removed = append(removed, what)
			}
			failed = errors.Join(failed, err)
		}
		failed = errors.Join(failed, st.sweepLeases(ctx, readJournal(file)))
		if failed == nil {
			os.Remove(file)
		}
		err = errors.Join(err, failed)
	}
	return removed, err
}

func (st *site) sweepEntry(ctx context.Context, e entry) (removed string, err error) {
	switch {
	case e.Process != nil:
		if !e.Process.Alive() {
			return "", nil
		}
		orphan := &child{Process: *e.Process, quit: syscall.SIGKILL}
		if e.Name == Postgres {
			orphan.quit = sigquit
		}
		orphan.end()
		return fmt.Sprintf("process %d (%s)", e.Process.PID, e.Name), nil
	case e.Dir != "":
		if _, err := os.Lstat(e.Dir); err != nil {
			return "", nil
		}
		return "folder " + e.Dir, removeTemp(e.Dir)
	case e.Container != "":
		engine, missing := st.engine(ctx)
		if missing != nil {
			return "", missing
		}
		return st.sweepContainer(ctx, engine, e.Container)
	}
	return "", nil
}

func (st *site) sweepContainer(ctx context.Context, e *engine, id string) (removed string,
	err error) {
	list, err := e.labelled(ctx, map[string]string{labelMachine: owner.Machine()})
	for _, c := range list {
		if c.ID == id {
			return "container " + id[:12], e.removeContainer(ctx, id)
		}
	}
	return "", err
}

// sweepLeases empties the logical databases of a Redis that were leased to the last.
func (st *site) sweepLeases(ctx context.Context, entries []entry) error {
	leased := map[redisDB]bool{}
	for _, e := range entries {
		if e.RedisDB != nil {
			key := redisDB{Server: e.RedisDB.Server, Number: e.RedisDB.Number}
			leased[key] = !e.RedisDB.Free
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var err error
	for db, out := range leased {
		if out {
			err = errors.Join(err, st.sweepRedisDB(ctx, db))
		}
	}
	return err
}

// sweepContainers removes the containers of dead processes of this machine, of whatever course, and
// those that a "labs up" of this course started and nobody knows any more.
func (st *site) sweepContainers(ctx context.Context, e *engine) (removed []string, err error) {
	list, err := e.labelled(ctx, map[string]string{labelMachine: owner.Machine()})
	for _, c := range list {
		if !st.orphaned(c) {
			continue
		}
		if err2 := e.removeContainer(ctx, c.ID); err2 != nil {
			err = errors.Join(err, err2)
			continue
		}
		removed = append(removed, "container "+c.ID[:12])
	}
	return removed, err
}

func (st *site) orphaned(c container.Summary) bool {
	if !owner.Orphan(c.Labels[labelMachine], c.Labels[labelProcess]) {
		return false
	}
	if c.Labels[labelUp] == "" {
		return true
	}
	return c.Labels[labelDir] == shortHash(st.Dir) && !st.loadUp().knows(entry{Container: c.ID})
}
