//go:build unix

package intake_test

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backend-labs/backend-labs/harness/intake"
)

// within fails the test if f is not done in time: a pipe that nobody writes to would be waited for.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it is not done after 20 s")
	}
}

func TestRead_foldersWithLinks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(dir, outside string) error // outside has bucket.go and a folder labs
		want string
	}{
		{"a link in the file's place", func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "bucket.go"), filepath.Join(dir, "bucket.go"))
		}, "rejected: bucket.go: it is a link, not a regular file"},
		{"a link inside the submission", func(dir, outside string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "x"), []byte("x"), 0o644),
				os.Symlink("x", filepath.Join(dir, "bucket.go")))
		}, "rejected: bucket.go: it is a link, not a regular file"},
		{"a link to nowhere", func(dir, outside string) error { return os.Symlink("nowhere", filepath.Join(dir, "bucket.go")) },
			"rejected: bucket.go: it is a link, not a regular file"},
		{"a link in the place of labs", func(dir, outside string) error {
			return os.Symlink(filepath.Join(outside, "labs"), filepath.Join(dir, "labs"))
		}, "rejected: labs: it is a link, not a folder"},
		{"a link in the place of the lab", func(dir, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "labs"), 0o755),
				os.Symlink(filepath.Join(outside, "labs", "b10-token-bucket"),
					filepath.Join(dir, "labs", "b10-token-bucket")))
		}, "rejected: labs/b10-token-bucket: it is a link, not a folder"},
		{"links beside it", func(dir, outside string) error {
			return errors.Join(os.Symlink(outside, filepath.Join(dir, "x")),
				os.WriteFile(filepath.Join(dir, "bucket.go"), []byte("mine"), 0o644))
		}, "b10-token-bucket/bucket.go: mine"},
		{"another name of a file", func(dir, outside string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "x"), []byte("mine"), 0o644),
				os.Link(filepath.Join(dir, "x"), filepath.Join(dir, "bucket.go")))
		}, "b10-token-bucket/bucket.go: mine"},
		{"a pipe", func(dir, outside string) error { return unix.Mkfifo(filepath.Join(dir, "bucket.go"), 0o644) },
			"rejected: bucket.go: it is a pipe, not a regular file"},
		{"a pipe in the place of labs", func(dir, outside string) error { return unix.Mkfifo(filepath.Join(dir, "labs"), 0o644) },
			"rejected: labs: it is a pipe, not a folder"},
		{"a socket", func(dir, outside string) error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, "bucket.go")})
		}, "rejected: bucket.go: it is a socket, not a regular file"},
		// whoever grades has named it
		{"the submission itself is a link", func(dir, outside string) error {
			return errors.Join(os.Remove(dir), os.Symlink(outside, dir))
		}, "b10-token-bucket/bucket.go: secret in labs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			outside, dir := t.TempDir(), filepath.Join(t.TempDir(), "sub")
			write(t, filepath.Join(outside, "bucket.go"), "secret")
			write(t, filepath.Join(outside, "labs", "b10-token-bucket", "bucket.go"),
				"secret in labs")
			if err := errors.Join(os.Mkdir(dir, 0o755), tt.make(dir, outside)); err != nil {
				t.Fatal(err)
			}
			within(t, func() { equal(t, read(t, dir, nil, labs, bucket), []string{tt.want}) })
		})
	}
}

func TestRead_aPipeByTheNameOfAnArchive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.zip")
	if err := unix.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	within(t, func() {
		equal(t, read(t, path, nil, labs, nil),
			[]string{"rejected: a.zip is a pipe, neither a folder nor an archive"})
	})
}

func TestRead_aNameThatMovesTheCursor(t *testing.T) {
	t.Parallel()
	equal(t, read(t, place(t, "a\x1b[2J.rar", nil), nil, labs, nil),
		[]string{"rejected: a?[2J.rar is neither a folder nor a .zip, .tar, .tar.gz or .tgz"})
	equal(t, read(t, place(t, "a\x1b[2J.tar", nil), nil, labs, nil),
		[]string{"rejected: a?[2J.tar is empty"})
}

// TestRead_replacedMeanwhile swaps the file with links, pipes and nothing while it is read. What is told is
// one of the words that stand here, and what is read is never the text of another file.
func TestRead_replacedMeanwhile(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	write(t, filepath.Join(dir, "other"), "other")
	at := filepath.Join(dir, "bucket.go")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tmp := filepath.Join(dir, "tmp")
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			switch i % 5 {
			case 1:
				_ = os.Symlink(filepath.Join(outside, "secret"), tmp)
			case 2:
				_ = os.Symlink("other", tmp)
			case 3:
				_ = unix.Mkfifo(tmp, 0o644)
			case 4:
				_ = os.Remove(at)
				continue
			default:
				_ = os.WriteFile(tmp, []byte("mine"), 0o644)
			}
			_ = os.Rename(tmp, at)
		}
	}()
	allowed := map[string]bool{
		"b10-token-bucket/bucket.go: mine": true,
		noneSingle:                         true,
		"rejected: bucket.go: it is a link, not a regular file":   true,
		"rejected: bucket.go: it is a pipe, not a regular file":   true,
		"rejected: bucket.go: it has changed while it was read":   true,
		"rejected: bucket.go: it cannot be opened: openat bucket": true, // and what follows
	}
	within(t, func() {
		for range 1000 {
			got := read(t, dir, nil, labs, bucket)[0]
			if start, _, _ := strings.Cut(got, ".go: p"); !allowed[got] && !allowed[start] {
				t.Errorf("got %q", got)
				return
			}
		}
	})
	close(stop)
	<-stopped
}

