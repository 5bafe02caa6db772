// Package jose reads compact JSON Web Signatures, JSON Web Keys and what goes
// with them, and verifies signatures. It knows no clock and no host: they are
// arguments.
//
// It accepts less than the standards allow, and never more. Numbers after
// "requirement" in comments are those of the project's list of security
// requirements, which names the RFC section or the CVE behind each.
package jose

import (
	"crypto"
	"strings"
)

// Algorithm is one way to sign, from a closed table. There is no "none", and
// the zero value verifies nothing.
type Algorithm uint8

const (
	_ Algorithm = iota
	RS256
	RS384
	RS512
	PS256
	PS384
	PS512
	ES256
	ES384
	ES512
	EdDSA
	HS256
	HS384
	HS512
	numAlgorithms
)

// family is what decides how a signature is checked. It comes from the key,
// never from the token (requirement 39, CVE-2015-9235).
type family uint8

const (
	_ family = iota
	familyRSA
	familyEC
	familyOKP
	familyOct
)

// scheme is one row of the table.
type scheme struct {
	name     string
	family   family
	hash     crypto.Hash
	hashName string // as Envoy's verify_signature spells it
	pss      bool
	curve    *curve // the only one that the algorithm takes
}

var schemes = [numAlgorithms]scheme{
	RS256: {name: "RS256", family: familyRSA, hash: crypto.SHA256, hashName: "sha256"},
	RS384: {name: "RS384", family: familyRSA, hash: crypto.SHA384, hashName: "sha384"},
	RS512: {name: "RS512", family: familyRSA, hash: crypto.SHA512, hashName: "sha512"},
	PS256: {name: "PS256", family: familyRSA, hash: crypto.SHA256, pss: true},
	PS384: {name: "PS384", family: familyRSA, hash: crypto.SHA384, pss: true},
	PS512: {name: "PS512", family: familyRSA, hash: crypto.SHA512, pss: true},
	ES256: {name: "ES256", family: familyEC, hash: crypto.SHA256, hashName: "sha256", curve: p256},
	ES384: {name: "ES384", family: familyEC, hash: crypto.SHA384, hashName: "sha384", curve: p384},
	ES512: {name: "ES512", family: familyEC, hash: crypto.SHA512, hashName: "sha512", curve: p521},
	EdDSA: {name: "EdDSA", family: familyOKP},
	HS256: {name: "HS256", family: familyOct, hash: crypto.SHA256},
	HS384: {name: "HS384", family: familyOct, hash: crypto.SHA384},
	HS512: {name: "HS512", family: familyOct, hash: crypto.SHA512},
}

// scheme is the row of a, the empty one for what is not in the table.
func (a Algorithm) scheme() *scheme {
	if a >= numAlgorithms {
		a = 0
	}
	return &schemes[a]
}

// String is the name of the algorithm as RFC 7518 and RFC 8037 have it.
func (a Algorithm) String() string {
	if name := a.scheme().name; name != "" {
		return name
	}
	return "no algorithm"
}

// Symmetric reports whether the key that verifies can also sign.
func (a Algorithm) Symmetric() bool { return a.scheme().family == familyOct }

// HostKnows reports whether Envoy's verify_signature has the algorithm at all:
// neither PSS nor EdDSA nor HMAC.
func (a Algorithm) HostKnows() bool { return a.scheme().hashName != "" }

// ParseAlgorithm looks a name up exactly: "rs256" and "none" are unknown.
func ParseAlgorithm(name string) (Algorithm, bool) {
	for a := Algorithm(1); a < numAlgorithms; a++ {
		if schemes[a].name == name {
			return a, true
		}
	}
	return 0, false
}

// Algorithms is a set of them.
type Algorithms uint16

// AllAlgorithms is the whole table.
const AllAlgorithms Algorithms = 1<<numAlgorithms - 2

// With is the set and a. What is not in the table cannot be added.
func (s Algorithms) With(a Algorithm) Algorithms {
	if a == 0 || a >= numAlgorithms {
		return s
	}
	return s | 1<<a
}

// Has reports whether a is in the set.
func (s Algorithms) Has(a Algorithm) bool {
	return a != 0 && a < numAlgorithms && s&(1<<a) != 0
}

// List is the algorithms of the set, in the order of the table.
func (s Algorithms) List() (list []Algorithm) {
	for a := Algorithm(1); a < numAlgorithms; a++ {
		if s.Has(a) {
			list = append(list, a)
		}
	}
	return list
}

// String names the algorithms of the set, separated by commas.
func (s Algorithms) String() string {
	var names []string
	for _, a := range s.List() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}
