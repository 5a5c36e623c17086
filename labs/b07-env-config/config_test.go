package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/proc"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
	config "github.com/backend-labs/backend-labs/labs/b07-env-config"
)

func init() { proc.Handle("server", config.Program) }

// The names of all variables.
var variables = []string{"PORT", "REQUEST_TIMEOUT", "DEBUG", "DATABASE_URL", "API_KEY"}

const (
	key      = "q7Xk2VdZw9RtLm4B"
	password = "Tr0ub4dor"
	longKey  = "-----BEGIN KEY-----\nq7Xk2VdZw9RtLm4B\r\n\nq7Xk2VdZw9RtLm4B\n-----END KEY-----"
	goodURL  = "postgres://shop:" + password + "@db.internal:5432/shop?sslmode=require"
)

// env is an environment.
type env map[string]string

// required is an environment with what must be set, and nothing else.
func required() env { return env{"DATABASE_URL": goodURL, "API_KEY": key} }

// with is the environment with more in it.
func (e env) with(more env) env {
	e = maps.Clone(e)
	maps.Copy(e, more)
	return e
}

func (e env) lookup(name string) (string, bool) {
	value, ok := e[name]
	return value, ok
}

func (e env) String() string {
	var all []string
	for _, name := range variables {
		if value, ok := e[name]; ok {
			all = append(all, name+"="+value)
		}
	}
	return strings.Join(all, " ")
}

func TestSettingsAreRead(t *testing.T) {
	for _, c := range []struct {
		env  env
		want config.Config
	}{
		{
			required().with(env{"PORT": "9000", "REQUEST_TIMEOUT": "1500ms", "DEBUG": "true"}),
			config.Config{Port: 9000, DatabaseURL: goodURL, RequestTimeout: 1500 * time.Millisecond,
				Debug: true, APIKey: key},
		},
		{
			env{"DATABASE_URL": "mysql://db2/other", "API_KEY": "another key", "PORT": "65535",
				"REQUEST_TIMEOUT": "1ns", "DEBUG": "0"},
			config.Config{Port: 65535, DatabaseURL: "mysql://db2/other", RequestTimeout: 1,
				APIKey: "another key"},
		},
		{
			required().with(env{"PORT": "1", "DEBUG": "1"}),
			config.Config{Port: 1, DatabaseURL: goodURL, RequestTimeout: 5 * time.Second,
				Debug: true, APIKey: key},
		},
		{
			required().with(env{"REQUEST_TIMEOUT": "2m", "DEBUG": "false"}),
			config.Config{Port: 8080, DatabaseURL: goodURL, RequestTimeout: 2 * time.Minute,
				APIKey: key},
		},
		{
			required(),
			config.Config{Port: 8080, DatabaseURL: goodURL, RequestTimeout: 5 * time.Second,
				APIKey: key},
		},
		{
			env{"PORT": "80", "REQUEST_TIMEOUT": "1h30m0.5s", "API_KEY": "k",
				"DATABASE_URL": "file:shop.db"},
			config.Config{Port: 80, DatabaseURL: "file:shop.db", APIKey: "k",
				RequestTimeout: 90*time.Minute + 500*time.Millisecond},
		},
		{
			env{"API_KEY": key, "REQUEST_TIMEOUT": "2000h",
				"DATABASE_URL": "Postgres:///shop?host=/run&x=%7e&y=a%2Fb#"},
			config.Config{Port: 8080, DatabaseURL: "Postgres:///shop?host=/run&x=%7e&y=a%2Fb#",
				APIKey: key, RequestTimeout: 2000 * time.Hour},
		},
		{
			env{"API_KEY": "Ab/+ \"'$x,\u00eb==", "DATABASE_URL": goodURL},
			config.Config{Port: 8080, DatabaseURL: goodURL, RequestTimeout: 5 * time.Second,
				APIKey: "Ab/+ \"'$x,\u00eb=="},
		},
		{
			env{"API_KEY": `"in quotes"`, "DATABASE_URL": "postgres://db/'shop'"},
			config.Config{Port: 8080, DatabaseURL: "postgres://db/'shop'", RequestTimeout: 5 * time.Second,
				APIKey: `"in quotes"`},
		},
		{
			env{"API_KEY": longKey, "REQUEST_TIMEOUT": "1µs",
				"DATABASE_URL": "postgres://db:5432/shop?x=" + strings.Repeat("y", 400)},
			config.Config{Port: 8080, APIKey: longKey, RequestTimeout: time.Microsecond,
				DatabaseURL: "postgres://db:5432/shop?x=" + strings.Repeat("y", 400)},
		},
		{
			env{"API_KEY": "k\xff\x01\xfe", "DATABASE_URL": goodURL},
			config.Config{Port: 8080, DatabaseURL: goodURL, RequestTimeout: 5 * time.Second, APIKey: "k\xff\x01\xfe"},
		},
		{
			env{"API_KEY": "DATABASE_URL", "DATABASE_URL": "a1+b-c.d://h"},
			config.Config{Port: 8080, APIKey: "DATABASE_URL", RequestTimeout: 5 * time.Second,
				DatabaseURL: "a1+b-c.d://h"},
		},
	} {
		got, err := config.Load(c.env.lookup)
		did := "loaded a config with " + c.env.String()
		expect.NoError(t, err, expect.Message{Did: did,
			Want: "no error: everything in it is allowed"})
		expect.That(t, got == c.want, expect.Message{
			Did:  did,
			Want: show(c.want),
			Got:  show(got),
			Why: "what is set must count, and what is not set must have the default that the " +
				"manual promises",
		})
	}
	readsEverySpelling(t)
}

