package intake_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/intake"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("LABS_TEST_INTAKE"); path != "" { // the child of TestRead_bombs
		_, err := intake.Read(path, os.Stdin, labs, nil)
		fmt.Print(err)
		return
	}
	os.Exit(m.Run())
}

var (
	bucket = &course.Lab{Slug: "b10-token-bucket", Files: []string{"bucket.go"}}
	orders = &course.Lab{Slug: "i02-orders", Files: []string{"orders.go", "sql/schema.sql"}}
	labs   = []*course.Lab{bucket, orders}
)

// entry is one entry of an archive.
type entry struct {
	name, body string
	mode       fs.FileMode
	link       string // for a tar alone
}

func file(name string) entry { return entry{name: name, body: "text of " + name} }

func folder(name string) entry { return entry{name: name, mode: fs.ModeDir} }

var flags = map[fs.FileMode]byte{
	0: tar.TypeReg, fs.ModeDir: tar.TypeDir, fs.ModeSymlink: tar.TypeSymlink,
	fs.ModeNamedPipe: tar.TypeFifo,
	fs.ModeDevice:    tar.TypeBlock, fs.ModeDevice | fs.ModeCharDevice: tar.TypeChar,
	fs.ModeIrregular: tar.TypeLink, fs.ModeSticky: tar.TypeCont,
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.body)), Typeflag: flags[e.mode],
			Linkname: e.link, Mode: 0o644}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.body == "" {
			h.Method = zip.Store
		}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// place writes a file in a folder that is removed at the end of the test.
func place(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns what was taken as "slug/file: text", or the rejection as one line that begins with
// "rejected: ".
func read(t *testing.T, path string, stdin io.Reader, labs []*course.Lab,
	single *course.Lab) []string {
	t.Helper()
	if single != nil {
		labs = []*course.Lab{single}
	}
	subs, err := intake.Read(path, stdin, labs, single)
	var rejected *intake.Rejection
	if errors.As(err, &rejected) {
		return []string{"rejected: " + err.Error()}
	}
	if err != nil {
		t.Fatalf("got the error %v, want a rejection or a submission", err)
	}
	var got []string
	for _, s := range subs {
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			got = append(got, s.Lab.Slug+"/"+name+": "+string(s.Files[name]))
		}
	}
	return got
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%q\nwant\n\t%q", got, want)
	}
}

const (
	none = "rejected: it has no file of the labs that are graded; a submission has labs/<lab>/… as " +
		"the course has, or the files of one lab, named with --lab"
	noneSingle = "rejected: there is no bucket.go in it, neither at the top nor in " +
		"labs/b10-token-bucket"
)

