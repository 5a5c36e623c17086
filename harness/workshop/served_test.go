package workshop

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/course/coursetest"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// options are those of a workshop on the example's lab B01 that nobody grades.
func options(t *testing.T) Options {
	t.Helper()
	l := coursetest.Adder(t)
	c, err := course.Load(filepath.Dir(filepath.Dir(l.Dir)))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Course: c, Dir: t.TempDir(), Version: "v1", Addr: "127.0.0.1:0",
		Database: "sqlite:" + filepath.Join(t.TempDir(), "room.db"),
		Room:     room.Room{Title: "Tuesday", Code: "K7QF-2M", Labs: []string{"B01"}}}
}

// begun serves a workshop, and waits until it is there. stop ends it, and gives its error.
func begun(t *testing.T, o Options) (s Served, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan Served, 1), make(chan error, 1)
	o.Ready = func(s Served) error { ready <- s; return nil }
	go func() { ended <- Serve(ctx, o) }()
	stop = func() error { cancel(); return <-ended }
	select {
	case s = <-ready:
	case err := <-ended:
		t.Fatalf("got the error %v, want a workshop", err)
	case <-time.After(time.Minute):
		t.Fatal("got no workshop within a minute")
	}
	return s, stop
}

// refused is why a workshop is not served; one that is ends after a while.
func refused(t *testing.T, o Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return Serve(ctx, o)
}

