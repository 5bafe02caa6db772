package keycloak

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/e2e/envoy"
)

//go:embed realm.json
var realm string

// Server is a Keycloak on a port of the loopback, with the realm of realm.json.
type Server struct {
	Issuer string // http://127.0.0.1:port/realms/shop
	Port   int
}

const startTimeout = 5 * time.Minute // it compiles its configuration first, and a busy machine takes its time

// Run obtains a Keycloak and runs it until the test ends, all of it in folders
// of the test. The keys are the JWK Set of the client gate-key.
func Run(t testing.TB, keys string) *Server {
	t.Helper()
	if err := needJava(); err != nil {
		t.Fatal(err)
	}
	cache, err := envoy.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	path, err := obtain(ctx, filepath.Join(cache, "keycloak"), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	home, err := unpack(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := realmWith(keys)
	if err != nil {
		t.Fatal(err)
	}
	imports := filepath.Join(home, "data", "import")
	if err := os.MkdirAll(imports, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(imports, "shop.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, home)
}

// needJava finds the Java that Keycloak's script takes.
func needJava() error {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	if _, err := exec.LookPath(java); err != nil {
		return fmt.Errorf("wanted Java 17 or newer in $JAVA_HOME or on the PATH to run Keycloak with (Debian: apt-get install default-jre-headless): %w", err)
	}
	return nil
}

const keysPlace = "KEYS OF THE TEST"

func realmWith(keys string) (string, error) {
	quoted, err := json.Marshal(keys)
	if err != nil {
		return "", err
	}
	place := strconv.Quote(keysPlace)
	if strings.Count(realm, place) != 1 {
		return "", fmt.Errorf("realm.json: wanted %s in it once", place)
	}
	return strings.Replace(realm, place, string(quoted), 1), nil
}

// Its standard input is ours: Keycloak ends with it, so even if the test is killed.
const tether = `exec 3<&0; "$@" & keycloak=$!; (read -r _ <&3; kill $keycloak) >/dev/null 2>&1 & wait $keycloak`

// The database is in memory, the port one that is free.
var arguments = []string{"start-dev", "--db=dev-mem", "--http-host=127.0.0.1", "--http-port=0", "--import-realm"}

var listening = regexp.MustCompile(`Listening on: (http://\S+)`)

func start(t testing.TB, home string) *Server {
	t.Helper()
	script := filepath.Join(home, "bin", "kc.sh")
	cmd := exec.Command("sh", append([]string{"-c", tether, "sh", script}, arguments...)...)
	cmd.Dir = home
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		follow(io.TeeReader(output, &log), address)
	}()
	stop := func() {
		_ = stdin.Close()
		<-ended
		_ = cmd.Wait() // a signal has ended it
	}
	fail := func(why string) {
		t.Helper()
		stop()
		t.Fatalf("wanted Keycloak to say where it listens, but %s; all that it said:\n%s", why, log.String())
	}
	select {
	case base := <-address:
		t.Cleanup(func() {
			stop()
			if t.Failed() {
				t.Logf("Keycloak said:\n%s", log.String())
			}
		})
		at, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(at.Port())
		if err != nil {
			t.Fatal(err)
		}
		return &Server{Issuer: base + "/realms/shop", Port: port}
	case <-ended:
		fail("it ended")
	case <-time.After(startTimeout):
		fail("it is not there after " + startTimeout.String())
	}
	return nil
}

// follow reads all lines and sends on the address in the one that has it.
func follow(output io.Reader, address chan<- string) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case address <- m[1]:
			default: // it was said before
			}
		}
	}
	_, _ = io.Copy(io.Discard, output) // after a line that is too long
}
