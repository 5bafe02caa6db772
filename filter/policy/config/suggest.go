package config

import "strings"

// otherWords are names that other products and standards have for members and values,
// and the names here.
const otherWords = "alg=algorithms algs=algorithms allow_missing=access aud=audiences cache_duration=refresh " +
	"clock_skew=leeway clock_skew_seconds=leeway digest=sha256 exact=equal exp=expires forward=forward_authorization " +
	"forward_original_token=forward_authorization forward_payload_header=payload_header from_headers=token_locations " +
	"from_params=token_locations from_cookies=token_locations hash=sha256 iss=issuer kid=key_ids kids=key_ids " +
	"local_jwks=jwks nbf=not_before output_payload_to_header=payload_header path_regexp=path_regex paths=path " +
	"prefix=path_prefix regex=path_regex remote_jwks=jwks_uri role=claims roles=claims skew=leeway sub=subject " +
	"token=sha256 url=uri value=equal " +
	"allow=anonymous jwks=jwt jwt_authn=jwt oauth2=jwt oidc=jwt opaque=introspection public=anonymous required=token"

// likeness is how a name was found to be meant by another.
type likeness int

const (
	unlike      likeness = iota
	faintlyLike          // two typing errors
	otherWord            // another product's word, perhaps with another form of value
	like                 // another style, or one typing error
)

// suggest returns the index of the name that was probably meant by a misspelt one: the
// same in another style (jwksUri, jwks-uri), another product's word for it, or one with
// a typing error or two.
func suggest(misspelt string, names []string) (best int, how likeness) {
	if len(misspelt) > 64 {
		return -1, unlike
	}
	best = -1
	plain := plainName(misspelt)
	for i, name := range names {
		other := plainName(name)
		if other == plain {
			return i, like
		}
		switch d := distance(plain, other); {
		case d == 1 && len(other) >= 4 && how < like:
			best, how = i, like
		case d == 2 && len(other) >= 8 && how < faintlyLike:
			best, how = i, faintlyLike
		}
	}
	for words := otherWords; how < otherWord && words != ""; {
		var word string
		word, words, _ = strings.Cut(words, " ")
		other, meant, _ := strings.Cut(word, "=")
		if plainName(other) != plain {
			continue
		}
		for i := range names {
			if names[i] == meant {
				return i, otherWord
			}
		}
	}
	return best, how
}

// DidYouMean returns the end of a message about a misspelt name: the known name that is
// nearest to it, or "".
func DidYouMean(misspelt string, names []string) string {
	if meant, how := suggest(misspelt, names); how != unlike {
		return ": did you mean " + names[meant] + "?"
	}
	return ""
}

// plainName is a name without what distinguishes jwks_uri, jwksUri and JWKS-URI.
func plainName(s string) string {
	plain := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z':
			plain = append(plain, c|0x20)
		case c != '_' && c != '-' && c != ' ' && c != '.':
			plain = append(plain, c)
		}
	}
	return string(plain)
}

// distance returns how many insertions, deletions, changes and swaps of neighbours make
// b of a: 0, 1, 2, or 3 for more.
func distance(a, b string) int {
	a, b = cutCommon(a, b)
	switch {
	case a == b:
		return 0
	case isOneEdit(a, b):
		return 1
	}
	// The first edit is at the front, and what follows it must be one edit.
	for _, cut := range [...][2]int{{1, 1}, {1, 0}, {0, 1}, {2, 2}} {
		if len(a) < cut[0] || len(b) < cut[1] || cut[0] == 2 && (a[0] != b[1] || a[1] != b[0]) {
			continue
		}
		if isOneEdit(cutCommon(a[cut[0]:], b[cut[1]:])) {
			return 2
		}
	}
	return 3
}

// isOneEdit takes two texts that differ at both ends.
func isOneEdit(a, b string) bool {
	return len(a)+len(b) == 1 || len(a) == 1 && len(b) == 1 ||
		len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// cutCommon cuts the beginning and the end that two texts share.
func cutCommon(a, b string) (string, string) {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}
