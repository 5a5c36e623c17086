// Package config reads what differs from one place where a program runs to the next: its environment.
//
// This one has a table of settings, which keep themselves what was wrong, and prints one text everywhere.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is what the program needs to know about the place where it runs.
type Config struct {
	Port           int
	DatabaseURL    string
	RequestTimeout time.Duration
	Debug          bool
	APIKey         Secret
}

type setting struct {
	name  string
	def   string // empty: it must be set
	store func(c *Config, value string) bool
}

var settings = []setting{
	{"API_KEY", "", func(c *Config, value string) bool {
		c.APIKey = Secret(value)
		return true
	}},
	{"DATABASE_URL", "", func(c *Config, value string) bool {
		u, err := url.Parse(value)
		c.DatabaseURL = value
		return err == nil && u.Scheme != ""
	}},
	{"PORT", "8080", func(c *Config, value string) bool {
		n, err := strconv.ParseUint(value, 10, 16)
		c.Port = int(n)
		return err == nil && n > 0
	}},
	{"REQUEST_TIMEOUT", "5s", func(c *Config, value string) (ok bool) {
		d, err := time.ParseDuration(value)
		c.RequestTimeout = d
		return err == nil && d > 0
	}},
	{"DEBUG", "false", func(c *Config, value string) bool {
		b, err := strconv.ParseBool(value)
		c.Debug = b
		return err == nil
	}},
}

// Load makes a Config of what lookup knows.
func Load(lookup func(string) (string, bool)) (Config, error) {
	var c Config
	var bad []string
	for _, s := range settings {
		value, ok := lookup(s.name)
		if !ok {
			value = s.def
		}
		if value == "" || !s.store(&c, value) {
			bad = append(bad, s.name)
		}
	}
	if bad != nil {
		return Config{}, errors.New("missing or wrong: " + strings.Join(bad, ", "))
	}
	return c, nil
}

// Secret is a text that does not print itself.
type Secret string

// Format is asked by fmt for every verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "*****") }

// String is for whoever does not go through fmt.
func (Secret) String() string { return "*****" }

// GoString is never asked: Format is.
func (Secret) GoString() string { return "*****" }

// MarshalText is what encoding/json shows.
func (Secret) MarshalText() ([]byte, error) { return []byte("*****"), nil }

// String shows the config without its secrets.
func (c Config) String() string {
	u, err := url.Parse(c.DatabaseURL)
	if err != nil {
		u = &url.URL{}
	}
	return fmt.Sprintf("PORT=%d DATABASE_URL=%s://%s%s REQUEST_TIMEOUT=%v DEBUG=%v",
		c.Port, u.Scheme, u.Host, u.Path, c.RequestTimeout, c.Debug)
}

// Format is asked by fmt for every verb.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// GoString shows the same.
func (c Config) GoString() string { return c.String() }

// LogValue shows the same.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON shows the same.
func (c Config) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(c.String())), nil }
