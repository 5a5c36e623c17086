//go:build unix

package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/bundle"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// goIs puts a go command on the PATH that answers as a shell script says.
func goIs(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir())
}

// left are the names in the folder for temporary files.
func left(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fetches is a go command that has a toolchain of three files and fetches one module, read-only as go makes it.
const fetches = `
case "$1 $2" in
"env GOROOT") echo "$FAKE_ROOT" ;;
"env GOMODCACHE") echo /nowhere; echo https://proxy.example ;;
"mod download")
	echo "$GOPROXY" >"$FAKE_ROOT/asked"
	mkdir -p "$GOMODCACHE/cache/download/example.org/m/@v"
	echo zip >"$GOMODCACHE/cache/download/example.org/m/@v/v1.0.0.zip"
	echo lock >"$GOMODCACHE/cache/download/example.org/m/@v/v1.0.0.lock"
	chmod -R a-w "$GOMODCACHE" ;;
esac
`

func TestOptions_Write(t *testing.T) {
	goIs(t, fetches)
	root := t.TempDir()
	t.Setenv("FAKE_ROOT", root)
	for _, name := range []string{"bin/go", "src/a.go", "test/b.go", "doc/c.html"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "labs")
	if err := os.WriteFile(program, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var notes []string
	o := bundle.Options{Programs: []string{program}, Go: true, Note: func(line string) { notes = append(notes, line) }}
	if err := o.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(filepath.Join(root, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(asked), "file:///nowhere/cache/download,https://proxy.example\n"; got != want {
		t.Errorf("asked %q for modules, want %q: this machine's before the network's", got, want)
	}
	got, texts := unpack(t, &out)
	want := []string{"README.txt 644", "bin/labs 755", "modules/example.org/m/@v/v1.0.0.zip 644", "go/asked 644", "go/bin/go 755",
		"go/src/a.go 755"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if readme := texts["README.txt"]; !strings.Contains(readme, "PATH=\"$PWD/go/bin:$PATH\"") {
		t.Errorf("the text does not say where Go is:\n%s", readme)
	}
	if texts["bin/labs"] != "program" {
		t.Errorf("got %q for the program", texts["bin/labs"])
	}
	if len(notes) != 2 {
		t.Errorf("got %q, want a note on the modules and one on Go", notes)
	}
	if names := left(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// unpack gives the archive's names with their modes, in their order, and the texts.
func unpack(t *testing.T, r io.Reader) (names []string, texts map[string]string) {
	t.Helper()
	zip, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string]string{}
	for a := tar.NewReader(zip); ; {
		h, err := a.Next()
		if err == io.EOF {
			return names, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(h.Name, bundle.Root+"/")
		if !ok {
			t.Errorf("%s is not below %s", h.Name, bundle.Root)
		}
		text, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o", name, h.Mode))
		texts[name] = string(text)
	}
}

func TestOptions_Write_faults(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		programs     []string
		want, hint   string
	}{
		{"no modules", `case "$1" in mod) echo "no route to host"; exit 1 ;; *) echo x; echo y ;; esac`, nil,
			"the modules that the labs use are not all to be had: no route to host", "run labs bundle once with a network"},
		{"no answer of go", "exit 1", nil, "ask go for its folders", ""},
		{"no program", fetches, []string{"/no/such/labs"}, "/no/such/labs", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			goIs(t, tt.script)
			t.Setenv("FAKE_ROOT", t.TempDir())
			err := bundle.Options{Programs: tt.programs}.Write(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.hint != "" && fault.HintOf(err, "") != tt.hint {
				t.Errorf("got %v, hint %q, want %q, %q", err, fault.HintOf(err, ""), tt.want, tt.hint)
			}
			if names := left(t); len(names) > 0 {
				t.Errorf("left behind: %q", names)
			}
		})
	}
}

func TestOptions_Write_stopped(t *testing.T) {
	goIs(t, `case "$1" in mod) exec sleep 60 ;; *) echo x; echo y ;; esac`)
	ctx, cancel := context.WithCancel(t.Context())
	o := bundle.Options{Note: func(string) { cancel() }}
	if err := o.Write(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if names := left(t); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}
