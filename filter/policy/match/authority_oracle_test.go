package match

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/syntax"
)

// addressOracles are programs that read hosts, one a line in JSON, and answer with
// the address that their parsers find, or with an empty string.
var addressOracles = map[string][]string{
	"node": {"-e", `const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
for (const line of lines) { let host = ""; try { host = new URL("http://" + JSON.parse(line) + "/").hostname } catch {}
console.log(host) }`},
	"python3": {"-c", `import sys, json, socket, ipaddress
for line in sys.stdin:
    host = json.loads(line)
    bare = host.strip("[]")
    found = ""
    try:
        found = socket.inet_ntoa(socket.inet_aton(bare))
    except (OSError, ValueError):
        try:
            address = ipaddress.ip_address(bare)
            found = str(getattr(address, "ipv4_mapped", None) or address)
        except ValueError:
            pass
    print(found.partition("%")[0])`},
}

// spellings are what parsers may read as 10.0.0.1, and what is near them.
func spellings(dice *rand.Rand) string {
	number := func(n uint32) string {
		format := []string{"%d", "%d", "0%o", "0x%x", "0X%X", "00%o", "0x0%x", "%03d", "0o%o"}[dice.IntN(9)]
		return fmt.Sprintf(format, n)
	}
	numbers := [][]uint32{{10, 0, 0, 1}, {10, 0, 1}, {10, 1}, {167772161}}[dice.IntN(4)]
	var parts []string
	for _, n := range numbers {
		parts = append(parts, number(n))
	}
	host := strings.Join(parts, ".")
	switch dice.IntN(10) {
	case 0:
		host = "[::ffff:10.0.0.1]"
	case 1:
		host = "[" + []string{"::ffff:a00:1", "0:0:0:0:0:FFFF:10.0.0.1", "::10.0.0.1", "::ffff:0a00:0001", "0::ffff:10.0.0.1%25eth0"}[dice.IntN(5)] + "]"
	}
	for dice.IntN(4) == 0 {
		at := dice.IntN(len(host))
		switch dice.IntN(6) {
		case 0:
			host += "."
		case 1:
			host = host[:at] + fmt.Sprintf("%%%02x", host[at]) + host[at+1:]
		case 2:
			if c := host[at]; syntax.IsDigit(c) {
				host = host[:at] + string(rune(0xff10+int(c-'0'))) + host[at+1:]
			}
		case 3:
			host = strings.Replace(host, ".", []string{"\u3002", "\uff0e", "\uff61"}[dice.IntN(3)], 1)
		case 4:
			host = []string{" ", "\t", "u@", "\u00ad"}[dice.IntN(4)] + host
		case 5:
			host = host[:at] + []string{"\t", "\u00ad", "\u200b", "\n"}[dice.IntN(4)] + host[at:]
		}
	}
	return host
}

