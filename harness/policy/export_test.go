package policy

import (
	"context"
	"time"
)

// InProcess lets a checker apply its rules in this process.
func (c *Checker) InProcess() *Checker {
	c.apply = func(_ context.Context, s *source) (verdict, error) { return s.inspect() }
	return c
}

// Within has a checker apply its rules in a process that gets that much time.
func (c *Checker) Within(limit time.Duration) *Checker {
	return &Checker{Course: c.Course, Exports: c.Exports,
		apply: func(ctx context.Context, s *source) (verdict, error) {
			return within(ctx, s, limit)
		}}
}
