package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	upload "github.com/backend-labs/backend-labs/labs/i01-stateful-vs-stateless"
)

// memory is a Store.
type memory struct {
	slow   func(id string) time.Duration // how long a call takes; may be nil
	before func(ctx context.Context, call string) error
	after  func(call string) error // an answer that is lost on its way back

	mu      sync.Mutex
	uploads map[string][]byte
	calls   int
}

func (m *memory) Size(ctx context.Context, id string) (size int64, err error) {
	err = m.call(ctx, "Size", id, func() error {
		data, ok := m.uploads[id]
		if !ok {
			return m.wrapped(upload.ErrNotFound)
		}
		size = int64(len(data))
		return nil
	})
	return size, err
}

func (m *memory) AppendAt(ctx context.Context, id string, off int64, p []byte) error {
	return m.call(ctx, "AppendAt", id, func() error {
		if int64(len(m.uploads[id])) != off {
			return m.wrapped(upload.ErrOffset)
		}
		if m.uploads == nil {
			m.uploads = map[string][]byte{}
		}
		m.uploads[id] = append(m.uploads[id], p...)
		return nil
	})
}

// call gives others the chance to run before it does what is asked for.
func (m *memory) call(ctx context.Context, name, id string, do func() error) error {
	if m.before != nil {
		if err := m.before(ctx, name); err != nil {
			return err
		}
	}
	if m.slow != nil {
		time.Sleep(m.slow(id))
	}
	for range 5 {
		runtime.Gosched()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if err := do(); err != nil {
		return err
	}
	if m.after != nil {
		return m.after(name)
	}
	return nil
}

// wrapped is the error in one of the ways in which errors come.
func (m *memory) wrapped(err error) error {
	switch m.calls % 3 {
	case 0:
		return fmt.Errorf("shard 3: query: %w", err)
	case 1:
		return errors.Join(errors.New("replica: closed"), fmt.Errorf("primary: %w", err))
	}
	return err
}

func (m *memory) stored(id string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.uploads[id]
	return bytes.Clone(data), ok
}

func (m *memory) called() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// sink is where a stateful node flushes to.
type sink struct {
	slow   func(id string) time.Duration // how long a flush takes; may be nil
	forget bool                          // the bytes are not looked at

	mu      sync.Mutex
	failing int // of the next calls
	calls   int
	flushed map[string][][]byte
}

var errDisk = errors.New("no space left on device")

func (s *sink) flush(id string, data []byte) error {
	if s.slow != nil {
		time.Sleep(s.slow(id))
	}
	for range 5 {
		runtime.Gosched()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.failing > 0 {
		s.failing--
		return errDisk
	}
	if s.flushed == nil {
		s.flushed = map[string][][]byte{}
	}
	if s.forget {
		data = nil
	}
	s.flushed[id] = append(s.flushed[id], bytes.Clone(data))
	return nil
}

func (s *sink) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// of is how often an upload was flushed, and what came the last time.
func (s *sink) of(id string) (data []byte, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.flushed[id]
	if len(all) == 0 {
		return nil, 0
	}
	return all[len(all)-1], len(all)
}

func each(d time.Duration) func(string) time.Duration {
	return func(string) time.Duration { return d }
}
