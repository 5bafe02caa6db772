package main

import "strings"

// row is one line of the table: a listener with a filter, and what is sent to it.
type row struct {
	name   string
	filter filter // nil: none
	token  credential
	status int    // what every answer must have; 0 means 200
	beside string // the row to whose cost this one's is a ratio in the table
	target target
	paced  bool // measured at 70 % of its saturation, too
}

// credential is what the requests of a row carry; the zero value is nothing.
type credential struct {
	static    bool
	algorithm string // of a JWT
	many      bool   // every request has another valid token, so that no cache helps
}

func (r row) wanted() int {
	if r.status == 0 {
		return 200
	}
	return r.status
}

// Names that targets and ratios refer to.
const (
	bareName      = "no filter"
	floorStatic   = "floor, 43-byte token"
	floorJWT      = "floor, 660-byte token"
	nativeDenied  = "jwt_authn, denied"
	nativeKey     = "api_key_auth"
	nativeCached  = "jwt_authn RS256, cache hit"
	nativeCall    = "ext_authz HTTP, every request"
	nativeLua     = "Lua string compare"
	nativeLuaCall = "Lua, the call of introspection alone"
	ourStatic     = "bearerauth static"
)

var (
	opaque     = credential{static: true}
	manyOpaque = credential{static: true, many: true}
)

func one(algorithm string) credential  { return credential{algorithm: algorithm} }
func many(algorithm string) credential { return credential{algorithm: algorithm, many: true} }

