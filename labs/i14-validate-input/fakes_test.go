package signup_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/unicode/norm"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	signup "github.com/backend-labs/backend-labs/labs/i14-validate-input"
)

// form is a body that is let in.
func form() map[string]any {
	return map[string]any{"username": "ann", "email": "ann@example.org", "age": 30}
}

// with is that body with another value of one member.
func with(name string, value any) []byte {
	f := form()
	f[name] = value
	return encode(f)
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// short keeps a failure readable, and shows what could be taken for something else.
func short(text string) string {
	q := fmt.Sprintf("%q", text)
	if !norm.NFKC.IsNormalString(text) {
		q = fmt.Sprintf("%+q", text)
	}
	if len(q) > 160 {
		q = fmt.Sprintf("%s… (%d characters, %d bytes)", strings.ToValidUTF8(q[:60], ""), len([]rune(text)), len(text))
	}
	return q
}

// told is a list of errors in words.
func told(errs []signup.FieldError) string {
	if len(errs) == 0 {
		return "no error"
	}
	var all []string
	for _, e := range errs {
		all = append(all, fmt.Sprintf("%s at %q", e.Code, e.Pointer))
	}
	if len(all) > 8 {
		all = append(all[:8], fmt.Sprintf("… (%d errors)", len(errs)))
	}
	return strings.Join(all, ", ")
}

// refused demands one error for a member, with one of these codes.
func refused(t *testing.T, name string, value any, why string, codes ...string) {
	t.Helper()
	text, isText := value.(string)
	if !isText {
		text = string(encode(value))
	}
	_, errs := signup.ParseSignup(with(name, value))
	expect.That(t, len(errs) == 1 && errs[0].Pointer == "/"+name && slices.Contains(codes, errs[0].Code),
		expect.Message{Did: fmt.Sprintf("parsed a body with the %s %s, and all else right", name, short(text)),
			Want: fmt.Sprintf("%s at %q", strings.Join(codes, " or "), "/"+name), Got: told(errs), Why: why})
}

// accepted demands that a member is let in, and what of it is kept.
func accepted(t *testing.T, name, value, kept, why string) {
	t.Helper()
	s, errs := signup.ParseSignup(with(name, value))
	got := map[string]string{"username": s.Username, "email": s.Email, "bio": s.Bio, "website": s.Website}[name]
	did := fmt.Sprintf("parsed a body with the %s %s, and all else right", name, short(value))
	expect.That(t, len(errs) == 0, expect.Message{Did: did, Want: "it is let in", Got: told(errs), Why: why})
	expect.That(t, got == kept, expect.Message{Did: did, Want: short(kept) + " is kept", Got: short(got), Why: why})
}

// page is what a browser makes of a fragment: its text, and its elements in their order.
func page(t *testing.T, fragment string) (text string, elements []string) {
	t.Helper()
	nodes, err := html.ParseFragment(strings.NewReader(fragment),
		&html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
	if err != nil {
		t.Fatal(err)
	}
	const end = "\x00"
	var b strings.Builder
	for _, root := range nodes {
		for n := range all(root) {
			switch {
			case n.Type == html.TextNode:
				b.WriteString(n.Data)
			case n.Type == html.ElementNode && n.Data == "br" && len(n.Attr) == 0:
				b.WriteString(end)
			case n.Type == html.ElementNode:
				elements = append(elements, fmt.Sprint(n.Data, n.Attr))
			default:
				elements = append(elements, "<!"+n.Data+">")
			}
		}
	}
	// An end of a line may have its <br> before it, behind it, or in its place.
	text = strings.NewReplacer(end+"\n", "\n", "\n"+end, "\n", end, "\n").Replace(b.String())
	return strings.TrimSpace(text), elements
}

// all yields a node and those below it.
func all(n *html.Node) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if !yield(n) {
			return
		}
		for d := range n.Descendants() {
			if !yield(d) {
				return
			}
		}
	}
}

// render is what RenderBio writes.
func render(t *testing.T, bio string) string {
	t.Helper()
	var b strings.Builder
	expect.NoError(t, signup.RenderBio(&b, signup.Signup{Username: "ann", Email: "ann@example.org", Age: 30,
		Bio: bio}),
		expect.Message{Did: "rendered the bio " + short(bio), Want: "no error"})
	return b.String()
}

// shows demands that a page shows a bio, and as the same elements as any other.
func shows(t *testing.T, bio string) {
	t.Helper()
	fragment := render(t, bio)
	text, elements := page(t, fragment)
	plain, usual := page(t, render(t, "plain"))
	did := fmt.Sprintf("rendered the bio %s, and read the page as a browser does", short(bio))
	expect.That(t, plain == "plain" && text == strings.TrimSpace(bio), expect.Message{Did: did,
		Want: "the text " + short(strings.TrimSpace(bio)),
		Got:  fmt.Sprintf("the text %s, from %s", short(text), short(fragment)),
		Why: "what is escaped in a page is read as it was entered: not escaped it is lost or runs, escaped twice it " +
			"is littered with &lt;"})
	expect.That(t, slices.Equal(elements, usual), expect.Message{Did: did,
		Want: fmt.Sprintf("the elements that the bio \"plain\" has: %v", usual),
		Got:  fmt.Sprintf("%v, from %s", elements, short(fragment)),
		Why:  "what becomes an element is the member's program in every visitor's browser"})
}

// upload makes a folder with a secret beside it, and returns its root and the secret's path.
func upload(t *testing.T, files ...string) (root *os.Root, secret string) {
	t.Helper()
	dir := t.TempDir()
	below := filepath.Join(dir, "uploads")
	secret = filepath.Join(dir, "uploads-secret", "passwd")
	for _, path := range append([]string{secret}, files...) {
		if path != secret {
			path = filepath.Join(below, path)
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(filepath.Base(path)), 0o644))
	}
	must(t, os.MkdirAll(below, 0o755))
	root, err := os.OpenRoot(below)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return root, secret
}

// opened is what can be read of a file below a root, and OpenUpload's error.
func opened(root *os.Root, name string) (content string, err error) {
	f, err := signup.OpenUpload(root, name)
	if err != nil || f == nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return "no text that could be read", nil
	}
	return string(data), nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// codes are the errors by their pointers.
func codes(errs []signup.FieldError) map[string]string {
	m := map[string]string{}
	for _, e := range errs {
		m[e.Pointer] = e.Code
	}
	return m
}

// pointers are those of a map, sorted.
func pointers(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
