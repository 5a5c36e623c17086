package account

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Request tells one test process what to do. It is written to its standard input by [Encode].
type Request struct {
	Check string `json:"check"` // the name of the one test to run, as in lab.yaml
	// Variant is the one of a family that the check is to be run on: see [Family]. It is empty for a
	// binary of one submission.
	Variant  string `json:"variant,omitempty"`
	Canary   string `json:"canary"`    // the random name of a test that must fail
	ReportFD uint64 `json:"report_fd"` // the file descriptor (on Windows: handle) to report on
	Seed     uint64 `json:"seed"`      // for property checks; never 0
	// Timeout is how long the process may take. Then it reports what it was doing, and ends; 0 is
	// for ever.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// Memory is how many bytes the process may allocate before it does the same; 0 is without
	// bound.
	Memory int64  `json:"memory,omitempty"`
	Redis  string `json:"redis,omitempty"`
	// RedisReal says that Redis is the address of a real server, not of a miniature.
	RedisReal bool   `json:"redis_real,omitempty"`
	Postgres  string `json:"postgres,omitempty"`
	// Private demands that the report be kept out of reach of all other threads: where that cannot
	// be had nothing is run.
	Private bool `json:"private,omitempty"`
	// Without leaves out defences. Only tests do that, to show what each is good for.
	Without Without `json:"without,omitzero"`
}

// Without says which defences of the account are left out.
type Without struct {
	Table     bool `json:"table,omitempty"`     // a table of descriptors for the report alone
	Seal      bool `json:"seal,omitempty"`      // the key is one of zeros, which everybody knows
	Census    bool `json:"census,omitempty"`    // the look at what initialisers have left running
	Variables bool `json:"variables,omitempty"` // the look at exported variables
	Library   bool `json:"library,omitempty"`   // the look at the standard library's variables
	Outside   bool `json:"outside,omitempty"`   // the look for what is outside of a bubble, or goes on behind it
}

// maxRequest bounds what is read of a request, in bytes.
const maxRequest = 1 << 20

// Encode is what the process is to find on its standard input: the key, as it is, and the request
// as one JSON object. The key is apart so that no decoder has it in a buffer.
func Encode(k *Key, r Request) ([]byte, error) {
	text, err := json.Marshal(r)
	return append(k[:len(k):len(k)], text...), err
}

// Decode reads what [Encode] has made into k and r.
func Decode(in []byte, k *Key, r *Request) error {
	n := copy(k[:], in)
	if err := json.Unmarshal(in[n:], r); err != nil {
		return fmt.Errorf("no request on standard input (this binary is started by labs): %w", err)
	}
	return nil
}

// readRequest takes the request from standard input, to its end, and leaves nothing of it where
// somebody else could find it.
func readRequest(k *Key, r *Request) error {
	in := make([]byte, maxRequest)
	n, err := io.ReadFull(os.Stdin, in)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	defer clear(in[:n])
	return Decode(in[:n], k, r)
}
