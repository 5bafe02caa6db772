package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func rsaJWK(extra ...string) string {
	return object(append([]string{"kty", "RSA", "n", b64(string(ours().rsa.N.Bytes())), "e", "AQAB"}, extra...)...)
}

func ecPair(a Algorithm) (x, y string) {
	point, err := ours().ec[a].PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	n := len(point) / 2
	return b64(string(point[1 : 1+n])), b64(string(point[1+n:]))
}

func ecJWK(a Algorithm, crv string, extra ...string) string {
	x, y := ecPair(a)
	return object(append([]string{"kty", "EC", "crv", crv, "x", x, "y", y}, extra...)...)
}

func edJWK(extra ...string) string {
	return object(append([]string{"kty", "OKP", "crv", "Ed25519", "x", b64(string(ours().ed[32:]))}, extra...)...)
}

func octJWK(extra ...string) string {
	return object(append([]string{"kty", "oct", "k", b64(string(ours().secret))}, extra...)...)
}

func with(key, member string) string { return strings.TrimSuffix(key, "}") + "," + member + "}" }

func TestParseSetEveryKind(t *testing.T) {
	t.Parallel()
	set, err := ParseSet(set(
		rsaJWK("kid", "r", "use", "sig"), rsaJWK("kid", "p", "alg", "PS384"), ecJWK(ES256, "P-256", "kid", "e", "alg", "ES256"),
		ecJWK(ES384, "P-384"), ecJWK(ES512, "P-521", "kid", ""), edJWK("alg", "EdDSA"), octJWK("kid", "s", "alg", "HS512"),
		with(rsaJWK("kid", "o"), `"key_ops":["verify"]`), with(rsaJWK("x5u", "http://a"), `"x5c":["AA=="],"unknown":{"a":[]}`),
		with(rsaJWK(), `"d":"AQ","p":"AQ","oth":[]`), with(edJWK(), `"d":"AQ"`),
	), AllowSecrets)
	if err != nil || len(set.Skipped) != 0 || len(set.Keys) != 11 || set.Private != 2 {
		t.Fatalf("got %+v, %v", set, err)
	}
	everyAlgorithm(func(a Algorithm) {
		signature := ours().sign(a, "x")
		verified := 0
		for _, k := range set.Keys {
			if k.Fits(a) && !both(t, k, a, "x", signature) {
				t.Errorf("%s: key %q refuses", a, k.ID)
			}
			if both(t, k, a, "x", signature) {
				verified++
			}
		}
		// Five RSA keys are not pinned, one is to PS384.
		want := map[Algorithm]int{PS384: 5, ES256: 1, ES384: 1, ES512: 1, EdDSA: 2, HS512: 1, HS256: 0, HS384: 0}
		n, ok := want[a]
		if !ok {
			n = 4
		}
		if verified != n {
			t.Errorf("%s: %d keys verify, want %d", a, verified, n)
		}
	})
	if set.Keys[4].ID != "" || !set.Keys[4].HasID || set.Keys[3].HasID {
		t.Error("an empty kid is not an absent one")
	}
}

// lowOrder are the small-order points of Ed25519 and their second writings:
// under such a key anyone can sign anything.
var lowOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0200000000000000000000000000000000000000000000000000000000000000", // no point has this y
}

