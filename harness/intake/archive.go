package intake

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// tarball reads a tar, compressed by gzip or not.
func (p *picker) tarball(name string, r io.Reader) error {
	name = printable(name)
	in := bufio.NewReader(&bounded{r: r, left: MaxUnpacked + 1})
	magic, err := in.Peek(2)
	switch {
	case errors.Is(err, io.EOF) && len(magic) == 0:
		return reject("", "%s is empty", name)
	case string(magic) == "PK":
		return reject("", "%s is a .zip, which is read from a file alone: give it a name that ends so", name)
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("read the submission: %w", err)
	case len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return reject("", "%s is not a gzip file: %v", name, err)
		}
		defer z.Close()
		in = bufio.NewReader(z)
	}
	unpacked := &bounded{r: in, left: MaxUnpacked + 1}
	t := tar.NewReader(unpacked)
	for n := 0; ; n++ {
		h, err := t.Next()
		end := errors.Is(err, io.EOF)
		if end && unpacked.ended { // and not by the two empty blocks at a tar's end
			return reject("", "%s is cut off", name)
		}
		if end {
			_, err = io.Copy(io.Discard, unpacked) // gzip's checksum stands at the end
		}
		switch {
		case err == nil && end:
			return nil
		case err == nil:
			err = p.entry(n, h.Name, tarKind(h.Typeflag),
				func() (io.ReadCloser, error) { return io.NopCloser(t), nil })
		case !errors.Is(err, errTooLarge):
			err = reject("", "%s is not a tar archive, or is damaged: %v", name, err)
		}
		if errors.Is(err, errTooLarge) {
			return reject("", "it unpacks to more than %d MiB", MaxUnpacked>>20)
		}
		if err != nil {
			return err
		}
	}
}

func tarKind(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return ""
	case tar.TypeDir:
		return "a folder"
	case tar.TypeSymlink, tar.TypeLink:
		return "a link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a pipe"
	}
	return "something else"
}

// zip reads a .zip.
func (p *picker) zip(file *os.File) error {
	st, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read the submission: %w", err)
	}
	if st.Size() > MaxZip {
		return reject("", "the .zip has more than %d MiB", MaxZip>>20)
	}
	z, err := zip.NewReader(file, st.Size())
	if err != nil {
		return reject("", "it is not a .zip archive, or is damaged: %v", err)
	}
	var left int64 = MaxUnpacked
	for n, f := range z.File {
		k := ""
		if !f.Mode().IsRegular() {
			k = kind(f.Mode())
		}
		if left -= int64(min(f.UncompressedSize64, MaxUnpacked+1)); left < 0 {
			return reject("", "it unpacks to more than %d MiB", MaxUnpacked>>20)
		}
		if err := p.entry(n, f.Name, k, f.Open); err != nil {
			return err
		}
	}
	return nil
}

// entry looks at the nth entry of an archive, counted from 0. kind is "" for a regular file. Some
// tools of Windows separate folders by backslashes: they are read as what they are meant to be,
// before anything is held against the name.
func (p *picker) entry(n int, name, kind string, open func() (io.ReadCloser, error)) error {
	if strings.Contains(name, `\`) {
		if name = strings.ReplaceAll(name, `\`, "/"); kind == "" && strings.HasSuffix(name, "/") {
			kind = "a folder"
		}
	}
	if n >= MaxEntries {
		return reject("", "there are more than %d entries", MaxEntries)
	}
	lab, file, err := p.wanted(name)
	switch {
	case err != nil:
		return err
	case kind == "a device", kind == "a pipe":
		return reject(name, "it is %s", kind)
	case lab == nil:
		if kind == "" {
			p.other(name)
		}
		return nil
	case kind != "":
		return reject(name, "it is %s, not a regular file", kind)
	}
	r, err := open()
	if err != nil {
		return reject(name, "it cannot be read: %v", err)
	}
	defer r.Close()
	return p.take(lab, file, name, r)
}

var errTooLarge = errors.New("too large")

// bounded ends with an error behind so many bytes.
type bounded struct {
	r     io.Reader
	left  int64
	ended bool // r has been read to its end
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}