func clientOf(t *testing.T, s Served, token string) *client.Client {
	t.Helper()
	c, err := client.New(s.Local, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestServe keeps what was handed in while nobody graded until the workshop is served again, with somebody who does.
func TestServe(t *testing.T) {
	t.Parallel()
	o := options(t)
	s, stop := begun(t, o)
	if s.Room.Title != "Tuesday" || s.Base != s.Local || s.Waiting != 0 || s.Exposed || s.Secret == "" {
		t.Errorf("got %+v, want the new room, here alone", s)
	}
	hello, err := clientOf(t, s, "").Hello(t.Context())
	if err != nil || hello.Title != "Tuesday" || hello.Server != "v1" {
		t.Errorf("got %+v and the error %v, want the room's title and the version", hello, err)
	}
	joined, err := clientOf(t, s, "").Join(t.Context(), "K7QF-2M", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"adder.go": []byte("package adder\n")}
	sub, err := clientOf(t, s, joined.Token).Submit(t.Context(), wire.Submit{Lab: "B01", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Errorf("got the error %v at the end, want none", err)
	}

	o.Workers, o.Room.Title = 1, "Wednesday"
	o.Grade = func(_ context.Context, lab string, got map[string][]byte) (run.Result, error) {
		if lab != "B01" || string(got["adder.go"]) != string(files["adder.go"]) {
			t.Errorf("got %s with %q to grade, want what was handed in", lab, got)
		}
		return run.Result{Schema: run.Schema, Lab: lab, Verdict: run.Failed, Points: 1, MaxPoints: 3}, nil
	}
	s, stop = begun(t, o)
	if s.Room.Title != "Tuesday" || s.Waiting != 1 {
		t.Errorf("got %+v, want the room that was there, with one submission", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sub, err = clientOf(t, s, joined.Token).Follow(ctx, sub.ID, func(wire.Submission) {}, func() {})
	if err != nil || sub.Result == nil || sub.Result.Verdict != run.Failed || *sub.Points != 1 {
		t.Errorf("got %+v and the error %v, want its verdict", sub, err)
	}
	if err := stop(); err != nil {
		t.Errorf("got the error %v at the end, want none", err)
	}
}

// TestServe_occupied keeps a second server from the file of a room, by whatever name, and says where the first is.
func TestServe_occupied(t *testing.T) {
	t.Parallel()
	o := options(t)
	s, stop := begun(t, o)
	file := strings.TrimPrefix(o.Database, "sqlite:")
	link := filepath.Join(t.TempDir(), "other.db")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, o.Database = range []string{o.Database, file, link} {
		err := refused(t, o)
		occupied, ok := errors.AsType[*Occupied](err)
		if !ok || occupied.At != s.Base || occupied.Database != file || occupied.Hint() == "" ||
			err.Error() != "the room in "+file+" is being served already, at "+s.Base {
			t.Errorf("%s: got the error %v, want that the room is served at %s", o.Database, err, s.Base)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file + ".lock"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no lock that is left", err)
	}
}

// TestServe_secret admits the instructor by the secret that was chosen, and takes names of the roster alone.
func TestServe_secret(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Secret, o.Roster = "a secret that is long and random", []room.Participant{{Name: "Ada"}}
	o.URL = "https://labs.example.org/room/"
	s, stop := begun(t, o)
	defer stop()
	if s.Secret != o.Secret || s.Base != "https://labs.example.org/room" || !s.Room.Limited {
		t.Errorf("got %+v, want the chosen secret and URL, and a roster", s)
	}
	if r, err := clientOf(t, s, o.Secret).Room(t.Context()); err != nil || r.Code != "K7QF-2M" {
		t.Errorf("got %+v and the error %v, want the room for its instructor", r, err)
	}
	if _, err := clientOf(t, s, "another").Room(t.Context()); err == nil {
		t.Error("got the room for anybody")
	}
	for name, want := range map[string]bool{"Ada": true, "Eve": false} {
		if _, err := clientOf(t, s, "").Join(t.Context(), "K7QF-2M", name); (err == nil) != want {
			t.Errorf("%s joins: got the error %v, want joined %v", name, err, want)
		}
	}
}

// TestServe_archive shows a room again from a file, in which nothing is graded any more.
func TestServe_archive(t *testing.T) {
	t.Parallel()
	o := options(t)
	s, stop := begun(t, o)
	if err := clientOf(t, s, s.Secret).End(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Archive = filepath.Join(t.TempDir(), "room.tar")
	f, err := os.Create(o.Archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(clientOf(t, s, s.Secret).Archive(t.Context(), f), f.Close(), stop()); err != nil {
		t.Fatal(err)
	}
	if err := refused(t, o); !errors.Is(err, room.ErrNotEmpty) {
		t.Errorf("got the error %v with a room that is there, want that it is not empty", err)
	}
	o.Database, o.Room, o.Workers = filepath.Join(t.TempDir(), "again.db"), room.Room{}, 1
	again, stop := begun(t, o)
	if again.Room.Title != "Tuesday" || again.Room.Ended.IsZero() || again.Secret == "" {
		t.Errorf("got %+v, want the room that has ended, and a secret of it", again)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestServe_faults begins nothing, and leaves no lock behind.
func TestServe_faults(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	why := errors.New("enough")
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"a port that is taken": {func(o *Options) { o.Addr = taken.Addr().String() }, "address already in use"},
		"no certificate":       {func(o *Options) { o.Cert, o.Key = "cert.pem", "key.pem" }, ErrCertificate.Error()},
		"closed already":       {func(o *Options) { o.Room.Closes = time.Now().Add(-time.Hour) }, ErrOver.Error()},
		"no archive":           {func(o *Options) { o.Archive = "no.tar" }, "open no.tar: "},
		"a folder that is not": {func(o *Options) { o.Database = "/nowhere/room.db" }, "lock the database: "},
		"a name twice on the roster": {func(o *Options) { o.Roster = []room.Participant{{Name: "Ada"}, {Name: "ada"}} },
			"ada"},
		"nobody is told": {func(o *Options) { o.Ready = func(Served) error { return why } }, why.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			tt.change(&o)
			err := refused(t, o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got the error %v, want %q in it", err, tt.want)
			}
			if _, err := os.Stat(strings.TrimPrefix(o.Database, "sqlite:") + ".lock"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v, want no lock that is left", err)
			}
		})
	}
}

// TestOccupied_begun is about a server that has only just begun.
func TestOccupied_begun(t *testing.T) {
	t.Parallel()
	err := &Occupied{Database: "room.db"}
	if want := "the room in room.db is being served already"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}

// TestOccupy_postgres lets several servers share one.
func TestOccupy_postgres(t *testing.T) {
	t.Parallel()
	if l, err := occupy("postgres://127.0.0.1/room"); l != nil || err != nil {
		t.Errorf("got a lock %v and the error %v, want neither", l, err)
	}
}

// TestWorker_Run needs a database that several machines can use.
func TestWorker_Run(t *testing.T) {
	t.Parallel()
	w := Worker{Database: "sqlite:" + filepath.Join(t.TempDir(), "room.db"), Slots: 1}
	if err := w.Run(t.Context()); !errors.Is(err, ErrOneMachine) {
		t.Errorf("got the error %v, want that it is for one machine", err)
	}
}

// TestServe_page answers a browser, too, and not after its end.
func TestServe_page(t *testing.T) {
	t.Parallel()
	s, stop := begun(t, options(t))
	resp, err := http.Get(s.Local + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %s of %s, want a page", resp.Status, resp.Header.Get("Content-Type"))
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if resp, err := http.Get(s.Local + "/"); err == nil {
		resp.Body.Close()
		t.Errorf("got %s after the end, want no answer", resp.Status)
	}
}

func TestDefaultWorkers(t *testing.T) {
	t.Parallel()
	if n := DefaultWorkers(); n < 1 || n > max(1, runtime.NumCPU()/2) {
		t.Errorf("got %d workers on %d cores", n, runtime.NumCPU())
	}
}
