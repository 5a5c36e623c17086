package secrets_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
	secrets "github.com/backend-labs/backend-labs/labs/i18-secrets"
)

// password is a secret that no output has by chance, also not in hex or as numbers.
const password = "hunter2-\"ä\n7Qz"

func TestASecretIsItsText(t *testing.T) {
	for _, text := range []string{password, "", " a b\t\n", "[secret]", "\x00\xff", "other"} {
		s := secrets.NewSecret(text)
		expect.That(t, s.Reveal() == text, expect.Message{
			Did: fmt.Sprintf("NewSecret(%q).Reveal()", text), Want: fmt.Sprintf("%q", text),
			Got: fmt.Sprintf("%q", s.Reveal())})
	}
	one, other := secrets.NewSecret("one"), secrets.NewSecret("other")
	expect.That(t, one.Reveal() == "one" && other.Reveal() == "other", expect.Message{
		Did: "made two secrets", Want: "each has its own text",
		Got: fmt.Sprintf("%q and %q", one.Reveal(), other.Reveal())})
	var zero secrets.Secret
	expect.That(t, zero.Reveal() == "" && zero.Equal("") && !zero.Equal("x"), expect.Message{
		Did: "Reveal and Equal of a Secret that was never set", Want: "the empty secret",
		Got: fmt.Sprintf("%q, Equal(\"\") %v, Equal(\"x\") %v", zero.Reveal(), zero.Equal(""),
			zero.Equal("x"))})
	for _, tt := range []struct {
		text, other string
		want        bool
	}{
		{password, password, true}, {password, "", false}, {password, password + "x", false},
		{password, password[1:], false}, {password, password[:len(password)-1], false},
		{password, strings.ToUpper(password), false}, {password, password + "\x00", false},
		{password, " " + password, false}, {"", "", true}, {"", "x", false},
		{"\xff", "\xfe", false}, {"xa", "xb", false}, {"ax", "bx", false},
	} {
		got := secrets.NewSecret(tt.text).Equal(tt.other)
		expect.That(t, got == tt.want, expect.Message{
			Did:  fmt.Sprintf("NewSecret(%q).Equal(%q)", tt.text, tt.other),
			Want: fmt.Sprint(tt.want), Got: fmt.Sprint(got)})
	}
}

func TestEqualTakesAsLongWhereverTheyDiffer(t *testing.T) {
	text := strings.Repeat("k", 1<<19)
	s := secrets.NewSecret(text)
	early, late := "x"+text[1:], text[1:]+"x"
	var first, last time.Duration
	for i, start := 0, time.Now(); i < 3 || i < 25 && time.Since(start) < 3*time.Second; i++ {
		begin := time.Now()
		e := s.Equal(early)
		middle := time.Now()
		l := s.Equal(late)
		end := time.Now()
		expect.That(t, !e && !l, expect.Message{
			Did: "Equal on a secret of 512 KiB", Want: "true for the same text alone",
			Got: fmt.Sprintf("%v where the first byte differs, %v where the last does", e, l)})
		if d := middle.Sub(begin); i == 0 || d < first {
			first = d
		}
		if d := end.Sub(middle); i == 0 || d < last {
			last = d
		}
	}
	expect.That(t, last <= 30*max(first, time.Nanosecond), expect.Message{
		Did: "Equal on a secret of 512 KiB, up to 25 times: with a text whose first byte differs, " +
			"and with one whose last does",
		Want: "as long for both: at most 30 times, to be fair to busy machines",
		Got: fmt.Sprintf("%v at best where the first differs, %v at best where the last does", first,
			last),
		Why: "whoever may try and can measure learns one byte after the other"})
}

