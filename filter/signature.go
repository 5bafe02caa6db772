//go:build wasm

package filter

import (
	"bytes"
	"encoding/binary"

	"bearerauth/filter/internal/sdk"
	"bearerauth/filter/jose"
)

// verifyInput is reused for each signature.
var verifyInput []byte

// verifySignature calls Envoy's foreign function verify_signature, which verifies
// with BoringSSL. Its argument is the protobuf message
//
//	{1: hash function, 2: SubjectPublicKeyInfo in DER, 3: signature, 4: text}
//
// and its result {1: bool}. done is false where the host does not have the function.
func verifySignature(hash string, spki, signature, text []byte) (valid, done bool) {
	verifyInput = appendField(verifyInput[:0], 1, []byte(hash))
	verifyInput = appendField(verifyInput, 2, spki)
	verifyInput = appendField(verifyInput, 3, signature)
	verifyInput = appendField(verifyInput, 4, text)
	result, ok := foreignFunction("verify_signature", verifyInput)
	if !ok {
		return false, false
	}
	// In protobuf a message without the field means false.
	return len(result) >= 2 && result[0] == 1<<3 && result[1] == 1, true
}

// sign calls Envoy's foreign function sign. Its argument is the message
//
//	{1: hash function, 3: text, 4: private key in PEM}
//
// and its result {1: bool, 2: signature, 3: error}.
func sign(hash, key string, text []byte) (signature []byte, done bool) {
	argument := appendField(nil, 1, []byte(hash))
	argument = appendField(argument, 3, text)
	argument = appendField(argument, 4, []byte(key))
	result, ok := foreignFunction("sign", argument)
	if !ok || len(result) < 2 || result[0] != 1<<3 || result[1] != 1 {
		return nil, false
	}
	if result = result[2:]; len(result) == 0 || result[0] != 2<<3|2 {
		return nil, false
	}
	size, n := binary.Uvarint(result[1:])
	if n <= 0 || size > uint64(len(result)-1-n) {
		return nil, false
	}
	return bytes.Clone(result[1+n:][:size]), true
}

// appendField appends a length-delimited field of a protobuf message.
func appendField(dst []byte, number byte, value []byte) []byte {
	dst = append(dst, number<<3|2)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// hostAlgorithms are the algorithms that the host verified correctly. They are tested
// once per VM.
var hostAlgorithms = struct {
	asked bool
	know  jose.Algorithms
}{}

// testHost returns the algorithms for which the host's verify_signature can be used.
func testHost() jose.Algorithms {
	if hostAlgorithms.asked {
		return hostAlgorithms.know
	}
	hostAlgorithms.asked = true
	know, err := jose.SelfTest(verifySignature)
	if err != nil {
		sdk.LogWarn("the host's verify_signature is not used: " + err.Error())
		return 0
	}
	hostAlgorithms.know = know
	if know != 0 {
		sdk.LogInfo("the host verifies signatures of " + know.String())
	}
	return know
}
