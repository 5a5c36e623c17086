package compile

import (
	"context"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// boundMemory ends a process and its descendants as soon as they have more than limit bytes of
// memory together, and tells whether it did. It returns when they have ended by themselves, which
// ctx has to say. It looks four times a second, in which a compiler gets a few hundred megabytes
// further.
func boundMemory(ctx context.Context, pid int, limit uint64) (ended bool) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		all := tree(ctx, int32(pid))
		var have uint64
		for _, p := range all {
			if m, err := p.MemoryInfoWithContext(ctx); err == nil {
				have += m.RSS
			}
		}
		if have > limit {
			for _, p := range all { // the go command first, or it would start another
				p.Kill()
			}
			return true
		}
	}
}

// tree is a process and its descendants, parents first.
func tree(ctx context.Context, pid int32) []*process.Process {
	root, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return nil
	}
	all := []*process.Process{root}
	for i := 0; i < len(all); i++ {
		children, _ := all[i].ChildrenWithContext(ctx)
		all = append(all, children...)
	}
	return all
}
