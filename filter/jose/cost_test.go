package jose

import (
	"math/big"
	"slices"
	"testing"
)

func rsaOfBits(t *testing.T, bits uint, e int64) *Key {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	n.SetBit(n, 0, 1)
	k, err := newRSA(n.Bytes(), big.NewInt(e).Bytes())
	if err != nil {
		t.Fatalf("%d bits, e %d: %v", bits, e, err)
	}
	return k
}

// TestWorstCost: how many keys a forged token without a kid can be checked against
// within the bound. The README has these figures.
func TestWorstCost(t *testing.T) {
	t.Parallel()
	known := others()
	ec := func(c *curve) *Key { return &Key{family: familyEC, curve: c} }
	for name, c := range map[string]struct {
		key  *Key
		a    Algorithm
		want int
	}{
		"RS256, 2048":                   {rsaOfBits(t, 2048, 65537), RS256, 151},
		"RS512, 8192":                   {rsaOfBits(t, 8192, 65537), RS512, 20},
		"PS256, 2048":                   {rsaOfBits(t, 2048, 65537), PS256, 18},
		"PS256, 4096":                   {rsaOfBits(t, 4096, 65537), PS256, 5},
		"PS512, 8192":                   {rsaOfBits(t, 8192, 65537), PS512, 1},
		"PS256, 4096, a large exponent": {rsaOfBits(t, 4096, 1<<31-1), PS256, 1},
		"ES256":                         {ec(p256), ES256, 62},
		"ES384":                         {ec(p384), ES384, 14},
		"ES512":                         {ec(p521), ES512, 5},
		"EdDSA":                         {&Key{family: familyOKP}, EdDSA, 17},
		"HS256":                         {&Key{family: familyOct, secret: known.secret}, HS256, 62},
	} {
		set := &KeySet{}
		for {
			set.Keys = append(set.Keys, c.key)
			cost, keys := set.WorstCost("", false, c.a)
			if keys != len(set.Keys) {
				t.Fatalf("%s: %d of %d keys", name, keys, len(set.Keys))
			}
			if cost > MaxCost {
				break
			}
		}
		if got := len(set.Keys) - 1; got != c.want {
			t.Errorf("%s: %d keys, want %d", name, got, c.want)
		}
	}
	if _, err := newRSA(rsaOfBits(t, 8192, 65537).rsa.N.Bytes(), big.NewInt(1<<31-1).Bytes()); err != errModulusCost {
		t.Errorf("8192 bits with a large exponent: %v", err)
	}
}

// TestCostByForm: a signature whose form shows that a key has not made it costs
// nothing, so RSA keys of other sizes do not count.
func TestCostByForm(t *testing.T) {
	t.Parallel()
	short, long := rsaOfBits(t, 2048, 65537), rsaOfBits(t, 4096, 65537)
	signature := slices.Repeat([]byte{1}, 256)
	if short.Cost(PS256, signature) == 0 || long.Cost(PS256, signature) != 0 || short.Cost(ES256, signature) != 0 || short.Cost(PS256, signature[1:]) != 0 {
		t.Error("the cost is wrong by the length of the signature")
	}
	set := &KeySet{Keys: []*Key{short, long, short, short, long}}
	if cost, keys := set.WorstCost("", false, PS256); keys != 2 || cost != 2*long.cost(PS256) {
		t.Errorf("%d keys, %d us: want the two long ones", keys, cost)
	}
	if cost, keys := set.WorstCost("", false, ES256); keys != 0 || cost != 0 {
		t.Errorf("%d keys, %d us of another family", keys, cost)
	}
	if cost, keys := (*KeySet)(nil).WorstCost("", false, PS256); keys != 0 || cost != 0 {
		t.Errorf("%d keys, %d us of no set", keys, cost)
	}
}