func readsEverySpelling(t *testing.T) {
	t.Helper()
	for i, spellings := range [][]string{
		{"0", "f", "F", "FALSE", "false", "False"},
		{"1", "t", "T", "TRUE", "true", "True"},
	} {
		for _, value := range spellings {
			want := i == 1
			got, err := config.Load(required().with(env{"DEBUG": value}).lookup)
			expect.That(t, err == nil && got.Debug == want, expect.Message{
				Did:  "loaded a config with DEBUG=" + value,
				Want: fmt.Sprintf("debug %v: strconv.ParseBool accepts it", want),
				Got:  fmt.Sprintf("debug %v, error %v", got.Debug, err),
				Why:  "what the manual allows has to work, in each of its spellings",
			})
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	for _, c := range []struct {
		env   env
		wrong []string
	}{
		{env{"PORT": "abc"}, []string{"PORT", "DATABASE_URL", "API_KEY"}},
		{env{"API_KEY": key, "DEBUG": "maybe", "REQUEST_TIMEOUT": "soon"}, []string{"REQUEST_TIMEOUT", "DEBUG", "DATABASE_URL"}},
		{env{"PORT": "abc", "REQUEST_TIMEOUT": "soon", "DEBUG": "?"}, variables},
		{env{"PORT": "", "REQUEST_TIMEOUT": "", "DEBUG": "", "DATABASE_URL": "", "API_KEY": ""}, variables},
		{env{"PORT": "0", "REQUEST_TIMEOUT": "0s", "DEBUG": "", "DATABASE_URL": "/shop"}, variables},
		{
			env{"PORT": "", "REQUEST_TIMEOUT": "-1s", "DEBUG": "2", "DATABASE_URL": "http://%zz", "API_KEY": ""},
			variables,
		},
		{env{"PORT": "65536", "API_KEY": "", "DATABASE_URL": goodURL}, []string{"PORT", "API_KEY"}},
	} {
		wantWrong(t, c.env, c.wrong,
			"each deploy takes minutes, and whoever learns of one mistake at a time needs as "+
				"many deploys as there are mistakes")
	}
	// values that are the names of other variables
	for _, wrong := range []env{{"PORT": "DEBUG"}, {"REQUEST_TIMEOUT": "PORT"},
		{"DEBUG": "API_KEY"}, {"PORT": "$DATABASE_URL"}} {
		wantOneWrong(t, wrong, "a template that has put in a name where a value belongs is the "+
			"very mistake, and an error that names both sends whoever reads it to the wrong one")
	}
}

func TestWhatIsMissingIsRefused(t *testing.T) {
	const why = "any default would be the database or the key of somebody else: production " +
		"starts, looks well, and works with the wrong data"
	wantWrong(t, env{"API_KEY": key}, []string{"DATABASE_URL"}, why)
	wantWrong(t, env{"DATABASE_URL": goodURL}, []string{"API_KEY"}, why)
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, wrong := range []env{
		{"PORT": "0x50"}, {"PORT": "1e3"}, {"PORT": "8080.0"}, {"PORT": "8_080"},
		{"REQUEST_TIMEOUT": "10"}, {"REQUEST_TIMEOUT": "1.5"}, {"REQUEST_TIMEOUT": "5 minutes"},
		{"DEBUG": "on"}, {"DEBUG": "off"}, {"DEBUG": "tRUE"}, {"DEBUG": "2"},
		{"PORT": "abc"}, {"PORT": "80a"}, {"PORT": "http"}, {"PORT": "99999999999999999999"},
		{"REQUEST_TIMEOUT": "soon"}, {"REQUEST_TIMEOUT": "5"},
		{"DEBUG": "maybe"}, {"DEBUG": "yes"},
		{"DATABASE_URL": "postgres://db%zz/shop"},
		{"PORT": ":8080"}, {"PORT": "8080 # http"}, {"PORT": "tcp://10.0.0.7:8080"}, {"PORT": "80,443"}, {"PORT": "８０"},
		{"REQUEST_TIMEOUT": "1d"}, {"REQUEST_TIMEOUT": "5 s"}, {"REQUEST_TIMEOUT": "5S"}, {"REQUEST_TIMEOUT": "PT5S"},
		{"DEBUG": "y"}, {"DEBUG": "enabled"}, {"DEBUG": "-1"},
		{"DATABASE_URL": "shop?from=postgres://db"}, {"DATABASE_URL": "://db/shop"}, {"DATABASE_URL": "5pg://db/shop"},
	} {
		wantOneWrong(t, wrong,
			"somebody has set it, so the default is not what they want; a program that knows "+
				"better runs for weeks with a setting that nobody chose")
	}
}

func TestImpossibleValuesAreRefused(t *testing.T) {
	for _, wrong := range []env{
		{"PORT": "0"}, {"PORT": "-1"}, {"PORT": "65536"}, {"PORT": "70000"},
		{"PORT": "4294967297"}, {"PORT": "-65535"}, {"PORT": "65616"},
		{"REQUEST_TIMEOUT": "0"}, {"REQUEST_TIMEOUT": "-1ns"}, {"REQUEST_TIMEOUT": "0s"}, {"REQUEST_TIMEOUT": "-1s"},
		{"DATABASE_URL": "/var/lib/shop"}, {"DATABASE_URL": "db.internal/shop"},
		{"DATABASE_URL": "//db.internal/shop"}, {"DATABASE_URL": "?shop"},
		{"DATABASE_URL": `"postgres://db.internal/shop"`}, {"DATABASE_URL": "'postgres://db.internal/shop'"},
	} {
		wantOneWrong(t, wrong,
			"it has the right type, and still cannot work: found at the start it stops a "+
				"deploy, found later it fails at the first connection, at night")
	}
}

func TestSetButEmptyIsAMistake(t *testing.T) {
	for _, name := range variables {
		wantOneWrong(t, env{name: ""},
			"an empty value is what a template leaves behind when its own variable has a typing "+
				"error; taken for \"not set\", the broken deploy goes unnoticed")
	}
}

func TestLoadAsksItsLookupAlone(t *testing.T) {
	trap := env{"PORT": "6666", "REQUEST_TIMEOUT": "66s", "DEBUG": "true",
		"DATABASE_URL": "postgres://trap/trap", "API_KEY": "trap"}
	for name, value := range trap {
		t.Setenv(name, value)
	}
	did := "set the process's own environment to " + trap.String() +
		", and loaded a config with a lookup that has only "
	for _, c := range []struct {
		env  env
		want config.Config
	}{
		{required(), config.Config{Port: 8080, DatabaseURL: goodURL, RequestTimeout: 5 * time.Second, APIKey: key}},
		{
			env{"DATABASE_URL": "postgres://two/two", "API_KEY": "two", "PORT": "2222",
				"REQUEST_TIMEOUT": "2s"},
			config.Config{Port: 2222, DatabaseURL: "postgres://two/two",
				RequestTimeout: 2 * time.Second, APIKey: "two"},
		},
	} {
		got, err := config.Load(c.env.lookup)
		expect.That(t, err == nil && got == c.want, expect.Message{
			Did:  did + c.env.String(),
			Want: show(c.want),
			Got:  fmt.Sprintf("%s, error %v", show(got), err),
			Why: "what reaches past its arguments for the environment cannot be tested, cannot " +
				"be given another one, and cannot be used twice in one process",
		})
	}
	_, err := config.Load(env{"API_KEY": key}.lookup)
	expect.That(t, slices.Equal(named(err), []string{"DATABASE_URL"}), expect.Message{
		Did:  did + "API_KEY=" + key,
		Want: "an error that names DATABASE_URL, and no other variable",
		Got:  fmt.Sprintf("error %v", err),
		Why:  "whatever the process's environment has, this lookup does not",
	})
	noOtherSource(t)
	noFile(t)
	t.Setenv("PORT", "")
	got, err := config.Load(required().lookup)
	expect.That(t, err == nil && got.Port == 8080, expect.Message{
		Did: "set PORT to nothing in the process's own environment, and loaded a config with a " +
			"lookup that has no PORT",
		Want: "port 8080 and no error",
		Got:  fmt.Sprintf("port %d, error %v", got.Port, err),
	})
}

// noOtherSource has what is missing under other names, and where it is not set a text all the same.
func noOtherSource(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		what   string
		lookup func(string) (string, bool)
	}{
		{"has port, Port, PORT_FILE and SHOP_PORT, but no PORT", required().with(env{"port": "1111",
			"Port": "2222", "PORT_FILE": "3333", "SHOP_PORT": "4444"}).lookup},
		{"says of all but the two that must be set that they are not set, with the text 6666",
			func(name string) (string, bool) {
				if value, ok := required()[name]; ok {
					return value, true
				}
				return "6666", false
			}},
	} {
		got, err := config.Load(c.lookup)
		expect.That(t, err == nil && got.Port == 8080 && got.RequestTimeout == 5*time.Second,
			expect.Message{
				Did:  "loaded a config with a lookup that " + c.what,
				Want: "port 8080 and no error",
				Got:  fmt.Sprintf("port %d, timeout %v, error %v", got.Port, got.RequestTimeout, err),
				Why: "only what the manual names counts, and lookup's second result alone says " +
					"whether it is set",
			})
	}
}

// noFile has in a file what is missing.
func noFile(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(env{"DATABASE_URL": goodURL, "API_KEY_FILE": file}.lookup)
	expect.That(t, slices.Equal(named(err), []string{"API_KEY"}), expect.Message{
		Did:  "loaded a config with a lookup that has no API_KEY, but API_KEY_FILE, the name of a file with a key in it",
		Want: "an error that names API_KEY, and no other variable",
		Got:  fmt.Sprintf("error %v", err),
		Why:  "whoever runs the program reads which variables there are; one more that counts is a surprise on a bad day",
	})
}

func TestErrorsShowNoSecret(t *testing.T) {
	for _, url := range []string{
		"postgres://shop:" + password + "@db%zz/shop", // %zz is no escape
		"postgres://shop:" + password + "%zz@db/shop",
		// a slash that is not escaped: what stands before it looks like a port
		"postgres://shop:" + password + "/x@db/shop",
		"postgres://shop:" + password + "@db:port/shop",
		"//shop:" + password + "@db/shop", // no scheme
		":" + password,
		password, // somebody has mixed up two variables
		password + ".example/shop",
		"/" + password + "@db/shop",
		"Qv9.example/Qv9", "//Qv9.example/Qv9",
		// the scheme, the user, what stands behind the @, the query and the fragment are parts, too
		"~", "~/shop", "shop.db~", // not even a letter of it
		"Qv9://Qv9:Qv9@Qv9%zz/Qv9?Qv9#Qv9", "//u:p@Qv9", "/?Qv9", "/#Qv9", "Qv9@/", "u:p@Qv9:Qv9/Qv9",
	} {
		e := required().with(env{"DATABASE_URL": url})
		_, err := config.Load(e.lookup)
		if err == nil && !strings.HasPrefix(url, "postgres://") {
			continue // that it must be absolute is another check's business
		}
		wantOneWrong(t, env{"DATABASE_URL": url},
			"whoever has to put it right must be told which variable it is")
		expect.That(t, !shows(err.Error(), password) && !shows(err.Error(), key) &&
			!strings.Contains(err.Error(), "Qv9") && !strings.Contains(err.Error(), "~"), expect.Message{
			Did:  "loaded a config with " + e.String(),
			Want: "an error that shows no part of the values of DATABASE_URL and API_KEY",
			Got:  fmt.Sprintf("error %q", err),
			Why: "what stops a program at its start is read by many: it goes to the log, to " +
				"the deploy's page and into a chat",
		})
	}
	for _, e := range []env{
		{"DATABASE_URL": "postgres://shop:{}@db:port/shop"}, {"DATABASE_URL": "postgres://shop:{}%zz@db/shop"},
		{"DATABASE_URL": "//shop:{}@db/shop"}, {"API_KEY": "{}", "PORT": "x"},
	} {
		how := secrecy.Told(20, func(secret string) string {
			with := env{}
			for name, value := range e {
				with[name] = strings.ReplaceAll(value, "{}", secret)
			}
			_, err := config.Load(required().with(with).lookup)
			return fmt.Sprint(err)
		})
		expect.That(t, how == "", expect.Message{
			Did:  "loaded configs with " + e.String() + ", with another secret in the place of {} each time",
			Want: "an error that has nothing to do with the secret, in whatever form",
			Got:  how,
			Why:  "what is written in another way is read by whoever knows the way back",
		})
	}
	for _, e := range []env{
		{"API_KEY": key + " " + password, "DATABASE_URL": goodURL, "PORT": "x"},
		{"API_KEY": key, "DATABASE_URL": goodURL, "PORT": "x", "REQUEST_TIMEOUT": "x", "DEBUG": "x"},
		{"API_KEY": key + "\n"},
	} {
		_, err := config.Load(e.lookup)
		if err == nil {
			continue // that it is wrong is another check's business
		}
		expect.That(t, !shows(err.Error(), password) && !shows(err.Error(), key) &&
			!strings.Contains(err.Error(), "db.internal"), expect.Message{
			Did:  "loaded a config with " + e.String(),
			Want: "an error that shows no part of the values of DATABASE_URL and API_KEY",
			Got:  fmt.Sprintf("error %v", err),
			Why:  "what is right in an environment is no business of the error about the rest",
		})
	}
}

func TestASecretDoesNotPrintItself(t *testing.T) {
	s := config.Secret(key)
	expect.That(t, string(s) == key, expect.Message{Did: "converted a Secret to a string",
		Want: "its text, " + key, Got: string(s)})
	discreet(t, "pw1", "Zq8w")
	discreet(t, "Zq8w is a passphrase, vX7k", "Zq8w")
	discreet(t, strings.Repeat("Zq8w", 500), "Zq")
	for _, p := range printed(t, s) {
		expect.That(t, !shows(p.text, key), expect.Message{
			Did:  fmt.Sprintf("made a Secret of the text %q, and printed it %s", key, p.how),
			Want: "nothing of that text",
			Got:  p.text,
			Why: "nobody logs a key on purpose; it is in a struct that somebody prints while " +
				"they look for something else",
		})
	}
	discreet(t, "~8kQ3vmX0yPa^", "~", "^")
	discreet(t, "ЖЫ", "Ж", "Ы")
	discreet(t, "§")
	disguised(t, "a Secret", func(secret string) any { return config.Secret(secret) })
}

// disguised demands that what is made with a secret prints the same whatever that is.
func disguised(t *testing.T, what string, with func(secret string) any) {
	t.Helper()
	for i, way := range printed(t, with("")) {
		how := secrecy.Told(20, func(secret string) string { return printed(t, with(secret))[i].text })
		expect.That(t, how == "", expect.Message{
			Did:  fmt.Sprintf("made %s with one secret and with another of the same length, and printed both %s", what, way.how),
			Want: "the same for both: nothing of the secret, in whatever form",
			Got:  how,
			Why:  "what is written backwards or in base64 is read by whoever knows the way back",
		})
	}
}

// discreet demands that a Secret shows none of these parts of its text, nor that text.
func discreet(t *testing.T, text string, parts ...string) {
	t.Helper()
	end := min(3, len(text))
	for _, p := range printed(t, config.Secret(text)) {
		for _, part := range append(parts, text, text[:end], text[len(text)-end:]) {
			expect.That(t, !strings.Contains(p.text, part), expect.Message{
				Did:  fmt.Sprintf("made a Secret of the text %.60q, and printed it %s", text, p.how),
				Want: fmt.Sprintf("nothing of that text, and so no %q", part),
				Got:  fmt.Sprintf("%.100s", p.text),
				Why: "three letters of a key tell whose it is and shorten the search for the " +
					"rest; a short secret is one all the more",
			})
		}
	}
}

func TestAConfigDoesNotShowItsKey(t *testing.T) {
	configShows(t, goodURL, func(how, text string) {
		expect.That(t, !shows(text, key), expect.Message{
			Did:  fmt.Sprintf("printed a config with the key %q %s", key, how),
			Want: "nothing of the key",
			Got:  text,
			Why: "every program logs its config at the start, and logs are kept for years in " +
				"places that were never meant for keys",
		})
	})
	disguised(t, "a config whose key is a secret", func(secret string) any {
		return config.Config{Port: 9417, DatabaseURL: goodURL, RequestTimeout: time.Second, APIKey: config.Secret(secret)}
	})
}

func TestAConfigDoesNotShowThePassword(t *testing.T) {
	for _, url := range []string{
		goodURL,
		// the password is Tr0ub4dor@home
		"postgres://shop:" + password + "%40home@db.internal/shop",
		"postgres://:" + password + "@db.internal/shop",
		"mysql://shop:" + password + "@db.internal",
		"postgres://shop:" + password + ":x@db.internal:5432/shop",
		"postgres://sh%40op:" + password + "%2F%3A%25@db.internal/shop",
		"postgres://shop:x@" + password + "@db.internal/shop",  // only the last @ is the end
		"postgres://shop:" + password + "%zz@db.internal/shop", // nothing that Load gives
		"postgres://db.internal/shop",
		"postgres://shop@db.internal/shop",
	} {
		configShows(t, url, func(how, text string) {
			expect.That(t, !shows(text, password), expect.Message{
				Did:  fmt.Sprintf("printed a config with the database's URL %s %s", url, how),
				Want: "nothing of the password in that URL",
				Got:  text,
				Why: "a URL looks harmless, and is the most common place in which a password " +
					"reaches a log",
			})
		})
	}
	aShortPassword(t)
	disguised(t, "a config whose database has a secret for its password", func(secret string) any {
		return config.Config{Port: 9417, DatabaseURL: "postgres://shop:" + secret + "@db.internal/shop",
			RequestTimeout: time.Second, APIKey: key}
	})
	for _, pw := range []string{"internal", "db", "9417"} {
		url := "postgres://shop:" + pw + "@db.internal/shop"
		configShows(t, url, func(how, text string) { // and demands the host and the port
			expect.That(t, !strings.Contains(text, ":"+pw+"@"), expect.Message{
				Did:  fmt.Sprintf("printed a config with the database's URL %s %s", url, how),
				Want: "no password in that URL",
				Got:  text,
				Why:  "a password that is a word of the address is a bad one, and yet one",
			})
		})
	}
}

// aShortPassword is one in which four letters cannot be looked for.
func aShortPassword(t *testing.T) {
	t.Helper()
	const url = "postgres://shop:Zq8@db.internal/shop"
	configShows(t, url, func(how, text string) {
		expect.That(t, !strings.Contains(text, "Zq8"), expect.Message{
			Did:  fmt.Sprintf("printed a config with the database's URL %s %s", url, how),
			Want: "nothing of the password in that URL, Zq8",
			Got:  text,
			Why:  "a password is one, however short",
		})
	})
}

// configShows prints a config in every way, demands that what is no secret is there, and hands each
// text on.
func configShows(t *testing.T, url string, look func(how, text string)) {
	t.Helper()
	c := config.Config{Port: 9417, DatabaseURL: url, RequestTimeout: 1500 * time.Millisecond,
		APIKey: key}
	for _, v := range []struct {
		what  string
		value any
	}{
		{"", c},
		{" (a pointer to it)", &c},
		{" (a struct that has it)", struct{ Config config.Config }{c}},
	} {
		for _, p := range printed(t, v.value) {
			look(p.how+v.what, p.text)
			if strings.Contains(url, "%zz") {
				continue // it cannot be parsed, so nobody has to find a host in it
			}
			expect.That(t, strings.Contains(p.text, "9417") &&
				strings.Contains(p.text, "db.internal"), expect.Message{
				Did: fmt.Sprintf(
					"printed a config with port 9417 and a database on the host db.internal %s%s",
					p.how, v.what),
				Want: "both in the text",
				Got:  p.text,
				Why: "when a program does the wrong thing, the first question is with which " +
					"settings it runs; one that shows nothing cannot be asked",
			})
		}
	}
}

// print is a value as it gets into a log, and how it got there.
type print struct{ how, text string }

// printed is the value in all the ways in which values get into logs.
func printed(t *testing.T, v any) []print {
	t.Helper()
	var all []print
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		all = append(all, print{"with " + verb, fmt.Sprintf(verb, v)})
	}
	asJSON, err := json.Marshal(v)
	expect.NoError(t, err, expect.Message{Did: "wrote it as JSON", Want: "no error"})
	var text, lines bytes.Buffer
	timeless := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	slog.New(slog.NewTextHandler(&text, timeless)).Info("start", "value", v)
	slog.New(slog.NewJSONHandler(&lines, timeless)).Info("start", "value", v)
	return append(all,
		print{"as JSON", string(asJSON)},
		print{"with log/slog as text", strings.TrimSpace(text.String())},
		print{"with log/slog as JSON", strings.TrimSpace(lines.String())})
}

