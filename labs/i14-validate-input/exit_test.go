package signup_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/pg"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	signup "github.com/backend-labs/backend-labs/labs/i14-validate-input"
)

func TestRenderBio(t *testing.T) {
	for _, bio := range texts {
		shows(t, bio)
	}
	shows(t, "")
	shows(t, "first line\nsecond <b>line</b>")
	shows(t, strings.Repeat("<i>🙂", 125))
	full := errors.New("the connection is gone")
	err := signup.RenderBio(broken{full}, signup.Signup{Bio: "a"})
	expect.That(t, err != nil, expect.Message{Did: "rendered a bio into a writer that fails", Want: "an error",
		Got: "none", Why: "half a page would count as a whole one"})
	var page bytes.Buffer
	bio := signup.Signup{Bio: "I <3 Bach\n& Händel"}
	if err := signup.RenderBio(&page, bio); err != nil {
		t.Fatal(err)
	}
	for left := range page.Len() {
		err := signup.RenderBio(&breaking{left, full}, bio)
		expect.That(t, err != nil, expect.Message{
			Did:  fmt.Sprintf("rendered a bio of %d bytes as HTML into a writer that fails after %d", page.Len(), left),
			Want: "an error", Got: "none", Why: "half a page would count as a whole one"})
	}
}

// breaking is a writer that takes so many bytes, fails once, and then takes all.
type breaking struct {
	left int
	error
}

func (b *breaking) Write(p []byte) (int, error) {
	n := len(p)
	if b.left >= 0 && n > b.left {
		n, b.left = b.left, -1
		return n, b.error
	}
	if b.left >= 0 {
		b.left -= n
	}
	return n, nil
}

// broken is a writer that fails.
type broken struct{ error }

func (b broken) Write([]byte) (int, error) { return 0, b.error }

// names are those of the table in the checks, in the order of their ids.
var names = []string{"ann", "O'Brien", "bob", `back\slash`, "ann", "a%", "50%", "é", " ann", "<b>Bob</b>", ""}

// table makes it, and finds in it.
func table(t *testing.T, opts ...pg.Option) (find func(name string)) {
	t.Helper()
	pool := pg.Pool(t, opts...)
	pg.Exec(t, pool, signup.Schema)
	// The rows lie on the disk in another order than that of their ids.
	for i := len(names) - 1; i >= 0; i-- {
		pg.Exec(t, pool, "INSERT INTO users (id, name) VALUES ($1, $2)", i+1, names[i])
	}
	pg.Exec(t, pool, "SELECT setval('users_id_seq', 100)")
	return func(name string) {
		t.Helper()
		got, err := signup.FindByName(t.Context(), pool, name)
		var want []signup.User
		for i, n := range names {
			if n == name {
				want = append(want, signup.User{ID: int64(i + 1), Name: n})
			}
		}
		expect.That(t, err == nil && len(got) == len(want) && (len(want) == 0 || reflect.DeepEqual(got, want)),
			expect.Message{Did: "looked for the users with the name " + short(name),
				Want: fmt.Sprintf("%v of %d users", want, len(names)), Got: fmt.Sprintf("%v, error: %v", got, err),
				Why: "a name is a value. Where it can become a part of the statement, whoever enters it writes the " +
					"statement"})
	}
}