func TestItSaysThatItIsASecret(t *testing.T) {
	s := secrets.NewSecret(password)
	var text, asJSON bytes.Buffer
	plain := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	slog.New(slog.NewTextHandler(&text, plain)).Info("m", "s", s)
	slog.New(slog.NewJSONHandler(&asJSON, plain)).Info("m", "s", s)
	data, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		data = []byte(err.Error())
	}
	for _, tt := range [][3]string{
		{"%v", fmt.Sprintf("%v", s), "[secret]"}, {"%+v", fmt.Sprintf("%+v", s), "[secret]"},
		{"%s", fmt.Sprintf("%s", s), "[secret]"}, {"%q", fmt.Sprintf("%q", s), `"[secret]"`},
		{"Println", fmt.Sprintln(s), "[secret]\n"}, {"%v of a pointer", fmt.Sprint(&s), "[secret]"},
		{"%v of a list", fmt.Sprint([]secrets.Secret{s}), "[[secret]]"},
		{"%v of the empty secret", fmt.Sprint(secrets.Secret{}), "[secret]"},
		{"a text handler of slog", text.String(), "level=INFO msg=m s=[secret]\n"},
		{"a JSON handler of slog", asJSON.String(), `{"level":"INFO","msg":"m","s":"[secret]"}` + "\n"},
		{"encoding/json", string(data), `{"p":"[secret]","s":"[secret]"}`},
	} {
		expect.That(t, tt[1] == tt[2], expect.Message{Did: "printed a Secret: " + tt[0],
			Want: fmt.Sprintf("%q", tt[2]), Got: fmt.Sprintf("%q", tt[1]),
			Why: "whoever reads a log must see that something is set, and not what"})
	}
}

// shows says in which form a text is in an output, or "".
func shows(output, text string) string {
	b := []byte(text)
	numbers := strings.Trim(fmt.Sprint(b), "[]")
	var listed []string
	for _, c := range b {
		listed = append(listed, fmt.Sprintf("0x%x", c))
	}
	for _, look := range [][2]string{{"as it is", text}, {"in quotes", fmt.Sprintf("%q", text)},
		{"escaped", fmt.Sprintf("%+q", text)}, {"in hex", hex.EncodeToString(b)},
		{"in HEX", strings.ToUpper(hex.EncodeToString(b))}, {"in spaced hex", fmt.Sprintf("% x", b)},
		{"in base64", base64.RawStdEncoding.EncodeToString(b)[:len(b)]}, {"as numbers", numbers},
		{"as numbers with commas", strings.ReplaceAll(numbers, " ", ", ")},
		{"as bytes", strings.Join(listed, ", ")}} {
		if strings.Contains(output, strings.Trim(look[1], `"`)) {
			return look[0]
		}
	}
	return ""
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%b", "%o",
	"%c", "%U", "%e", "%t", "%p", "%T", "%w", "%100v", "%.3s", "%+q", "%#q", "%y", "%[1]*v"}

// hidden demands that no way to print a value shows the text.
func hidden(t *testing.T, what string, v any, text string) {
	t.Helper()
	for _, way := range ways() {
		output := way.print(v)
		form := shows(output, text)
		expect.That(t, form == "", expect.Message{Did: "printed " + what + ": " + way.name,
			Want: "nothing of the secret", Got: fmt.Sprintf("the secret %s: %.300q", form, output), Why: whyHidden})
	}
}

const whyHidden = "nobody prints a secret; they print what it is in, and what is printed is in the logs for years"

// way is one to print a value.
type way struct {
	name  string
	print func(v any) string
}

func ways() []way {
	all := []way{
		{"encoding/gob", func(v any) string {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return fmt.Sprint(b.String(), err)
		}},
		{"encoding/xml", func(v any) string {
			data, err := xml.Marshal(v)
			return fmt.Sprint(string(data), err)
		}},
		{"encoding/json", func(v any) string {
			data, err := json.Marshal(v)
			return fmt.Sprint(string(data), err)
		}},
		{"slog", func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
			slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
			return b.String()
		}},
		{"an error", func(v any) string { return errors.Join(fmt.Errorf("config %+v", v)).Error() }},
		{"Println", func(v any) string { return fmt.Sprintln(v) }},
	}
	for _, verb := range verbs {
		all = append(all, way{"fmt with " + verb, func(v any) string { return fmt.Sprintf(verb, v) }})
	}
	return all
}

// addresses are different each time, and say nothing.
var addresses = regexp.MustCompile(`0x[0-9a-f]{6,}|\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+`)