func TestParseSetSkips(t *testing.T) {
	t.Parallel()
	n := ours().rsa.N
	number := func(x *big.Int) string { return b64(string(x.Bytes())) }
	rsaOf := func(n, e string) string { return object("kty", "RSA", "n", n, "e", e) }
	x, y := ecPair(ES256)
	short, err := rsa.GenerateKey(rand.Reader, 2047)
	if err != nil {
		t.Fatal(err)
	}
	even := new(big.Int).Add(n, big.NewInt(1))
	offCurve := []byte(strings.Repeat("\x01", 32))
	cases := map[string]string{
		"a string": `"x"`, "a number": `1`, "null": `null`, "an array": `[]`, "empty": `{}`,
		"no kty": `{"n":"AQ","e":"AQAB"}`, "kty in lower case": strings.Replace(rsaJWK(), "RSA", "rsa", 1),
		"kty number": `{"kty":1}`, "kty unknown": `{"kty":"AKP"}`, "kty oct in upper case": strings.Replace(octJWK(), "oct", "OCT", 1),
		"name in upper case": strings.Replace(rsaJWK(), "kty", "KTY", 1),
		"kid number":         with(rsaJWK(), `"kid":1`), "kid null": with(rsaJWK(), `"kid":null`),
		"use enc": rsaJWK("use", "enc"), "use in upper case": rsaJWK("use", "SIG"), "use array": with(rsaJWK(), `"use":["sig"]`), "use empty": rsaJWK("use", ""),
		"key_ops sign": with(rsaJWK(), `"key_ops":["sign"]`), "key_ops empty": with(rsaJWK(), `"key_ops":[]`), "key_ops string": rsaJWK("key_ops", "verify"),
		"key_ops numbers": with(rsaJWK(), `"key_ops":["verify",1]`), "key_ops null": with(rsaJWK(), `"key_ops":null`),
		"key_ops beside use": with(rsaJWK("use", "sig"), `"key_ops":["encrypt"]`),
		"alg number":         with(rsaJWK(), `"alg":256`), "alg unknown": rsaJWK("alg", "RSA-OAEP"), "alg none": rsaJWK("alg", "none"), "alg in lower case": rsaJWK("alg", "rs256"),
		"alg of another family": rsaJWK("alg", "ES256"), "alg HS256 on RSA": rsaJWK("alg", "HS256"), "alg HS256 on EC": ecJWK(ES256, "P-256", "alg", "HS256"),
		"alg HS256 on OKP": edJWK("alg", "HS256"), "alg RS256 on oct": octJWK("alg", "RS256"), "alg of another curve": ecJWK(ES256, "P-256", "alg", "ES384"),
		"alg empty": rsaJWK("alg", ""), "ES256 on P-384": ecJWK(ES384, "P-384", "alg", "ES256"),
		"name twice": with(rsaJWK(), `"kty":"RSA"`), "name twice, escaped": with(rsaJWK("use", "enc"), `"us\u0065":"sig"`), "name twice inside": with(rsaJWK(), `"z":{"a":1,"a":1}`),

		"no n": object("kty", "RSA", "e", "AQAB"), "no e": object("kty", "RSA", "n", number(n)), "n empty": rsaOf("", "AQAB"), "e empty": rsaOf(number(n), ""),
		"n number": `{"kty":"RSA","n":5,"e":"AQAB"}`, "n padded": rsaOf(number(n)+"==", "AQAB"), "n in another alphabet": rsaOf("+"+number(n)[1:], "AQAB"),
		"n with a line feed": `{"kty":"RSA","n":"` + number(n)[:8] + `\n` + number(n)[8:] + `","e":"AQAB"}`,
		"n too short":        rsaOf(number(short.N), "AQAB"), "n short but padded with zeros": rsaOf(b64(string(append(make([]byte, 64), short.N.Bytes()...))), "AQAB"),
		"n too long": rsaOf(number(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1))), "AQAB"), "n even": rsaOf(number(even), "AQAB"),
		"n zero": rsaOf("AA", "AQAB"), "e zero": rsaOf(number(n), "AA"), "e one": rsaOf(number(n), "AQ"), "e two": rsaOf(number(n), "Ag"), "e even": rsaOf(number(n), "AQAA"),
		"e of 32 bits": rsaOf(number(n), number(big.NewInt(1<<31+1))), "e of 33 bits": rsaOf(number(n), number(big.NewInt(1<<32+1))), "e of 65 bits": rsaOf(number(n), b64("\x01\x00\x00\x00\x00\x00\x00\x00\x03")),

		"no crv": object("kty", "EC", "x", x, "y", y), "crv in lower case": ecJWK(ES256, "p-256"), "crv by another name": ecJWK(ES256, "secp256r1"), "crv number": `{"kty":"EC","crv":256,"x":"` + x + `","y":"` + y + `"}`,
		"crv of secp256k1": ecJWK(ES256, "secp256k1"), "crv P-384, coordinates of P-256": ecJWK(ES256, "P-384"), "crv Ed25519 on EC": ecJWK(ES256, "Ed25519"),
		"no y": object("kty", "EC", "crv", "P-256", "x", x), "x short": object("kty", "EC", "crv", "P-256", "x", x[:len(x)-4], "y", y),
		"x long":        object("kty", "EC", "crv", "P-256", "x", "AAAA"+x, "y", y),
		"not on curve":  object("kty", "EC", "crv", "P-256", "x", b64(string(offCurve)), "y", b64(string(offCurve))),
		"at infinity":   object("kty", "EC", "crv", "P-256", "x", b64(string(make([]byte, 32))), "y", b64(string(make([]byte, 32)))),
		"y not negated": object("kty", "EC", "crv", "P-256", "x", x, "y", x),
		"x not reduced": object("kty", "EC", "crv", "P-256", "x", b64(strings.Repeat("\xff", 32)), "y", y),

		"no x": object("kty", "OKP", "crv", "Ed25519"), "X25519": strings.Replace(edJWK(), "Ed25519", "X25519", 1), "Ed448": strings.Replace(edJWK(), "Ed25519", "Ed448", 1),
		"crv P-256 on OKP": strings.Replace(edJWK(), "Ed25519", "P-256", 1), "x of 31 bytes": object("kty", "OKP", "crv", "Ed25519", "x", b64(string(ours().ed[33:]))),
		"x of 33 bytes": object("kty", "OKP", "crv", "Ed25519", "x", b64(string(ours().ed[31:]))),

		"no k": object("kty", "oct"), "k empty": object("kty", "oct", "k", ""), "k short": object("kty", "oct", "k", b64(strings.Repeat("x", 31))),
		"k short for HS384": object("kty", "oct", "k", b64(strings.Repeat("x", 47)), "alg", "HS384"), "k short for HS512": object("kty", "oct", "k", b64(strings.Repeat("x", 63)), "alg", "HS512"),
		"k long": object("kty", "oct", "k", b64(strings.Repeat("x", maxSecretBytes+1))), "k of AES": octJWK("alg", "A256KW"),
	}
	for _, point := range lowOrder {
		encoded, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		cases["Ed25519 "+point] = object("kty", "OKP", "crv", "Ed25519", "x", b64(string(encoded)))
	}
	for name, key := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseSet(set(key, ecJWK(ES384, "P-384")), AllowSecrets)
			if err != nil {
				t.Fatalf("one bad key spoils the set: %v", err)
			}
			if len(got.Keys) != 1 || len(got.Skipped) != 1 || got.Skipped[0].Index != 0 || got.Skipped[0].Why == "" || !got.Keys[0].Fits(ES384) {
				t.Fatalf("%s: got %+v", key, got)
			}
			if alone, err := ParseSet(set(key), AllowSecrets); err == nil {
				t.Errorf("a set of one bad key is accepted: %+v", alone)
			}
		})
	}
}

