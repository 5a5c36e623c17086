package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// barriers is the file of the runtime that has the functions below, from GOROOT.
const barriers = "src/runtime/mbarrier.go"

// unseen are the functions of the runtime by which the builtin clear, what package slices removes,
// and package reflect (and so encoding/json) set memory to zero without a word to the race
// detector. A slice that is read meanwhile may have its length still and its address no more:
// whoever has one of those has all memory from address 0 on, without a race that anybody sees. In
// binaries for the race detector they tell it first. Each is here with its first line, and with
// what it writes.
var unseen = []struct{ line, name, address, size string }{
	{"func memclrHasPointers(ptr unsafe.Pointer, n uintptr) {", "memclrHasPointers", "ptr", "n"},
	{"func reflect_typedmemclr(typ *_type, ptr unsafe.Pointer) {", "reflect_typedmemclr", "ptr",
		"typ.Size_"},
	{"func reflect_typedmemclrpartial(typ *_type, ptr unsafe.Pointer, off, size uintptr) {",
		"reflect_typedmemclrpartial", "ptr", "size"},
	{"func reflect_typedarrayclear(typ *_type, ptr unsafe.Pointer, len int) {",
		"reflect_typedarrayclear", "ptr", "typ.Size_*uintptr(len)"},
}

// mended is that file, in which they do. The lines keep their numbers.
func (t Toolchain) mended() (string, error) {
	data, err := os.ReadFile(filepath.Join(t.GOROOT, filepath.FromSlash(barriers)))
	if err != nil {
		return "", fault.Of("read the runtime's source", err)
	}
	text := string(data)
	for _, f := range unseen {
		if strings.Count(text, f.line+"\n") != 1 {
			return "", &NoRace{fmt.Sprintf("%s of %s has no %s as it is known, which the race detector "+
				"does not see", barriers, t.GOVERSION, f.name),
				"use the Go version that go.mod names"}
		}
		text = strings.Replace(text, f.line, fmt.Sprintf("%s if raceenabled { racewriterangepc(%s, %s, "+
			"sys.GetCallerPC(), abi.FuncPCABIInternal(%s)) }", f.line, f.address, f.size, f.name), 1)
	}
	return text, nil
}

// mend puts it into an overlay.
func (b *Builder) mend(tmp string, overlay map[string]string) error {
	t, err := b.toolchain()
	if err != nil {
		return err
	}
	text, err := t.mended()
	if err != nil {
		return err
	}
	path := filepath.Join(tmp, filepath.Base(barriers))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fault.Of("write the overlay", err)
	}
	overlay[filepath.Join(t.GOROOT, filepath.FromSlash(barriers))] = path
	return nil
}
