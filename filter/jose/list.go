package jose

import "strings"

// DecodeBase64 decodes strict base64url.
func DecodeBase64(encoded string) ([]byte, bool) { return appendDecoded(nil, encoded) }

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

// Algorithms is what k may verify.
func (k *Key) Algorithms() (set Algorithms) {
	for a := Algorithm(1); a < numAlgorithms; a++ {
		if k.Fits(a) {
			set = set.With(a)
		}
	}
	return set
}
