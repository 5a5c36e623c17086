package course_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/golden"
)

func TestRead(t *testing.T) {
	t.Parallel()
	root := labAt(t, "b01-thing", valid(t))
	got, err := course.Read(root, "b01-thing")
	if err != nil {
		t.Fatal(err)
	}
	want := &course.Lab{
		ID: "B01", Title: "A thing", Question: "What is a thing?", Level: course.Beginner,
		Topics: []string{"things"},
		After:  []string{"B02"}, Minutes: 20, Files: []string{"thing.go"}, Imports: []string{},
		Forbid: []course.Forbid{{Import: "example.com/thing",
			Why: "this lab is about building it"}}, Race: true,
		Checks: []course.Check{
			{Test: "TestOne", Title: "the first holds", Points: 2, Needs: []string{}},
			{Test: "TestTwo", Title: "the second holds", Points: 1, Needs: []string{"redis", "postgres"}},
		},
		Hints: []string{"Look closely."},
		Mutants: []course.Mutant{
			{Patch: "forgets.patch", Misconception: "It may be forgotten.", Explain: "It may not.", Fails: []string{"TestOne"}},
			{Patch: "doubles.patch", Misconception: "Twice is as good as once.", Explain: "It is not.", Fails: []string{"TestTwo"}},
		},
		Slug: "b01-thing", Dir: filepath.Join(root, "labs", "b01-thing"),
		SolutionDir: filepath.Join(root, "solutions", "b01-thing"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the lab differs (-want +got):\n%s", diff)
	}
	if got.MaxPoints() != 3 {
		t.Errorf("got %d points at most, want 3", got.MaxPoints())
	}
	if needs := got.Needs(); !reflect.DeepEqual(needs, []string{"redis", "postgres"}) {
		t.Errorf("got the needs %q", needs)
	}
	if c := got.Check("TestTwo"); c == nil || c.Points != 1 || got.Check("TestThree") != nil {
		t.Errorf("got %v for TestTwo and %v for TestThree", c, got.Check("TestThree"))
	}
	if name := got.Mutants[0].Name(); name != "forgets" {
		t.Errorf("got the mutant's name %q, want forgets", name)
	}
}

func TestRead_accepts(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string][2]string{
		"a file in a folder":           {"files: [thing.go]", "files: [thing.go, inner/other.go]"},
		"a real server":                {"needs: [redis, postgres]", "needs: [redis!]"},
		"lines that end as on Windows": {"\n", "\r\n"},
		"a comment":                    {"id: B01", "# a lab\nid: B01 # its id"},
		"text over several lines": {"explain: It may not.",
			"explain: >-\n      It\n      may not."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := labAt(t, "b01-thing", strings.ReplaceAll(valid(t), edit[0], edit[1]))
			if _, err := course.Read(root, "b01-thing"); err != nil {
				t.Error(err)
			}
		})
	}
}

