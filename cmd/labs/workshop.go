package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/workshop"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/rehearse"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

type workshopOptions struct {
	*app
	o             workshop.Options
	labs          []string
	part          part
	opens, closes string
	roster        string
	log           string
	proxies       []string
	rehearse      int
	seed          uint64
	within        time.Duration
	rehearsed     chan struct{} // closed when the rehearsal is over
}

func newWorkshop(a *app) *cobra.Command {
	o := &workshopOptions{app: a}
	c := &cobra.Command{
		Use:   "workshop",
		Short: "Serve a workshop: participants join, the wall shows where they are stuck",
		Long: `Workshop serves a room on this machine: participants join with one command, their checks are seen as they go, what they
hand in is graded here in the sandbox of labs grade, and the instructor's page shows where the room is stuck, and what is
likely believed there.

Everything is kept in a database, a SQLite file in the course's .labs folder unless --database names another one: stopped
in any way, and started again with the same database, it is the same room, and nothing that was handed in is lost. With
Postgres, labs worker lets other machines grade, too.

The room's code is for the participants. The instructor's link is for you: whoever has it can do everything. Where output is
kept by others, choose its secret yourself in $LABS_ROOM_SECRET: then it is not shown.

` + exitHelp,
		Example: `  labs workshop --labs b10,i19,a01
  labs workshop --path reliability --title "Tuesday" --closes 17:00
  labs workshop --level beginner --roster names.csv --database /srv/course.db
  labs workshop --database postgres://labs@db/labs --workers 0
  labs workshop --open tuesday.labs-workshop
  labs workshop --labs b10,b13 --rehearse 30`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.o.Addr, "addr", ":8080", "where to listen, `HOST:PORT`")
	f.StringSliceVar(&o.labs, "labs", nil, "the room's `labs`, such as b10,i04; without --level and --path")
	o.part.flags(c)
	f.StringVar(&o.o.Room.Title, "title", "", "what the room is called (default: Workshop and the day)")
	f.StringVar(&o.opens, "opens", "", "nothing is taken before this `time`: 09:00, 2026-03-01T09:00, or RFC 3339")
	f.StringVar(&o.closes, "closes", "", "nothing is taken from this `time` on")
	f.StringVar(&o.roster, "roster", "", "only the names in this CSV `file` may join: columns name, email, group")
	f.StringVar(&o.o.Database, "database", "",
		"where the room is kept: a `file` for SQLite, or postgres://… (else $LABS_DATABASE)")
	f.StringVar(&o.o.Cert, "tls-cert", "", "serve https with the certificate in this `file`")
	f.StringVar(&o.o.Key, "tls-key", "", "the key of that certificate")
	f.StringVar(&o.o.URL, "url", "", "the `URL` by which participants reach it, where a proxy stands before it")
	f.StringSliceVar(&o.proxies, "trusted-proxy", nil,
		"believe what this proxy says of who asks (X-Forwarded-For): an `address` or network, repeatable")
	f.StringVar(&o.o.Bundle, "bundle", "", "offer this `file`, made by labs bundle, to participants without a network")
	f.IntVar(&o.o.Workers, "workers", workshop.DefaultWorkers(),
		"submissions graded at once on this machine; 0: by labs worker alone")
	f.StringVar(&o.o.Sandbox, "sandbox", "auto", "what keeps submissions in: {auto|ns|container|landlock}")
	f.StringVar(&o.o.Backend, "backend", "auto",
		"where Redis and Postgres of checks come from: {auto|url|container|local|embedded}")
	f.StringVar(&o.o.Archive, "open", "", "show a workshop that has ended, from its archive `file`")
	f.IntVar(&o.rehearse, "rehearse", 0,
		"fill the room with so many learners who are not there, to try everything the day before")
	f.DurationVar(&o.within, "rehearse-for", 5*time.Minute, "how long they take")
	f.Uint64Var(&o.seed, "seed", 1, "of the rehearsal: the same makes the same room")
	f.StringVar(&o.log, "log", "", "write what happens as lines of JSON to this `file`; - is standard error")
	return c
}

func (o *workshopOptions) run(ctx context.Context) error {
	w, err := o.openAnywhere()
	if err != nil {
		return err
	}
	if err := o.complete(w); err != nil {
		return err
	}
	closeLog, err := o.logTo()
	if err != nil {
		return err
	}
	defer closeLog()
	o.o.Say = func(line string) { o.note("%s", line) }
	o.o.Ready = func(s workshop.Served) error { return o.ready(ctx, s) }
	o.rehearsed = make(chan struct{})
	err = workshop.Serve(ctx, o.o)
	if o.rehearse > 0 && ctx.Err() != nil {
		<-o.rehearsed
	}
	if ctx.Err() != nil && err == nil {
		o.note("stopped; the same command goes on where it was")
	}
	return o.explained(err)
}

