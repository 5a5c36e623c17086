package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestAsError has what goes wrong below, and what people are told.
func TestAsError(t *testing.T) {
	t.Parallel()
	known := &Error{Kind: NoImage, Text: "no image", Remedy: "get one"}
	full := &fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}
	for name, tt := range map[string]struct {
		backend, provider string
		err               error
		kind              Kind
		text, hint        string
	}{
		"known already": {Redis, Local, fmt.Errorf("start: %w", known), NoImage, "no image",
			"get one"},
		"new": {Redis, Local, errors.New("odd"), NoStart, "redis (local): odd",
			"labs doctor shows what every provider says"},
		"of several providers": {Redis, "", errors.New("odd"), NoStart, "redis: odd",
			"labs doctor shows what every provider says"},
		"a disk": {Postgres, Local, full, DiskFull,
			"the disk is full: no room for postgres: write /x: no space left on device",
			"make room on that disk"},
		"a quota of the disk": {Postgres, Local, syscall.EDQUOT, DiskFull,
			"the disk is full: no room for postgres: disk quota exceeded", "make room on that disk"},
		"the disk of Docker": {Redis, Container, errors.New("mkdir: No space left on device"),
			DiskFull, "the disk is full: no room for redis: mkdir: No space left on device",
			"make room for Docker: docker system df, docker system prune"},
		"the disk of a server": {Postgres, URL, &pgconn.PgError{Severity: "ERROR", Code: "53100",
			Message: "could not extend file"}, DiskFull,
			"the disk is full: no room for postgres: ERROR: could not extend file (SQLSTATE 53100)",
			"make room on that disk"},
		"slow": {Postgres, Container, fmt.Errorf("wait: %w", context.DeadlineExceeded), NoStart,
			"postgres (container) did not answer in time", "is the machine very busy? try again"},
	} {
		e := asError(tt.backend, tt.provider, tt.err)
		if e.Kind != tt.kind || e.Error() != tt.text || e.Hint() != tt.hint {
			t.Errorf("%s: got %s: %v\nhint: %s\nwant %s: %s\nhint: %s", name, e.Kind, e, e.Hint(),
				tt.kind, tt.text, tt.hint)
		}
		if e != known && !errors.Is(e, tt.err) {
			t.Errorf("%s: the cause is lost", name)
		}
	}
	if e := asError(Redis, Local, nil); e != nil {
		t.Errorf("got %v of no error", e)
	}
}

