package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	"github.com/backend-labs/backend-labs/harness/term"
	"github.com/backend-labs/backend-labs/harness/workshop"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/rehearse"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
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
	passing       bool          // the room goes with the run
	asked         room.Room     // what the command line says of the room
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
Postgres, labs worker lets other machines grade, too. A rehearsal has a database that goes with it.

The room's code is for the participants. The instructor's link is for you: whoever has it can do everything. Where output is
kept by others, choose its secret yourself in $LABS_ROOM_SECRET: then it is not shown.

` + exitHelp,
		Example: `  labs workshop --labs b10,i19,a01
  labs workshop --path reliability --title "Tuesday" --closes 17:00
  labs workshop --level beginner --roster names.csv --database /srv/course.db
  labs workshop --database postgres://labs@db/labs --workers 0
  labs workshop --open tuesday.labs-workshop
  labs workshop --labs b10,b13 --rehearse 30`,
		Args: noArgs,
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
	f.DurationVar(&o.within, "rehearse-for", 5*time.Minute, "how long the quickest take; the slowest take twice as long")
	f.Uint64Var(&o.seed, "seed", 1, "of the rehearsal: the same makes the same room")
	f.StringVar(&o.log, "log", "", "write what happens as lines of JSON to this `file`; - is standard error")
	return c
}

func (o *workshopOptions) run(ctx context.Context) error {
	w, err := o.openAnywhere()
	if err != nil {
		return err
	}
	done, err := o.complete(w)
	defer done()
	if err != nil {
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
	switch {
	case ctx.Err() == nil || err != nil:
	case o.passing:
		o.note("stopped")
	default:
		o.note("stopped; the same command goes on where it was")
	}
	return o.explained(err)
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
	if err := o.roomForRehearsal(ctx, s); err != nil {
		close(o.rehearsed)
		return err
	}
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
	if o.rehearse > 0 && o.passing {
		o.note("the room is for the rehearsal alone, and goes with it; --database FILE keeps it")
	}
	if kept := keeps(s.Room, o.asked); kept != "" {
		o.note("the room was made before, and keeps its %s; %s", kept, keepsHint)
	}
	if !s.Room.Ended.IsZero() && o.o.Archive == "" {
		o.note("a new workshop needs another room: --database FILE")
	}
	if s.Waiting > 0 {
		o.note("%d handed in before are waiting to be graded", s.Waiting)
	}
	if s.Exposed {
		o.note("this address can be reached from the internet, and without TLS whoever is on the way reads along: --tls-cert")
	}
	return nil
}

// roomForRehearsal refuses to rehearse among people.
func (o *workshopOptions) roomForRehearsal(ctx context.Context, s workshop.Served) error {
	if o.rehearse == 0 || o.passing {
		return nil
	}
	all, err := s.Store.Participants(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	return &usageError{fmt.Errorf("the room has %s already", term.Plural(len(all), "participant")),
		"a rehearsal has a room of its own: leave --database and $LABS_DATABASE out, or name another one"}
}

// keepsHint is how to have what a room does not take from the command line.
const keepsHint = "its page changes title and times for the instructor; other labs need another room: --database FILE"

// keeps is what a room has otherwise than it was asked for, in words.
func keeps(has, asked room.Room) string {
	var kept []string
	if asked.Title != "" && asked.Title != has.Title {
		kept = append(kept, fmt.Sprintf("title %q", has.Title))
	}
	if len(asked.Labs) > 0 && !slices.Equal(asked.Labs, has.Labs) {
		kept = append(kept, "labs "+strings.ToLower(strings.Join(has.Labs, ",")))
	}
	if !asked.Opens.IsZero() && !asked.Opens.Equal(has.Opens) || !asked.Closes.IsZero() && !asked.Closes.Equal(has.Closes) {
		kept = append(kept, "times")
	}
	return strings.Join(kept, " and ")
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
	var occupied *workshop.Occupied
	switch {
	case errors.As(err, &sqlite) && slices.Contains([]int{14, 26}, sqlite.Code()): // SQLITE_CANTOPEN and SQLITE_NOTADB
		return &usageError{fmt.Errorf("--database %s is no database, and none can be made there", o.o.Database),
			"name a file that is not there yet, or one that labs workshop has made"}
	case errors.As(err, &op) && op.Op == "listen":
		return &usageError{fmt.Errorf("nothing can listen at %s: %w", o.o.Addr, op.Err), listenHint(op.Err)}
	case errors.Is(err, workshop.ErrCertificate):
		return &usageError{err, "--tls-cert and --tls-key name the files of a certificate and of its key, both PEM"}
	case errors.Is(err, workshop.ErrOver):
		return &usageError{fmt.Errorf("--closes %s is over: nothing could be handed in", o.closes),
			"give a later time, with the day where it is not today: 2026-03-01T17:00"}
	case errors.As(err, &occupied):
		return &usageError{err, occupied.Hint()}
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

// listenHint is what to do where nothing can listen.
func listenHint(err error) string {
	if _, unknown := errors.AsType[*net.DNSError](err); unknown || errors.Is(err, syscall.EADDRNOTAVAIL) {
		return "give an address of this machine, or none for all of them: --addr :8080"
	}
	return "another program has that port, or it is not yours to take: --addr :8081 takes another one"
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
