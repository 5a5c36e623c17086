package jsonlog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
)

const secret = "hunter2"

// form is a struct as handlers have them.
type form struct {
	User   string `json:"user"`
	Pass   string `json:"password"`
	Token  *token `json:"token,omitempty"`
	APIKey string
}

// order has nothing to hide by the names that it has in JSON.
type order struct {
	User     string `json:"user"`
	Password string `json:"p"`
	Skipped  string `json:"-"`
	hidden   string
}

type token struct {
	Kind  string            `json:"kind"`
	Extra map[string]any    `json:"extra"`
	Tags  []map[string]bool `json:"tags"`
}

// refusal is an error that slog shows as encoding/json does, not by its text.
type refusal struct {
	Password string `json:"password"`
}

func (refusal) Error() string { return "refused" }

func (r refusal) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"password": r.Password})
}

// sealed shows itself, with what is in it.
type sealed struct{ pass string }

func (s sealed) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"login": map[string]string{"password": s.pass}})
}

// named is a key of a map.
type named string

// base is embedded in another one.
type base struct {
	Pass string `json:"password"`
}

// leaks are ways to log a secret: each writes one record, in which the word must not be.
var leaks = []struct {
	what string
	log  func(l *slog.Logger)
	at   string // where [redacted] stands; "": wherever
}{
	{"an attribute", func(l *slog.Logger) { l.Info("x", "password", secret) }, "password"},
	{"one in other letters", func(l *slog.Logger) { l.Info("x", "PassWord", secret) }, "PassWord"},
	{"Authorization", func(l *slog.Logger) { l.Info("x", "Authorization", secret) }, "Authorization"},
	{"a key of Redact in capitals", func(l *slog.Logger) { l.Info("x", "apikey", secret) }, "apikey"},
	{"a number", func(l *slog.Logger) { l.Info("x", "password", 471147114711, "a", "b") }, "password"},
	{"a struct", func(l *slog.Logger) { l.Info("x", "password", form{User: secret}) }, "password"},
	{"an error", func(l *slog.Logger) { l.Info("x", "password", errors.New(secret)) }, "password"},
	{"an attribute of With", func(l *slog.Logger) { l.With("password", secret).Info("x") }, "password"},
	{"one of With in a group", func(l *slog.Logger) {
		l.WithGroup("req").With("password", secret).Info("x", "a", 1)
	}, "req.password"},
	{"a group", func(l *slog.Logger) {
		l.Info("x", slog.Group("req", slog.Group("headers", "authorization", secret)))
	}, "req.headers.authorization"},
	{"WithGroup", func(l *slog.Logger) {
		l.WithGroup("req").WithGroup("headers").Info("x", "authorization", secret)
	}, "req.headers.authorization"},
	{"a group of With", func(l *slog.Logger) {
		l.With(slog.Group("req", "password", secret)).Info("x")
	}, "req.password"},
	{"a group without a name", func(l *slog.Logger) {
		l.Info("x", slog.Group("", "password", secret))
	}, "password"},
	{"a group that is a secret", func(l *slog.Logger) {
		l.Info("x", slog.Group("password", "old", secret, slog.Group("more", "new", secret)))
	}, ""},
	{"a group that is a secret, in one that is none", func(l *slog.Logger) {
		l.Info("x", slog.Group("req", slog.Group("password", "old", secret)))
	}, ""},
	{"a text that is empty", func(l *slog.Logger) { l.Info("x", "password", "") }, "password"},
	{"a nil", func(l *slog.Logger) { l.Info("x", "password", nil) }, "password"},
	{"a truth value", func(l *slog.Logger) { l.Info("x", "password", false) }, "password"},
	{"WithGroup of a secret", func(l *slog.Logger) {
		l.WithGroup("Password").With("old", secret).WithGroup("more").Info("x", "new", secret)
	}, ""},
	{"a map", func(l *slog.Logger) {
		l.Info("x", "form", map[string]string{"password": secret})
	}, "form.password"},
	{"a map of maps", func(l *slog.Logger) {
		l.Info("x", "form", map[string]any{"a": map[string]any{"b": map[string]any{"PASSWORD": secret}}})
	}, "form.a.b.PASSWORD"},
	{"a map with a secret object", func(l *slog.Logger) {
		l.Info("x", "form", map[string]any{"password": map[string]any{"old": secret}})
	}, "form.password"},
	{"a map in With", func(l *slog.Logger) {
		l.With("form", map[string]any{"password": secret}).Info("x")
	}, "form.password"},
	{"a struct's field without a tag", func(l *slog.Logger) {
		l.Info("x", "form", form{APIKey: secret})
	}, "form.APIKey"},
	{"a struct's field by its name in JSON", func(l *slog.Logger) {
		l.Info("x", "form", form{Pass: secret})
	}, "form.password"},
	{"a pointer to a struct", func(l *slog.Logger) {
		l.Info("x", slog.Group("req", "form", &form{Pass: secret}))
	}, "req.form.password"},
	{"a struct in a struct", func(l *slog.Logger) {
		l.Info("x", "form", form{Token: &token{Extra: map[string]any{"password": secret}}})
	}, "form.token.extra.password"},
	{"a slice of structs", func(l *slog.Logger) {
		l.Info("x", "forms", []form{{User: "ada"}, {Pass: secret}})
	}, ""},
	{"a slice in a slice", func(l *slog.Logger) {
		l.Info("x", "forms", [][]any{{1, map[string]any{"password": []string{secret}}}})
	}, ""},
	{"a struct of the library", func(l *slog.Logger) {
		l.Info("x", "form", struct{ Header map[string][]string }{
			map[string][]string{"Authorization": {secret}}})
	}, "form.Header.Authorization"},
	{"a LogValuer with a secret name", func(l *slog.Logger) {
		l.Info("x", "password", valuer(func() slog.Value { return slog.StringValue(secret) }))
	}, "password"},
	{"a LogValuer of a group", func(l *slog.Logger) {
		l.Info("x", "user", valuer(func() slog.Value {
			return slog.GroupValue(slog.String("name", "ada"), slog.String("password", secret))
		}))
	}, "user.password"},
	{"a LogValuer of a secret group", func(l *slog.Logger) {
		l.Info("x", "password", valuer(func() slog.Value {
			return slog.GroupValue(slog.String("name", secret))
		}))
	}, ""},
	{"a LogValuer of a struct", func(l *slog.Logger) {
		l.Info("x", "form", valuer(func() slog.Value { return slog.AnyValue(form{Pass: secret}) }))
	}, "form.password"},
	{"a LogValuer of a LogValuer, in With", func(l *slog.Logger) {
		l.With("form", valuer(func() slog.Value {
			return slog.AnyValue(valuer(func() slog.Value { return slog.AnyValue(&form{Pass: secret}) }))
		})).Info("x")
	}, "form.password"},
	{"a nil in a map", func(l *slog.Logger) {
		l.Info("x", "form", map[string]any{"password": nil})
	}, "form.password"},
	{"a value that encodes itself", func(l *slog.Logger) {
		l.Info("x", "form", sealed{secret}, "a", 1)
	}, "form.login.password"},
	{"a value that encodes itself, in a list", func(l *slog.Logger) {
		l.With("forms", []any{sealed{secret}, &sealed{secret}}).Info("x")
	}, ""},
	{"JSON that is there already", func(l *slog.Logger) {
		l.Info("x", "form", json.RawMessage(`{"a": [{"Password": "hunter2"}]}`))
	}, ""},
	{"an embedded struct", func(l *slog.Logger) {
		l.Info("x", "form", struct {
			base
			User string
		}{base{secret}, "ada"})
	}, "form.password"},
	{"an array of pointers to pointers", func(l *slog.Logger) {
		f := &form{Pass: secret}
		l.Info("x", "forms", [1]**form{&f})
	}, ""},
	{"a map whose keys have a type of their own", func(l *slog.Logger) {
		l.Info("x", "form", map[named]string{"password": secret})
	}, "form.password"},
	{"a letter beyond ASCII, in capitals", func(l *slog.Logger) { l.Info("x", "SCHLÜSSEL", secret) }, "SCHLÜSSEL"},
	{"an empty list in a map", func(l *slog.Logger) {
		l.Info("x", "form", map[string]any{"password": []string{}})
	}, "form.password"},
	{"an empty object in a map", func(l *slog.Logger) {
		l.Info("x", "form", map[string]any{"password": map[string]any{}})
	}, "form.password"},
	{"a zero in a map", func(l *slog.Logger) { l.Info("x", "form", map[string]any{"password": 0}) }, "form.password"},
	{"an empty text in a map", func(l *slog.Logger) { l.Info("x", "form", map[string]any{"password": ""}) }, "form.password"},
	{"a false in a map", func(l *slog.Logger) { l.Info("x", "form", map[string]any{"password": false}) }, "form.password"},
	{"an error that encodes itself", func(l *slog.Logger) {
		l.Info("x", "e", refusal{secret})
	}, "e.password"},
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, tt := range leaks {
		l, o := logger("password", "AUTHORIZATION", "APIKey", "schlüssel")
		tt.log(l)
		did := "with Redact password, AUTHORIZATION, APIKey and schlüssel, had a secret in " + tt.what
		got, raw := one(t, did, o)
		expect.That(t, !strings.Contains(raw, secret) && !strings.Contains(raw, "471147114711"), expect.Message{
			Did: did, Want: "it is nowhere in the line", Got: raw,
			Why: "logs are read by many, kept for long and copied to other companies; whoever finds " +
				"one password in them has an account"})
		expect.That(t, strings.Contains(raw, `"[redacted]"`), expect.Message{Did: did,
			Want: `"[redacted]" in its place`, Got: raw,
			Why: "whoever debugs must see that there was a value, and that it is hidden on purpose"})
		if tt.at != "" {
			member(t, did, got, tt.at, "[redacted]", "")
		}
	}
	for _, as := range []struct {
		what  string
		value func(secret string) slog.Attr
	}{
		{"an attribute", func(secret string) slog.Attr { return slog.String("password", secret) }},
		{"a struct", func(secret string) slog.Attr { return slog.Any("form", form{User: "ada", Pass: secret}) }},
		{"a map", func(secret string) slog.Attr { return slog.Any("m", map[string]string{"password": secret}) }},
	} {
		did := "with Redact password, had secrets in " + as.what + ", another one each time"
		told := secrecy.Told(20, func(secret string) string {
			l, o := logger("password")
			l.Info("x", as.value(secret))
			_, raw := one(t, did, o)
			return moment.ReplaceAllString(raw, "")
		})
		expect.That(t, told == "", expect.Message{Did: did,
			Want: "the same line, whatever the secret is: nothing of it, in whatever form", Got: told,
			Why: "what is written backwards or in base64 is read by whoever knows the way back"})
	}
}

