package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"testing"

	"bearerauth/filter/testkey"
)

// both verifies with and without a host; the two have to agree.
func both(t *testing.T, k *Key, a Algorithm, text string, signature []byte) bool {
	t.Helper()
	kept, keptText := slices.Clone(signature), strings.Clone(text)
	native := k.Verify(a, text, signature, nil)
	if host := k.Verify(a, text, signature, testkey.HostVerifies); host != native {
		t.Errorf("%s: the host says %v, Go says %v", a, host, native)
	}
	if !bytes.Equal(kept, signature) || keptText != text {
		t.Errorf("%s: the arguments were changed", a)
	}
	return native
}

func TestVerifyEveryAlgorithm(t *testing.T) {
	t.Parallel()
	const text = "header.payload"
	everyAlgorithm(func(a Algorithm) {
		key, signature := ours().key(t, a), ours().sign(a, text)
		if !both(t, key, a, text, signature) {
			t.Errorf("%s: a good signature is refused", a)
		}
		everyAlgorithm(func(other Algorithm) {
			// Every key, every algorithm: only the pair that belongs together.
			otherKey := ours().key(t, other)
			for _, claimed := range []Algorithm{a, other} {
				if fits := otherKey.Fits(claimed) && other.scheme().family == a.scheme().family && claimed == a &&
					other.scheme().curve == a.scheme().curve; both(t, otherKey, claimed, text, signature) != fits {
					t.Errorf("signature of %s, key of %s, claimed %s: want %v", a, other, claimed, fits)
				}
			}
		})
		if both(t, others().key(t, a), a, text, signature) {
			t.Errorf("%s: another key's signature is accepted", a)
		}
		for _, changed := range []string{"", text + " ", text[1:], "Header.payload", strings.ToUpper(text)} {
			if both(t, key, a, changed, signature) {
				t.Errorf("%s: %q is accepted", a, changed)
			}
		}
		for at := range signature {
			for _, bit := range []byte{1, 0x80} {
				forged := slices.Clone(signature)
				forged[at] ^= bit
				if key.Verify(a, text, forged, nil) {
					t.Errorf("%s: accepted with byte %d changed", a, at)
				}
			}
		}
		n := len(signature)
		for name, forged := range map[string][]byte{
			"none": nil, "empty": {}, "one byte": {0}, "zeros": make([]byte, n), "ones": bytes.Repeat([]byte{0xff}, n),
			"shorter": signature[:n-1], "longer": append(slices.Clone(signature), 0), "zero in front": append([]byte{0}, signature...),
			"half": signature[:n/2], "twice": append(slices.Clone(signature), signature...), "without the first": signature[1:],
			"zeros of another length": make([]byte, n*2),
		} {
			if both(t, key, a, text, forged) {
				t.Errorf("%s: %s is accepted", a, name)
			}
		}
		for _, wrong := range []Algorithm{0, numAlgorithms, 255} {
			if both(t, key, wrong, text, signature) {
				t.Errorf("%s: verified as algorithm %d", a, wrong)
			}
		}
	})
}

func TestZeroKey(t *testing.T) {
	t.Parallel()
	everyAlgorithm(func(a Algorithm) {
		signature := ours().sign(a, "x")
		for name, k := range map[string]*Key{"nil": nil, "zero": {}, "pinned": {Algorithm: a}} {
			if k.Fits(a) || both(t, k, a, "x", signature) || both(t, k, a, "x", nil) {
				t.Errorf("%s: a %s key verifies", a, name)
			}
		}
	})
}

// CVE-2015-9235: the public key, which everyone has, as a secret.
func TestKeyConfusion(t *testing.T) {
	t.Parallel()
	spki := ours().public(t, RS256)
	k := ours().key(t, RS256)
	for _, secret := range [][]byte{spki, ours().rsa.N.Bytes(), k.limit, rsaPKCS1(ours().rsa.N.Bytes(), []byte{1, 0, 1})} {
		if both(t, k, HS256, "x", (&signers{secret: secret}).sign(HS256, "x")) {
			t.Error("an RSA key served as a secret")
		}
	}
	// CVE-2022-29217 and others: no algorithm in the key, one in the token.
	if k.Algorithm != 0 || k.Fits(HS256) || k.Fits(ES256) || k.Fits(EdDSA) || !k.Fits(RS256) || !k.Fits(PS512) {
		t.Error("an RSA key fits the wrong algorithms")
	}
	k.Algorithm = RS256
	if k.Fits(RS384) || k.Fits(PS256) || !k.Fits(RS256) {
		t.Error("a pinned key fits others")
	}
}

