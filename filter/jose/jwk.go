package jose

// readKey reads one JWK (RFC 7517 section 4, RFC 7518 section 6, RFC 8037
// section 2). All comparisons are of bytes: "rsa", "Sig" and "es256" name
// nothing (requirement 61).
func readKey(item Value, secrets Secrets) (key *Key, id string, private bool, err error) {
	if item.Kind() != '{' {
		return nil, "", false, errNotObject
	}
	var r Reader
	var j jwk
	members, err := r.Object(item)
	if err != nil {
		// A key that says something twice may be private nevertheless. Names are
		// compared last, so a lax reader has seen all members.
		lax := Reader{lax: true}
		_, _ = lax.Object(item)
		members = lax.members
	}
	for _, m := range members {
		j.take(string(m.Name), m.Value)
	}
	if err != nil {
		return nil, j.id(), j.private, err
	}
	if j.kty.Is("oct") && secrets != AllowSecrets {
		return nil, j.id(), false, errSecretRefused
	}
	if err := j.usable(); err != nil {
		return nil, j.id(), j.private, err
	}
	key, err = j.key()
	if err != nil {
		return nil, j.id(), j.private, err
	}
	key.ID, key.HasID = j.id(), j.kid != nil
	if j.alg != nil {
		name, _ := j.alg.Text()
		a, ok := ParseAlgorithm(string(name))
		if !ok {
			return nil, key.ID, j.private, errKeyAlgorithm
		}
		if !key.Fits(a) {
			return nil, key.ID, j.private, errKeyMismatch
		}
		key.Algorithm = a
	}
	return key, key.ID, j.private, nil
}

const (
	errSecretRefused refusal = "a secret (kty oct) is not taken from here"
	errKeyNoType     refusal = "want a kty"
	errKeyType       refusal = "want kty RSA, EC, OKP or oct"
	errKeyStrings    refusal = "want kty, kid, use, alg and crv to be strings"
	errKeyUse        refusal = "not for signatures (use)"
	errKeyOps        refusal = "not for verification (key_ops)"
	errKeyAlgorithm  refusal = "alg is not a known signature algorithm"
	errKeyMismatch   refusal = "alg does not suit the key's type, curve or size"
	errKeyCurve      refusal = "want a crv that fits kty: P-256, P-384, P-521 or Ed25519"
	errKeyMaterial   refusal = "want the key's numbers in base64url without padding"
)

// jwk holds the members that matter, nil where absent.
type jwk struct {
	kty, kid, use, ops, alg, crv, n, e, x, y, k Value

	private bool
}

func (j *jwk) take(name string, value Value) {
	switch name {
	case "kty":
		j.kty = value
	case "kid":
		j.kid = value
	case "use":
		j.use = value
	case "key_ops":
		j.ops = value
	case "alg":
		j.alg = value
	case "crv":
		j.crv = value
	case "n":
		j.n = value
	case "e":
		j.e = value
	case "x":
		j.x = value
	case "y":
		j.y = value
	case "k":
		j.k = value
	case "d", "p", "q", "dp", "dq", "qi", "oth":
		j.private = true
	}
}

// id is the kid, "" where there is none or where it is no string.
func (j *jwk) id() string {
	text, _ := j.kid.Text()
	return string(text)
}

// usable checks what is said about the key.
func (j *jwk) usable() error {
	for _, v := range [...]Value{j.kty, j.kid, j.use, j.alg, j.crv} {
		if v != nil && v.Kind() != '"' {
			return errKeyStrings
		}
	}
	if j.kty == nil {
		return errKeyNoType
	}
	if j.use != nil && !j.use.Is("sig") {
		return errKeyUse
	}
	if j.ops != nil {
		verifies, strings := false, true
		array := j.ops.Items(func(op Value) bool {
			verifies = verifies || op.Is("verify")
			strings = strings && op.Kind() == '"'
			return true
		})
		if !array || !strings || !verifies {
			return errKeyOps
		}
	}
	return nil
}

func (j *jwk) key() (*Key, error) {
	switch {
	case j.kty.Is("RSA"):
		n, okN := octets(j.n)
		e, okE := octets(j.e)
		if !okN || !okE {
			return nil, errKeyMaterial
		}
		return newRSA(n, e)
	case j.kty.Is("EC"):
		for _, c := range curves {
			if j.crv.Is(c.name) {
				x, okX := octets(j.x)
				y, okY := octets(j.y)
				if !okX || !okY {
					return nil, errKeyMaterial
				}
				return newEC(c, x, y)
			}
		}
		return nil, errKeyCurve
	case j.kty.Is("OKP"):
		if !j.crv.Is("Ed25519") {
			return nil, errKeyCurve
		}
		x, ok := octets(j.x)
		if !ok {
			return nil, errKeyMaterial
		}
		return newEd(x)
	case j.kty.Is("oct"):
		secret, ok := octets(j.k)
		if !ok {
			return nil, errKeyMaterial
		}
		var a Algorithm
		if name, ok := j.alg.Text(); ok {
			// Another family's name is found out when alg is compared.
			if a, _ = ParseAlgorithm(string(name)); !a.Symmetric() {
				a = 0
			}
		}
		return newOct(secret, a)
	}
	return nil, errKeyType
}

// octets decodes a base64url member.
func octets(v Value) ([]byte, bool) {
	text, ok := v.Text()
	if !ok || len(text) == 0 {
		return nil, false
	}
	return appendDecoded(make([]byte, 0, decodedLen(len(text))), text)
}
