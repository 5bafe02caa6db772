package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"math/big"
	"slices"
	"strconv"
)

// Key verifies signatures. Its material decides the family of algorithms, and
// no key is ever material for another family (requirements 39 and 40).
type Key struct {
	ID        string
	HasID     bool
	Algorithm Algorithm // the only one that the key takes; zero where its family decides

	family family
	rsa    *rsa.PublicKey
	ec     *ecdsa.PublicKey
	curve  *curve
	ed     ed25519.PublicKey
	secret []byte
	limit  []byte // RSA: the modulus, which no signature reaches
	spki   []byte // SubjectPublicKeyInfo, for the host; nil for secrets
}

// A modulus below 2048 bits is weak (RFC 7518 section 3.3). One above 8192 bits
// costs more than MaxCost in each PS check, and so does one of 8192 bits with a
// large exponent.
const (
	minModulusBits = 2048
	maxModulusBits = 8192
	maxSecretBytes = 8 << 10
)

const (
	errModulusSize  refusal = "want an RSA modulus of 2048 to 8192 bits"
	errModulusEven  refusal = "want an odd RSA modulus"
	errExponent     refusal = "want an odd RSA exponent from 3 to 2147483647"
	errModulusCost  refusal = "want a smaller RSA exponent, such as 65537, with so long a modulus"
	errCoordinates  refusal = "want x and y of the curve's full size"
	errNotOnCurve   refusal = "want a point on the curve"
	errEdSize       refusal = "want an Ed25519 key of 32 bytes"
	errEdPoint      refusal = "want a canonical point on Ed25519"
	errEdSmallOrder refusal = "an Ed25519 key of small order verifies forgeries"
	errSecretLong   refusal = "want a secret of at most 8192 bytes"
)

// newRSA takes n and e as unsigned big-endian numbers.
func newRSA(n, e []byte) (*Key, error) {
	n, e = trimZeros(n), trimZeros(e)
	if len(n) > maxModulusBits/8 {
		return nil, errModulusSize
	}
	modulus := new(big.Int).SetBytes(n)
	if modulus.BitLen() < minModulusBits {
		return nil, errModulusSize
	}
	if modulus.Bit(0) == 0 {
		return nil, errModulusEven
	}
	// RFC 8017 has no upper limit and requirement 57 has 2^32, but Go's verifier
	// stops at 2^31, and what the host accepts must be what Go accepts.
	exponent := uint64(0)
	if len(e) <= 4 {
		for _, b := range e {
			exponent = exponent<<8 | uint64(b)
		}
	}
	if exponent < 3 || exponent >= 1<<31 || exponent&1 == 0 {
		return nil, errExponent
	}
	k := &Key{
		family: familyRSA,
		rsa:    &rsa.PublicKey{N: modulus, E: int(exponent)},
		limit:  slices.Clone(n),
		spki:   rsaSPKI(n, e),
	}
	if k.cost(PS512) > MaxCost {
		return nil, errModulusCost
	}
	return k, nil
}

func trimZeros(number []byte) []byte {
	for len(number) > 0 && number[0] == 0 {
		number = number[1:]
	}
	return number
}

// curve is one of the three of RFC 7518 section 6.2.1.1.
type curve struct {
	name   string // crv
	size   int    // bytes of a coordinate, and of r and s
	order  []byte // as long
	curve  elliptic.Curve
	prefix string // of the DER of a key on it
}

func newCurve(c elliptic.Curve, prefix string) *curve {
	size := (c.Params().BitSize + 7) / 8
	return &curve{c.Params().Name, size, c.Params().N.FillBytes(make([]byte, size)), c, prefix}
}

var (
	p256   = newCurve(elliptic.P256(), prefixP256)
	p384   = newCurve(elliptic.P384(), prefixP384)
	p521   = newCurve(elliptic.P521(), prefixP521)
	curves = [...]*curve{p256, p384, p521}
)

// newEC takes full-size coordinates.
func newEC(c *curve, x, y []byte) (*Key, error) {
	if len(x) != c.size || len(y) != c.size {
		return nil, errCoordinates
	}
	point := slices.Concat([]byte{4}, x, y) // uncompressed, so never infinity
	public, err := ecdsa.ParseUncompressedPublicKey(c.curve, point)
	if err != nil {
		return nil, errNotOnCurve
	}
	return &Key{family: familyEC, ec: public, curve: c, spki: append([]byte(c.prefix), point...)}, nil
}