func TestOneProgramTwoEnvironments(t *testing.T) {
	const what = "ran the program as a process of its own with the environment "
	for _, c := range []struct {
		env  env
		want string
	}{
		{required().with(env{"PORT": "9000", "REQUEST_TIMEOUT": "1500ms"}), "listening on :9000, requests have 1.5s, debug false"},
		{required().with(env{"DEBUG": "true"}), "listening on :8080, requests have 5s, debug true"},
	} {
		p := start(t, c.env)
		exit, ended := p.Wait(patience)
		expect.That(t, ended && exit.Code == 0 && strings.Contains(p.Output(), c.want),
			expect.Message{
				Did:  what + c.env.String(),
				Want: fmt.Sprintf("it prints %q and ends with exit code 0", c.want),
				Got:  fate(p),
				Why: "what was tested is what must run in production: the very same binary, told " +
					"by its environment where it is",
			})
	}

	for _, missing := range []string{"DATABASE_URL", "API_KEY"} {
		e := required()
		delete(e, missing)
		p := start(t, e)
		exit, ended := p.Wait(patience)
		silent := strings.HasPrefix(p.Output(), `Its output: "";`)
		expect.That(t, ended && exit.Code > 0 && silent && strings.Contains(p.Stderr(), missing),
			expect.Message{
				Did: what + e.String() + ": " + missing + " is missing",
				Want: "it ends with an exit code other than 0, names " + missing +
					" in its error output, and prints nothing else",
				Got: fate(p),
				Why: "a program that does not start is noticed at once, and the old version stays; " +
					"one that starts and fails later takes the users with it",
			})
	}
}

