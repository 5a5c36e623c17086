package account_test

import (
	"bytes"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
)

func TestKey_Open(t *testing.T) {
	t.Parallel()
	k, other := account.NewKey(), account.NewKey()
	if k == other {
		t.Fatal("got the same key twice")
	}
	content := []byte(`{"test": "TestX"}`)
	line := bytes.TrimSuffix(k.Seal(7, content), []byte("\n"))
	if n, got, ok := k.Open(line); !ok || n != 7 || !bytes.Equal(got, content) {
		t.Errorf("got %d, %q, %v, want what was sealed", n, got, ok)
	}
	if _, _, ok := other.Open(line); ok {
		t.Error("got it opened with another key")
	}
	for i := range line {
		changed := bytes.Clone(line)
		changed[i] ^= 1
		if _, got, ok := k.Open(changed); ok {
			t.Errorf("got it opened as %q with byte %d changed", got, i)
		}
		if _, got, ok := k.Open(line[:i]); ok {
			t.Errorf("got it opened as %q cut to %d bytes", got, i)
		}
	}
	for _, none := range [][]byte{nil, []byte(" "), bytes.Repeat([]byte("0"), 64),
		append(bytes.Repeat([]byte("0"), 64), " 0 {}"...)} {
		if _, _, ok := k.Open(none); ok {
			t.Errorf("got %q opened", none)
		}
	}
	// A number that is none was still sealed, so whoever has the key wrote it; there is no such line.
	if _, _, ok := k.Open(bytes.TrimSuffix(k.Seal(7, nil), []byte("\n"))); !ok {
		t.Error("got an empty content refused")
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	k := account.NewKey()
	want := account.Request{Check: "TestX", Seed: 7, Private: true}
	in, err := account.Encode(&k, want)
	if err != nil {
		t.Fatal(err)
	}
	var key account.Key
	var got account.Request
	if err := account.Decode(in, &key, &got); err != nil || key != k || got != want {
		t.Errorf("got %+v, %v, want %+v with its key", got, err, want)
	}
	if err := account.Decode(in[:10], &key, &got); err == nil {
		t.Error("got half a key read")
	}
}