// complete fills in what the command line leaves open, and looks at what it says.
func (o *workshopOptions) complete(w *workspace.Workspace) (err error) {
	o.o.Course, o.o.Dir, o.o.Version = w.Course, w.Dir, embedded.Version()
	if o.o.Room.Labs, err = (&initOptions{app: o.app, labs: o.labs, part: o.part}).choice(w.Course); err != nil {
		return err
	}
	if len(o.o.Room.Labs) == 0 {
		for _, l := range w.Course.Labs {
			o.o.Room.Labs = append(o.o.Room.Labs, l.ID)
		}
	}
	if o.o.Room.Title == "" {
		o.o.Room.Title = "Workshop of " + time.Now().Format("2 January 2006")
	}
	for name, at := range map[string]struct {
		said string
		into *time.Time
	}{"--opens": {o.opens, &o.o.Room.Opens}, "--closes": {o.closes, &o.o.Room.Closes}} {
		if *at.into, err = timeOf(at.said, time.Now()); err != nil {
			return &usageError{fmt.Errorf("%s %q is no time", name, at.said), "write 17:00, 2026-03-01T17:00, or RFC 3339"}
		}
	}
	if (o.o.Cert == "") != (o.o.Key == "") {
		return &usageError{errors.New("--tls-cert and --tls-key go together"), "give both, or none"}
	}
	if o.o.Proxies, err = networks(o.proxies); err != nil {
		return err
	}
	if o.o.URL != "" {
		if _, err := client.New(o.o.URL, ""); err != nil {
			return &usageError{fmt.Errorf("--url %q is no URL", o.o.URL), "write it as participants do: https://labs.example.org"}
		}
	}
	if o.o.Secret = os.Getenv(secretVar); o.o.Secret != "" && len(o.o.Secret) < 20 {
		return &usageError{fmt.Errorf("$%s is too short", secretVar),
			"at least 20 random letters: whoever has it can do everything"}
	}
	os.Unsetenv(secretVar)
	if o.o.Workers < 0 {
		return &usageError{fmt.Errorf("--workers %d makes no sense", o.o.Workers), "0 leaves it to labs worker"}
	}
	if o.roster != "" {
		if o.o.Roster, err = workshop.Roster(o.roster); err != nil {
			return asUsage(err)
		}
	}
	o.o.Database = database(o.o.Database)
	if o.o.Database == "" {
		if err := os.MkdirAll(w.Dir, 0o755); err != nil {
			return err
		}
		o.o.Database = filepath.Join(w.Dir, "workshop.db")
	}
	return checkProvider(o.o.Backend)
}

// secretVar has the instructor's secret: for labs room, and where it is chosen for labs workshop.
const secretVar = "LABS_ROOM_SECRET"

// networks are addresses and networks as they were said.
func networks(said []string) (all []netip.Prefix, err error) {
	for _, s := range said {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, &usageError{fmt.Errorf("--trusted-proxy %q is no address", s), "such as 10.0.0.1 or 10.0.0.0/8"}
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// database is where a room is kept, as it was said or as the environment says. What labs starts is not to see it there.
func database(said string) string {
	if said == "" {
		said = os.Getenv("LABS_DATABASE")
	}
	os.Unsetenv("LABS_DATABASE")
	return said
}

// timeOf reads a time of a day, of today if it says no other, in this machine's zone. "" is the zero time.
func timeOf(said string, now time.Time) (time.Time, error) {
	if said == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, said, now.Location()); err == nil {
			return at, nil
		}
	}
	at, err := time.ParseInLocation("15:04", said, now.Location())
	if err != nil {
		return at, err
	}
	return time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, now.Location()), nil
}

// logTo opens the log.
func (o *workshopOptions) logTo() (done func(), err error) {
	switch o.log {
	case "":
		return func() {}, nil
	case "-":
		o.o.Log = slog.New(slog.NewJSONHandler(o.Err, nil))
		return func() {}, nil
	}
	f, err := os.OpenFile(o.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, &usageError{err, "--log names a file that can be written"}
	}
	o.o.Log = slog.New(slog.NewJSONHandler(f, nil))
	return func() { f.Close() }, nil
}