func TestRead_archives(t *testing.T) {
	t.Parallel()
	const inLabs = "labs/b10-token-bucket/bucket.go"
	long := strings.Repeat("a/", 512) + "bb"
	for _, tt := range []struct {
		name    string
		single  *course.Lab
		entries []entry
		want    []string
	}{
		{"as in the course", nil, []entry{file("labs/i02-orders/sql/schema.sql"), file("labs/i02-orders/orders.go"), file(inLabs)},
			[]string{"b10-token-bucket/bucket.go: text of " + inLabs,
				"i02-orders/orders.go: text of labs/i02-orders/orders.go",
				"i02-orders/sql/schema.sql: text of labs/i02-orders/sql/schema.sql"}},
		{"with folders and a dot in front", nil, []entry{folder("./"), folder("./labs/"), file("./" + inLabs)}, []string{"b10-token-bucket/bucket.go: text of ./" + inLabs}},
		{"below one folder", nil, []entry{folder("me-main/"), file("me-main/README.md"), file("me-main/" + inLabs)}, []string{"b10-token-bucket/bucket.go: text of me-main/" + inLabs}},
		{"below two folders", nil, []entry{file("a/b/" + inLabs)}, []string{none +
			"; there is a/b/labs/b10-token-bucket/bucket.go: hand in a folder that has it in one of these places"}},
		{"in two folders", nil, []entry{file("a/" + inLabs), file("b/labs/i02-orders/orders.go")},
			[]string{"rejected: b/labs/i02-orders/orders.go: it lies in another folder " +
				"than the file before it, which is in a: hand in one of the two"}},
		{"in a folder and at the top", nil, []entry{file(inLabs), file("b/labs/i02-orders/orders.go")},
			[]string{"rejected: b/labs/i02-orders/orders.go: it lies in another folder " +
				"than the file before it, which is at the top: hand in one of the two"}},
		{"a single lab's file", bucket, []entry{file("bucket.go")}, []string{"b10-token-bucket/bucket.go: text of bucket.go"}},
		{"a single lab's file below a folder", bucket, []entry{file("b10/bucket.go"), file("b10/bucket_test.go")}, []string{"b10-token-bucket/bucket.go: text of b10/bucket.go"}},
		{"a single lab as in the course", bucket, []entry{file(inLabs), file("labs/i02-orders/orders.go")}, []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"a file without its lab's name", nil, []entry{file("bucket.go")}, []string{none + "; its code is in bucket.go"}},
		{"in its lab's folder alone", nil, []entry{file("b10-token-bucket/bucket.go")}, []string{none +
			"; there is b10-token-bucket/bucket.go: hand in a folder that has it in one of these places"}},
		{"of a lab that is not graded", nil, []entry{file("labs/b03-status/status.go"), file("labs/b03-status/status_test.go")},
			[]string{none + "; its code is in labs/b03-status/status.go"}},
		{"nothing", nil, nil, []string{none}},
		{"nothing of a single lab", bucket, []entry{file("labs/i02-orders/orders.go")},
			[]string{noneSingle + "; the code in it has other names: labs/i02-orders/orders.go"}},
		{"files that lab.yaml does not name", bucket,
			[]entry{file("labs/b10-token-bucket/bucket_test.go"),
				file("labs/b10-token-bucket/lab.yaml"), file("go.mod"),
				file("harness/kit/account/account.go"), file(inLabs),
				file("labs/b10-token-bucket/sub/bucket.go")},
			[]string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"an empty file", nil, []entry{{name: inLabs}}, []string{"b10-token-bucket/bucket.go: "}},

		{"a way out", nil, []entry{file("../" + inLabs)}, []string{"rejected: ../" + inLabs + ": the name leads out of the submission"}},
		{"a way out in the middle", nil, []entry{file("labs/../../x"), file(inLabs)}, []string{"rejected: labs/../../x: the name leads out of the submission"}},
		{"a way out and back", nil, []entry{file("labs/b10-token-bucket/../b10-token-bucket/bucket.go")},
			[]string{"rejected: labs/b10-token-bucket/../b10-token-bucket/bucket.go: the name " +
				"leads out of the submission"}},
		{"dots that lead nowhere", nil, []entry{file("labs/..bucket/x..y"), file("..."), file(inLabs)}, []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"an absolute name", nil, []entry{file("/" + inLabs)}, []string{"rejected: /" + inLabs + ": the name leads out of the submission"}},
		{"a drive's name", bucket, []entry{file("C:/bucket.go")}, []string{"rejected: C:/bucket.go: the name leads out of the submission"}},
		{"backslashes", nil, []entry{file(`labs\b10-token-bucket\bucket.go`)}, []string{"b10-token-bucket/bucket.go: text of labs\\b10-token-bucket\\bucket.go"}},
		{"backslashes below a folder", nil, []entry{folder(`repo\`), file(`repo\labs\b10-token-bucket\bucket.go`)}, []string{"b10-token-bucket/bucket.go: text of repo\\labs\\b10-token-bucket\\bucket.go"}},
		{"backslashes that lead out", nil, []entry{file(inLabs), file(`..\x`)}, []string{"rejected: ../x: the name leads out of the submission"}},
		{"backslashes from the root", nil, []entry{file(`\labs\b10-token-bucket\bucket.go`)}, []string{"rejected: /labs/b10-token-bucket/bucket.go: the name leads out of the submission"}},
		{"backslashes behind a drive", nil, []entry{file(`C:\labs\b10-token-bucket\bucket.go`)}, []string{"rejected: C:/labs/b10-token-bucket/bucket.go: the name leads out of the submission"}},
		{"a folder by its backslash alone", nil, []entry{{name: `labs\b10-token-bucket\bucket.go\`}},
			[]string{"rejected: " + inLabs + "/: it is a folder, not a regular file"}},
		{"a file with both kinds of slashes", nil, []entry{file(inLabs), file(`labs\b10-token-bucket\bucket.go`)}, []string{"rejected: labs/b10-token-bucket/bucket.go: it is there twice"}},
		{"control characters in another file", nil, []entry{file("Icon\r"), file("a\x1b[2Jb\nc"), file(inLabs)}, []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"control characters in a name that is told", nil, []entry{file("../a\x1b[2J\n\u202e\u009b")}, []string{"rejected: ../a?[2J???: the name leads out of the submission"}},
		{"a long name", nil, []entry{file(long), file(inLabs)}, []string{"rejected: " + long[:64] + "…: the name is too long"}},

		{"twice", nil, []entry{file(inLabs), file(inLabs)}, []string{"rejected: " + inLabs + ": it is there twice"}},
		{"twice, spelled differently", nil, []entry{file(inLabs), file("./" + inLabs)}, []string{"rejected: ./" + inLabs + ": it is there twice, also as " + inLabs}},
		{"twice, at the top and in labs", bucket, []entry{file(inLabs), file("bucket.go")}, []string{"rejected: bucket.go: it is there twice, also as " + inLabs}},
		{"another file twice", nil, []entry{file("README.md"), file("readme.md"), file("README.md"), file(inLabs)}, []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"in other case", nil, []entry{file(inLabs), file("labs/b10-token-bucket/Bucket.go")}, []string{"rejected: labs/b10-token-bucket/Bucket.go: the lab's file is called " + inLabs}},
		{"in other case alone", bucket, []entry{file("BUCKET.GO")}, []string{"rejected: BUCKET.GO: the lab's file is called bucket.go"}},
		{"with a letter that is a k for some", bucket, []entry{file("buc\u212aet.go"), file("bucket.go")}, []string{"rejected: buc\u212aet.go: the lab's file is called bucket.go"}},
		{"a look-alike", bucket, []entry{file("buсket.go"), file("bucket.go\u200b")},
			[]string{noneSingle + "; the code in it has other names: buсket.go"}},

		{"a link", nil, []entry{{name: inLabs, mode: fs.ModeSymlink, link: "/etc/passwd", body: ""}}, []string{"rejected: " + inLabs + ": it is a link, not a regular file"}},
		{"another link, and a folder that is one", nil, []entry{{name: "x", mode: fs.ModeSymlink, link: "/etc/passwd"}, {name: "labs", mode: fs.ModeSymlink, link: "/etc"}, file(inLabs)},
			[]string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"a folder in the file's place", nil, []entry{folder(inLabs + "/")}, []string{"rejected: " + inLabs + "/: it is a folder, not a regular file"}},
		{"a device", nil, []entry{{name: "x", mode: fs.ModeDevice}, file(inLabs)}, []string{"rejected: x: it is a device"}},
		{"a device in the file's place", nil, []entry{{name: inLabs, mode: fs.ModeDevice | fs.ModeCharDevice}}, []string{"rejected: " + inLabs + ": it is a device"}},
		{"a pipe", nil, []entry{{name: "x", mode: fs.ModeNamedPipe}, file(inLabs)}, []string{"rejected: x: it is a pipe"}},

		{"as large as a file may be", nil, []entry{{name: inLabs, body: strings.Repeat("x", intake.MaxFile)}}, []string{"b10-token-bucket/bucket.go: " + strings.Repeat("x", intake.MaxFile)}},
		{"a byte larger", nil, []entry{{name: inLabs, body: strings.Repeat("x", intake.MaxFile+1)}}, []string{"rejected: " + inLabs + ": it has more than 256 KiB"}},
		{"another large file", nil, []entry{{name: "video", body: strings.Repeat("x", 1<<20)}, file(inLabs)}, []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"as many entries as there may be", nil, append(slices.Repeat([]entry{{name: "x"}}, intake.MaxEntries-1), file(inLabs)), []string{"b10-token-bucket/bucket.go: text of " + inLabs}},
		{"one more", nil, append(slices.Repeat([]entry{{name: "x"}}, intake.MaxEntries), file(inLabs)), []string{"rejected: there are more than 20000 entries"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			archive := tarOf(t, tt.entries...)
			equal(t, read(t, "-", bytes.NewReader(archive), labs, tt.single), tt.want)
			equal(t, read(t, place(t, "a.tar", archive), nil, labs, tt.single), tt.want)
			equal(t, read(t, place(t, "a.tgz", gzipped(t, archive)), nil, labs, tt.single), tt.want)
			equal(t, read(t, place(t, "a.ZIP", zipOf(t, tt.entries...)), nil, labs, tt.single),
				tt.want)
		})
	}
}

func TestRead_aTarsHardLink(t *testing.T) {
	t.Parallel()
	const name = "labs/b10-token-bucket/bucket.go"
	archive := tarOf(t, file("x"), entry{name: name, mode: fs.ModeIrregular, link: "x"})
	equal(t, read(t, "-", bytes.NewReader(archive), labs, nil),
		[]string{"rejected: " + name + ": it is a link, not a regular file"})
}

// TestRead_theLimits are those on what is read, of a lab that has many files.
func TestRead_theLimits(t *testing.T) {
	t.Parallel()
	many := &course.Lab{Slug: "b01-many"}
	var small, large []entry
	for i := range intake.MaxFiles + 1 {
		name := fmt.Sprintf("f%03d.go", i)
		many.Files = append(many.Files, name)
		small = append(small, entry{name: name})
		large = append(large, entry{name: name, body: strings.Repeat("x", intake.MaxTotal/8)})
	}
	for _, tt := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{"as many files as there may be", small[:intake.MaxFiles], ""},
		{"one more", small, "rejected: f100.go: there are more than 100 files"},
		{"as much as there may be", large[:8], ""},
		{"a byte more", append(slices.Clone(large[:8]), entry{name: "f008.go", body: "x"}), "rejected: f008.go: the files have more than 1024 KiB in all"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, e := range tt.entries {
				write(t, filepath.Join(dir, e.name), e.body)
			}
			for _, path := range []string{dir, place(t, "a.zip", zipOf(t, tt.entries...)),
				place(t, "a.tar", tarOf(t, tt.entries...))} {
				got := read(t, path, nil, []*course.Lab{many}, many)
				if rejected := strings.HasPrefix(got[0], "rejected"); rejected != (tt.want != "") ||
					rejected && got[0] != tt.want {
					t.Errorf("%s: got %.100q, want %q", filepath.Base(path), got[0], tt.want)
				}
			}
		})
	}
}

// TestRead_unicode is that composed and decomposed letters are two names: a lab's file is the one
// that lab.yaml spells.
func TestRead_unicode(t *testing.T) {
	t.Parallel()
	composed, decomposed := "gr\u00f6\u00dfe.go", "gro\u0308\u00dfe.go"
	l := &course.Lab{Slug: "b01-sizes", Files: []string{composed}}
	for _, tt := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{"both", []entry{file(decomposed), file(composed)}, "b01-sizes/" + composed + ": text of " + composed},
		{"the other alone", []entry{file(decomposed)}, "rejected: there is no " + composed + " in it, neither at the top nor in labs/b01-sizes" +
			"; the code in it has other names: " + decomposed},
		{"in upper case", []entry{file("GR\u00d6\u00dfE.GO"), file(composed)}, "rejected: GR\u00d6\u00dfE.GO: the lab's file is called " + composed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			equal(t, read(t, place(t, "a.zip", zipOf(t, tt.entries...)), nil, []*course.Lab{l}, l),
				[]string{tt.want})
			equal(t, read(t, "-", bytes.NewReader(tarOf(t, tt.entries...)), []*course.Lab{l}, l),
				[]string{tt.want})
		})
	}
}

// TestRead_cutOff is that no part of an archive passes for the whole, wherever it ends.
func TestRead_cutOff(t *testing.T) {
	t.Parallel()
	entries := []entry{file("labs/b10-token-bucket/bucket.go"),
		{name: "x", body: strings.Repeat("0123456789", 100)}, file("labs/i02-orders/orders.go")}
	plain := tarOf(t, entries...)
	for name, tt := range map[string]struct {
		data []byte
		last int // bytes at the end that say nothing
	}{
		"a.tar":    {plain, 512},
		"a.tar.gz": {gzipped(t, plain), 0},
		"a.zip":    {zipOf(t, entries...), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), name)
			for n := 0; n < len(tt.data)-tt.last; n += 1 + n%7 {
				if err := os.WriteFile(path, tt.data[:n], 0o644); err != nil {
					t.Fatal(err)
				}
				if got := read(t, path, nil, labs, nil); !strings.HasPrefix(got[0], "rejected: ") {
					t.Fatalf("got %q of the first %d of %d bytes, want a rejection", got, n,
						len(tt.data))
				}
			}
		})
	}
}

func TestRead_damaged(t *testing.T) {
	t.Parallel()
	const name = "labs/b10-token-bucket/bucket.go"
	badGzip := gzipped(t, tarOf(t, file(name)))
	badGzip[len(badGzip)-8]++
	badSum := zipOf(t, entry{name: name, body: strings.Repeat("x", 1000)})
	i := bytes.Index(badSum, []byte("PK\x01\x02"))
	badSum[i+16]++ // the checksum in the directory
	var unknown bytes.Buffer
	w := zip.NewWriter(&unknown)
	if _, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: 14,
		UncompressedSize64: 5}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file string
		data       []byte
		want       string
	}{
		{"an empty tar", "a.tar", nil, "rejected: a.tar is empty"},
		{"no tar", "a.tar", []byte("package bucket\n"), "rejected: a.tar is not a tar archive, or is damaged: unexpected EOF"},
		{"a zip by the name of a tar", "a.tar", []byte("PK\x03\x04"), "rejected: a.tar is a .zip, which is read from a file alone: give it a name that ends so"},
		{"no gzip", "a.tar.gz", []byte("\x1f\x8b this is not one"), "rejected: a.tar.gz is not a gzip file: gzip: invalid header"},
		{"a wrong checksum of gzip", "a.tar.gz", badGzip, "rejected: a.tar.gz is not a tar archive, or is damaged: gzip: invalid checksum"},
		{"no zip", "a.zip", []byte("package bucket\n"), "rejected: it is not a .zip archive, or is damaged: zip: not a valid zip file"},
		{"a wrong checksum", "a.zip", badSum, "rejected: " + name + ": it cannot be read: zip: checksum error"},
		{"a compression that is not known", "a.zip", unknown.Bytes(), "rejected: " + name + ": it cannot be read: zip: unsupported compression algorithm"},
		{"another kind of file", "a.rar", []byte("Rar!"), "rejected: a.rar is neither a folder nor a .zip, .tar, .tar.gz or .tgz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			equal(t, read(t, place(t, tt.file, tt.data), nil, labs, nil), []string{tt.want})
		})
	}
}

// TestRead_notItsFault are errors that are no rejection.
func TestRead_notItsFault(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"missing", "missing.zip", "missing.tar"} {
		_, err := intake.Read(filepath.Join(t.TempDir(), path), nil, labs, nil)
		var rejected *intake.Rejection
		if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &rejected) {
			t.Errorf("%s: got %v, want %v and no rejection", path, err, fs.ErrNotExist)
		}
	}
	broken := errors.New("the line is dead")
	_, err := intake.Read("-", io.MultiReader(strings.NewReader("x"), failing{broken}), labs, nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRead_folders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		single *course.Lab
		files  []string
		want   []string
	}{
		{"as in the course", nil, []string{"labs/b10-token-bucket/bucket.go", "labs/b10-token-bucket/bucket_test.go", "labs/i02-orders/sql/schema.sql", "go.mod"},
			[]string{"b10-token-bucket/bucket.go: text", "i02-orders/sql/schema.sql: text"}},
		{"a single lab's file", bucket, []string{"bucket.go", "labs"}, []string{"b10-token-bucket/bucket.go: text"}},
		{"a single lab as in the course", bucket, []string{"labs/b10-token-bucket/bucket.go", "labs/i02-orders/orders.go"}, []string{"b10-token-bucket/bucket.go: text"}},
		{"nothing", nil, []string{"bucket.go"}, []string{none + "; its code is in bucket.go"}},
		{"nothing of a single lab", bucket, []string{"labs/b10-token-bucket/bucket_test.go"}, []string{noneSingle}},
		{"a folder in the file's place", bucket, []string{"bucket.go/x"}, []string{"rejected: bucket.go: it is a folder, not a regular file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, name := range tt.files {
				write(t, filepath.Join(dir, name), "text")
			}
			equal(t, read(t, dir, nil, labs, tt.single), tt.want)
		})
	}
}

// TestSubmission_WriteTo is that of all that an archive has only the lab's files appear, below the
// folder that was named.
func TestSubmission_WriteTo(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	path := filepath.Join(top, "a.zip")
	write(t, path, string(zipOf(t, file("labs/i02-orders/orders.go"),
		file("labs/i02-orders/sql/schema.sql"), file("labs/i02-orders/orders_test.go"),
		file("evil"), file("labs/x/y"))))
	subs, err := intake.Read(path, nil, labs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range subs {
		if err := s.WriteTo(filepath.Join(top, "out", s.Lab.Slug)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err = fs.WalkDir(os.DirFS(top), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{"a.zip", "out/i02-orders/orders.go", "out/i02-orders/sql/schema.sql"})
}

// TestRead_elsewhere names files that lie where nobody looks for them, and says what a hunt lacks.
func TestRead_elsewhere(t *testing.T) {
	t.Parallel()
	l := &course.Lab{ID: "B10", Slug: "b10-token-bucket", Files: []string{"bucket.go"}}
	for _, tt := range []struct {
		files []string
		lab   *course.Lab
		want  string
	}{
		{[]string{"a/bucket.go", "b/bucket.go"}, l, "there is a/bucket.go, b/bucket.go: hand in"},
		{[]string{"outer/repo-main/labs/b10-token-bucket/bucket.go"}, l, "there is outer/repo-main/labs/"},
		{[]string{"other.go", "other_test.go", ".other.go"}, l,
			"neither at the top nor in labs/b10-token-bucket; the code in it has other names: other.go"},
		{[]string{"x.go", "ada.zip"}, l, "labs/b10-token-bucket; what an archive in it holds is not looked at: ada.zip"},
		{[]string{"labs/b10-token-bucket/bucket.go"}, l.AsHunt(), "there is no labs/<lab>/hunt/hunt_test.go in it"},
	} {
		dir := t.TempDir()
		for _, name := range tt.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte("package x\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		single := tt.lab
		if single.HuntOf != nil {
			single = nil
		}
		_, err := intake.Read(dir, nil, []*course.Lab{tt.lab}, single)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.files, err, tt.want)
		}
	}
}