// TestReason: an error's heart has neither the address, which is told anyway, nor a password.
func TestReason(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for want, err := range map[string]error{
		`database "x" does not exist`: fmt.Errorf("connect to postgres://u:p@h: %w",
			&pgconn.PgError{Severity: "FATAL", Message: `database "x" does not exist`}),
		"connection refused": fmt.Errorf("redis://u:p@h: %w", dial(os.NewSyscallError("connect",
			syscall.ECONNREFUSED))),
		"lookup h: no such host": dial(&net.DNSError{Err: "no such host", Name: "h"}),
		"no answer in time":      fmt.Errorf("user=u: %w", context.DeadlineExceeded),
		"odd":                    errors.New("odd"),
	} {
		if got := reason(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		" two\n\tlines ":                           "two lines",
		strings.Repeat("x", 600):                   strings.Repeat("x", 600),
		strings.Repeat("x", 601):                   strings.Repeat("x", 600) + " …",
		"x" + strings.Repeat("é", 300):             "x" + strings.Repeat("é", 299) + " …",
		strings.Repeat("x", 595) + "\n\n\n\n\n  y": strings.Repeat("x", 595) + " y",
	} {
		if got := oneLine(said); got != want || !utf8.ValidString(got) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExplainContainer(t *testing.T) {
	t.Parallel()
	for said, tt := range map[string]struct {
		err        error
		kind       Kind
		text, hint string
	}{
		"port": {errors.New("driver failed: Bind for 127.0.0.1:5432 failed: port is already " +
			"allocated"), PortTaken, "Docker cannot publish a port for postgres: another program " +
			"has it", "run the command again: Docker takes another port each time"},
		"disk": {errors.New("write /var/lib/docker/x: no space left on device"), DiskFull,
			"the disk is full: Docker has no room for postgres",
			"make room for Docker: docker system df, docker system prune"},
		"end": {fmt.Errorf("%w: %s", errGaveUp, "no such command"), NoStart,
			"postgres does not start in its container: no such command",
			"is it the right image? see LABS_POSTGRES_IMAGE"},
		"known": {fmt.Errorf("start: %w", &Error{Kind: NoImage, Text: "no port is already " +
			"allocated"}), NoImage, "no port is already allocated", ""},
		"new": {errors.New("odd"), NoStart, "postgres (container): odd",
			"labs doctor shows what every provider says"},
	} {
		e := explainContainer(Postgres, tt.err)
		if e.Kind != tt.kind || e.Error() != tt.text || e.Hint() != tt.hint {
			t.Errorf("%s: got %s: %v, hint: %s; want %s: %s, hint: %s", said, e.Kind, e, e.Hint(),
				tt.kind, tt.text, tt.hint)
		}
	}
}

// TestWorstLine has what Postgres, initdb and Redis print before they end.
func TestWorstLine(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"": "it ends without a word",
		"LOG:  starting\nFATAL:  first\nLOG:  more\nFATAL:  the last one \nHINT:  h\n": "the last one",
		"PANIC:  could not write\nLOG:  shut down":                                     "could not write",
		"creating\ninitdb: error: cannot be run as root\nPlease log in":                "cannot be run as root",
		"1:M 01 Jan 2026 00:00:00.000 # Fatal error\n\n":                               "Fatal error",
		"a b # c # d": "c # d",
		"one\ntwo":    "two",
	} {
		if got := worstLine(output); got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}

// TestURLRedis_bad: what is no URL of a Redis is not quoted, as it may hold a password.
func TestURLRedis_bad(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"localhost:6379", "http://u:hidden@localhost", "redis://",
		"redis://u:hidden@local host", "redis://u:hidden@localhost/x", "://hidden"} {
		st := &site{Options: Options{Getenv: func(string) string { return raw }}}
		_, err := st.openURLRedis(t.Context())
		if err == nil || err.Kind != BadOptions || err.Text !=
			"LABS_REDIS_URL is not a URL of the form redis://user:password@host:6379/0" ||
			err.Err != nil {
			t.Errorf("%s: got %v, want that it is no URL", raw, err)
		}
	}
}

// TestWithDatabase: a lease's URL keeps what the given one says of the way to the server, and
// nothing of who goes there.
func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"postgres://admin:hidden@h:5432/postgres?sslmode=disable": "postgres://r:p%2F%40@h:5432/d?sslmode=disable",
		"postgresql://h?user=admin&password=hidden&dbname=postgres&database=x&sslmode=require": "postgresql://" +
			"r:p%2F%40@h/d?sslmode=require",
	} {
		base, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := withDatabase(base, "r", "p/@", "d"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if base.String() != given {
			t.Errorf("the base has become %s", base)
		}
	}
}

// TestUsage_exceeds has databases at the bounds of what they may take, and just beyond.
func TestUsage_exceeds(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		usage usage
		want  string
	}{
		"all that it may": {usage{disk: quotaDisk - 1, temp: 1, memory: quotaMemory,
			locks: quotaLocks}, ""},
		"tables": {usage{disk: quotaDisk + mib},
			"it had written 257 MiB to its database; a check may write 256 MiB"},
		"temporary files": {usage{disk: quotaDisk - mib, temp: 3 * mib}, "it had written 258 MiB " +
			"to its database, 3 of them in temporary files; a check may write 256 MiB"},
		"memory": {usage{memory: quotaMemory + mib}, "its connections took 769 MiB of " +
			"PostgreSQL's memory; those of a check may take 768 MiB"},
		"locks": {usage{locks: quotaLocks + 1},
			"it held 10001 locks in PostgreSQL; a check may hold 10000"},
	} {
		if got := tt.usage.exceeds(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestQuotas_note: the first thing that is wrong is why a database is stopped, as often as somebody
// looks, until it is given back.
func TestQuotas_note(t *testing.T) {
	t.Parallel()
	q := new(quotas)
	if q.note("a", "early") || q.why("a") != "" {
		t.Error("stopped what nobody has leased")
	}
	q.begin("a")
	for _, step := range []struct {
		found string
		stop  bool
		why   string
	}{{"", false, ""}, {"locks", true, "locks"}, {"", true, "locks"}, {"disk", true, "locks"}} {
		if got := q.note("a", step.found); got != step.stop || q.why("a") != step.why {
			t.Errorf("found %q: stopped: %v, %q; want %v, %q", step.found, got, q.why("a"),
				step.stop, step.why)
		}
	}
	q.end("a")
	if q.note("a", "late") || q.why("a") != "" || len(q.names()) != 0 {
		t.Error("stopped what has been given back")
	}
}

// TestSite_patiently has starts that fail, by what they say.
func TestSite_patiently(t *testing.T) {
	t.Parallel()
	taken := fmt.Errorf("start: %w", &Error{Kind: PortTaken, Text: "taken"})
	late, other := fmt.Errorf("start: %w", context.DeadlineExceeded), errors.New("other")
	ended, end := context.WithCancel(t.Context())
	end()
	for name, tt := range map[string]struct {
		ctx   context.Context
		fails []error
		want  error
		tries int
	}{
		"two ports that are taken":   {t.Context(), []error{taken, taken, nil}, nil, 3},
		"every port is taken":        {t.Context(), []error{taken, taken, taken, nil}, taken, 3},
		"late once":                  {t.Context(), []error{late, nil}, nil, 2},
		"late twice":                 {t.Context(), []error{late, late, nil}, late, 2},
		"late, and then a port":      {t.Context(), []error{late, taken, nil}, nil, 3},
		"something else":             {t.Context(), []error{other, nil}, other, 1},
		"nobody waits for it longer": {ended, []error{taken, nil}, taken, 1},
	} {
		tries := 0
		err := new(site).patiently(tt.ctx, "redis-server", func() error {
			tries++
			return tt.fails[tries-1]
		})
		if err != tt.want || tries != tt.tries {
			t.Errorf("%s: got %v after %d tries, want %v after %d", name, err, tries, tt.want,
				tt.tries)
		}
	}
}

// TestDialling_gaveUp: nobody waits for a server that has ended, nor longer than they mean to.
func TestDialling_gaveUp(t *testing.T) {
	t.Parallel()
	const nobody = "127.0.0.1:1"
	ended := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := dialling(ctx, nobody, ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { close(ended) })
	if err := dialling(t.Context(), nobody, ended); !errors.Is(err, errGaveUp) {
		t.Errorf("got %v, want %v", err, errGaveUp)
	}
	until, stop := until(t.Context(), ended)
	defer stop()
	<-until.Done()
}