// Requirement 49: DER is not the signature's form here, and r and s have bounds
// that not every verifier checks.
func TestECDSAForms(t *testing.T) {
	t.Parallel()
	for a, private := range ours().ec {
		key, signature := ours().key(t, a), ours().sign(a, "x")
		n := a.scheme().curve.size
		order := private.Params().N
		r, s := signature[:n], signature[n:]
		number := func(x *big.Int) []byte { return x.FillBytes(make([]byte, n)) }
		zero, one := make([]byte, n), number(big.NewInt(1))
		der := ecdsaDER(signature)
		if !ecdsa.VerifyASN1(&private.PublicKey, hashed(a, "x"), der) {
			t.Errorf("%s: the DER is wrong: %x", a, der)
		}
		for name, forged := range map[string][]byte{
			"DER": der, "r zero": slices.Concat(zero, s), "s zero": slices.Concat(r, zero), "r and s order": slices.Concat(number(order), number(order)),
			"r order": slices.Concat(number(order), s), "s order": slices.Concat(r, number(order)), "zero and one": slices.Concat(zero, one),
			"swapped": slices.Concat(s, r), "padded": slices.Concat([]byte{0}, r, []byte{0}, s),
		} {
			if both(t, key, a, "x", forged) {
				t.Errorf("%s: %s is accepted", a, name)
			}
		}
		if n == 32 { // s + order fits less often into the bytes of the larger curves
			if sum := new(big.Int).Add(new(big.Int).SetBytes(s), order); sum.BitLen() <= 8*n && both(t, key, a, "x", slices.Concat(r, number(sum))) {
				t.Errorf("%s: s plus the order is accepted", a)
			}
		}
	}
	// Short numbers: the DER must drop their zeros, or add one.
	for range 600 {
		signature := ours().sign(ES256, "y")
		if !both(t, ours().key(t, ES256), ES256, "y", signature) {
			t.Fatalf("refused: %x", signature)
		}
	}
}

// Requirement 51: the same signature plus the modulus is the same number.
func TestRSAMalleability(t *testing.T) {
	t.Parallel()
	for range 20 {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, err := newRSA(private.N.Bytes(), []byte{1, 0, 1})
		if err != nil {
			t.Fatal(err)
		}
		signature := (&signers{rsa: private}).sign(RS256, "x")
		if !both(t, key, RS256, "x", signature) {
			t.Fatal("refused")
		}
		sum := new(big.Int).Add(new(big.Int).SetBytes(signature), private.N)
		if sum.BitLen() > 2048 {
			continue
		}
		if both(t, key, RS256, "x", sum.Bytes()) {
			t.Error("signature plus modulus is accepted")
		}
		return
	}
}

