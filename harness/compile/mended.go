package compile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/fault"
)

// mending is a change of one file of the standard library.
type mending struct {
	file    string // from GOROOT
	what    string // what the file has without it
	changes []change
}

// change replaces a text that the file has once. What replaces it has as many lines, so that the others keep their
// numbers.
type change struct{ was, becomes string }

// mendings are for all binaries: what puts the stack of its caller into an error's text, in which code that panics on
// purpose could read which check it is in (slog.Value.Resolve; singleflight and errgroup by debug.Stack). The frames that
// are no check's stay in that of debug.Stack: by them a panic is told.
var mendings = []mending{
	{"src/log/slog/value.go", "errors that name the check", []change{{"stack(3, 5)", `""`}}},
	{"src/runtime/debug/stack.go", "panics that name the check", []change{
		{"return buf[:n]", "return withoutTests(buf[:n])"},
		{"func Stack() []byte {", withoutTests + "; func Stack() []byte {"},
	}},
	// A pool is memory that all instances share: what one wrote into the buffer that io.Discard, fmt, log or a driver
	// keeps there, another one reads. Nothing that is put into one comes back, and a pool may always be empty. So none
	// tells either whether the race detector is there, where it would forget a quarter of what it gets.
	{"src/sync/pool.go", "pools by which instances tell each other something", []change{
		{"func (p *Pool) Put(x any) {\n\tif x == nil {", "func (p *Pool) Put(x any) {\n\tif true {"},
	}},
}

// withoutTests is a function that takes the frames of tests, two lines each, out of a stack's text.
const withoutTests = `func withoutTests(b []byte) []byte { ` +
	`out, drop := b[:0], false; ` +
	`for len(b) > 0 { ` +
	`n := 0; for n < len(b) && b[n] != '\n' { n++ }; n = min(n+1, len(b)); line := b[:n]; b = b[n:]; ` +
	`named := false; for i := 0; i+6 <= len(line); i++ { named = named || string(line[i:i+6]) == "_test." }; ` +
	`if drop = named || drop && line[0] == '\t'; !drop { out = append(out, line...) } }; ` +
	`return out }`

// raceMendings are what the race detector has to be helped with.
var raceMendings = []mending{
	{"src/runtime/mbarrier.go", "writes that the race detector does not see", unseen()},
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

// mended are the texts of files after their mendings, by the files' paths.
func (t Toolchain) mended(all []mending) (map[string]string, error) {
	texts := map[string]string{}
	for _, m := range all {
		path := filepath.Join(t.GOROOT, filepath.FromSlash(m.file))
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fault.Of("read the library's source", err)
		}
		text := string(data)
		for _, c := range m.changes {
			if strings.Count(text, c.was) != 1 {
				return nil, &NoRace{fmt.Sprintf("%s of %s is not as it is known, and has %s", m.file, t.GOVERSION, m.what),
					"use the Go version that go.mod names"}
			}
			text = strings.Replace(text, c.was, c.becomes, 1)
		}
		texts[path] = text
	}
	return texts, nil
}

// mendable is nil if the library is such as can be mended.
func (t Toolchain) mendable() error {
	_, err := t.mended(slices.Concat(mendings, raceMendings))
	return err
}

// mend puts the mended files into an overlay. A library that is not as it is known stays as it is where the race detector
// is not asked for: no learner depends on that, and a graded run needs the race detector, too.
func (b *Builder) mend(tmp string, race bool, overlay map[string]string) error {
	t, err := b.toolchain()
	if err != nil {
		return err
	}
	all := mendings
	if race {
		all = slices.Concat(mendings, raceMendings)
	}
	texts, err := t.mended(all)
	if _, unknown := errors.AsType[*NoRace](err); unknown && !race {
		return nil
	}
	for path, text := range texts {
		to := filepath.Join(tmp, fmt.Sprintf("mended%d_%s", len(overlay), filepath.Base(path)))
		overlay[path] = to
		err = errors.Join(err, os.WriteFile(to, []byte(text), 0o644))
	}
	return fault.Of("write the overlay", err)
}
