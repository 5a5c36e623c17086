package account_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
)

// helper makes this test binary print what account.Current says where it is started.
const helper = "ACCOUNT_TEST_HELPER"

// helpers are what else it may be.
var helpers = map[string]func(){}

func TestMain(m *testing.M) {
	if play := helpers[os.Getenv(helper)]; play != nil {
		play()
		os.Exit(0)
	}
	if os.Getenv(helper) != "" {
		req, served := account.Current()
		again, _ := account.Current()
		json.NewEncoder(os.Stdout).Encode(map[string]any{"served": served, "same": req == again,
			"request": req})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestCurrent_plain is about a bare go test, and an editor's debugger: there is no runner.
func TestCurrent_plain(t *testing.T) {
	t.Parallel()
	const up = `{"redis": "redis://up:1", "redis_real": true, "postgres": "postgres://up:2"}`
	for _, tt := range []struct {
		name string
		env  []string
		up   string // the state file of labs up, two folders above
		want account.Request
	}{
		{"nothing", nil, "", account.Request{}},
		{"by the environment", []string{"LABS_REDIS_URL=redis://env:1", "LABS_POSTGRES_URL=postgres://env:2", "LABS_SEED=42"}, "", account.Request{Redis: "redis://env:1", RedisReal: true, Postgres: "postgres://env:2", Seed: 42}},
		{"by labs up", nil, up, account.Request{Redis: "redis://up:1", RedisReal: true, Postgres: "postgres://up:2"}},
		{"the environment comes first", []string{"LABS_REDIS_URL=redis://env:1"}, up, account.Request{Redis: "redis://env:1", RedisReal: true, Postgres: "postgres://up:2"}},
		{"labs up with a miniature", nil, `{"redis": "redis://up:1"}`, account.Request{Redis: "redis://up:1"}},
		{"a state file that is broken", nil, `{"redis": `, account.Request{}},
		{"a seed that is none", []string{"LABS_SEED=many"}, "", account.Request{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			dir := filepath.Join(root, "labs", "b01-thing")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.up != "" {
				file := filepath.Join(root, filepath.FromSlash(account.UpFile))
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(tt.up), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(os.Args[0])
			cmd.Dir = dir
			cmd.Env = append([]string{helper + "=1"}, tt.env...)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Served, Same bool
				Request      account.Request
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if got.Served || !got.Same || got.Request.Seed == 0 {
				t.Errorf("got %s, want no runner, the same each time, and a seed", out)
			}
			if tt.want.Seed == 0 {
				got.Request.Seed = 0
			}
			if got.Request != tt.want {
				t.Errorf("got %+v, want %+v", got.Request, tt.want)
			}
		})
	}
}

func TestRecord_plain(t *testing.T) {
	t.Parallel()
	if account.Record(account.Finding{Got: "less"}) {
		t.Error("got a finding recorded, and there is nobody to record it")
	}
}

// TestMain_byHand starts a check's binary as nobody should.
func TestMain_byHand(t *testing.T) {
	t.Parallel()
	if os.Getenv("ACCOUNT_TEST_MAIN") != "" {
		account.Main(nil)
	}
	for _, tt := range []struct{ stdin, want string }{
		{"", "account: no request on standard input (this binary is started by labs): unexpected end of JSON input\n"},
		{"hello", "account: no request on standard input (this binary is started by labs): invalid character 'h' looking for beginning of value\n"},
		{`{"check": "TestX", "variant": "other", "report_fd": 3}`, "account: this binary has no variant \"other\"\n"},
		{`{"check": "TestX", "report_fd": 3}`, "account: this binary has no check \"TestX\"\n"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMain_byHand$")
		cmd.Env = append(os.Environ(), "ACCOUNT_TEST_MAIN=1")
		cmd.Stdin = strings.NewReader(strings.Repeat("k", len(account.Key{})) + tt.stdin)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{w}
		out, _ := cmd.CombinedOutput()
		r.Close()
		w.Close()
		if code := cmd.ProcessState.ExitCode(); code != 2 || string(out) != tt.want {
			t.Errorf("%q: got exit code %d and %q, want 2 and %q", tt.stdin, code, out, tt.want)
		}
	}
}
