package regions

import (
	"context"
	"errors"
	"time"
)

var (
	ErrBehind   = errors.New("what the token stands for has not arrived yet")
	ErrNotFound = errors.New("not found")
)

// Update is what one region tells another.
type Update struct {
	// Your fields.
}

// Token is what a writer has to remember of a write.
type Token struct {
	// Your fields.
}

// Region is one region's copy of the truth.
type Region struct {
	// Your fields.
}

func NewRegion(name string, peers []string, clock func() time.Time, send func(to string, u Update)) *Region {
	return &Region{}
}

func (r *Region) Put(key, val string, after Token) Token {
	return Token{} // your code
}

func (r *Region) Delete(key string, after Token) Token {
	return Token{} // your code
}

func (r *Region) Get(ctx context.Context, key string, after Token) (string, error) {
	return "", nil // your code
}

func (r *Region) Receive(u Update) error {
	return errors.New("your code")
}

func (r *Region) Tombstones() int {
	return -1 // your code
}
