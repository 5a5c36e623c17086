package one

var ErrA, ErrB error
