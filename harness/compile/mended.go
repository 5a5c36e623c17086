package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// mending is a change of one file of the standard library in binaries for the race detector.
type mending struct {
	file    string // from GOROOT
	what    string // whoever does not see it, or by what it is seen
	changes []change
}

// change replaces a text that the file has once. What replaces it has as many lines, so that the others keep their
// numbers.
type change struct{ was, becomes string }

// mendings are what the race detector has to be helped with.
var mendings = []mending{
	{"src/runtime/mbarrier.go", "writes that the race detector does not see", unseen()},
	// A sync.Pool forgets a quarter of what it gets where the race detector looks, so code could find out that it does,
	// and behave.
	{"src/sync/pool.go", "a pool that tells the race detector is there", []change{{
		"\t\tif runtime_randn(4) == 0 {\n\t\t\t// Randomly drop x on floor.\n\t\t\treturn\n\t\t}\n",
		"\n\n\n\n",
	}}},
}

// unseen are the functions of the runtime by which the builtin clear, what package slices removes,
// and package reflect (and so encoding/json) set memory to zero without a word to the race
// detector. A slice that is read meanwhile may have its length still and its address no more:
// whoever has one of those has all memory from address 0 on, without a race that anybody sees. In
// binaries for the race detector they tell it first. Each is here with its first line, and with
// what it writes.
func unseen() (changes []change) {
	for _, f := range []struct{ line, name, address, size string }{
		{"func memclrHasPointers(ptr unsafe.Pointer, n uintptr) {", "memclrHasPointers", "ptr", "n"},
		{"func reflect_typedmemclr(typ *_type, ptr unsafe.Pointer) {", "reflect_typedmemclr", "ptr",
			"typ.Size_"},
		{"func reflect_typedmemclrpartial(typ *_type, ptr unsafe.Pointer, off, size uintptr) {",
			"reflect_typedmemclrpartial", "ptr", "size"},
		{"func reflect_typedarrayclear(typ *_type, ptr unsafe.Pointer, len int) {",
			"reflect_typedarrayclear", "ptr", "typ.Size_*uintptr(len)"},
	} {
		changes = append(changes, change{f.line + "\n", fmt.Sprintf("%s if raceenabled { racewriterangepc(%s, %s, "+
			"sys.GetCallerPC(), abi.FuncPCABIInternal(%s)) }\n", f.line, f.address, f.size, f.name)})
	}
	return changes
}

// mended is the file as it is after the mending.
func (m mending) mended(t Toolchain) (string, error) {
	data, err := os.ReadFile(filepath.Join(t.GOROOT, filepath.FromSlash(m.file)))
	if err != nil {
		return "", fault.Of("read the library's source", err)
	}
	text := string(data)
	for _, c := range m.changes {
		if strings.Count(text, c.was) != 1 {
			return "", &NoRace{fmt.Sprintf("%s of %s is not as it is known, and has %s", m.file, t.GOVERSION, m.what),
				"use the Go version that go.mod names"}
		}
		text = strings.Replace(text, c.was, c.becomes, 1)
	}
	return text, nil
}

// mendable is nil if the library is such as can be mended.
func (t Toolchain) mendable() error {
	for _, m := range mendings {
		if _, err := m.mended(t); err != nil {
			return err
		}
	}
	return nil
}

// mend puts the mended files into an overlay.
func (b *Builder) mend(tmp string, overlay map[string]string) error {
	t, err := b.toolchain()
	if err != nil {
		return err
	}
	for _, m := range mendings {
		text, err := m.mended(t)
		if err != nil {
			return err
		}
		path := filepath.Join(tmp, "mended_"+filepath.Base(m.file))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fault.Of("write the overlay", err)
		}
		overlay[filepath.Join(t.GOROOT, filepath.FromSlash(m.file))] = path
	}
	return nil
}
