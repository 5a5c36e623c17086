package docker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/backend-labs/backend-labs/harness/docker"
)

// home makes a folder that is somebody's home, with these files, and makes it the test's own.
func home(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	return dir
}

// meta is where the docker command keeps what it knows of a context.
func meta(name string) string {
	sum := sha256.Sum256([]byte(name))
	return ".docker/contexts/meta/" + hex.EncodeToString(sum[:]) + "/meta.json"
}

const colima = "unix:///home/ann/.colima/default/docker.sock"

// TestHosts follows the ways in which somebody can have said which engine is meant.
func TestHosts(t *testing.T) {
	endpoint := `{"Name": "colima", "Endpoints": {"docker": {"Host": "` + colima + `"}}}`
	for _, tt := range []struct {
		name  string
		files map[string]string
		env   map[string]string
		want  []string // nil: none in particular
	}{
		{"DOCKER_HOST stands alone", map[string]string{".testcontainers.properties": "tc.host=tcp://other:1"},
			map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2375"}, []string{"tcp://127.0.0.1:2375"}},
		{"what testcontainers is told", map[string]string{".testcontainers.properties": "# a remark\nryuk.disabled = true\ntc.host = tcp://127.0.0.1:1234 \n"},
			nil, []string{"tcp://127.0.0.1:1234"}},
		{"testcontainers is told nothing of a host", map[string]string{".testcontainers.properties": "ryuk.disabled=true\nxtc.host=tcp://x:1"},
			nil, nil},
		{"the context that is in use", map[string]string{
			".docker/config.json": `{"currentContext": "colima"}`, meta("colima"): endpoint,
		}, nil, []string{colima}},
		{"the context of the environment", map[string]string{
			".docker/config.json": `{"currentContext": "another"}`, meta("colima"): endpoint,
		}, map[string]string{"DOCKER_CONTEXT": "colima"}, []string{colima}},
		{"the default context", map[string]string{
			".docker/config.json": `{"currentContext": "default"}`, meta("default"): endpoint,
		}, nil, nil},
		{"a context of which nothing is known", map[string]string{
			".docker/config.json": `{"currentContext": "gone"}`,
		}, nil, nil},
		{"a context that is broken", map[string]string{
			".docker/config.json": `{"currentContext": "colima"}`, meta("colima"): `{"Endpoints":`,
		}, nil, nil},
		{"a config that is broken", map[string]string{".docker/config.json": `{`, meta("colima"): endpoint}, nil, nil},
		{"nothing", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home(t, tt.files)
			got := docker.Hosts(func(name string) string { return tt.env[name] })
			if tt.want == nil { // the usual places: those of this machine
				if slices.ContainsFunc(got, func(h string) bool { return h == colima || h == "tcp://x:1" }) {
					t.Errorf("got %q", got)
				}
				return
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHosts_places finds sockets in the places where engines without root put them.
func TestHosts_places(t *testing.T) {
	runtimeDir := t.TempDir()
	dir := home(t, map[string]string{
		".docker/run/docker.sock": "", ".docker/desktop/docker.sock": "",
	})
	if err := os.WriteFile(filepath.Join(runtimeDir, "docker.sock"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := docker.Hosts(func(name string) string {
		return map[string]string{"XDG_RUNTIME_DIR": runtimeDir}[name]
	})
	want := []string{
		"unix://" + filepath.Join(runtimeDir, "docker.sock"),
		"unix://" + filepath.Join(dir, ".docker/run/docker.sock"),
		"unix://" + filepath.Join(dir, ".docker/desktop/docker.sock"),
	}
	got = slices.DeleteFunc(got, func(h string) bool { return h == "unix:///var/run/docker.sock" })
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// A variable that is not set makes no path out of nothing.
	t.Chdir(runtimeDir)
	for _, host := range docker.Hosts(func(string) string { return "" }) {
		if host == "unix://docker.sock" {
			t.Error("got a socket of the current folder, which is whoever's")
		}
	}
}
