// Package envoy obtains a real Envoy and runs it for tests and the demo.
package envoy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// Options say how to run an Envoy. One of Config and ConfigFile is needed.
type Options struct {
	Binary     *Binary // nil: what Find finds
	Config     string  // the bootstrap as YAML
	ConfigFile string  // or a file that holds it; relative to Dir
	Dir        string  // working directory: relative file names in the bootstrap start here

	Concurrency       int      // worker threads; 0 means 1
	LogLevel          string   // "" means warning: info begins with pages of extensions
	ComponentLogLevel string   // such as "wasm:debug"
	Env               []string // KEY=value, added to this process's environment
	Args              []string // more command-line arguments
}

// Process is a running Envoy.
type Process struct {
	Binary *Binary
	Log    *Log
	Dir    string // a temporary folder of this process, removed by Stop

	admin string // http://127.0.0.1:port
	cmd   *exec.Cmd
	done  chan struct{}
	err   error // what Wait said; to be read once done is closed
}

// ExitError is an Envoy that ended by itself.
type ExitError struct {
	Code int // -1 when a signal killed it
	Err  error
	Log  *Log
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("envoy ended: %v; its log ends with:\n%s", e.Err, e.Log.Tail(25))
}

func (e *ExitError) Unwrap() error { return e.Err }

// Our admin port wins over the bootstrap's, which may be taken.
const adminOverlay = `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}`

// How long to wait for Envoy. Compiling a module in V8 takes seconds, on a busy
// machine minutes; an Envoy that has ended is waited for no longer.
const (
	startTimeout = 5 * time.Minute
	stopGrace    = time.Minute
)

// Start runs an Envoy and returns once it serves. The context bounds the start
// only; what was started runs until Stop. An Envoy that refuses its
// configuration is an *ExitError.
func Start(ctx context.Context, o Options) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := launch(o, func(dir string) []string {
		return []string{"--admin-address-path", filepath.Join(dir, "admin"), "--config-yaml", adminOverlay}
	})
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// Validate runs `envoy --mode validate`: nil means that Envoy takes the
// bootstrap, an *ExitError that it does not. It compiles Wasm modules and
// starts their plugins.
func Validate(ctx context.Context, o Options) error {
	p, err := launch(o, func(string) []string { return []string{"--mode", "validate"} })
	if err != nil {
		return err
	}
	defer p.kill()
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("envoy --mode validate: %w; its log ends with:\n%s", ctx.Err(), p.Log.Tail(15))
	}
	return p.exit()
}

func launch(o Options, mode func(dir string) []string) (*Process, error) {
	if (o.Config == "") == (o.ConfigFile == "") {
		return nil, errors.New("envoy: wanted either Config or ConfigFile")
	}
	if o.Binary == nil {
		found, err := Find()
		if err != nil {
			return nil, err
		}
		o.Binary = found
	}
	dir, err := os.MkdirTemp("", "bearerauth-envoy-")
	if err != nil {
		return nil, err
	}
	if o.Config != "" {
		o.ConfigFile = filepath.Join(dir, "envoy.yaml")
		if err := os.WriteFile(o.ConfigFile, []byte(o.Config), 0o600); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	p := &Process{Binary: o.Binary, Log: newLog(), Dir: dir, done: make(chan struct{})}
	p.cmd = exec.Command(o.Binary.Path, append(arguments(o), mode(dir)...)...)
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Stdout = p.Log
	p.cmd.Stderr = p.Log
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("starting %s: %w", o.Binary.Path, err)
	}
	return p, nil
}

func arguments(o Options) []string {
	level := o.LogLevel
	if level == "" {
		level = "warning"
	}
	args := []string{
		"--use-dynamic-base-id",
		// Or each run leaves a file of shared memory behind.
		"--disable-hot-restart",
		"--concurrency", strconv.Itoa(max(1, o.Concurrency)),
		"--log-level", level,
		"--config-path", o.ConfigFile,
		// Tests wait for access log lines, and for replaced listeners to go.
		"--file-flush-interval-msec", "20",
		"--drain-time-s", "1",
		"--drain-strategy", "immediate",
	}
	if o.ComponentLogLevel != "" {
		args = append(args, "--component-log-level", o.ComponentLogLevel)
	}
	return append(args, o.Args...)
}

// Linux sends the parent-death signal when the thread ends that started the child, not the
// process. So that thread is held until the child has ended.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	p.Log.close()
	close(p.done)
}

func (p *Process) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.done:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("wanted envoy to be ready: %w (%w); its log ends with:\n%s", ctx.Err(), last, p.Log.Tail(25))
		case <-tick.C:
		}
	}
}

func (p *Process) ready(ctx context.Context) error {
	address, err := os.ReadFile(filepath.Join(p.Dir, "admin"))
	if err != nil {
		return err
	}
	p.admin = "http://" + string(address)
	if _, err := p.call(ctx, http.MethodGet, "/ready"); err != nil {
		return err
	}
	// Ready means initialised; the workers start after that.
	stats, err := p.stats(ctx, `^listener_manager\.workers_started$`)
	if err != nil {
		return err
	}
	if stats["listener_manager.workers_started"] != 1 {
		return errors.New("its workers have not started")
	}
	return nil
}

// Done is closed when Envoy has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends Envoy, with SIGTERM first, and returns nil if it ended well.
// Calling it again returns the same.
func (p *Process) Stop() error {
	defer os.RemoveAll(p.Dir)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-p.done:
		return p.exit()
	case <-grace.C:
		p.kill()
		return fmt.Errorf("wanted envoy to end within %v of SIGTERM; its log ends with:\n%s", stopGrace, p.Log.Tail(15))
	}
}

func (p *Process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
	os.RemoveAll(p.Dir)
}

// ExitCode waits for Envoy's end; -1 means that a signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

func (p *Process) exit() error {
	if p.err == nil {
		return nil
	}
	return p.exitError()
}

func (p *Process) exitError() error {
	err := p.err
	if err == nil {
		err = errors.New("exit status 0")
	}
	return &ExitError{Code: p.cmd.ProcessState.ExitCode(), Err: err, Log: p.Log}
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }
