package backends_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/backends/backendstest"
)

// TestDataInMemory looks where the data of a Postgres lies that labs starts, and that it is gone with it.
func TestDataInMemory(t *testing.T) {
	needs(t, backends.Local)
	need := backends.Need{Postgres: true}
	for _, tt := range []struct {
		name    string
		lasting bool
		data    string // of LABS_POSTGRES_DATA
		memory  bool
	}{
		{"for one command", false, "", true},
		{"as was wished", false, "disk", false},
		{"to last", true, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := backends.Options{Provider: backends.Local, Slots: 1, Dir: backendstest.TempDir(t), Lasting: tt.lasting,
				Getenv: func(name string) string {
					if name == backends.DataVar {
						return tt.data
					}
					return os.Getenv(name)
				}}
			if tt.memory && !backends.HasMemory(o) {
				t.Skip("too little memory here")
			}
			before := folders(t, backends.MemoryFolder)
			s, err := backends.Open(t.Context(), o, need)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			l, err := s.Acquire(t.Context(), need)
			if err != nil {
				t.Fatal(err)
			}
			l.Release()
			onDisk := folders(t, filepath.Join(o.Dir, "tmp"))
			if inMemory := len(onDisk) == 0; inMemory != tt.memory {
				t.Errorf("got the data in memory: %v, want %v; on the disk are %q", inMemory, tt.memory, onDisk)
			}
			fresh := slices.DeleteFunc(folders(t, backends.MemoryFolder), func(name string) bool {
				return slices.Contains(before, name)
			})
			s.Close()
			after := folders(t, backends.MemoryFolder)
			gone := slices.ContainsFunc(fresh, func(name string) bool { return !slices.Contains(after, name) })
			if gone != tt.memory { // other commands have theirs there, too
				t.Errorf("of %q something went with the server: %v, want %v", fresh, gone, tt.memory)
			}
		})
	}
}

// folders are the temporary folders of servers in a folder.
func folders(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "backend-labs-postgres-*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}