// broken are edits of the valid lab.yaml: what stands at the left becomes what stands at the right.
var broken = []struct{ name, from, to string }{
	{"unknown key", "race: true", "race: true\ncolour: red"},
	{"unknown key in a check", "    points: 2", "    points: 2\n    weight: 3"},
	{"unknown key in a mutant", "    fails: [TestOne]", "    fails: [TestOne]\n    why: because"},
	{"unknown key in a forbidden import", "    why: this lab", "    reason: this lab"},
	{"half of what to listen for", "hints:\n", "listen_for:\n  strong: It counts.\nhints:\n"},
	{"nothing to listen for", "hints:\n",
		"listen_for:\n  strong: It counts.\n  middling: It asks.\n  weak: ''\nhints:\n"},
	{"key in another case", "title: A thing", "Title: A thing"},
	{"doubled key", "minutes: 20", "minutes: 20\nminutes: 30"},
	{"doubled key in a check", "    points: 2", "    points: 2\n    points: 3"},

	{"text for a number", "minutes: 20", "minutes: a while"},
	{"a fraction for a number", "minutes: 20", "minutes: 1.5"},
	{"text for yes or no", "race: true", "race: perhaps"},
	{"one for a list", "files: [thing.go]", "files: thing.go"},
	{"a list for one", "title: A thing", "title: [a, thing]"},
	{"text for a check", "  - test: TestOne\n    title: the first holds\n    points: 2\n    needs: []", "  - TestOne"},
	{"a mapping for a list", "checks:\n  - test: TestOne", "checks:\n    test: TestOne"},
	{"no YAML", "id: B01", "id: [B01"},
	{"a tab", "    title: the first holds", "\ttitle: the first holds"},
	{"nothing", "", ""},

	{"unknown level", "level: beginner", "level: expert"},
	{"no level", "level: beginner", "level:"},
	{"id of another level", "id: B01", "id: A01"},
	{"id with one digit", "id: B01", "id: B1"},
	{"id in small letters", "id: B01", "id: b01"},
	{"id of another folder", "id: B01", "id: B02"},
	{"empty title", "title: A thing", `title: ""`},
	{"empty question", "question: What is a thing?", "question:"},
	{"no time", "minutes: 20", "minutes: 0"},
	{"no files", "files: [thing.go]", "files: []"},
	{"a file outside", "files: [thing.go]", "files: [../b02-other/thing.go]"},
	{"an absolute file", "files: [thing.go]", "files: [/etc/passwd]"},
	{"a file that is not clean", "files: [thing.go]", "files: [./thing.go]"},
	{"a test as a file", "files: [thing.go]", "files: [thing_test.go]"},
	{"a given file that is not there", "files: [thing.go]", "files: [thing.go]\ngiven: [program.go]"},
	{"a given file outside", "files: [thing.go]", "files: [thing.go]\ngiven: [../b02-other/thing.go]"},
	{"a test as a given file", "files: [thing.go]", "files: [thing.go]\ngiven: [thing_test.go]"},
	{"a text as a given file", "files: [thing.go]", "files: [thing.go]\ngiven: [README.md]"},
	{"a given file that is edited", "files: [thing.go]", "files: [thing.go]\ngiven: [thing.go]"},
	{"one for a list of given files", "files: [thing.go]", "files: [thing.go]\ngiven: thing.go"},
	{"after no id", "after: [B02]", "after: [token-bucket]"},
	{"forbidden without a reason", "    why: this lab is about building it", `    why: ""`},
	{"forbidden without a path", "  - import: example.com/thing", `  - import: ""`},

	{"no checks", "checks:\n  - test: TestOne\n    title: the first holds\n    points: 2\n    needs: []\n  - test: TestTwo\n    title: the second holds\n    points: 1\n    needs: [redis, postgres]", "checks: []"},
	{"a check that is no test", "test: TestTwo", "test: CheckTwo"},
	{"a subtest as a check", "test: TestTwo", "test: TestOne/two"},
	{"a check twice", "test: TestTwo", "test: TestOne"},
	{"a check without a title", "title: the second holds", "title:"},
	{"a check without points", "points: 1", "points: 0"},
	{"a check with negative points", "points: 1", "points: -1"},
	{"an unknown need", "[redis, postgres]", "[redis, kafka]"},

	{"no hints", "hints:\n  - Look closely.", "hints: []"},
	{"no mutants", "mutants:\n  - patch: forgets.patch\n    misconception: It may be forgotten.\n    explain: It may not.\n    fails: [TestOne]\n  - patch: doubles.patch\n    misconception: Twice is as good as once.\n    explain: It is not.\n    fails: [TestTwo]", "mutants: []"},
	{"a patch elsewhere", "patch: doubles.patch", "patch: ../doubles.patch"},
	{"a patch with another ending", "patch: doubles.patch", "patch: doubles.diff"},
	{"a mutant twice", "patch: doubles.patch", "patch: forgets.patch"},
	{"a mutant without a misconception", "misconception: Twice is as good as once.", "misconception:"},
	{"a mutant without an explanation", "explain: It is not.", `explain: ""`},
	{"a mutant that fails nothing", "fails: [TestTwo]", "fails: []"},
	{"a mutant that fails a check of no lab", "fails: [TestTwo]", "fails: [TestTwo, TestThree]"},
	{"a mutant that fails a check twice", "fails: [TestTwo]", "fails: [TestTwo, TestTwo]"},
	{"a mutant that also fails a check of no lab", "fails: [TestTwo]", "fails: [TestTwo]\n    also: [TestThree]"},
	{"a mutant that also fails what it fails", "fails: [TestTwo]", "fails: [TestTwo]\n    also: [TestTwo]"},
}

// TestRead_refuses holds the words for every fault against a golden: a lab.yaml's author reads
// them.
func TestRead_refuses(t *testing.T) {
	t.Parallel()
	base := valid(t)
	var all strings.Builder
	for _, tt := range broken {
		if strings.Count(base, tt.from) != 1 && tt.from != "" {
			t.Fatalf("%s: %q stands %d times in the valid lab.yaml", tt.name, tt.from,
				strings.Count(base, tt.from))
		}
		text := strings.Replace(base, tt.from, tt.to, 1)
		if tt.from == "" {
			text = tt.to
		}
		fmt.Fprintf(&all, "%s:\n%v\n\n", tt.name, refusal(t, text))
	}
	for _, key := range keysOf(reflect.TypeFor[course.Lab](), "") {
		fmt.Fprintf(&all, "without %s:\n%v\n\n", key, refusal(t, without(t, base, key)))
	}
	golden.Check(t, "broken.golden", all.String())
}

