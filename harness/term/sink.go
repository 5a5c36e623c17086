package term

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"syscall"
)

// Sink is a writer that remembers the first error, so that whoever prints need not look at each line. After it nothing
// is written any more: a text with a gap would look whole. That nobody reads on, as after "| head -1", is no error:
// what is written then is left out, and the work goes on.
type Sink struct {
	w io.Writer

	mu   sync.Mutex
	err  error
	over chan struct{} // closed when nothing is written any more
}

// NewSink gives a sink that writes to w.
func NewSink(w io.Writer) *Sink { return &Sink{w: w, over: make(chan struct{})} }

// Write writes to the writer below, or says again what was wrong.
func (s *Sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return s.without(p)
	default:
	}
	n, err := s.w.Write(p)
	if err == nil {
		return n, nil
	}
	close(s.over)
	if !unread(err) {
		s.err = err
	}
	return s.without(p)
}

// without is what comes of p where nothing is written any more. The lock is held.
func (s *Sink) without(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// unread reports whether an error says that whoever has read a pipe has gone.
func unread(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // ERROR_BROKEN_PIPE and ERROR_NO_DATA
	return errors.Is(err, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
}

// Lost is the error by which something that was written to Out is lost, or nil.
func (s *Streams) Lost() error {
	sink, ok := Raw(s.Out).(*Sink)
	if !ok {
		return nil
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	return sink.err
}

// Over is closed when nothing that is written to Out gets anywhere any more.
func (s *Streams) Over() <-chan struct{} {
	if sink, ok := Raw(s.Out).(*Sink); ok {
		return sink.over
	}
	return nil
}
