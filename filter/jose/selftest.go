package jose

import "slices"

// SelfTest asks a host about known good and bad signatures, and returns the
// algorithms in which all its answers are right. A host that accepts a single bad
// signature must not be used at all: that is the error. Without a host Go's crypto is
// tested the same way.
func SelfTest(host HostVerifier) (Algorithms, error) {
	lies := false
	var works Algorithms
	for a := Algorithm(1); a < numAlgorithms; a++ {
		s := a.scheme()
		if host != nil && s.hashName == "" {
			continue
		}
		key, other, signature, err := selfTestVector(a)
		if err != nil {
			return 0, err
		}
		// says is the host's own answer, also for signatures of a bad form, which
		// Verify refuses before it asks the host.
		answers := true
		says := func(k *Key, text string, signature []byte) bool {
			if host == nil {
				return k.Verify(a, text, signature, nil)
			}
			if k.family == familyEC {
				signature = ecdsaDER(signature)
			}
			valid, done := host(s.hashName, slices.Clone(k.spki), signature, []byte(text))
			answers = answers && done
			return done && valid
		}
		good := says(key, selfTestText, signature)
		for i := range selfTestForgeries {
			text, forged := selfTestForgeries[i](signature)
			if says(key, text, forged) {
				lies = true
			}
		}
		if says(other, selfTestText, signature) {
			lies = true
		}
		if good && answers {
			works = works.With(a)
		}
	}
	if lies {
		return 0, errHostLies
	}
	return works, nil
}

const (
	errHostLies refusal = "a forged signature was called valid"
	errVectors  refusal = "the self-test's vectors are broken"
)

const selfTestText = "bearerauth self-test"

// selfTestForgeries turn a good signature into what must be refused.
var selfTestForgeries = [...]func(signature []byte) (text string, forged []byte){
	func(s []byte) (string, []byte) { return selfTestText + "!", s },
	func(s []byte) (string, []byte) { return "", s },
	func(s []byte) (string, []byte) { return selfTestText, flip(s, 0) },
	func(s []byte) (string, []byte) { return selfTestText, flip(s, len(s)/2) },
	func(s []byte) (string, []byte) { return selfTestText, flip(s, len(s)-1) },
	// CVE-2022-21449: r = s = 0.
	func(s []byte) (string, []byte) { return selfTestText, make([]byte, len(s)) },
	func(s []byte) (string, []byte) { return selfTestText, nil },
	func(s []byte) (string, []byte) { return selfTestText, s[:len(s)-2] },
}

func flip(signature []byte, at int) []byte {
	flipped := slices.Clone(signature)
	flipped[at] ^= 1
	return flipped
}

// selfTestVector is a key, another one of its kind, and the key's signature
// over selfTestText.
func selfTestVector(a Algorithm) (key, other *Key, signature []byte, err error) {
	v := &selfTestVectors[a]
	signature, ok := appendDecoded(nil, v.signature)
	if !ok {
		return nil, nil, nil, errVectors
	}
	keys := [2]*Key{}
	for i, encoded := range v.keys {
		der, ok := appendDecoded(nil, encoded)
		if !ok {
			return nil, nil, nil, errVectors
		}
		if a.Symmetric() {
			keys[i], err = NewSecret("", false, der, a)
		} else {
			keys[i], err = readSPKI(der)
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	return keys[0], keys[1], signature, nil
}

type vector struct {
	keys      [2]string
	signature string
}
