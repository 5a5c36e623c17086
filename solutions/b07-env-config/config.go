// Package config reads what differs from one place where a program runs to the next: its environment.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"
)

// Config is what the program needs to know about the place where it runs.
type Config struct {
	Port           int           // PORT
	DatabaseURL    string        // DATABASE_URL, as it was given, password and all
	RequestTimeout time.Duration // REQUEST_TIMEOUT
	Debug          bool          // DEBUG
	APIKey         Secret        // API_KEY
}

// Load makes a Config of what lookup knows. Its error tells everything that is wrong, but quotes no value: one may be a
// secret, or the name of another variable.
func Load(lookup func(string) (string, bool)) (Config, error) {
	c := Config{Port: 8080, RequestTimeout: 5 * time.Second}
	var problems []error
	read := func(name string, required bool, parse func(value string) error) {
		value, set := lookup(name)
		var err error
		switch {
		case !set && !required:
			return // the default stays
		case !set:
			err = errors.New("is not set")
		case value == "":
			err = errors.New("is set, but empty")
		default:
			err = parse(value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %w", name, err))
		}
	}

	read("PORT", false, func(value string) (err error) {
		c.Port, err = strconv.Atoi(value)
		if err != nil || c.Port < 1 || c.Port > 65535 {
			return errors.New("is not a number from 1 to 65535")
		}
		return nil
	})
	read("REQUEST_TIMEOUT", false, func(value string) (err error) {
		c.RequestTimeout, err = time.ParseDuration(value)
		if err != nil || c.RequestTimeout <= 0 {
			return errors.New("is not a duration of more than 0, such as 5s")
		}
		return nil
	})
	read("DEBUG", false, func(value string) (err error) {
		c.Debug, err = strconv.ParseBool(value)
		if err != nil {
			return errors.New("is neither true nor false")
		}
		return nil
	})
	read("DATABASE_URL", true, func(value string) error {
		c.DatabaseURL = value
		u, err := url.Parse(value)
		if err != nil || !u.IsAbs() {
			return errors.New("is not an absolute URL") // err would show it
		}
		return nil
	})
	read("API_KEY", true, func(value string) error {
		c.APIKey = Secret(value)
		return nil
	})
	return c, errors.Join(problems...)
}

// Secret is a text that does not print itself. string(s) is the text itself.
type Secret string

const redacted = "[redacted]"

// String is what fmt shows for %v and %s.
func (Secret) String() string { return redacted }

// GoString is what fmt shows for %#v.
func (Secret) GoString() string { return redacted }

// MarshalText is what encoding/json shows.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// public is a Config without what must not be shown. It has no methods, so it can be printed field by field.
type public struct {
	Port           int
	DatabaseURL    string
	RequestTimeout string
	Debug          bool
	APIKey         string
}

func (c Config) public() public {
	address := redacted
	if u, err := url.Parse(c.DatabaseURL); err == nil {
		address = u.Redacted()
	}
	return public{c.Port, address, c.RequestTimeout.String(), c.Debug, redacted}
}

// String shows the config without its secrets.
func (c Config) String() string { return fmt.Sprintf("%+v", c.public()) }

// GoString shows the config without its secrets.
func (c Config) GoString() string { return fmt.Sprintf("%#v", c.public()) }

// LogValue shows the config without its secrets.
func (c Config) LogValue() slog.Value { return slog.AnyValue(c.public()) }

// MarshalJSON shows the config without its secrets.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.public()) }
