package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/report"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// roomOptions are what every command of an instructor has.
type roomOptions struct {
	*app
	server     string
	secretFile string
}

func newRoom(a *app) *cobra.Command {
	o := &roomOptions{app: a}
	c := &cobra.Command{
		Use:   "room",
		Short: "The instructor's actions at a workshop, for scripts",
		Long: `Room does from the command line what the instructor's page does. On the machine that serves the workshop it knows
where that is; elsewhere --server and --secret-file say so, or $LABS_ROOM and $LABS_ROOM_SECRET. Everything done is in the audit log.

` + exitHelp,
		Example: `  labs room status
  labs room close b10
  labs room deadline b10 17:00 --cost 20
  labs room regrade --lab b10 --reason "a new check"`,
	}
	f := c.PersistentFlags()
	f.StringVar(&o.server, "server", "", "the workshop's `URL` (else $LABS_ROOM, else the one started here last)")
	f.StringVar(&o.secretFile, "secret-file", "", "a `file` with the instructor's secret (else $LABS_ROOM_SECRET)")
	c.AddCommand(o.status(), o.open(true), o.open(false), o.deadline(), o.limit(), o.hints(), o.answer(), o.say(),
		o.regrade(), o.override(), o.remove(), o.answered(), o.export(), o.archive(), o.audit(), o.end())
	return c
}

// client speaks for the instructor.
func (o *roomOptions) client() (*client.Client, error) {
	d := client.Desk{URL: o.server, Secret: os.Getenv(secretVar)}
	if d.URL == "" {
		d.URL = os.Getenv("LABS_ROOM")
	}
	if o.secretFile != "" {
		data, err := os.ReadFile(o.secretFile)
		if err != nil {
			return nil, &usageError{err, "--secret-file names a file with the secret of the instructor's link"}
		}
		d.Secret = strings.TrimSpace(string(data))
	}
	if d.URL == "" || d.Secret == "" {
		kept, err := client.KeptDesk()
		if errors.Is(err, client.ErrNoDesk) {
			return nil, &usageError{err, "--server URL and --secret-file FILE say which, or $LABS_ROOM and $LABS_ROOM_SECRET"}
		} else if err != nil {
			return nil, err
		}
		if d.URL == "" {
			d.URL = kept.URL
		}
		if d.Secret == "" {
			d.Secret = kept.Secret
		}
	}
	return client.New(d.URL, d.Secret)
}

// doing is what a command does, with its arguments.
type doing func(ctx context.Context, c *client.Client, args []string) error

// action is a command with so many arguments.
func (o *roomOptions) action(use, short, example string, args int, f doing) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Example: "  labs room " + example,
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != args {
				return &usageError{fmt.Errorf("it is labs room %s", use), "such as labs room " + example}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			return f(cmd.Context(), c, given)
		}}
}

// done says that something was done.
func (o *roomOptions) done(format string, args ...any) error {
	_, err := fmt.Fprintln(o.Out, report.PlainLines(fmt.Sprintf(format, args...)))
	return err
}

