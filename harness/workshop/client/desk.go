package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/workspace"
)

// Desk is what an instructor's commands on this machine need: where the workshop is, and the instructor's secret.
type Desk struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// ErrNoDesk says that no workshop was started on this machine.
var ErrNoDesk = errors.New("which workshop? none was started on this machine")

// deskFile is where a Desk is kept, for its owner's eyes alone.
func deskFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of your settings: %w", err)
	}
	return filepath.Join(dir, "backend-labs", placeFile), nil
}

// Keep keeps a desk for the commands that come. It takes the place of the last one.
func (d Desk) Keep() error {
	file, err := deskFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the instructor's secret: %w", err)
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return workspace.WriteSecretly(file, append(data, '\n'))
}

// KeptDesk is the desk of the workshop that was started last on this machine, or ErrNoDesk.
func KeptDesk() (d Desk, err error) {
	file, err := deskFile()
	if err != nil {
		return d, err
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return d, ErrNoDesk
	}
	if err != nil {
		return d, fmt.Errorf("read the instructor's secret: %w", err)
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("read %s: %w", file, err)
	}
	return d, nil
}