// ready tells how to join, and keeps the instructor's secret for the commands of this machine.
func (o *workshopOptions) ready(ctx context.Context, s workshop.Served) error {
	if err := (client.Desk{URL: s.Local, Secret: s.Secret}).Keep(); err != nil {
		o.note("labs room will need --server and $LABS_ROOM_SECRET: %v", err)
	}
	p := o.Paint()
	fmt.Fprintf(o.Out, "%s\n\n", p.Strong(s.Room.Title))
	if s.Room.Ended.IsZero() {
		fmt.Fprintf(o.Out, "join     %s\n         or %s in a browser, with the code %s\n",
			p.Strong(fmt.Sprintf("labs join %s %s --name NAME", s.Base, s.Room.Code)), s.Base, s.Room.Code)
		o.qr(s.Base)
	} else {
		fmt.Fprintf(o.Out, "ended    %s; it can be looked at\n", s.Room.Ended.Local().Format("2 January 2006, 15:04"))
	}
	fmt.Fprintf(o.Out, "wall     %s/wall\n", s.Base)
	if o.o.Secret == "" {
		fmt.Fprintf(o.Out, "you      %s/enter#%s\n         this link is the instructor's: whoever has it can do everything\n",
			s.Local, s.Secret)
	} else {
		fmt.Fprintf(o.Out, "you      %s/enter with the secret in $%s\n", s.Local, secretVar)
	}
	fmt.Fprintf(o.Out, "scripts  %s\n\nstop with Ctrl-C\n", o.typed("labs room --help"))
	if o.rehearse > 0 {
		go o.rehearsal(ctx, s)
	}
	if s.Waiting > 0 {
		o.note("%d handed in before are waiting to be graded", s.Waiting)
	}
	if s.Exposed {
		o.note("this address can be reached from the internet, and without TLS whoever is on the way reads along: --tls-cert")
	}
	return nil
}

// rehearsal fills the room, and says in the end how the server did.
func (o *workshopOptions) rehearsal(ctx context.Context, s workshop.Served) {
	defer close(o.rehearsed)
	r := rehearse.Options{URL: s.Local, Code: s.Room.Code, Learners: o.rehearse, Seed: o.seed, For: o.within,
		HandIn: o.o.Workers > 0}
	for _, id := range s.Room.Labs {
		if l, err := o.o.Course.Named(id); err == nil {
			r.Labs = append(r.Labs, l)
		}
	}
	o.note("%d learners who are not there come in; it takes about %v", o.rehearse, 2*o.within)
	numbers, err := rehearse.Run(ctx, r)
	if err != nil {
		o.note("the rehearsal: %v", err)
	}
	o.note("rehearsed: %v; %s", numbers, memory())
}

// memory is what this process has used at most, in words.
func memory() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("%d MiB of memory", m.Sys>>20)
}

// qr draws a URL for telephones, where somebody looks.
func (o *workshopOptions) qr(url string) {
	if !o.Interactive {
		return
	}
	if code, err := qrcode.New(url, qrcode.Low); err == nil {
		fmt.Fprintf(o.Out, "\n%s\n", strings.TrimRight(code.ToSmallString(false), "\n"))
	}
}

// explained is an error of a workshop with what to do about it.
func (o *workshopOptions) explained(err error) error {
	var op *net.OpError
	var sqlite interface{ Code() int }
	switch {
	case errors.As(err, &sqlite) && slices.Contains([]int{14, 26}, sqlite.Code()): // SQLITE_CANTOPEN and SQLITE_NOTADB
		return &usageError{fmt.Errorf("--database %s is no database, and none can be made there", o.o.Database),
			"name a file that is not there yet, or one that labs workshop has made"}
	case errors.As(err, &op) && op.Op == "listen":
		return &usageError{fmt.Errorf("nothing can listen at %s: %w", o.o.Addr, op.Err),
			"another program has that port, or it is not yours to take: --addr :8081 takes another one"}
	case errors.Is(err, room.ErrNewer):
		return &usageError{err, "install the labs that has made it, or a newer one; --database names another database"}
	case errors.Is(err, room.ErrArchive):
		return &usageError{fmt.Errorf("%s: %w", o.o.Archive, err), "the instructor's page and labs room archive make one"}
	case errors.Is(err, room.ErrNotEmpty):
		return &usageError{err, "an archive is opened into a database of its own: --database another.db"}
	case errors.Is(err, room.ErrDuplicate), errors.Is(err, room.ErrName):
		return &usageError{err, "mend " + o.roster}
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return &usageError{err, "give the path of a file that is there and can be used"}
	}
	return err
}

// asUsage makes a usage error of one that has a hint.
func asUsage(err error) error {
	if h, ok := err.(interface {
		error
		hinted
	}); ok {
		return &usageError{h, h.Hint()}
	}
	return err
}