// untold demands that what is printed of a value is the same, whatever the secret in it is.
func untold(t *testing.T, what string, with func(s secrets.Secret) any) {
	t.Helper()
	for _, way := range ways() {
		how := secrecy.Told(20, func(secret string) string {
			return addresses.ReplaceAllString(way.print(with(secrets.NewSecret(secret))), "…")
		})
		expect.That(t, how == "", expect.Message{
			Did:  "printed " + what + " with one secret and with another: " + way.name,
			Want: "the same for both: nothing of the secret, neither a part of it nor what is made of it",
			Got:  how, Why: "the last letters help to guess the others, and a hash tells whoever tries what is right",
		})
	}
}

func TestNothingElseShowsIt(t *testing.T) {
	for _, text := range []string{password, "plain-Secret-9"} {
		s := secrets.NewSecret(text)
		expect.That(t, s.Reveal() == text, expect.Message{Did: "Reveal", Want: "the secret",
			Got: "something else"})
		hidden(t, "a Secret", s, text)
		hidden(t, "a pointer to a Secret", &s, text)
		hidden(t, "a list of Secrets", []secrets.Secret{s}, text)
		hidden(t, "a map of Secrets", map[string]secrets.Secret{"key": s}, text)
		hidden(t, "an exported field", struct{ Key secrets.Secret }{s}, text)
		hidden(t, "an any", struct{ Key any }{s}, text)
	}
	untold(t, "a Secret", func(s secrets.Secret) any { return s })
	untold(t, "a pointer to a Secret", func(s secrets.Secret) any { return &s })
	untold(t, "an exported field", func(s secrets.Secret) any { return struct{ Key secrets.Secret }{s} })
}

// config is what services print at their start.
type config struct {
	Port int
	db   database
	keys map[string]secrets.Secret
	list []secrets.Secret
	ptr  *secrets.Secret
	any  any
}

type database struct {
	host     string
	password secrets.Secret
}

func TestUnexportedFieldsAreHidden(t *testing.T) {
	s := secrets.NewSecret(password)
	c := config{8080, database{"db.internal", s}, map[string]secrets.Secret{"k": s},
		[]secrets.Secret{s}, &s, s}
	expect.That(t, c.db.password.Reveal() == password, expect.Message{Did: "Reveal",
		Want: "the secret", Got: "something else"})
	hidden(t, "a configuration with unexported fields", c, password)
	hidden(t, "a pointer to it", &c, password)
	hidden(t, "a list of them", []config{c}, password)
	untold(t, "a configuration with unexported fields", func(s secrets.Secret) any {
		return config{8080, database{"db.internal", s}, map[string]secrets.Secret{"k": s}, []secrets.Secret{s}, &s, s}
	})
}