// TestAddressOracle: no spelling that some parser reads as a denied address passes,
// and none opens anything that is open for this address only.
func TestAddressOracle(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(rand.Uint64(), 5))
	hosts := []string{
		"10.0.0.1", "10.1", "167772161", "012.0.0.1", "0x0a.0.0.1", "0xa000001", "[::ffff:10.0.0.1]", "[::ffff:a00:1]", "10.0.0.1.", "10.0.0.1..",
		"0012.0x0.00.1", "010.0.0.1", "10.0.0.01", "10.0.0.1:80", "10.1:80", "u@10.1", "10.0.0.2", "10.0.0.11", "0xA000001.", "00000012.0.0.1", "[::ffff:10.0.0.1]:80",
	}
	for range 4000 {
		hosts = append(hosts, spellings(dice))
	}
	reads := map[string]map[string]bool{"go": {}}
	for _, host := range hosts {
		bare := strings.Trim(host, "[]")
		if u, err := url.Parse("http://" + host + "/"); err == nil {
			bare = u.Hostname()
		}
		if a, err := netip.ParseAddr(bare); err == nil && a.Unmap().WithZone("").String() == "10.0.0.1" || net.ParseIP(bare).Equal(net.IPv4(10, 0, 0, 1)) {
			reads["go"][host] = true
		}
	}
	for program, arguments := range addressOracles {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Errorf("no %s to compare with", program)
			}
			continue
		}
		var in bytes.Buffer
		encoder := json.NewEncoder(&in)
		for _, host := range hosts {
			if err := encoder.Encode(host); err != nil {
				t.Fatal(err)
			}
		}
		command := exec.Command(program, arguments...)
		command.Stdin, command.Stderr = &in, os.Stderr
		out, err := command.Output()
		lines := strings.Split(string(out), "\n")
		if err != nil || len(lines) != len(hosts)+1 {
			t.Fatalf("%s: %v, %d answers", program, err, len(lines))
		}
		reads[program] = map[string]bool{}
		for i, host := range hosts {
			reads[program][host] = lines[i] == "10.0.0.1" || lines[i] == "[::ffff:a00:1]" || lines[i] == "::ffff:a00:1"
		}
	}
	pattern, other := Match{hosts: []request.HostPattern{host(t, "10.0.0.1")}}, Match{hosts: []request.HostPattern{host(t, "10.0.0.2")}}
	for program, read := range reads {
		n := 0
		for _, text := range hosts {
			v := matchView("GET", text, "/")
			if other.opens(v) && text != "10.0.0.2" {
				t.Errorf("%q opens what is open for 10.0.0.2", text)
			}
			if pattern.opens(v) && text != "10.0.0.1" && text != "10.0.0.1:80" {
				t.Errorf("%q opens what is open for 10.0.0.1", text)
			}
			if !read[text] {
				continue
			}
			n++
			if !pattern.possible(v) {
				t.Errorf("%q is 10.0.0.1 to %s and passes", text, program)
			}
		}
		if n < 20 {
			t.Errorf("%s reads %d hosts as 10.0.0.1: the test says little", program, n)
		}
		t.Log(program, n)
	}
}

// TestNeighbours: what is no address to any parser is not taken for one.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	address, name := Match{hosts: []request.HostPattern{host(t, "10.0.0.1"), host(t, "[fe80::1]")}}, Match{hosts: []request.HostPattern{host(t, "e.com")}}
	for _, authority := range []string{
		"10.0.0.2", "10.0.0.11:80", "a.10", "10.a", "3f2a9c1b7d", "10-0-0-1", "a10.0.0.1", "e.com.:8443", "x.e.com.", "u@e.org:65535", "[fe80::2]", "[fe80::2]:80", "1.2.3.4.example",
		"xn--mnchen-3ya.de", "a--b.de",
	} {
		if v := matchView("GET", authority, "/"); address.possible(v) || name.possible(v) && !strings.Contains(authority, "e.com") {
			t.Errorf("%q binds", authority)
		}
	}
	for authority, wants := range map[string][2]bool{ // by address, by name
		"10.1": {true, false}, "0x0a.0.0.1": {true, false}, "fe80::1": {true, false}, "[fe80::1]x": {true, false}, "[::10.0.0.1]": {true, false}, "[::a00:1]:80": {true, false}, "[fe80::1%25eth0]": {true, true}, "[fe80::1%eth0]": {true, true},
		"e\uff0ecom": {true, true}, "e%2ecom": {true, true}, "xn--e-.com": {true, true}, "XN--e-.com": {true, true}, "e.xn--": {true, true}, "e\t.com": {true, true}, "e\x7f.com": {true, true},
		"(e.com)": {false, true}, "e.com|x": {false, true}, "x'e.com'": {false, true}, "1_0.0.0.1": {true, false}, "+10.0.0.1": {true, false}, "4294967297": {true, false},
		"x:10.1": {true, false}, "x:167772161": {true, false}, "[10.0.0.1]": {true, false}, "[e.com]": {true, true}, "0": {true, false}, "0:80": {true, false}, "256.1.1.1": {true, false},
	} {
		v := matchView("GET", authority, "/")
		if got := [2]bool{address.possible(v), name.possible(v)}; got != wants || address.opens(v) || name.opens(v) {
			t.Errorf("%q binds %v, want %v; opens %v %v", authority, got, wants, address.opens(v), name.opens(v))
		}
	}
}