// TestRead_allFaults shows that one reading tells of every fault, each once and on a line of its
// own.
func TestRead_allFaults(t *testing.T) {
	t.Parallel()
	text := valid(t)
	for _, edit := range [][2]string{
		{"id: B01", "id: B7"}, {"minutes: 20", "minuets: 20"}, {"race: true", "race: maybe"}, {"topics: [things]\n", ""},
		{"    points: 1\n", "    points: 1\n    points: 2\n"}, {"title: the first holds", `title: ""`},
		{"    needs: [redis, postgres]", "    needs: [kafka]\n    weight: 2"}, {"  - Look closely.", "  - [Look, closely]"},
		{"patch: doubles.patch", "patch: forgets.patch"}, {"explain: It is not.", "explain:"}, {"fails: [TestTwo]", "fails: []"},
	} {
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	golden.Check(t, "all.golden", refusal(t, text).Error()+"\n")
}

// refusal is the error for a lab.yaml, which must be one that knows its place.
func refusal(t *testing.T, text string) error {
	t.Helper()
	_, err := course.Read(labAt(t, "b01-thing", text), "b01-thing")
	var e *course.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want a *course.Error, for\n%s", err, text)
		return err
	}
	if lines := strings.Split(text, "\n"); e.Line < 1 || e.Line > len(lines) ||
		lines[e.Line-1] != e.Text {
		t.Errorf("got line %d and the text %q, which is not that line's", e.Line, e.Text)
	}
	return err
}

func TestRead_given(t *testing.T) {
	t.Parallel()
	root := labAt(t, "b01-thing", strings.Replace(valid(t), "files: [thing.go]",
		"files: [thing.go]\ngiven: [program.go, server/main.go]", 1))
	for _, name := range []string{"program.go", "server/main.go"} {
		write(t, filepath.Join(root, "labs", "b01-thing", name), "package thing\n")
	}
	l, err := course.Read(root, "b01-thing")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"program.go", "server/main.go"}, l.Given); diff != "" {
		t.Errorf("the given files differ (-want +got):\n%s", diff)
	}
}

// TestRead_readme holds what authors are told against what is read: the example is a lab.yaml, and
// the table has every key.
func TestRead_readme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "labs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	_, example, _ := strings.Cut(text, "```yaml\n")
	example, _, _ = strings.Cut(example, "```\n")
	if _, err := course.Read(labAt(t, "b16-bounded-queue", example),
		"b16-bounded-queue"); err != nil {
		t.Errorf("the example: %v", err)
	}
	for _, key := range append(keysOf(reflect.TypeFor[course.Lab](), ""), "given",
		"mutants/shows") {
		outer, inner, nested := strings.Cut(key, "/")
		row := "| `" + outer + "` |"
		if nested && outer != "forbid" {
			row = "| `" + outer + "[]." + inner + "` |"
		}
		if !strings.Contains(text, row) {
			t.Errorf("the table has no row %q", row)
		}
	}
}

func TestRead_missing(t *testing.T) {
	t.Parallel()
	_, err := course.Read(t.TempDir(), "b01-thing")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

// keysOf lists the keys of a lab.yaml: "title", "checks/title".
func keysOf(typ reflect.Type, prefix string) []string {
	var keys []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := f.Tag.Get("yaml")
		if key == "-" || f.Tag.Get("key") == "optional" {
			continue
		}
		keys = append(keys, prefix+key)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type.Elem(), prefix+key+"/")...)
		}
	}
	return keys
}

// without takes a key with its value out of the valid lab.yaml; of several places, out of the last.
func without(t *testing.T, text, key string) string {
	t.Helper()
	parent, name, nested := strings.Cut(key, "/")
	if !nested {
		name = parent
	}
	lines := strings.Split(text, "\n")
	from, inside := -1, !nested
	for i, line := range lines {
		if nested && !strings.HasPrefix(line, " ") {
			inside = strings.HasPrefix(line, parent+":")
		}
		if inside && strings.HasPrefix(strings.TrimLeft(line, " -"), name+":") &&
			strings.HasPrefix(line, " ") == nested {
			from = i
		}
	}
	if from < 0 {
		t.Fatalf("there is no %s", key)
	}
	to := from + 1
	for !nested && to < len(lines) && strings.HasPrefix(lines[to], " ") {
		to++
	}
	if strings.HasPrefix(lines[from], "  - ") {
		lines[to] = "  - " + strings.TrimLeft(lines[to], " ")
	}
	return strings.Join(append(append([]string(nil), lines[:from]...), lines[to:]...), "\n")
}

func valid(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "lab.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// labAt makes a course of one lab and returns its root.
func labAt(t *testing.T, slug, yaml string) (root string) {
	t.Helper()
	root = t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.com/course\n")
	write(t, filepath.Join(root, "labs", slug, "lab.yaml"), yaml)
	return root
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