// file writes a file with that mode.
func file(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileIsASecret(t *testing.T) {
	for _, tt := range [][2]string{{" a b\t\n", " a b\t"}, {"abc\n", "abc"}, {"abc", "abc"},
		{"abc\r\n", "abc"},
		{"abc\n\n", "abc\n"}, {"abc\r\n\r\n", "abc\r\n"}, {"abc\r", "abc\r"},
		{"\nabc", "\nabc"}, {"a\nb\n", "a\nb"}, {" \n", " "}, {"\n\n", "\n"},
		{"\x00\xff\n", "\x00\xff"}, {"\ufeffabc\n", "\ufeffabc"}, {"abc\u2028", "abc\u2028"},
		{"abc\x00\n", "abc\x00"}} {
		got, err := secrets.ReadFileSecret(file(t, tt[0], 0o600))
		did := fmt.Sprintf("ReadFileSecret of a file with %q", tt[0])
		expect.NoError(t, err, expect.Message{Did: did, Want: fmt.Sprintf("%q", tt[1])})
		expect.That(t, got.Reveal() == tt[1], expect.Message{Did: did, Want: fmt.Sprintf("%q", tt[1]),
			Got: fmt.Sprintf("%q of %q", got.Reveal(), tt[0]),
			Why: "editors end a file with a line break; every other byte may be one of the secret"})
	}
	long := strings.Repeat("k", 2<<20)
	got, err := secrets.ReadFileSecret(file(t, long+"\n", 0o600))
	expect.That(t, err == nil && got.Reveal() == long, expect.Message{
		Did:  "ReadFileSecret of a file of 2 MiB",
		Want: "all of it", Got: fmt.Sprintf("%d bytes, and the error %v", len(got.Reveal()), err),
		Why: "a bundle of certificates has no size that one could know before; half of it is none"})
	own := t.TempDir()
	if err := os.Chmod(own, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][2]string{{"an empty file", file(t, "", 0o600)},
		{"a file of one line break", file(t, "\n", 0o600)},
		{"a file of one Windows line break", file(t, "\r\n", 0o600)},
		{"a directory", t.TempDir()}, {"a directory with the mode 700", own},
		{"a file that does not exist", filepath.Join(t.TempDir(), "none")},
		{"what is behind a file", filepath.Join(file(t, "abc", 0o600), "key")}} {
		got, err := secrets.ReadFileSecret(tt[1])
		expect.That(t, err != nil, expect.Message{Did: "ReadFileSecret of " + tt[0], Want: "an error",
			Got: fmt.Sprintf("no error for %s, and %q", tt[0], got.Reveal()),
			Why: "a program that starts with an empty secret is open to all who guess that"})
	}
}

func TestAFileIsItsOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes say nothing there
	}
	link := func(path string) string {
		name := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o700, 0o500, 0o711, 0o620, 0o602, 0o622, 0o733} {
		path := file(t, "pass-Word\n", mode)
		for way, path := range map[string]string{" through a link": link(path), "": path} {
			got, err := secrets.ReadFileSecret(path)
			did := fmt.Sprintf("ReadFileSecret of a file with the mode %o%s", mode, way)
			expect.NoError(t, err, expect.Message{Did: did, Want: "the secret",
				Got: fmt.Sprintf("an error for the mode %o%s", mode, way)})
			expect.That(t, got.Reveal() == "pass-Word", expect.Message{Did: did, Want: `"pass-Word"`,
				Got: fmt.Sprintf("%q", got.Reveal())})
		}
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o440, 0o404, 0o660, 0o606, 0o666} {
		path := file(t, "pass-Word\n", mode)
		for way, path := range map[string]string{" through a link": link(path), "": path} {
			got, err := secrets.ReadFileSecret(path)
			did := fmt.Sprintf("ReadFileSecret of a file with the mode %o%s", mode, way)
			expect.That(t, err != nil, expect.Message{Did: did, Want: "an error",
				Got: fmt.Sprintf("no error for the mode %o, and %q", mode, got.Reveal()),
				Why: "whatever else runs on this machine can read it, too"})
			wantModeSaid(t, did, mode, got, strings.ReplaceAll(err.Error(), filepath.Dir(path), "…"))
		}
	}
	wantContentUnsaid(t)
}

// wantContentUnsaid compares what is said of a file that others may read, with one secret in it and with another.
func wantContentUnsaid(t *testing.T) {
	t.Helper()
	path := file(t, "", 0o644)
	how := secrecy.Told(20, func(secret string) string {
		if err := os.WriteFile(path, []byte(secret+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := secrets.ReadFileSecret(path)
		return fmt.Sprint(err)
	})
	expect.That(t, how == "", expect.Message{
		Did:  "ReadFileSecret of a file with the mode 644, with one secret in it and with another",
		Want: "the same error for both: nothing of what is in it, neither a part nor what is made of it",
		Got:  how, Why: "who reads the error must know what to mend, and no more"})
}

// wantModeSaid demands that an error says the mode, and nothing of the content.
func wantModeSaid(t *testing.T, did string, mode os.FileMode, got secrets.Secret, said string) {
	t.Helper()
	says := strings.Contains(said, fmt.Sprintf("%o", mode)) || strings.Contains(said, mode.String())
	expect.That(t, says && !strings.Contains(said, "pass-Word") && got.Reveal() == "",
		expect.Message{Did: did,
			Want: fmt.Sprintf("an error that says %o or %v, and no secret", mode, mode),
			Got:  fmt.Sprintf("%s; and the secret %q", said, got.Reveal()),
			Why:  "who reads the error must know what to mend, and no more"})
}
