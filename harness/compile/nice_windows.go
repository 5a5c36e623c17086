package compile

import "os/exec"

func giveWay(int) {}

func endTogether(*exec.Cmd) {}
