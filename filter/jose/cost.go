package jose

import (
	"math/bits"
	"slices"
)

// MaxCost is what the signature checks of one request whose tokens are refused may
// cost, in microseconds (requirements 47 and 101). A token without a kid may be signed by any key of its
// issuer, so a forged one is checked against all of them. The bound is on the cost,
// not on the number: one check of RS256 costs a hundredth of one of PS512 with a
// long key.
const MaxCost = 5000

// Costs of one check in microseconds, measured in V8 on an AMD EPYC with the slower
// of both builds, and rounded up. RS and ES have the cost of Envoy's
// verify_signature. A host without it takes 10 times as long, for P-521 up to 45
// times; Envoy has it since before 1.33, the oldest that runs this module.
const (
	costHMAC  = 80 // of a token of MaxToken
	costEdDSA = 280
	costES256 = 80
	costES384 = 350
	costES512 = 900

	// RSA: fixed + bits² / divisor, for the exponent 65537.
	fixedRS, divisorRS = 20, 300_000
	fixedPS, divisorPS = 60, 20_000
	stepsF4            = 19 // one for each bit of 65537 and one more for each 1 among them
)

// Cost is what one check of this signature by k costs. It is nothing where the
// form of the signature shows already that k has not made it.
func (k *Key) Cost(a Algorithm, signature []byte) int {
	if !k.Fits(a) || !k.wellFormed(a, signature) {
		return 0
	}
	return k.cost(a)
}

func (k *Key) cost(a Algorithm) int {
	switch a {
	case RS256, RS384, RS512:
		return fixedRS + k.rsaSteps()/divisorRS
	case PS256, PS384, PS512:
		return fixedPS + k.rsaSteps()/divisorPS
	case ES256:
		return costES256
	case ES384:
		return costES384
	case ES512:
		return costES512
	case EdDSA:
		return costEdDSA
	}
	return costHMAC
}

// rsaSteps grows with the square of the modulus and with each multiplication that
// the exponent needs.
func (k *Key) rsaSteps() int {
	n, e := 8*len(k.limit), uint(k.rsa.E)
	return n * n / stepsF4 * (bits.Len(e) + bits.OnesCount(e))
}

// WorstCost is the most that a forged token with this kid, or without one, can
// cost, and the number of keys that it is checked against then.
func (s *KeySet) WorstCost(id string, hasID bool, a Algorithm) (cost, keys int) {
	// The length of a signature chooses among RSA keys of several sizes.
	type sum struct{ length, cost, keys int }
	var sums []sum
	for _, k := range s.Candidates(id, hasID, a, nil) {
		i := slices.IndexFunc(sums, func(s sum) bool { return s.length == len(k.limit) })
		if i < 0 {
			i = len(sums)
			sums = append(sums, sum{length: len(k.limit)})
		}
		sums[i].cost += k.cost(a)
		sums[i].keys++
	}
	for _, sum := range sums {
		if sum.cost > cost {
			cost, keys = sum.cost, sum.keys
		}
	}
	return cost, keys
}
