package bubble

import (
	"cmp"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// stack is one goroutine of a full dump, as far as the explanations need it.
type stack struct {
	id, state string
	bubble    string   // the number of the bubble that it belongs to, "" if to none
	where     string   // file:line of the first frame that is the lab's own code, "" if there is none
	startedAt string   // file:line at which the goroutine was started, in the lab's own code, or ""
	frames    []string // function names, innermost first
}

var header = regexp.MustCompile(`^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\]]*)\]:`)

var inBubble = regexp.MustCompile(`synctest bubble (\d+)`)

// parseStacks reads the text form of [runtime.Stack].
func parseStacks(dump string) []stack {
	var all []stack
	for block := range strings.SplitSeq(dump, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		m := header.FindStringSubmatch(lines[0])
		if m == nil {
			continue
		}
		s := stack{id: m[1], state: m[2]}
		if in := inBubble.FindStringSubmatch(s.state); in != nil {
			s.bubble = in[1]
		}
		s.read(lines[1:])
		all = append(all, s)
	}
	return all
}

// read takes the frames: pairs of a line with the function and a line with the place, the last pair being the
// statement that started the goroutine.
func (s *stack) read(lines []string) {
	for i := 0; i+1 < len(lines); i += 2 {
		fn, place := lines[i], strings.TrimSpace(lines[i+1])
		place, _, _ = strings.Cut(place, " +0x")
		created := strings.HasPrefix(fn, "created by ")
		fn = strings.TrimPrefix(fn, "created by ")
		if cut := strings.LastIndex(fn, "("); cut > 0 && !created {
			fn = fn[:cut]
		}
		if created {
			if isLab(place) {
				s.startedAt = short(place)
			}
			continue
		}
		s.frames = append(s.frames, fn)
		if s.where == "" && isLab(place) {
			s.where = short(place)
		}
	}
}

// isLab tells the learner's files, and no check's, by their place: below labs/ or solutions/. The course may itself lie in
// a folder of such a name, or of the harness's, so what counts is what comes last.
func isLab(place string) bool {
	at := max(strings.LastIndex(place, "/labs/"), strings.LastIndex(place, "/solutions/"))
	if at < 0 {
		return false
	}
	below := place[at:]
	return !strings.Contains(below, "_test.go:") && !strings.Contains(below, "/harness/") && !strings.Contains(below, "/pkg/mod/")
}

func short(place string) string { return place[strings.LastIndex(place, "/")+1:] }

// place is the best-known place of a goroutine: where it is, else where it was started.
func (s stack) place() string {
	switch {
	case s.where != "":
		return s.where
	case s.startedAt != "":
		return "a call started at " + s.startedAt
	case len(s.frames) > 0:
		return s.frames[0]
	}
	return "an unknown place"
}

// describe says what a goroutine is doing, where.
func (s stack) describe() string {
	text := "a goroutine is " + doing(s.state) + " at " + s.place()
	if s.where != "" && s.startedAt != "" {
		text += " (started at " + s.startedAt + ")"
	}
	return text
}

// doing translates the runtime's wait reasons.
func doing(state string) string {
	state, _, _ = strings.Cut(state, ",")
	state = strings.TrimSuffix(strings.TrimSpace(state), " (durable)")
	switch state {
	case "sleep":
		return "asleep (time.Sleep)"
	case "chan receive", "chan receive (nil chan)":
		return "waiting to receive from a channel"
	case "chan send", "chan send (nil chan)":
		return "waiting to send on a channel"
	case "select", "select (no cases)":
		return "waiting in a select"
	case "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock":
		return "waiting for a mutex"
	case "sync.WaitGroup.Wait":
		return "waiting for a sync.WaitGroup"
	case "sync.Cond.Wait":
		return "waiting for a sync.Cond"
	case "running", "runnable":
		return "running"
	}
	return "waiting (" + state + ")"
}

// bubbled gives the goroutines of one bubble: what an earlier one has left may still be there.
func bubbled(all []stack, bubble string) (in []stack) {
	for _, s := range all {
		if s.bubble == bubble {
			in = append(in, s)
		}
	}
	return inOrder(in)
}

// inOrder sorts by age: the runtime lists goroutines in no order of their own.
func inOrder(all []stack) []stack {
	slices.SortFunc(all, func(a, b stack) int {
		return cmp.Or(cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id))
	})
	return all
}

// others gives the goroutines of the bubble of the one that took the dump, which is the first, without that one and the
// ones of package testing itself.
func others(all []stack) (in []stack) {
	for i, s := range all {
		if i > 0 && s.bubble == all[0].bubble && !s.isFrame("testing/synctest.Test", "internal/synctest.Run", "testing.(*common).runCleanup") {
			in = append(in, s)
		}
	}
	return inOrder(in)
}

func (s stack) isFrame(names ...string) bool {
	for _, f := range s.frames {
		for _, n := range names {
			if strings.HasPrefix(f, n) {
				return true
			}
		}
	}
	return false
}

// lockWaits splits a bubble that cannot go on into those that wait for a mutex and those that may be holding it: they
// sleep or wait for something other than a mutex, in a call of the lab's code.
func lockWaits(all []stack) (waiters, holders []stack) {
	for _, s := range all {
		switch {
		case strings.HasPrefix(s.state, "sync.Mutex.Lock"), strings.HasPrefix(s.state, "sync.RWMutex."):
			waiters = append(waiters, s)
		case strings.HasPrefix(s.state, "running"), strings.HasPrefix(s.state, "runnable"):
			return nil, nil // something still moves
		case s.where != "":
			holders = append(holders, s)
		}
	}
	return waiters, holders
}

// fingerprint tells whether anything has moved between two dumps.
func fingerprint(all []stack) string {
	ids := make([]string, 0, len(all))
	for _, s := range all {
		state, _, _ := strings.Cut(s.state, ",") // the rest is how long it has been so
		ids = append(ids, s.id+" "+state+" "+s.where)
	}
	sort.Strings(ids)
	return strings.Join(ids, "\n")
}