// Requirement 52.
func TestPSSSalt(t *testing.T) {
	t.Parallel()
	key := ours().key(t, PS256)
	for _, salt := range []int{0, 20, 31, 33, 48, 64, rsa.PSSSaltLengthAuto} {
		signature, err := rsa.SignPSS(rand.Reader, ours().rsa, crypto.SHA256, hashed(PS256, "x"), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if both(t, key, PS256, "x", signature) {
			t.Errorf("a salt of %d bytes is accepted", salt)
		}
	}
}

// Requirement 50: S plus the order is the same number to a verifier that does not look.
func TestEdDSAMalleability(t *testing.T) {
	t.Parallel()
	key, signature := ours().key(t, EdDSA), ours().sign(EdDSA, "x")
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	if both(t, key, EdDSA, "x", append(slices.Clone(signature[:32]), sum...)) {
		t.Error("S plus the order is accepted")
	}
	if belowEdOrder([]byte(edOrder)) || !belowEdOrder([]byte("\xec"+edOrder[1:])) {
		t.Error("the bound is wrong")
	}
}

// These are a modulus whose length is not a multiple of eight bits, the upper bound of
// sizes, and the lower bound. With one bit more, RSA's emLen is a byte shorter than the
// signature.
func TestRSASizes(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{2048, 2049, 2050, 3072, 4095} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		key, err := newRSA(private.N.Bytes(), []byte{1, 0, 1})
		if err != nil {
			t.Fatalf("%d bits: %v", bits, err)
		}
		s := &signers{rsa: private}
		for _, a := range []Algorithm{RS256, RS384, RS512, PS256, PS384, PS512} {
			if !both(t, key, a, "x", s.sign(a, "x")) {
				t.Errorf("%d bits: %s refused", bits, a)
			}
		}
	}
}

// What the host does not know is decided here, and it is never asked about
// what is malformed.
func TestHost(t *testing.T) {
	t.Parallel()
	asked := 0
	never := func(string, []byte, []byte, []byte) (bool, bool) { asked++; return true, false }
	everyAlgorithm(func(a Algorithm) {
		asked = 0
		key, signature := ours().key(t, a), ours().sign(a, "x")
		if !key.Verify(a, "x", signature, never) || key.Verify(a, "y", signature, never) {
			t.Errorf("%s: a host that could not say decided", a)
		}
		want := 0
		if a.HostKnows() {
			want = 2
		}
		if asked != want {
			t.Errorf("%s: asked %d times, want %d", a, asked, want)
		}
		asked = 0
		for _, forged := range [][]byte{nil, {}, signature[1:], make([]byte, 1000)} {
			key.Verify(a, "x", forged, never)
		}
		if asked != 0 {
			t.Errorf("%s: asked about malformed signatures", a)
		}
		for _, answer := range []bool{true, false} {
			host := func(string, []byte, []byte, []byte) (bool, bool) { return answer, true }
			if want := answer && a.HostKnows(); key.Verify(a, "y", signature, host) != want {
				t.Errorf("%s: the host's answer %v does not count", a, answer)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	text := strings.Repeat("x", 320)
	everyAlgorithm(func(a Algorithm) {
		key, signature := ours().key(b, a), ours().sign(a, text)
		b.Run(a.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !key.Verify(a, text, signature, nil) {
					b.Fatal("refused")
				}
			}
		})
	})
}

// Go checks these again, a host need not: it must never be asked.
func TestFormIsCheckedFirst(t *testing.T) {
	t.Parallel()
	rsaKey := ours().key(t, RS256)
	above := bytes.Repeat([]byte{0xff}, len(rsaKey.limit))
	for _, forged := range [][]byte{rsaKey.limit, above} {
		if rsaKey.wellFormed(RS256, forged) {
			t.Error("a number that is not below the modulus is well-formed")
		}
	}
	for a := range ours().ec {
		key, c := ours().key(t, a), a.scheme().curve
		zero, one := make([]byte, c.size), make([]byte, c.size)
		one[c.size-1] = 1
		for _, bad := range [][]byte{zero, c.order, bytes.Repeat([]byte{0xff}, c.size)} {
			if key.wellFormed(a, slices.Concat(bad, one)) || key.wellFormed(a, slices.Concat(one, bad)) {
				t.Errorf("%s: r or s of %x is well-formed", a, bad)
			}
		}
		if !key.wellFormed(a, slices.Concat(one, one)) {
			t.Errorf("%s: r = s = 1 is malformed", a)
		}
	}
	if ours().key(t, EdDSA).wellFormed(EdDSA, append(make([]byte, 32), edOrder...)) {
		t.Error("S of the order is well-formed")
	}
	short, err := newOct(make([]byte, 32), 0)
	if err != nil || !short.Fits(HS256) || short.Fits(HS384) || short.Fits(HS512) {
		t.Errorf("a secret of 32 bytes fits a longer hash: %v", err)
	}
}