func (o *roomOptions) status() *cobra.Command {
	asJSON := false
	c := o.action("status", "Who is there, what is open, where the room stands", "status", 0,
		func(ctx context.Context, c *client.Client, _ []string) error {
			r, err := c.Room(ctx)
			if err != nil {
				return err
			}
			s, err := c.Standings(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return indented(o.Out, struct {
					wire.Room
					Standings []wire.Standing `json:"standings"`
				}{r, s.Rows})
			}
			return o.showStatus(r, s)
		})
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func indented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

func (o *roomOptions) showStatus(r wire.Room, s wire.Standings) error {
	here := 0
	for _, p := range r.Participants {
		if p.Joined != nil && p.Removed == nil {
			here++
		}
	}
	hands := "1 hand up"
	if len(r.Hands) != 1 {
		hands = fmt.Sprintf("%d hands up", len(r.Hands))
	}
	fmt.Fprintf(o.Out, "%s, code %s: %d here, %d waiting to be graded, %d being graded, %s\n",
		report.PlainLines(r.Title), r.Code, here, r.Queue.Waiting, r.Queue.Grading, hands)
	if times := timesOf(r, time.Now()); times != "" {
		fmt.Fprintln(o.Out, times)
	}
	passed, at := map[string]int{}, map[string]int{}
	for _, row := range s.Rows {
		switch {
		case row.Graded == "passed" || row.Says == "passed":
			passed[row.Lab]++
		case row.Graded != "" || row.Says != "":
			at[row.Lab]++
		}
	}
	t := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LAB\tPASSED\tAT IT\tOPEN\tDEADLINE\tHINTS\tTITLE")
	for _, l := range r.Labs {
		deadline := "–"
		if l.Deadline != nil {
			deadline = l.Deadline.Local().Format("2 Jan 15:04") + fmt.Sprintf(" −%d %%", l.LateCost) +
				verb(*l.Deadline, time.Now(), "", ", over")
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%d of %d\t%s\n", l.ID, passed[l.ID], at[l.ID], yes(l.Open), deadline, l.Hints,
			l.HintsOf, l.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, h := range r.Hands {
		said := slices.DeleteFunc([]string{h.Name, h.Lab, h.Check, h.Text}, func(s string) bool { return s == "" })
		fmt.Fprintf(o.Out, "hand %d: %s\n", h.ID, report.PlainLines(strings.Join(said, " · ")))
	}
	return nil
}

// timesOf says when a room takes something, and when it has ended; "" where nothing bounds it.
func timesOf(r wire.Room, now time.Time) string {
	const form = "Mon 2 Jan 15:04"
	if r.Ended != nil {
		return "ended " + r.Ended.Local().Format(form) + ": nothing more is taken"
	}
	var said []string
	if r.Opens != nil {
		said = append(said, verb(*r.Opens, now, "opens ", "open since ")+r.Opens.Local().Format(form))
	}
	if r.Closes != nil {
		said = append(said, verb(*r.Closes, now, "closes ", "closed since ")+r.Closes.Local().Format(form))
	}
	return strings.Join(said, ", ")
}

// verb is one before a time, and another one from it on.
func verb(at, now time.Time, before, after string) string {
	if now.Before(at) {
		return before
	}
	return after
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (o *roomOptions) open(open bool) *cobra.Command {
	word, short := "close", "Take nothing more for a lab"
	if open {
		word, short = "open", "Let a lab be handed in"
	}
	return o.action(word+" LAB", short, word+" b10", 1, func(ctx context.Context, c *client.Client, args []string) error {
		return o.lab(ctx, c, args[0], wire.LabChange{Open: &open})
	})
}

// lab changes a lab and says how it is now.
func (o *roomOptions) lab(ctx context.Context, c *client.Client, lab string, change wire.LabChange) error {
	r, err := c.ChangeLab(ctx, lab, change)
	if err != nil {
		return err
	}
	for _, l := range r.Labs {
		if !strings.EqualFold(l.ID, lab) && !strings.HasPrefix(strings.ToLower(lab), strings.ToLower(l.ID)+"-") {
			continue
		}
		deadline := "no deadline"
		if l.Deadline != nil {
			deadline = fmt.Sprintf("deadline %s%s, lateness costs %d %%", l.Deadline.Local().Format("Mon 2 Jan 2006 15:04"),
				verb(*l.Deadline, time.Now(), "", ", which is over"), l.LateCost)
		}
		perHour := "any number"
		if l.PerHour > 0 {
			perHour = strconv.Itoa(l.PerHour)
		}
		if r.Ended != nil {
			o.note("the workshop has ended: nothing is taken for any lab")
		}
		return o.done("%s: open %s, %s, %s an hour, hints %d of %d, answer %s", l.ID, yes(l.Open), deadline, perHour, l.Hints,
			l.HintsOf, yes(l.Answer))
	}
	return nil
}

func (o *roomOptions) deadline() *cobra.Command {
	cost := 0
	var c *cobra.Command
	c = o.action("deadline LAB {TIME|none}", "Until when a lab is in time, and what lateness costs",
		"deadline b10 17:00 --cost 20", 2,
		func(ctx context.Context, room *client.Client, args []string) error {
			at := time.Time{}
			var err error
			if args[1] != "none" {
				if at, err = timeOf(args[1], time.Now()); err != nil {
					return &usageError{fmt.Errorf("%q is no time", args[1]), "write 17:00, 2026-03-01T17:00, RFC 3339, or none"}
				}
			}
			change := wire.LabChange{Deadline: &at}
			if c.Flags().Changed("cost") {
				if cost < 0 || cost > 100 {
					return &usageError{fmt.Errorf("--cost %d is not between 0 and 100 percent", cost), "such as --cost 20"}
				}
				change.LateCost = &cost
			}
			return o.lab(ctx, room, args[0], change)
		})
	c.Flags().IntVar(&cost, "cost", 0, "`percent` of the points that a late submission loses")
	return c
}

// number is a command that sets a number of a lab.
func (o *roomOptions) number(use, short, example string, set func(*wire.LabChange, int)) *cobra.Command {
	return o.action(use, short, example, 2, func(ctx context.Context, c *client.Client, args []string) error {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return &usageError{fmt.Errorf("%q is no number of at least 0", args[1]), "such as labs room " + example}
		}
		var change wire.LabChange
		set(&change, n)
		return o.lab(ctx, c, args[0], change)
	})
}

func (o *roomOptions) limit() *cobra.Command {
	return o.number("limit LAB N", "How many submissions each may make in an hour; 0: any number", "limit b10 6",
		func(c *wire.LabChange, n int) { c.PerHour = &n })
}

func (o *roomOptions) hints() *cobra.Command {
	return o.number("hints LAB N", "Release the first N hints to all", "hints b10 2",
		func(c *wire.LabChange, n int) { c.Hints = &n })
}

func (o *roomOptions) answer() *cobra.Command {
	return o.action("answer LAB {on|off}", "Release the model answer to all", "answer b10 on", 2,
		func(ctx context.Context, c *client.Client, args []string) error {
			on := args[1] == "on"
			if !on && args[1] != "off" {
				return &usageError{fmt.Errorf("%q is neither on nor off", args[1]), "labs room answer b10 on"}
			}
			return o.lab(ctx, c, args[0], wire.LabChange{Answer: &on})
		})
}

func (o *roomOptions) say() *cobra.Command {
	return o.action("say TEXT", "Say something to all", `say "ten minutes left"`, 1,
		func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.Say(ctx, args[0]); err != nil {
				return err
			}
			return o.done("said to all")
		})
}

// id reads the number of something.
func id(said string) (int64, error) {
	n, err := strconv.ParseInt(said, 10, 64)
	if err != nil || n < 1 {
		return 0, &usageError{fmt.Errorf("%q is no number", said), "labs room status --json shows the numbers"}
	}
	return n, nil
}

// numbered is a command about something that has a number.
func (o *roomOptions) numbered(use, short, example, said string,
	f func(context.Context, *client.Client, int64) error) *cobra.Command {
	return o.action(use, short, example, 1, func(ctx context.Context, c *client.Client, args []string) error {
		n, err := id(args[0])
		if err == nil {
			err = f(ctx, c, n)
		}
		if err != nil {
			return err
		}
		return o.done(said, n)
	})
}

func (o *roomOptions) remove() *cobra.Command {
	c := o.action("remove PARTICIPANT", "End somebody's part; what they handed in stays, also in exports",
		`remove "Ada Lovelace"`, 1, func(ctx context.Context, c *client.Client, args []string) error {
			n, err := someone(ctx, c, args[0])
			if err == nil {
				err = c.Remove(ctx, n)
			}
			if err != nil {
				return err
			}
			return o.done("participant %d is removed", n)
		})
	c.Long = c.Short + ". A participant is known by name or by number."
	c.Example += "\n  labs room remove 12"
	return c
}

// someone is the number of the participant who is meant: by that number, or by a name that only one of them has. Upper
// and lower case and spaces make no difference, as they make none when somebody joins.
func someone(ctx context.Context, c *client.Client, said string) (int64, error) {
	if _, err := strconv.ParseInt(said, 10, 64); err == nil {
		return id(said)
	}
	r, err := c.Room(ctx)
	if err != nil {
		return 0, err
	}
	name, numbers := strings.Join(strings.Fields(said), " "), []string{}
	var found int64
	for _, p := range r.Participants {
		if strings.EqualFold(p.Name, name) {
			found, numbers = p.ID, append(numbers, strconv.FormatInt(p.ID, 10))
		}
	}
	switch len(numbers) {
	case 1:
		return found, nil
	case 0:
		return 0, &usageError{fmt.Errorf("nobody called %q is in the room", said),
			"labs room status --json has the participants with their numbers"}
	}
	return 0, &usageError{fmt.Errorf("%d participants are called %q", len(numbers), said),
		"name one by number: " + strings.Join(numbers, ", ")}
}

func (o *roomOptions) answered() *cobra.Command {
	return o.numbered("answered HAND", "Lower a hand", "answered 3", "hand %d is lowered",
		func(ctx context.Context, c *client.Client, n int64) error { return c.Answered(ctx, n) })
}

func (o *roomOptions) override() *cobra.Command {
	points, reason, back := -1, "", false
	c := o.action("override SUBMISSION {--points N --reason TEXT | --back}", "Put points in place of the grader's",
		`override 17 --points 20 --reason "the check was wrong"`, 1,
		func(ctx context.Context, c *client.Client, args []string) error {
			n, err := id(args[0])
			if err != nil {
				return err
			}
			said, did := &wire.Override{Points: points, Reason: reason}, "submission %d is overridden"
			switch {
			case back:
				said, did = nil, "submission %d counts as the grader said"
			case points < 0 || reason == "":
				return &usageError{errors.New("an override needs points and a reason, which stays visible"),
					"--points N --reason TEXT, or --back"}
			}
			if err := c.Override(ctx, n, said); err != nil {
				return err
			}
			return o.done(did, n)
		})
	c.Flags().IntVar(&points, "points", -1, "the `points`")
	c.Flags().StringVar(&reason, "reason", "", "`why`")
	c.Flags().BoolVar(&back, "back", false, "take the override back")
	return c
}

func (o *roomOptions) regrade() *cobra.Command {
	var asked wire.Regrade
	var apply, drop int64
	whose := ""
	c := o.action("regrade", "Grade again, see what would change, then apply or drop it",
		`regrade --lab b10 --reason "a new check"`, 0,
		func(ctx context.Context, c *client.Client, _ []string) error {
			switch {
			case apply < 0 || drop < 0 || apply > 0 && drop > 0:
				return &usageError{errors.New("--apply and --drop take the number of a regrade, one of them at a time"),
					"labs room regrade --apply 3"}
			case apply > 0 || drop > 0:
				if err := c.Decide(ctx, max(apply, drop), apply > 0); err != nil {
					return err
				}
				return o.done("regrade %d is %s", max(apply, drop), map[bool]string{true: "applied", false: "dropped"}[apply > 0])
			case asked.Reason == "":
				return &usageError{errors.New("a regrade needs a reason, which is in the audit log"), "--reason TEXT"}
			}
			if whose != "" {
				n, err := someone(ctx, c, whose)
				if err != nil {
					return err
				}
				asked.Participant = n
			}
			return o.regraded(ctx, c, asked)
		})
	f := c.Flags()
	f.StringVar(&asked.Lab, "lab", "", "those of this `lab`")
	f.StringVar(&whose, "participant", "", "those of this `participant`, by name or number")
	f.Int64Var(&asked.Submission, "submission", 0, "this `submission` alone")
	f.BoolVar(&asked.All, "all", false, "not only the latest of each participant and lab")
	f.StringVar(&asked.Reason, "reason", "", "`why`")
	f.Int64Var(&apply, "apply", 0, "let the regrade of this `number` count")
	f.Int64Var(&drop, "drop", 0, "forget the regrade of this `number`")
	return c
}

// regraded begins a regrade, waits until it is done, and shows what it would change.
func (o *roomOptions) regraded(ctx context.Context, c *client.Client, asked wire.Regrade) error {
	s, err := c.Regrade(ctx, asked)
	if err != nil {
		return err
	}
	line := o.waiting(fmt.Sprintf("grading again, %d of %d", s.Done, s.Of))
	defer line.over()
	for s.Done < s.Of {
		line.set("grading again, %d of %d", s.Done, s.Of)
		select {
		case <-ctx.Done():
			line.over()
			o.note("regrade %d goes on; labs room regrade --apply %d or --drop %d ends it", s.ID, s.ID, s.ID)
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		if s, err = c.RegradeOf(ctx, s.ID); err != nil {
			return err
		}
	}
	line.over()
	for _, ch := range s.Changes {
		fmt.Fprintf(o.Out, "submission %d of %s, %s: %s, %d points → %s, %d points\n", ch.Submission,
			report.PlainLines(ch.Name), ch.Lab, ch.Before, ch.PointsThen, ch.Then, ch.PointsAfter)
	}
	return o.done("%d of %d would change; labs room regrade --apply %d lets it count, --drop %d forgets it",
		len(s.Changes), s.Of, s.ID, s.ID)
}

func (o *roomOptions) export() *cobra.Command {
	return o.action("export {csv|json|gradescope|moodle|canvas}", "Points of all, for grade books",
		"export moodle > grades.csv", 1,
		func(ctx context.Context, c *client.Client, args []string) error { return c.Export(ctx, args[0], o.Out) })
}

func (o *roomOptions) archive() *cobra.Command {
	return o.action("archive FILE", "The whole room as one file, which labs workshop --open shows again",
		"archive tuesday.labs-workshop", 1,
		func(ctx context.Context, c *client.Client, args []string) error {
			return o.archiveTo(ctx, c, args[0])
		})
}

// archiveTo writes the archive, or leaves nothing.
func (o *roomOptions) archiveTo(ctx context.Context, c *client.Client, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &usageError{err, archiveHint(err)}
	}
	if err := errors.Join(c.Archive(ctx, f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return o.done("wrote %s", path)
}

// archiveHint is what to do where no archive can be made.
func archiveHint(err error) string {
	switch {
	case errors.Is(err, os.ErrExist):
		return "name a file that is not there yet"
	case errors.Is(err, os.ErrNotExist):
		return "make its folder first, or name another one"
	}
	return "name a file in a folder that you may write to"
}

func (o *roomOptions) audit() *cobra.Command {
	asJSON := false
	c := o.action("audit", "What was done, newest first", "audit", 0,
		func(ctx context.Context, c *client.Client, _ []string) error {
			all, err := c.Audit(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return indented(o.Out, all)
			}
			for _, e := range all {
				fmt.Fprintf(o.Out, "%s  %s\n", e.At.Local().Format("2006-01-02 15:04:05"),
					report.PlainLines(strings.Join(strings.Fields(e.Who+" "+e.Did+" "+e.What+" "+e.Detail), " ")))
			}
			return nil
		})
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func (o *roomOptions) end() *cobra.Command {
	file := ""
	c := o.action("end", "End the workshop; what was handed in stays", "end --archive tuesday.labs-workshop", 0,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if err := c.End(ctx); err != nil {
				return err
			}
			if file != "" {
				return o.archiveTo(ctx, c, file)
			}
			return o.done("it has ended; labs room archive FILE keeps all of it in one file")
		})
	c.Flags().StringVar(&file, "archive", "", "keep all of it in this `file`")
	return c
}
