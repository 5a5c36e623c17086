package intake_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/intake"
)

const bucketInLabs = "labs/b10-token-bucket/bucket.go"

const tooMuch = "rejected: it unpacks to more than 64 MiB"

// taken is what comes of an archive that has the file of the bucket beside something large.
var taken = []string{"b10-token-bucket/bucket.go: text of " + bucketInLabs}

// zerosOf are so many zeros.
func zerosOf(n int64) io.Reader { return io.LimitReader(zeroes{}, n) }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// padded is a tar of so many bytes, which are whole blocks: a file of zeros, and that of the
// bucket.
func padded(t *testing.T, size int64) io.Reader {
	t.Helper()
	last := tarOf(t, file(bucketInLabs))
	body := size - int64(len(last)) - tarBlock
	var head bytes.Buffer
	err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "x", Size: body, Mode: 0o644})
	if err != nil {
		t.Fatal(err)
	}
	return io.MultiReader(&head, zerosOf(body), bytes.NewReader(last))
}

const tarBlock = 512

func TestRead_theLargestTar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		tar  io.Reader
		want []string
	}{
		{"as much as there may be", padded(t, intake.MaxUnpacked), taken},
		{"a byte behind its end", io.MultiReader(padded(t, intake.MaxUnpacked), zerosOf(1)),
			[]string{tooMuch}},
		{"too much within the lab's file", padded(t, intake.MaxUnpacked+3*tarBlock),
			[]string{tooMuch}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			equal(t, read(t, "-", tt.tar, labs, nil), tt.want)
		})
	}
}

// zipBeside has a file that is said to be of a size, and is of another, and that of the bucket.
func zipBeside(t *testing.T, said uint64, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	x, err := z.CreateRaw(&zip.FileHeader{Name: "x", Method: zip.Store,
		CompressedSize64: uint64(size), UncompressedSize64: said})
	if err == nil {
		_, err = io.Copy(x, zerosOf(size))
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Create(bucketInLabs)
	if err == nil {
		_, err = io.WriteString(f, "text of "+bucketInLabs)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRead_theLargestZip(t *testing.T) {
	t.Parallel()
	rest := intake.MaxUnpacked - uint64(len("text of "+bucketInLabs))
	most := int64(intake.MaxZip - len(zipBeside(t, 0, 0)))
	for _, tt := range []struct {
		name string
		zip  []byte
		want []string
	}{
		{"as much unpacked as there may be", zipBeside(t, rest, 0), taken},
		{"a byte more", zipBeside(t, rest+1, 0), []string{tooMuch}},
		{"as large as there may be", zipBeside(t, 0, most), taken},
		{"larger by a byte", zipBeside(t, 0, most+1),
			[]string{"rejected: the .zip has more than 16 MiB"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			equal(t, read(t, place(t, "a.zip", tt.zip), nil, labs, nil), tt.want)
		})
	}
}

func TestRead_theLongestName(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a/", 511) + "bb"
	equal(t, read(t, "-", bytes.NewReader(tarOf(t, file(longest), file(bucketInLabs))), labs, nil),
		taken)
	equal(t, read(t, "-", bytes.NewReader(tarOf(t, file(longest+"b"), file(bucketInLabs))), labs,
		nil), []string{"rejected: " + longest[:64] + "…: the name is too long"})
}

// TestSubmission_WriteTo_fails has a file in the place of the folder, and a folder in that of a
// file.
func TestSubmission_WriteTo_fails(t *testing.T) {
	t.Parallel()
	for _, inTheWay := range []string{"a", "a/bucket.go/x"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, inTheWay), "")
		s := intake.Submission{Lab: bucket, Files: map[string][]byte{"bucket.go": nil}}
		if err := s.WriteTo(filepath.Join(dir, "a")); err == nil {
			t.Errorf("%s is in the way: got no error", inTheWay)
		}
	}
}

// TestRead_unknownKind has an entry of a tar that is neither a file nor anything that is known.
func TestRead_unknownKind(t *testing.T) {
	t.Parallel()
	const contiguous = fs.ModeSticky
	archive := tarOf(t, entry{name: "x", mode: contiguous},
		entry{name: bucketInLabs, mode: contiguous})
	equal(t, read(t, "-", bytes.NewReader(archive), labs, nil),
		[]string{"rejected: " + bucketInLabs + ": it is something else, not a regular file"})
}

// TestRead_aZipOfOneFile is that a single entry is too large by what it says of itself, whatever number that is.
func TestRead_aZipOfOneFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		said uint64
		want string
	}{
		{intake.MaxUnpacked, none}, {intake.MaxUnpacked + 1, tooMuch}, {1<<63 + 1, tooMuch}, {1<<64 - 2, tooMuch},
	} {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		_, err := z.CreateRaw(&zip.FileHeader{Name: "x", Method: zip.Store, UncompressedSize64: tt.said})
		if err := errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		equal(t, read(t, place(t, "a.zip", out.Bytes()), nil, labs, nil), []string{tt.want})
	}
}
