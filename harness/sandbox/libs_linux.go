package sandbox

import (
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
)

// libraries gives the binds of the loader and the shared libraries that an executable needs: none
// for most Go programs, libc for those with the race detector.
func libraries(path string) []Bind {
	found := map[string]bool{}
	var binds []Bind
	add := func(file string) bool {
		if found[file] {
			return true
		}
		if _, err := os.Stat(file); err != nil {
			return false
		}
		found[file] = true
		binds = append(binds, Bind{Source: file, Target: file})
		return true
	}
	var visit func(path string)
	visit = func(path string) {
		f, err := elf.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				buf := make([]byte, p.Filesz)
				if _, err := p.ReadAt(buf, 0); err == nil && len(buf) > 1 {
					add(string(buf[:len(buf)-1]))
				}
			}
		}
		needed, _ := f.ImportedLibraries()
		for _, name := range needed {
			for _, dir := range libraryDirs() {
				file := filepath.Join(dir, name)
				if before := found[file]; add(file) {
					if !before {
						visit(file)
					}
					break
				}
			}
		}
	}
	visit(path)
	return binds
}

func libraryDirs() []string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu",
		"arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{"/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64", "/lib",
		"/usr/lib"}
}
