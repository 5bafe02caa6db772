package jose

import (
	"strconv"
	"strings"
)

const (
	maxSetBytes = 1 << 20
	maxSetKeys  = 256
)

// KeySet is what one issuer verifies by.
type KeySet struct {
	Keys    []*Key
	Skipped []Skipped // unusable, each for its own reason
	Private int       // how many came with private members, which are not kept
}

// Skipped is a key of a set that is not used.
type Skipped struct {
	Index int
	KeyID string
	Why   string
}

// Secrets is whether a set may hold secrets (kty oct).
type Secrets bool

// A secret that is fetched over a network can be fetched by others, who can
// then sign. So only sets that are written into the configuration allow them.
const (
	RefuseSecrets Secrets = false
	AllowSecrets  Secrets = true
)

const (
	errSetTooLong refusal = "want a JWK Set of at most 1 MiB"
	errOneKey     refusal = `want a JWK Set, {"keys": [...]}, got a single key`
	errNoKeys     refusal = `want a JWK Set, {"keys": [...]}`
	errKeysEmpty  refusal = "want at least one key in the JWK Set"
	errKeysMany   refusal = "want at most 256 keys in the JWK Set"
)

// ParseSet reads a JWK Set (RFC 7517 section 5). Keys that cannot be used are
// skipped one by one; a set without any usable key is an error, so that it
// never takes the place of a good one.
//
// A duplicate name in the set refuses all of it, since readers could find two lists. A
// duplicate name within a key makes only that key unusable. A single key is no set: a
// guess about the kind of a document would turn an error page into a key.
func ParseSet(document []byte, secrets Secrets) (*KeySet, error) {
	if len(document) > maxSetBytes {
		return nil, errSetTooLong
	}
	r := Reader{lax: true}
	members, err := r.Object(document)
	if err != nil {
		return nil, err
	}
	var keys Value
	for _, m := range members {
		switch string(m.Name) {
		case "keys":
			keys = m.Value
		case "kty":
			err = errOneKey
		}
	}
	if keys.Kind() != '[' {
		if err != nil {
			return nil, err
		}
		return nil, errNoKeys
	}
	set, i := &KeySet{}, 0
	keys.Items(func(item Value) bool {
		if i == maxSetKeys {
			i++
			return false
		}
		key, id, private, why := readKey(item, secrets)
		if private {
			set.Private++
		}
		if why != nil {
			set.Skipped = append(set.Skipped, Skipped{i, id, why.Error()})
		} else {
			set.Keys = append(set.Keys, key)
		}
		i++
		return true
	})
	switch {
	case i > maxSetKeys:
		return nil, errKeysMany
	case i == 0:
		return nil, errKeysEmpty
	case len(set.Keys) == 0:
		return nil, noneUsable(set.Skipped)
	}
	return set, nil
}

func noneUsable(skipped []Skipped) error {
	var b strings.Builder
	b.WriteString("no key of the JWK Set can be used:")
	for i, s := range skipped {
		if i == 8 {
			b.WriteString(" …")
			break
		}
		b.WriteString(" [" + strconv.Itoa(s.Index) + "] " + s.Why + ";")
	}
	return refusal(strings.TrimSuffix(b.String(), ";"))
}

// Keep puts the keys of an older set in the places of their equals, so that
// a holder of a key can see by the pointer whether it is still in the set.
func (s *KeySet) Keep(older *KeySet) {
	if older == nil {
		return
	}
	for i, k := range s.Keys {
		for _, old := range older.Keys {
			if k.Equal(old) {
				s.Keys[i] = old
				break
			}
		}
	}
}

// IDs returns the kids of the keys.
func (s *KeySet) IDs() (kids []string) {
	for _, key := range s.Keys {
		if key.HasID {
			kids = append(kids, key.ID)
		}
	}
	return kids
}

// Holds reports whether exactly this key is in the set.
func (s *KeySet) Holds(k *Key) bool {
	if s == nil || k == nil {
		return false
	}
	for _, held := range s.Keys {
		if held == k {
			return true
		}
	}
	return false
}

// Candidates appends to dst the keys that may have signed a token: those of
// its kid, then those without a kid, that fit its algorithm. Keys of one kid but
// of another type are legal (RFC 7517 section 4.5). A token without a kid may be
// signed by any key that fits. The checks are bounded by their Cost, not here.
func (s *KeySet) Candidates(id string, hasID bool, a Algorithm, dst []*Key) []*Key {
	if s == nil {
		return dst
	}
	for _, named := range [...]bool{true, false} {
		for _, k := range s.Keys {
			if k.HasID == named && (!hasID || !named || k.ID == id) && k.Fits(a) {
				dst = append(dst, k)
			}
		}
	}
	return dst
}
