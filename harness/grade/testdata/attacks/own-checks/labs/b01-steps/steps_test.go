package steps_test

import "testing"

func TestSteps(t *testing.T) {}
