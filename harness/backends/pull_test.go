package backends

import (
	"errors"
	"testing"
)

// TestPullReason has what Docker says, in full: people get the heart of it.
func TestPullReason(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host`:     "no registry to pull it from",
		`Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)`: "no registry to pull it from",
		`nothing for 20s: context canceled`: "the registry has stopped answering",
		`Error response from daemon: manifest for redis:0 not found: manifest unknown: manifest unknown`:                                    "the registry does not give it to you",
		`Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'`:                     "the registry does not give it to you",
		`toomanyrequests: You have reached your pull rate limit`:                                                                            "the registry allows no more pulls for now",
		`Error response from daemon: Get "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`: "the registry's certificate is not accepted",
		"something new": "it cannot be pulled: something new",
	} {
		if got := pullReason(errors.New(said)); got != want {
			t.Errorf("%s: got %q, want %q", said, got, want)
		}
	}
}
