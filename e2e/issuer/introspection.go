package issuer

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"bearerauth/filter/testkey"
)

// IntrospectionPath is where tests mount an Introspection.
const IntrospectionPath = "/introspect"

// Introspection answers questions about tokens (RFC 7662): Server.Reply mounts it.
type Introspection struct {
	// Client says who asks, and whether that is right.
	Client func(r *http.Request, form url.Values) error

	mu     sync.Mutex
	active map[string]Claims
	asked  map[string]int
	signed func(answer Claims) string
}

// Sign makes it sign its answers where the question asks for that (RFC 9701).
func (i *Introspection) Sign(k *testkey.Key, issuer, audience string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signed = func(answer Claims) string { return Introspected(k, issuer, audience, answer, nil) }
}

// Activate makes a token good, and says what it is.
func (i *Introspection) Activate(token string, claims Claims) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.active == nil {
		i.active = map[string]Claims{}
	}
	i.active[token] = claims
}

// Revoke makes a token bad.
func (i *Introspection) Revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.active, token)
}

// Asked is how many questions about a token were answered.
func (i *Introspection) Asked(token string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[token]
}

// ServeHTTP answers a question as RFC 7662 has it and says 400 to every other.
func (i *Introspection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	if err == nil && (r.Method != http.MethodPost || r.URL.RawQuery != "" || len(r.PostForm["token"]) != 1 ||
		r.Header.Get("Content-Type") != "application/x-www-form-urlencoded") {
		err = errors.New("want a POST with one token")
	}
	if err != nil {
		Say(http.StatusBadRequest, err.Error())(w, r)
		return
	}
	if err := i.Client(r, r.PostForm); err != nil {
		w.Header().Set("Content-Type", "application/json")
		Say(http.StatusUnauthorized, `{"error":"invalid_client"}`)(w, r)
		return
	}
	token := r.PostForm.Get("token")
	i.mu.Lock()
	if i.asked == nil {
		i.asked = map[string]int{}
	}
	i.asked[token]++
	claims, active := i.active[token]
	signed := i.signed
	i.mu.Unlock()
	answer := Claims{"active": active}
	maps.Copy(answer, claims)
	if signed != nil && r.Header.Get("Accept") == "application/"+IntrospectionType {
		w.Header().Set("Content-Type", "application/"+IntrospectionType)
		Say(http.StatusOK, signed(answer))(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	Say(http.StatusOK, encode(answer))(w, r)
}

func typed(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		Say(status, body)(w, r)
	}
}

// WrongIntrospection are answers that say nothing of a token, by what is wrong
// with them. Each calls the token active as far as its kind allows.
func WrongIntrospection() map[string]http.HandlerFunc {
	const good = `{"active":true,"sub":"mallory"}`
	json := func(status int, body string) http.HandlerFunc { return typed(status, "application/json", body) }
	return map[string]http.HandlerFunc{
		"bad request":  json(400, good),
		"unauthorized": json(401, good),
		"forbidden":    json(403, good),
		"too many":     json(429, good),
		"server error": json(500, good),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"HTML":            typed(200, "text/html", good),
		"no type":         func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil; Say(200, good)(w, r) },
		"nothing":         json(200, ""),
		"broken":          json(200, good[:len(good)-1]),
		"two":             json(200, good+good),
		"duplicate names": json(200, `{"active":false,`+good[1:]),
		"active text":     json(200, `{"active":"true"}`),
		"active number":   json(200, `{"active":1}`),
		"no active":       json(200, `{"sub":"mallory"}`),
		"large":           json(200, `{"pad":"`+strings.Repeat("x", 70<<10)+`",`+good[1:]),
		"huge":            json(200, `{"pad":"`+strings.Repeat("x", 3<<20)+`",`+good[1:]),
		"reset":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(good))
			panic(http.ErrAbortHandler)
		},
		"garbage for chunks": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			must(err)
			defer conn.Close()
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1f\r\n" + good + "\r\nxyz\r\n"))
		},
		"slow": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(good[:10]))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}
}

// WrongSigned are answers that a server which signs as this one never gives, by
// what is wrong with them. Each calls the token active as far as its kind allows.
func WrongSigned(k, stranger *testkey.Key, issuer, audience string) map[string]http.HandlerFunc {
	const media = "application/" + IntrospectionType
	active := Claims{"active": true, "sub": "mallory"}
	// Each is of the moment in which it is asked for.
	jwt := func(make func() string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { typed(http.StatusOK, media, make())(w, r) }
	}
	with := func(claims Claims) http.HandlerFunc {
		return jwt(func() string { return Introspected(k, issuer, audience, active, claims) })
	}
	good := func() string { return Introspected(k, issuer, audience, active, nil) }
	part := func(n int) string { return strings.Split(good(), ".")[n] }
	return map[string]http.HandlerFunc{
		"plain":           typed(http.StatusOK, "application/json", encode(active)),
		"plain, named so": typed(http.StatusOK, media, encode(active)),
		"named JSON":      func(w http.ResponseWriter, r *http.Request) { typed(http.StatusOK, "application/json", good())(w, r) },
		"none": jwt(func() string {
			header, _, _ := strings.Cut(k.JWT(Claims{"alg": "none", "typ": IntrospectionType}, nil), ".")
			return header + "." + part(1) + "."
		}),
		"unsigned":       jwt(func() string { return part(0) + "." + part(1) + "." }),
		"stranger":       jwt(func() string { return Introspected(stranger, issuer, audience, active, nil) }),
		"access token":   jwt(func() string { return Token(k, issuer, Claims{"aud": audience, "token_introspection": active}) }),
		"encrypted":      jwt(func() string { return part(0) + ".x.x." + part(1) + "." + part(2) }),
		"newline":        jwt(func() string { return good() + "\n" }),
		"large":          with(Claims{"pad": strings.Repeat("x", 20<<10)}),
		"other issuer":   with(Claims{"iss": issuer + "/"}),
		"other audience": with(Claims{"aud": "other"}),
		"no iat":         with(Claims{"iat": nil}),
		"old":            jwt(func() string { return Introspected(k, issuer, audience, active, Claims{"iat": time.Now().Unix() - 60}) }),
		"from tomorrow": jwt(func() string {
			return Introspected(k, issuer, audience, active, Claims{"iat": time.Now().Unix() + 86400})
		}),
		"nothing in it":  with(Claims{"token_introspection": nil, "active": true}),
		"an array in it": with(Claims{"token_introspection": []Claims{active}}),
	}
}
