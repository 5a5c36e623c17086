package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/backend-labs/backend-labs/harness/embedded"
	"github.com/backend-labs/backend-labs/harness/owner"
	"github.com/backend-labs/backend-labs/harness/workshop"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workspace"
)

// complete looks at what the command line says, and fills in what it leaves open. done removes what was made for this
// run alone; it is to be called in any case.
func (o *workshopOptions) complete(w *workspace.Workspace) (done func(), err error) {
	o.o.Course, o.o.Dir, o.o.Version = w.Course, w.Dir, embedded.Version()
	for _, look := range []func() error{o.chosen, o.times, o.reached, o.offered, o.secret, o.numbers, o.names} {
		if err := look(); err != nil {
			return func() {}, err
		}
	}
	if err := checkProvider(o.o.Backend); err != nil {
		return func() {}, err
	}
	return o.kept(w.Dir)
}

// chosen are the labs and the title of a new room.
func (o *workshopOptions) chosen() (err error) {
	r := &o.o.Room
	if r.Labs, err = (&initOptions{app: o.app, labs: o.labs, part: o.part}).choice(o.o.Course); err != nil {
		return err
	}
	o.asked = *r
	if len(r.Labs) == 0 {
		for _, l := range o.o.Course.Labs {
			r.Labs = append(r.Labs, l.ID)
		}
	}
	if r.Title == "" {
		r.Title = "Workshop of " + time.Now().Format("2 January 2006")
	}
	return nil
}

// times are when a new room opens and closes.
func (o *workshopOptions) times() (err error) {
	for name, at := range map[string]struct {
		said string
		into *time.Time
	}{"--opens": {o.opens, &o.o.Room.Opens}, "--closes": {o.closes, &o.o.Room.Closes}} {
		if *at.into, err = timeOf(at.said, time.Now()); err != nil {
			return &usageError{fmt.Errorf("%s %q is no time", name, at.said), "write 17:00, 2026-03-01T17:00, or RFC 3339"}
		}
	}
	o.asked.Opens, o.asked.Closes = o.o.Room.Opens, o.o.Room.Closes
	if r := o.o.Room; !r.Closes.IsZero() && !r.Opens.Before(r.Closes) {
		return &usageError{fmt.Errorf("--closes %s is not after --opens %s: nothing could be handed in", o.closes, o.opens),
			"write the day, too, where it is not today: 2026-03-01T17:00"}
	}
	return nil
}

// reached is how others reach the server.
func (o *workshopOptions) reached() (err error) {
	if _, port, err := net.SplitHostPort(o.o.Addr); err != nil || !isPort(port) {
		return &usageError{fmt.Errorf("nothing can listen at %s: it is no HOST:PORT", o.o.Addr),
			"such as --addr :8080, or --addr 127.0.0.1:8080 for this machine alone"}
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
	return nil
}

// isPort reports whether a port can be listened at: a number, or the name of a service.
func isPort(said string) bool {
	_, err := net.LookupPort("tcp", said)
	return err == nil
}

// offered is the bundle for participants: that it cannot be read is known before anybody comes for it.
func (o *workshopOptions) offered() error {
	if o.o.Bundle == "" {
		return nil
	}
	if err := readable(o.o.Bundle); err != nil {
		return &usageError{fmt.Errorf("--bundle %s: %w", o.o.Bundle, err), "labs bundle makes the file, -o says where"}
	}
	return nil
}

// readable reports why a file cannot be read, or nil.
func readable(file string) error {
	st, err := os.Stat(file)
	switch {
	case err == nil && st.IsDir():
		return errors.New("it is a folder")
	case err == nil && !st.Mode().IsRegular():
		return errors.New("it is no file")
	case err == nil:
		var f *os.File
		if f, err = os.Open(file); err == nil {
			return f.Close()
		}
	}
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}

// secret is the instructor's, where the environment has one. What labs starts is not to see it there.
func (o *workshopOptions) secret() error {
	if o.o.Secret = os.Getenv(secretVar); o.o.Secret != "" && len(o.o.Secret) < 20 {
		return &usageError{fmt.Errorf("$%s is too short", secretVar),
			"at least 20 random letters: whoever has it can do everything"}
	}
	return os.Unsetenv(secretVar)
}

// numbers are those that make sense.
func (o *workshopOptions) numbers() error {
	switch {
	case o.o.Workers < 0:
		return &usageError{fmt.Errorf("--workers %d makes no sense", o.o.Workers), "0 leaves it to labs worker"}
	case o.rehearse < 0:
		return &usageError{fmt.Errorf("--rehearse %d makes no sense", o.rehearse), "give the number of learners, such as 30"}
	case o.within <= 0:
		return &usageError{fmt.Errorf("--rehearse-for %v makes no sense", o.within), "give the time that they take, such as 5m"}
	}
	return nil
}

// names are those who may join.
func (o *workshopOptions) names() (err error) {
	if o.roster != "" {
		o.o.Roster, err = workshop.Roster(o.roster)
	}
	return asUsage(err)
}

// kept is where the room is kept. An archive is shown from a database of its own, and so a rehearsal has one, which goes
// with the run: nobody who is not there may be in the room of the day.
func (o *workshopOptions) kept(dir string) (done func(), err error) {
	none := func() {}
	if o.o.Database = database(o.o.Database); o.o.Database != "" {
		return none, nil
	}
	if o.o.Archive != "" || o.rehearse > 0 {
		o.passing = true
		tmp, err := owner.TempDir("", "room")
		o.o.Database = filepath.Join(tmp, "workshop.db")
		return func() { os.RemoveAll(tmp) }, err
	}
	o.o.Database = filepath.Join(dir, "workshop.db")
	return none, os.MkdirAll(dir, 0o755)
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
