package expect_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// recorder is a check that notes what it is told, and does not fail.
type recorder struct {
	testing.TB
	text  string
	fatal bool
	calls int
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) {
	r.text += fmt.Sprint(args...)
	r.calls++
}

func (r *recorder) Fatal(args ...any) {
	r.fatal = true
	r.Error(args...)
}

var message = expect.Message{Did: "asked for 6", Want: "5", Got: "6", Why: "it was sized for 5"}

func TestExpect(t *testing.T) {
	t.Parallel()
	whole := "\ndid:  asked for 6\nwant: 5\ngot:  6\nwhy:  it was sized for 5\nwhen: +"
	for _, tt := range []struct {
		name  string
		call  func(testing.TB)
		text  string // how it begins; nothing is said if it is empty
		fatal bool
	}{
		{"Fail goes on", func(t testing.TB) { expect.Fail(t, message) }, whole, false},
		{"Fatal ends the check", func(t testing.TB) { expect.Fatal(t, message) }, whole, true},
		{"That of what holds says nothing", func(t testing.TB) { expect.That(t, true, message) }, "", false},
		{"That of what does not ends the check", func(t testing.TB) { expect.That(t, false, message) }, whole, true},
		{"NoError of none says nothing", func(t testing.TB) { expect.NoError(t, nil, message) }, "", false},
		{"NoError takes the message's own words", func(t testing.TB) { expect.NoError(t, errors.New("refused"), message) }, whole, true},
		{
			"NoError takes the error's where there are none",
			func(t testing.TB) {
				expect.NoError(t, errors.New("refused"),
					expect.Message{Did: "dialled", Want: "a connection"})
			},
			"\ndid:  dialled\nwant: a connection\ngot:  the error: refused\nwhen: +", true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{TB: t}
			tt.call(r)
			if !strings.HasPrefix(r.text, tt.text) || (r.text == "") != (tt.text == "") ||
				r.fatal != tt.fatal || r.calls > 1 {
				t.Errorf("got %q, fatal = %v after %d calls, want %q…, fatal = %v", r.text, r.fatal,
					r.calls, tt.text, tt.fatal)
			}
		})
	}
}

func TestExpect_moment(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	expect.Fail(r, message)
	if !regexp.MustCompile(`\nwhen: \+[0-9.]+m?s$`).MatchString(r.text) || expect.Virtual() {
		t.Errorf("in real time: got %q, virtual = %v", r.text, expect.Virtual())
	}
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{TB: t}
		time.Sleep(99 * time.Millisecond)
		expect.Fail(r, message)
		if !strings.HasSuffix(r.text, "\nwhen: +99ms (virtual time)") || !expect.Virtual() {
			t.Errorf("in virtual time: got %q, virtual = %v", r.text, expect.Virtual())
		}
	})
}

// TestText lays out what has parts of several lines, and what lacks some.
func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		f    account.Finding
		want string
	}{
		{account.Finding{}, ""},
		{account.Finding{Got: "6", Where: "bucket_test.go:20"}, "\ngot:  6"},
		{account.Finding{Did: "read\nand wrote", Want: "a\nb", When: "+1s"}, "\ndid:  read\n      and wrote\nwant: a\n      b\nwhen: +1s"},
	} {
		if got := expect.Text(tt.f); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.f, got, tt.want)
		}
	}
}