// zeros is a piece of a deflate stream that stands for so many zeros and may be repeated.
func zeros(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const bomb = 10 << 30

// zipBomb has one file of 10 GiB. It says that it has said bytes.
func zipBomb(t *testing.T, w io.Writer, name string, said uint64) {
	t.Helper()
	piece := zeros(t, 1<<20)
	z := zip.NewWriter(w)
	f, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate,
		CompressedSize64: uint64(len(piece) * (bomb >> 20)), UncompressedSize64: said})
	if err != nil {
		t.Fatal(err)
	}
	for range bomb >> 20 {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// tarBomb is a .tar.gz with one file of 10 GiB: many gzip files behind each other, which are one.
func tarBomb(t *testing.T, w io.Writer, name string) {
	t.Helper()
	z := gzip.NewWriter(w)
	if err := tar.NewWriter(z).WriteHeader(&tar.Header{Name: name, Size: bomb,
		Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var piece bytes.Buffer
	z.Reset(&piece)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for range bomb >> 20 {
		if _, err := w.Write(piece.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
}

// crowdedZip is a directory of a .zip and nothing else: as many entries as fit in size bytes.
func crowdedZip(t *testing.T, w io.Writer, size int) {
	t.Helper()
	const each = 46 + 1
	record := make([]byte, each)
	copy(record, "PK\x01\x02")
	record[28], record[46] = 1, 'x' // the name and its length
	n := (size - 22) / each
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(n*each))
	if _, err := w.Write(append(bytes.Repeat(record, n), end...)); err != nil {
		t.Fatal(err)
	}
}

// TestRead_bombs reads what is made to be too large in a child process, and looks at how much
// memory that took. What the system says is at least what this process had when it started the
// child.
func TestRead_bombs(t *testing.T) {
	t.Parallel()
	const inLabs = "labs/b10-token-bucket/bucket.go"
	for _, tt := range []struct {
		name, file string
		make       func(*testing.T, io.Writer)
		want       string
	}{
		{"a zip", "a.zip", func(t *testing.T, w io.Writer) { zipBomb(t, w, "x", bomb) }, "it unpacks to more than 64 MiB"},
		{"a zip, the lab's file", "a.zip", func(t *testing.T, w io.Writer) { zipBomb(t, w, inLabs, bomb) }, "it unpacks to more than 64 MiB"},
		{"a zip that lies", "a.zip", func(t *testing.T, w io.Writer) { zipBomb(t, w, inLabs, 10) }, inLabs + ": it cannot be read: zip: not a valid zip file"},
		{"a zip that lies of another file", "a.zip", func(t *testing.T, w io.Writer) { zipBomb(t, w, "x", 10) }, "it has no file of the labs that are graded"},
		{"a zip of entries", "a.zip", func(t *testing.T, w io.Writer) { crowdedZip(t, w, intake.MaxZip) }, "there are more than 20000 entries"},
		{"a large zip", "a.zip", func(t *testing.T, w io.Writer) { crowdedZip(t, w, intake.MaxZip+1024) }, "the .zip has more than 16 MiB"},
		{"a tar", "a.tar.gz", func(t *testing.T, w io.Writer) { tarBomb(t, w, "x") }, "it unpacks to more than 64 MiB"},
		{"a tar, the lab's file", "a.tgz", func(t *testing.T, w io.Writer) { tarBomb(t, w, inLabs) }, inLabs + ": it has more than 256 KiB"},
		{"behind a tar's end", "a.tgz", func(t *testing.T, w io.Writer) {
			_, _ = w.Write(gzipped(t, tarOf(t, file(inLabs))))
			tarBomb(t, w, "x")
		}, "it unpacks to more than 64 MiB"},
		{"empty gzip files without end", "a.tgz", func(t *testing.T, w io.Writer) {
			var empty bytes.Buffer
			if err := gzip.NewWriter(&empty).Close(); err != nil {
				t.Error(err)
			}
			if raceEnabled {
				t.Skip("it takes a minute under the race detector")
			}
			_, _ = w.Write(bytes.Repeat(empty.Bytes(), (intake.MaxUnpacked+1<<20)/empty.Len()))
		}, "it unpacks to more than 64 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			w := bufio.NewWriter(f)
			tt.make(t, w)
			if err := errors.Join(w.Flush(), f.Close()); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "LABS_TEST_INTAKE="+path)
			began := time.Now()
			out, err := cmd.CombinedOutput()
			took := time.Since(began)
			if err != nil || !strings.HasPrefix(string(out), tt.want) {
				t.Fatalf("got %q, %v, want %q", out, err, tt.want)
			}
			rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
			if runtime.GOOS != "darwin" {
				rss *= 1024
			}
			t.Logf("%v, %d MiB", took.Round(time.Millisecond), rss>>20)
			if raceEnabled {
				return // the detector takes several times as much of both
			}
			if rss > 300<<20 {
				t.Errorf("it took %d MiB, want less than 300", rss>>20)
			}
			if used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); used > 5*time.Second {
				t.Errorf("it took %v of a processor", used)
			}
		})
	}
}
