package envoy

import "syscall"

// A test binary that is killed, or panics on its time limit, runs no cleanup.
// The group of its own keeps a terminal's Ctrl-C from Envoy, so that Stop ends it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