// moment is a time as a line has it.
var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)`)

func TestWhatIsNoSecretIsShown(t *testing.T) {
	moment := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	values := map[string]any{
		"passwordless": "yes", "my_password": "no", "password ": "none", "pass": "word", "text": "password=x",
		"n": int64(9007199254740993), "f": 1.5, "d": time.Second, "t": moment, "b": true, "nil": nil,
		"error": errors.New("password: wrong"), "wrapped": fmt.Errorf("pay: %w", errors.New("boom")),
		"joined": errors.Join(errors.New("one"), errors.New("two")), "html": "<a&b>",
		"map":   map[string]any{"n": int64(9007199254740993), "html": "<a&b>", "passwordless": nil},
		"order": order{User: "ada", Password: "shown", hidden: "x"},
		"slice": []any{1, "two", []int{3}, nil, 1e30}, "bytes": []byte("abc"), "empty": map[string]int{},
		"nothing": (*order)(nil), "stringer": moment.Month(), "nested": struct{ In struct{ N int64 } }{},
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		v := values[key]
		l, o := logger()
		l.Info("x", key, v, slog.Group("g", key, v))
		want, _ := one(t, "wrote without Redact", o)
		l, o = logger("password", "AUTHORIZATION")
		l.Info("x", key, v, slog.Group("g", key, v))
		did := fmt.Sprintf("with Redact password and AUTHORIZATION, wrote %s: %v (%T)", key, v, v)
		got, _ := one(t, did, o)
		for _, at := range []string{key, "g." + key} {
			member(t, did, got, at, want.at(at), "what is no secret is what the log is for; a number "+
				"that has gone through a float64 is another customer's")
		}
	}
	l, o := logger()
	plain := "wrote a password without Redact, and in a map"
	l.Info("x", "password", "a", "m", map[string]any{"password": "b"})
	got, _ := one(t, plain, o)
	member(t, plain, got, "password", "a", "what is a secret the service knows, not the library")
	member(t, plain, got, "m.password", "b", "what is a secret the service knows, not the library")
	l, o = logger("password")
	l.Info("x", "e", errors.New("boom"), "m", map[string]any{"n": int64(9007199254740993)})
	got, raw := one(t, "wrote an error and a large number in a map, with Redact", o)
	member(t, "wrote an error, with Redact", got, "e", "boom", "")
	expect.That(t, strings.Contains(raw, "9007199254740993"), expect.Message{
		Did: "wrote a map with 9007199254740993, with Redact", Want: "that number", Got: raw})
}
