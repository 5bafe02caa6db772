package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeTerminal makes this process the only one that a terminal's Ctrl-C
// reaches. make and go run would report it as an error, although the demo ends
// well. Without a terminal, or in the background, nothing changes.
func takeTerminal() (giveBack func()) {
	terminal := int(os.Stdin.Fd())
	group := unix.Getpgrp()
	if foreground, err := unix.IoctlGetInt(terminal, unix.TIOCGPGRP); err != nil || foreground != group {
		return func() {}
	}
	if unix.Setpgid(0, 0) != nil {
		return func() {}
	}
	// A process in the background may not set the foreground, and this one is in
	// the background until it has. Ctrl-Z would stop it alone, and not make.
	signal.Ignore(syscall.SIGTTOU, syscall.SIGTSTP)
	set := func(group int) { _ = unix.IoctlSetPointerInt(terminal, unix.TIOCSPGRP, group) }
	set(os.Getpid())
	return func() { set(group) }
}