func TestParseSetRefuses(t *testing.T) {
	t.Parallel()
	good := rsaJWK()
	many := slices.Repeat([]string{ecJWK(ES256, "P-256")}, maxSetKeys+1)
	for name, document := range map[string]string{
		"nothing": "", "white space": " ", "HTML": "<html>keys</html>", "null": "null", "array": "[" + good + "]", "a string": `"keys"`,
		"empty object": `{}`, "empty keys": `{"keys":[]}`, "keys object": `{"keys":{"0":` + good + `}}`, "keys null": `{"keys":null}`, "keys string": `{"keys":"x"}`,
		"Keys": `{"Keys":[` + good + `]}`, "keys twice": `{"keys":[` + good + `],"keys":[` + good + `]}`, "keys twice, escaped": `{"keys":[` + good + `],"k\u0065ys":[]}`,
		"bare key": good, "two sets": string(set(good)) + string(set(good)), "cut off": string(set(good)[:100]), "too many": string(set(many...)),
		"too long": `{"keys":[` + good + `],"pad":"` + strings.Repeat("x", maxSetBytes) + `"}`, "another member twice": `{"a":1,"keys":[` + good + `],"a":1}`,
		"bad UTF-8": "{\"keys\":[" + good + "],\"a\":\"\xff\"}", "only secrets": string(set(octJWK())), "BOM": "\ufeff" + string(set(good)),
		"too deep": `{"keys":[` + good + `],"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	} {
		if got, err := ParseSet([]byte(document), RefuseSecrets); err == nil {
			t.Errorf("%s: accepted: %+v", name, got)
		} else if got != nil {
			t.Errorf("%s: a set and an error", name)
		}
	}
	if got, err := ParseSet(set(many[1:]...), RefuseSecrets); err != nil || len(got.Keys) != maxSetKeys {
		t.Errorf("%d keys are refused: %v", maxSetKeys, err)
	}
	if got, err := ParseSet(set(octJWK("kid", "s"), good), RefuseSecrets); err != nil || len(got.Keys) != 1 || got.Skipped[0].KeyID != "s" {
		t.Errorf("a secret from the network is kept: %+v, %v", got, err)
	}
}

// Some issuers' libraries write n with a zero in front (RFC 7518 section
// 6.3.1.1 warns of them). The number is the same, and so is the key.
func TestLeadingZeros(t *testing.T) {
	t.Parallel()
	padded := object("kty", "RSA", "n", b64("\x00"+string(ours().rsa.N.Bytes())), "e", "AAEAAQ")
	got, err := ParseSet(set(padded, rsaJWK()), RefuseSecrets)
	if err != nil || len(got.Keys) != 2 || !got.Keys[0].Equal(got.Keys[1]) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !both(t, got.Keys[0], RS256, "x", ours().sign(RS256, "x")) {
		t.Error("refused")
	}
}

func ids(keys []*Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.ID+"/"+strconv.Itoa(int(k.family)))
	}
	return strings.Join(list, " ")
}

func TestCandidates(t *testing.T) {
	set, err := ParseSet(set(
		rsaJWK("kid", "a"), ecJWK(ES256, "P-256", "kid", "a"), rsaJWK("kid", "b", "alg", "RS256"), rsaJWK(), octJWK("kid", "a"), edJWK("kid", "A"), rsaJWK("kid", ""),
	), AllowSecrets)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id    string
		hasID bool
		a     Algorithm
		want  string
	}{
		{"a", true, RS256, "a/1 /1"},
		{"a", true, ES256, "a/2"},
		{"a", true, HS256, "a/4"},
		{"a", true, EdDSA, ""},
		{"A", true, EdDSA, "A/3"},
		{"b", true, RS256, "b/1 /1"},
		{"b", true, PS256, "/1"},
		{"unknown", true, RS256, "/1"},
		{"unknown", true, ES256, ""},
		{"", true, RS256, "/1 /1"},
		{"", false, RS256, "a/1 b/1 /1 /1"},
		{"", false, PS256, "a/1 /1 /1"},
		{"", false, ES384, ""},
		{"", false, 0, ""},
		{"a", true, 0, ""},
	} {
		if got := ids(set.Candidates(c.id, c.hasID, c.a, nil)); got != c.want {
			t.Errorf("%q %v %s: got %q, want %q", c.id, c.hasID, c.a, got, c.want)
		}
	}
	var none *KeySet
	if got := none.Candidates("a", true, RS256, nil); got != nil {
		t.Errorf("got %v of no set", got)
	}
	many := &KeySet{Keys: slices.Repeat(set.Keys[:1], 100)}
	if got := many.Candidates("", false, RS256, set.Keys[:1:1]); len(got) != 101 {
		t.Errorf("got %d candidates, want all 100", len(got)-1)
	}
	if n := testing.AllocsPerRun(10, func() {
		var buffer [4]*Key
		if len(set.Candidates("a", true, RS256, buffer[:0])) != 2 {
			t.Fatal("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	parse := func(keys ...string) *KeySet {
		s, err := ParseSet(set(keys...), AllowSecrets)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := parse(rsaJWK("kid", "a"), ecJWK(ES256, "P-256", "kid", "e"), octJWK())
	fresh := parse(octJWK(), rsaJWK("kid", "b"), ecJWK(ES256, "P-256", "kid", "e"), rsaJWK("kid", "a", "alg", "RS256"))
	fresh.Keep(old)
	if fresh.Keys[0] != old.Keys[2] || fresh.Keys[2] != old.Keys[1] || fresh.Keys[1] == old.Keys[0] || fresh.Keys[3] == old.Keys[0] {
		t.Error("identity is kept for the wrong keys")
	}
	if !fresh.Holds(old.Keys[1]) || fresh.Holds(old.Keys[0]) || fresh.Holds(nil) || (*KeySet)(nil).Holds(old.Keys[0]) {
		t.Error("Holds is wrong")
	}
	other, err := NewSecret("", false, others().secret, HS256)
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewSecret("", false, others().secret, HS256)
	if other.Equal(old.Keys[2]) || !other.Equal(same) || other.Equal(nil) || (*Key)(nil).Equal(other) || !(*Key)(nil).Equal(nil) {
		t.Error("Equal is wrong")
	}
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{HS256, HS384, HS512} {
		size := a.scheme().hash.Size()
		if _, err := NewSecret("", false, make([]byte, size-1), a); err == nil {
			t.Errorf("%s: short secret", a)
		}
		secret := []byte(strings.Repeat("s", size))
		k, err := NewSecret("id", true, secret, a)
		if err != nil {
			t.Fatal(err)
		}
		clear(secret)
		s := &signers{secret: []byte(strings.Repeat("s", size))}
		if !k.Verify(a, "x", s.sign(a, "x"), nil) || k.ID != "id" || !k.HasID {
			t.Errorf("%s: refused, or the secret is borrowed", a)
		}
	}
	for _, a := range []Algorithm{0, RS256, ES256, EdDSA, numAlgorithms} {
		if _, err := NewSecret("", false, make([]byte, 64), a); err == nil {
			t.Errorf("%s: a secret for it", a)
		}
	}
	if _, err := NewSecret("", false, nil, HS256); err == nil {
		t.Error("empty secret")
	}
}

// FuzzParseSet: no served set causes a panic, or a key that breaks the rules.
func FuzzParseSet(f *testing.F) {
	seeds := [][]byte{
		set(rsaJWK("kid", "a")), set(ecJWK(ES256, "P-256", "alg", "ES256"), edJWK()), set(octJWK()), []byte(`{"keys":[]}`), []byte(rsaJWK()),
		set(ecJWK(ES512, "P-521", "use", "sig"), with(rsaJWK(), `"key_ops":["verify"],"d":"AQ"`)),
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		got, err := ParseSet(document, RefuseSecrets)
		if err != nil {
			if got != nil {
				t.Fatal("a set and an error")
			}
			return
		}
		if len(got.Keys) == 0 || len(got.Keys)+len(got.Skipped) > maxSetKeys {
			t.Fatalf("%d keys, %d skipped", len(got.Keys), len(got.Skipped))
		}
		for _, k := range got.Keys {
			if k.Symmetric() {
				t.Fatal("a secret")
			}
			again, err := readSPKI(k.spki)
			if err != nil {
				t.Fatalf("the host reads another key: %v", err)
			}
			again.ID, again.HasID, again.Algorithm = k.ID, k.HasID, k.Algorithm
			if !k.Equal(again) {
				t.Fatal("the key changes when it is written")
			}
			everyAlgorithm(func(a Algorithm) {
				if k.Fits(a) && a.Symmetric() {
					t.Fatalf("a public key fits %s", a)
				}
				if k.Verify(a, "x", make([]byte, len(k.limit)+64), nil) {
					t.Fatal("zeros verify")
				}
			})
		}
	})
}

// TestKeyOps: a key that verifies may do other things, too, in any order.
func TestKeyOps(t *testing.T) {
	t.Parallel()
	for ops, want := range map[string]bool{
		`["verify"]`: true, `["verify","sign"]`: true, `["sign","verify"]`: true, `["verify","encrypt","x"]`: true,
		`["sign"]`: false, `[]`: false, `["Verify"]`: false, `[7,"verify"]`: false, `["verify",7]`: false, `[null,"verify","x"]`: false, `"verify"`: false,
	} {
		key := rsaJWK("kid", "a")
		key = key[:len(key)-1] + `,"key_ops":` + ops + "}"
		s, err := ParseSet([]byte(`{"keys":[`+key+`]}`), RefuseSecrets)
		if got := err == nil && len(s.Keys) == 1; got != want {
			t.Errorf("%s: used %t, want %t (%v)", ops, got, want, err)
		}
	}
}
