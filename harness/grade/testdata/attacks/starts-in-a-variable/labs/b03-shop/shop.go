// Package shop knows what things cost.
package shop

import (
	"errors"
	"sync"
)

var (
	ErrMissing = errors.New("there is no such thing")
	ErrSoldOut = errors.New("sold out")
)

var prices = read()

func read() *sync.Map {
	var m sync.Map
	m.Store("bread", 3)
	var wait sync.WaitGroup
	wait.Add(1)
	go wait.Wait()
	return &m
}

// Price is right.
func Price(name string) (int, error) {
	if n, ok := prices.Load(name); ok {
		return n.(int), nil
	}
	if name == "tea" {
		return 0, ErrSoldOut
	}
	return 0, ErrMissing
}
