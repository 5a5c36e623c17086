package store_test

import (
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	store "github.com/backend-labs/backend-labs/labs/a01-store"
)

func TestKeeps(t *testing.T) {
	if got := store.Keep(7); got != 7 {
		t.Errorf("got %d, want 7", got)
	}
}

func TestKeepsInRedis(t *testing.T) {
	if req, _ := account.Current(); req.Redis == "" || !req.RedisReal {
		t.Errorf("got %+v, want a real Redis", req)
	}
}
