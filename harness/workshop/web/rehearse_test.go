package web_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// filled puts so many people into the room, who have done what people do: most are stuck somewhere.
func (h *house) filled(people int) (joined []wire.Joined) {
	h.Helper()
	ctx, dice := context.Background(), rand.New(rand.NewPCG(1, 2))
	for i := range people {
		who := h.join(fmt.Sprintf("%s %c. %d", firstNames[i%len(firstNames)], 'A'+i%26, i))
		joined = append(joined, who)
		for n, id := range []string{"B01", "B03", "B10", "I04"} {
			l, err := h.course.Named(id)
			must(h.T, err)
			if dice.IntN(10) < 2*n {
				continue
			}
			m := l.Mutants[dice.IntN(min(3, len(l.Mutants)))]
			report := room.Report{Participant: who.ID, Lab: id, Key: fmt.Sprint(i, id),
				MaxPoints: l.MaxPoints(),
				At:        time.Now().Add(-time.Duration(dice.IntN(5000)) * time.Second).UTC(),
				Verdict:   run.Failed,
				Failing:   m.Fails, Mutant: m.Name()}
			if dice.IntN(3) == 0 {
				report.Verdict, report.Points, report.Failing, report.Mutant = run.Passed,
					l.MaxPoints(), nil, ""
			} else {
				for _, c := range l.Checks {
					report.Points += c.Points
				}
				report.Points -= len(m.Fails)
			}
			must(h.T, h.store.Report(ctx, []room.Report{report}))
			if dice.IntN(2) == 0 {
				h.handIn(who, id, i, dice.IntN(3) == 0, m.Fails)
			}
		}
	}
	return joined
}

// handIn submits and, unless it is to wait, grades.
func (h *house) handIn(who wire.Joined, id string, i int, waits bool, failing []string) {
	h.Helper()
	files := h.filesOf(id)
	for name := range files {
		files[name] = fmt.Appendf(nil, "package p\n\n// %d\nfunc F() {}\n", i)
	}
	var sub wire.Submission
	h.call("POST", wire.SubmitPath, who.Token, wire.Submit{Lab: id, Files: files}).into(h.T, &sub)
	if waits {
		return
	}
	if i%2 == 0 {
		failing = nil
	}
	h.grade(sub, failing...)
}

var firstNames = []string{"Ada", "Grace", "Edsger", "Barbara", "Leslie", "Tony", "Frances", "Ken",
	"Radia", "Dennis",
	"Margaret", "Donald", "Shafi", "John", "Jean", "Alan"}