func TestFindByName(t *testing.T) {
	find := table(t)
	for _, name := range []string{"O'Brien", "ann", "' OR 1=1 --", "bob", `back\slash`, "_nn", "%", "a%",
		"50%", "ANN", "Ann", "ann ",
		" ann", "nn", "é", "e\u0301", "<b>Bob</b>", "&lt;b&gt;Bob&lt;/b&gt;", "", "'", "''", "O''Brien",
		"'; DROP TABLE users; --",
		"x' UNION SELECT 1, 'x", "$1", "1", "NULL", `\' OR 1=1 --`, "$$ OR 1=1", "ann\n", "bo", "bobb", "OBrien"} {
		find(name)
	}
	find("ann")

	pool := pg.Pool(t)
	for _, name := range []string{"ann\x00", "\x00", "a\x00nn", "an\xffn", "\xffann", "bob\xc3"} {
		got, err := signup.FindByName(t.Context(), pool, name)
		expect.That(t, len(got) == 0, expect.Message{
			Did:  "looked for the users with the name " + short(name),
			Want: "nobody, with an error or without one: no text of PostgreSQL is this one",
			Got:  fmt.Sprintf("%v, error: %v", got, err),
			Why:  "what is taken out to please the database makes another name of it, and that one has an owner",
		})
	}
	pg.Exec(t, pool, "INSERT INTO users (name) SELECT 'Anna' FROM generate_series(1, 12345)")
	many, err := signup.FindByName(t.Context(), pool, "Anna")
	expect.That(t, err == nil && len(many) == 12345, expect.Message{
		Did: "looked for the users with the name Anna, of whom there are 12345", Want: "all of them",
		Got: fmt.Sprintf("%d, error: %v", len(many), err), Why: "who is left out is not found, and nobody is told"})
	expect.That(t, slices.IsSortedFunc(many, func(a, b signup.User) int { return cmp.Compare(a.ID, b.ID) }), expect.Message{
		Did: "looked for the users with the name Anna, of whom there are 12345", Want: "by their ids",
		Got: "another order", Why: "9 comes before 10, and whoever reads on from the last id leaves nobody out"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = signup.FindByName(ctx, pool, "ann")
	expect.That(t, err != nil, expect.Message{Did: "looked for ann in a context that has ended", Want: "an error",
		Got: "none", Why: "nobody waits for the answer any more"})
	endsMeanwhile(t, pool)
	pg.Exec(t, pool, `ALTER TABLE users RENAME TO people;
		CREATE VIEW users AS SELECT id / (id - 5) AS id, name FROM people`)
	users, err := signup.FindByName(t.Context(), pool, "ann")
	expect.That(t, err != nil, expect.Message{
		Did: "looked for ann while the database fails, behind the beginning of the query", Want: "an error",
		Got: fmt.Sprintf("%v, and no error", users),
		Why: "that nobody is there and that nobody knows are two different answers"})
}

// endsMeanwhile has the context end while somebody else's lock keeps the database from answering.
func endsMeanwhile(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	must(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	found := make(chan error, 1)
	go func() {
		_, err := signup.FindByName(ctx, pool, "ann")
		found <- err
	}()
	const did = "looked for ann in a table that somebody else has locked, in a context that ended after 100 ms"
	select {
	case err := <-found:
		expect.That(t, err != nil, expect.Message{Did: did, Want: "an error", Got: "none",
			Why: "that nobody is there and that nobody knows are two different answers"})
	case <-time.After(5 * time.Second):
		expect.That(t, false, expect.Message{Did: did, Want: "an error, soon", Got: "nothing after 5 s",
			Why: "whoever asked has gone, and the query keeps a connection for nobody, as long as the lock lasts"})
	}
}

// TestFindByNameWithOtherSettings has a server for which \' is a quote, as it was everywhere until 2011.
func TestFindByNameWithOtherSettings(t *testing.T) {
	find := table(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["standard_conforming_strings"] = "off" })
	for _, name := range []string{"O'Brien", `\' OR 1=1 --`, `back\slash`, "' OR 1=1 --", `\`, `\\' OR 1=1 --`,
		`\'`, "ann"} {
		find(name)
	}
}

func TestFilesBelowTheRoot(t *testing.T) {
	files := []string{"a/b.txt", "c.txt", "..notes.txt", "a/b..c.txt", ".hidden", "a b.txt", "<b>.txt",
		"über.txt", "o'brien.txt",
		"caf\xe9.txt",
		"a.exe", "shell.php", ".htaccess", "CON", "a:b", "a?b", `a"b`, " a", "a ", "a.", "a;b", "$HOME", "index.html",
		"...", "x/y/z/w/v", "%2e%2e", "~", "-rf", "a\\b", "etc/passwd", "a..", "a\nb", "*", strings.Repeat("n", 255)}
	root, _ := upload(t, files...)
	must(t, os.Symlink("a/b.txt", filepath.Join(root.Name(), "link")))
	must(t, os.Symlink("../c.txt", filepath.Join(root.Name(), "a", "up")))
	must(t, os.Symlink("a", filepath.Join(root.Name(), "folder")))
	for _, f := range append(files, "link", "a/up", "folder/b.txt", "./c.txt", "a/../c.txt", "a//b.txt", "a/./b.txt",
		"x/y/../../c.txt") {
		want := map[string]string{"link": "b.txt", "a/up": "c.txt"}[f]
		if want == "" {
			want = filepath.Base(f)
		}
		got, err := opened(root, f)
		expect.That(t, err == nil && got == want, expect.Message{
			Did:  "opened " + short(f) + ", which is below the root",
			Want: "the file can be read", Got: fmt.Sprintf("%q, error: %v", got, err),
			Why: "two dots in a name are no way out, and a link that stays inside leads nowhere else; who " +
				"refuses what " +
				"looks dangerous loses files"})
	}
	aFolderThatWasMoved(t)
	onlyForReading(t)
}

// aFolderThatWasMoved has the root get another name, and another folder the one that it had.
func aFolderThatWasMoved(t *testing.T) {
	t.Helper()
	root, secret := upload(t, "c.txt")
	must(t, os.Rename(root.Name(), root.Name()+"-2"))
	must(t, os.Mkdir(root.Name(), 0o755))
	must(t, os.Symlink(secret, filepath.Join(root.Name(), "c.txt")))
	got, err := opened(root, "c.txt")
	expect.That(t, err == nil && got == "c.txt", expect.Message{
		Did:  "opened c.txt, when the root's folder had been moved, and another one had its name",
		Want: "the file in the root can be read", Got: fmt.Sprintf("%q, error: %v", got, err),
		Why: "a path is looked up anew each time, and between the look and the opening anybody can put another folder or a " +
			"link at its place; a root that is open stays the same folder"})
}

// onlyForReading opens a file, and tries to write to it.
func onlyForReading(t *testing.T) {
	t.Helper()
	root, _ := upload(t, "c.txt")
	f, err := signup.OpenUpload(root, "c.txt")
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("x")
	expect.That(t, err != nil, expect.Message{
		Did: "opened c.txt, and wrote to what OpenUpload returned", Want: "an error: it is open for reading",
		Got: "none, and the file is another one",
		Why: "what can only be read nobody changes by mistake, and files that belong to somebody else can be read as well"})
}

func TestFilesOutsideTheRoot(t *testing.T) {
	root, secret := upload(t, "a/b.txt")
	below := root.Name()
	for link, to := range map[string]string{"file": secret, "near": "../uploads-secret/passwd", "up": "..",
		"etc":  "/etc",
		"a/up": "../..", "twice": "near", "sibling": "../uploads-secret"} {
		must(t, os.Symlink(to, filepath.Join(below, link)))
	}
	for _, name := range []string{"../uploads-secret/passwd", "file", "near", secret, "/a/b.txt", "../a/b.txt",
		"a/../../a/b.txt", "a/../../uploads-secret/passwd", "up/uploads-secret/passwd", "twice", "sibling/passwd",
		"a/up/uploads-secret/passwd", "/etc/passwd", "etc/passwd", "../../../../../../../../etc/passwd", "a/../../b", "..",
		"/", "//etc/passwd", "", `C:\x`, "nothing", "a/nothing", "a/b.txt/c", "./../uploads-secret/passwd",
		"....//uploads-secret/passwd", `..\uploads-secret\passwd`, "a/b.txt\x00", below + "-secret/passwd",
		"../uploads/../uploads-secret/passwd"} {
		got, err := opened(root, name)
		expect.That(t, err != nil, expect.Message{
			Did:  "opened " + short(strings.ReplaceAll(name, filepath.Dir(below), "/srv")),
			Want: "an error", Got: "a file, in which is " + short(got),
			Why: "a path is what the file system makes of it: dots, an absolute beginning and links all lead " +
				"out, and a " +
				"name that looks clean can be a link"})
	}
	got, err := opened(root, "a/b.txt")
	expect.That(t, err == nil && got == "b.txt", expect.Message{Did: "opened a/b.txt", Want: "the file can be read",
		Got: fmt.Sprintf("%q, error: %v", got, err)})
}

// TestOneTextFourExits sends each text through the learner's four functions; its picture shows what the same text does
// where it is put together by hand.
func TestOneTextFourExits(t *testing.T) {
	find := table(t)
	pool := pg.Pool(t)
	root, _ := upload(t, "a/b.txt")
	tl := timeline.New("stored", "HTML", "SQL", "path")
	for _, text := range []string{"O'Brien", "I <3 Bach", "<b>Bob</b>", "<img src=x onerror=alert(1)>", "' OR 1=1 --",
		"../uploads-secret/passwd", "Tom &amp; Ann"} {
		accepted(t, "bio", text, text, "at the entrance nobody knows at which exit a text will be dangerous")
		s, _ := signup.ParseSignup(with("bio", text))
		shows(t, s.Bio)
		find(text)
		got, err := opened(root, text)
		expect.That(t, err != nil, expect.Message{Did: "opened " + short(text), Want: "an error",
			Got: "a file, in which is " + short(got)})

		tl.Holds("stored", "%s", strings.TrimSuffix(text, "(1)>"))
		for _, at := range []struct{ lane, harm string }{{"HTML", gluedPage(t, text)},
			{"SQL", gluedQuery(t, pool, text)}, {"path", gluedPath(root, text)}} {
			if at.harm != "" {
				tl.Point(at.lane, "%s", at.harm)
			}
		}
	}
	expect.Show(t, "where each text would do harm, if it were glued into the page, the query or the path by hand", tl)
}

// gluedPage is what becomes of a text that is put into a page as it is.
func gluedPage(t *testing.T, text string) string {
	shown, elements := page(t, text)
	switch {
	case strings.Contains(fmt.Sprint(elements), "onerror"):
		return "RUNS a script"
	case len(elements) > 0:
		return "makes an element"
	case shown != text:
		return "shows " + shown
	}
	return ""
}

// gluedQuery is what becomes of a text that is put between quotes.
func gluedQuery(t *testing.T, pool *pgxpool.Pool, text string) string {
	var n int
	err := pool.QueryRow(t.Context(), "SELECT count(*) FROM users WHERE name = '"+text+"'").Scan(&n)
	switch {
	case err != nil:
		return "syntax error"
	case n > 1:
		return fmt.Sprintf("FINDS all %d users", n)
	}
	return ""
}

// gluedPath is what becomes of a text that is put behind a folder.
func gluedPath(root *os.Root, text string) string {
	if _, err := os.Stat(root.Name() + "/" + text); err == nil {
		return "OPENS a secret"
	}
	return ""
}
