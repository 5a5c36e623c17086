package workshop

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		ip          string
		secure      bool
		base, local string
	}{
		{"127.0.0.1", false, "http://127.0.0.1:80", "http://127.0.0.1:80"},
		{"192.168.7.7", true, "https://192.168.7.7:80", "https://192.168.7.7:80"},
		{"::1", false, "http://[::1]:80", "http://[::1]:80"},
	} {
		base, local := addresses(&net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 80}, tt.secure)
		if base != tt.base || local != tt.local {
			t.Errorf("%s: got %s and %s", tt.ip, base, local)
		}
	}
	if base, local := addresses(&net.TCPAddr{IP: net.IPv6zero, Port: 80}, false); local != "http://127.0.0.1:80" ||
		strings.Contains(base, "[::]") {
		t.Errorf("all addresses: got %s and %s", base, local)
	}
}

func TestExposed(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.0.1": false, "10.0.0.7": false, "192.168.1.1": false, "fd00::1": false,
		"203.0.113.7": true, "2001:db8::1": true} {
		if got := exposed(&net.TCPAddr{IP: net.ParseIP(ip)}); got != want {
			t.Errorf("%s: exposed is %v", ip, got)
		}
	}
}

func TestRoster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names.csv")
	read := func(text string) ([]room.Participant, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return Roster(file)
	}
	all, err := read("\ufeffEmail, Name ,Group\nada@example.org,Ada,A\n,\"Hopper, Grace\"\n")
	if err != nil || len(all) != 2 || all[0] != (room.Participant{Name: "Ada", Mail: "ada@example.org", Group: "A"}) ||
		all[1].Name != "Hopper, Grace" {
		t.Errorf("got %+v, %v", all, err)
	}
	for text, want := range map[string]string{
		"":                                  "no CSV",
		"email\na@example.org":              "no column called name: email",
		"name\n":                            "there are no names in it",
		"name,email\nAda\n,b@example.org\n": "line 3 has no name",
		"name\n\"Ada\n":                     "parse error",
	} {
		_, err := read(text)
		if err == nil || !strings.Contains(err.Error(), want) || err.(*RosterFault).Hint() == "" {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := Roster(file + "x"); err == nil {
		t.Error("a file that is not there")
	}
}

// TestAwaited: a worker that is there first waits for the room, and says so once.
func TestAwaited(t *testing.T) {
	s, err := room.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "room.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	said := make(chan string, 10)
	go func() {
		<-said
		if _, err := s.Create(t.Context(), room.Room{Title: "Tuesday", Labs: []string{"B01"}}); err != nil {
			t.Error(err)
		}
	}()
	r, err := awaited(t.Context(), s, func(line string) { said <- line })
	if err != nil || r.Title != "Tuesday" || len(said) > 0 {
		t.Errorf("got %q, %v, and %d lines more", r.Title, err, len(said))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	empty, err := room.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "room.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := awaited(ctx, empty, func(string) {}); err == nil {
		t.Error("it goes on waiting when it is to stop")
	}
}