// patience is for what takes milliseconds on an idle machine.
const patience = 8 * time.Second

func start(t *testing.T, e env) *proc.Proc {
	t.Helper()
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return proc.Start(t, "server", proc.Options{Env: list})
}

func fate(p *proc.Proc) string {
	if exit, ended := p.Wait(0); ended {
		return "it ended (" + exit.Status + "). " + p.Output()
	}
	return "it is still running. " + p.Output()
}

// wantWrong demands an error that names these variables and no other.
func wantWrong(t *testing.T, e env, wrong []string, why string) {
	t.Helper()
	c, err := config.Load(e.lookup)
	got := fmt.Sprintf("error %v", err)
	if err == nil {
		got = "no error, and the config " + show(c)
	}
	expect.That(t, err != nil && slices.Equal(named(err), wrong), expect.Message{
		Did:  "loaded a config with " + e.String(),
		Want: "one error that names " + strings.Join(wrong, " and ") + ", and no other variable",
		Got:  got,
		Why:  why,
	})
}

// wantOneWrong demands that what is set wrong is refused in an environment that is otherwise
// complete.
func wantOneWrong(t *testing.T, wrong env, why string) {
	t.Helper()
	wantWrong(t, required().with(wrong), slices.Collect(maps.Keys(wrong)), why)
}

// named are the variables that the error names, in the order of all variables.
func named(err error) []string {
	var names []string
	if err == nil {
		return nil
	}
	for _, name := range variables {
		if regexp.MustCompile(`\b` + name + `\b`).MatchString(err.Error()) {
			names = append(names, name)
		}
	}
	return names
}

// shows reports whether the text has any four characters in a row of the secret.
func shows(text, secret string) bool {
	for i := 0; i+4 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+4]) {
			return true
		}
	}
	return false
}

// show is a config with its secrets: those of the checks are none.
func show(c config.Config) string {
	return fmt.Sprintf("port %d, database %q, timeout %v, debug %v, key %q", c.Port, c.DatabaseURL,
		c.RequestTimeout, c.Debug, string(c.APIKey))
}
