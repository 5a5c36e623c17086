package backends

import (
	"context"
	"sync"
	"time"
)

// supply is one backend of a Set: the source that it comes from now, or why there is none.
type supply struct {
	backend string
	open    func(ctx context.Context) (source, *Error)
	say     func(format string, args ...any)

	reopen sync.Mutex // held while a source is looked for

	mu     sync.Mutex
	src    source
	err    *Error
	closed bool
}

func (s *supply) get() (source, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src, s.err
}

// start looks for a source.
func (s *supply) start(ctx context.Context) {
	src, err := s.open(ctx)
	s.mu.Lock()
	if s.closed && src != nil {
		s.mu.Unlock()
		src.close()
		return
	}
	s.src, s.err = src, err
	s.mu.Unlock()
}

// take takes from the source. If that fails, the server may have died: take looks for a source once
// more.
func (s *supply) take(ctx context.Context) (url string, release func(), from source, err error) {
	for failed := false; ; failed = true {
		src, missing := s.get()
		if missing != nil {
			return "", nil, nil, missing
		}
		if url, release, err = src.take(ctx); err == nil {
			return url, release, src, nil
		}
		if ended(ctx) {
			return "", nil, nil, err
		}
		if failed {
			return "", nil, nil, asError(s.backend, src.info().Provider, err)
		}
		s.replace(ctx, src, err)
	}
}

// ended tells whether ctx is over: what fails then says nothing about a backend. A client gives its
// connection the deadline of ctx, and may see it pass a moment before ctx does.
func ended(ctx context.Context) bool {
	at, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(at)
}

// replace closes the source that failed and looks for another, unless somebody else already did.
func (s *supply) replace(ctx context.Context, failed source, why error) {
	s.reopen.Lock()
	defer s.reopen.Unlock()
	if src, _ := s.get(); src != failed {
		return
	}
	s.say("%s has stopped working (%s); looking for it again", s.backend, reason(why))
	failed.close()
	s.start(ctx)
}

func (s *supply) close() {
	s.mu.Lock()
	src := s.src
	s.closed = true
	s.src, s.err = nil, &Error{Backend: s.backend, Kind: NotOpened, Text: "the backends are closed",
		Err: errClosed}
	s.mu.Unlock()
	if src != nil {
		src.close()
	}
}
