package issuer

import (
	"net/http"
	"strings"

	"bearerauth/filter/testkey"
)

// Say answers with a status and a body.
func Say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}
}

// Wrong are answers in place of a key set that are none, by what is wrong with
// them. Each holds the keys as far as its kind allows: who takes it for good
// finds them there.
func Wrong(keys ...*testkey.Key) map[string]http.HandlerFunc {
	good := testkey.Set(keys...)
	private := []map[string]any{}
	for _, k := range keys {
		jwk := k.JWK()
		jwk["kty"] = "oct"
		jwk["k"] = strings.Repeat("A", 86) // 64 octets
		private = append(private, jwk)
	}
	return map[string]http.HandlerFunc{
		"server error":    Say(http.StatusInternalServerError, good),
		"unavailable":     Say(http.StatusServiceUnavailable, ""),
		"not found":       Say(http.StatusNotFound, good),
		"not modified":    Say(http.StatusNotModified, ""),
		"redirect":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"nothing":         Say(http.StatusOK, ""),
		"HTML":            Say(http.StatusOK, "<!doctype html><title>Sign in</title>"),
		"broken JSON":     Say(http.StatusOK, good[:len(good)-1]),
		"no keys":         Say(http.StatusOK, `{"keys":[]}`),
		"duplicate names": Say(http.StatusOK, `{"keys":[],`+good[1:]),
		"secrets only":    Say(http.StatusOK, encode(map[string]any{"keys": private})),
		"huge":            Say(http.StatusOK, `{"pad":"`+strings.Repeat("x", 1<<20)+`",`+good[1:]),
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write([]byte(good))
			panic(http.ErrAbortHandler)
		},
	}
}