var (
	edPrime, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	edD, _     = new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
)

// newEd takes a key of RFC 8032. Go's verifier, like most, accepts points of
// small order, under which anyone can sign (requirement 50).
func newEd(public []byte) (*Key, error) {
	if len(public) != ed25519.PublicKeySize {
		return nil, errEdSize
	}
	littleEndian := slices.Clone(public)
	littleEndian[31] &= 0x7f // the sign of x
	slices.Reverse(littleEndian)
	y := new(big.Int).SetBytes(littleEndian)
	if y.Cmp(edPrime) >= 0 {
		return nil, errEdPoint
	}
	one := big.NewInt(1)
	yy := new(big.Int).Mul(y, y)
	yy.Mod(yy, edPrime)
	// x² = u/v with u = y²-1 and v = dy²+1 has a root where uv is a square.
	u := new(big.Int).Sub(yy, one)
	v := new(big.Int).Mul(edD, yy)
	v.Add(v, one).Mod(v, edPrime)
	uv := new(big.Int).Mul(u, v)
	uv.Mod(uv, edPrime)
	if big.Jacobi(uv, edPrime) < 0 {
		return nil, errEdPoint
	}
	// Orders 1 and 2: x = 0, so u = 0. Order 4: y = 0. Order 8: twice the point
	// has y = 0, where y² = -x², so y²v + u = dy⁴ + 2y² - 1 = 0.
	eight := new(big.Int).Mul(yy, v)
	eight.Add(eight, u).Mod(eight, edPrime)
	if u.Mod(u, edPrime).Sign() == 0 || y.Sign() == 0 || eight.Sign() == 0 {
		return nil, errEdSmallOrder
	}
	return &Key{
		family: familyOKP, ed: slices.Clone(ed25519.PublicKey(public)),
		spki: append([]byte(prefixEd25519), public...),
	}, nil
}

// NewSecret is a key for HMAC with one algorithm. A secret shorter than the
// hash can be found by trying (RFC 7518 section 3.2).
func NewSecret(id string, hasID bool, secret []byte, a Algorithm) (*Key, error) {
	if !a.Symmetric() {
		return nil, refusal("want HS256, HS384 or HS512 for a secret, got " + a.String())
	}
	k, err := newOct(secret, a)
	if err != nil {
		return nil, err
	}
	k.ID, k.HasID, k.Algorithm = id, hasID, a
	return k, nil
}

// newOct takes a secret for one algorithm, or for those whose hash it reaches.
func newOct(secret []byte, a Algorithm) (*Key, error) {
	if a == 0 {
		a = HS256
	}
	if size := a.scheme().hash.Size(); len(secret) < size {
		return nil, refusal("want a secret of at least " + strconv.Itoa(size) + " bytes for " +
			a.String() + ", got " + strconv.Itoa(len(secret)))
	}
	if len(secret) > maxSecretBytes {
		return nil, errSecretLong
	}
	return &Key{family: familyOct, secret: slices.Clone(secret)}, nil
}

// Fits reports whether k may verify signatures of a: the algorithm that its
// issuer pinned, or any of its family, curve and strength.
func (k *Key) Fits(a Algorithm) bool {
	if k == nil || a == 0 || a >= numAlgorithms || (k.Algorithm != 0 && k.Algorithm != a) {
		return false
	}
	s := a.scheme()
	switch {
	case k.family == 0 || k.family != s.family:
		return false
	case k.family == familyEC:
		return k.curve == s.curve
	case k.family == familyOct:
		return len(k.secret) >= s.hash.Size()
	}
	return true
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

// Symmetric reports whether k is a secret.
func (k *Key) Symmetric() bool { return k != nil && k.family == familyOct }

// Equal reports whether both keys have one name, one algorithm and the same material.
func (k *Key) Equal(other *Key) bool {
	if k == nil || other == nil {
		return k == other
	}
	return k.ID == other.ID && k.HasID == other.HasID && k.Algorithm == other.Algorithm &&
		k.family == other.family && string(k.spki) == string(other.spki) &&
		subtle.ConstantTimeCompare(k.secret, other.secret) == 1
}