// rows is the table. Keys and tokens of an algorithm are made when a row asks
// for them. A row that is to miss every cache needs more tokens (-tokens) than
// the cache holds: smallCache leaves it on and small.
var rows = withSmall([]row{
	{name: bareName, token: opaque},

	{name: nativeKey, filter: apiKeyAuth{}, token: opaque},
	{name: nativeLua, filter: lua{}, token: opaque},
	{name: nativeCached, filter: jwtAuthn{algorithm: "RS256", cache: true}, token: one("RS256"), paced: true},
	{name: "jwt_authn RS256", filter: jwtAuthn{algorithm: "RS256"}, token: many("RS256")},
	{name: "jwt_authn ES256", filter: jwtAuthn{algorithm: "ES256"}, token: many("ES256")},
	{name: "jwt_authn EdDSA", filter: jwtAuthn{algorithm: "EdDSA"}, token: many("EdDSA")},
	{name: "jwt_authn PS256", filter: jwtAuthn{algorithm: "PS256"}, token: many("PS256")},
	{name: "jwt_authn HS256", filter: jwtAuthn{algorithm: "HS256"}, token: many("HS256")},
	{name: "jwt_authn RS256, two claim headers", filter: jwtAuthn{algorithm: "RS256", identity: true}, token: many("RS256")},
	{name: "jwt_authn ES256, two claim headers", filter: jwtAuthn{algorithm: "ES256", identity: true}, token: many("ES256")},
	{name: nativeDenied, filter: jwtAuthn{algorithm: "RS256"}, status: 401},
	{name: nativeCall, filter: extAuthz{}, token: manyOpaque},
	{name: nativeLuaCall, filter: luaCall{}, token: manyOpaque},

	{name: floorStatic, filter: floor("floor"), token: opaque},
	{name: floorJWT, filter: floor("floor"), token: one("RS256")},
	{name: "our host calls alone, static", filter: floor("plain"), token: opaque, beside: floorStatic},
	{name: "our host calls alone, default configuration", filter: floor("identity"), token: opaque, beside: floorStatic},
	{name: "our host calls alone, two claim headers", filter: floor("claims"), token: opaque, beside: floorStatic},

	{
		name: ourStatic, filter: static(1, plain()), token: opaque, beside: floorStatic, paced: true,
		target: target{Of: floorStatic, Times: 1.25},
	},
	{
		name: "bearerauth static, default configuration", filter: static(1, identity()), token: opaque, beside: floorStatic,
		target: target{Of: floorStatic, Times: 1.8},
	},
	{
		name:   "bearerauth static, 10 rules, scope, two claim headers",
		filter: static(1, identity(claimHeaders, rules(10, "orders:read"))), token: opaque, beside: floorStatic,
		target: target{Of: floorStatic, Times: 2.0},
	},
	{
		name: "bearerauth JWT, cached", filter: jwt("RS256", plain()), token: one("RS256"), beside: floorJWT, paced: true,
		target: target{Of: floorJWT, Times: 1.25},
	},
	{
		name: "bearerauth JWT, cached, default configuration", filter: jwt("RS256", identity()), token: one("RS256"),
		beside: floorJWT, target: target{Of: floorJWT, Times: 1.8},
	},
	{
		name:   "bearerauth JWT, cached, 10 rules, scope, two claim headers",
		filter: jwt("RS256", identity(claimHeaders, rules(10, "orders:read"))), token: one("RS256"),
		beside: floorJWT, target: target{Of: floorJWT, Times: 2.0},
	},
	{
		name: "bearerauth introspection, cached", filter: introspection("/active", plain()), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
	{
		// No target: there is no such filter of Envoy's. The one beside it makes a
		// call, too, and leaves all else to the server; Lua's row is the call alone.
		name: "bearerauth introspection, uncached", filter: introspection("/active", plain(), object{"cache_bytes": smallestCache}),
		token: manyOpaque, beside: nativeCall,
	},
	{
		name: "bearerauth introspection, denied from memory", filter: introspection("/inactive", plain()), token: opaque, status: 401,
		beside: nativeDenied, target: target{Of: nativeDenied, Plus: 15},
	},
	{
		name: "bearerauth RS256", filter: jwt("RS256", plain(smallCache)), token: many("RS256"), beside: "jwt_authn RS256",
		target: target{Of: "jwt_authn RS256", Times: 1.15},
	},
	{
		name: "bearerauth ES256", filter: jwt("ES256", plain(smallCache)), token: many("ES256"), beside: "jwt_authn ES256",
		target: target{Of: "jwt_authn ES256", Times: 1.15},
	},
	{
		name:   "bearerauth RS256, scope, two claim headers",
		filter: jwt("RS256", identity(claimHeaders, rules(1, "orders:read"), smallCache)), token: many("RS256"),
		beside: "jwt_authn RS256, two claim headers",
		target: target{Of: "jwt_authn RS256, two claim headers", Times: 1.00},
	},
	{
		name:   "bearerauth ES256, scope, two claim headers",
		filter: jwt("ES256", identity(claimHeaders, rules(1, "orders:read"), smallCache)), token: many("ES256"),
		beside: "jwt_authn ES256, two claim headers",
		target: target{Of: "jwt_authn ES256, two claim headers", Times: 1.00},
	},
	{
		name: "bearerauth EdDSA", filter: jwt("EdDSA", plain(smallCache)), token: many("EdDSA"), beside: "jwt_authn EdDSA",
		target: target{Of: "jwt_authn EdDSA", Times: 8},
	},
	{
		name: "bearerauth PS256", filter: jwt("PS256", plain(smallCache)), token: many("PS256"), beside: "jwt_authn PS256",
		target: target{Of: "jwt_authn PS256", Times: 8},
	},
	{name: "bearerauth HS256", filter: jwt("HS256", plain(smallCache)), token: many("HS256"), beside: "jwt_authn HS256"},
	{
		name: "bearerauth, denied", filter: static(1, plain()), status: 401, beside: nativeDenied,
		target: target{Of: nativeDenied, Plus: 15},
	},
	{
		name: "bearerauth static, 10 tokens", filter: static(10, plain()), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
	{
		name: "bearerauth static, 10,000 tokens", filter: static(10_000, plain()), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
	{
		name: "bearerauth static, 10 rules", filter: static(1, plain(rules(10))), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
	{
		name: "bearerauth static, 1,000 rules", filter: static(1, plain(rules(1000))), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
	{
		name: "bearerauth static, 100 providers", filter: providers(100, plain()), token: opaque, beside: ourStatic,
		target: target{Of: ourStatic, Plus: 3},
	},
})

// withSmall adds each row of the standard build for the small one, too.
func withSmall(rows []row) []row {
	for _, r := range rows {
		if b, ours := r.filter.(bearerauth); ours {
			r.name, r.beside, r.target.Of = ofSmall(r.name), ofSmall(r.beside), ofSmall(r.target.Of)
			r.filter = small{b}
			rows = append(rows, r)
		}
	}
	return rows
}

// ofSmall is the name of the small build's row; other filters have one name.
func ofSmall(name string) string { return strings.Replace(name, "bearerauth", "bearerauth-small", 1) }

// withoutSmall leaves out the small build's rows.
func withoutSmall(rows []row) (some []row) {
	for _, r := range rows {
		if _, is := r.filter.(small); !is {
			some = append(some, r)
		}
	}
	return some
}
