package policy

import (
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// found is the credential at a location of a request, and the result of its verification.
type found struct {
	credential.Credential
	location int // index in Policy.locations

	key    cache.Name // of the token, in the caches
	hasKey bool
	known  *jwt.Remembered // nil: the token is not remembered

	judged  bool
	outcome identity.Outcome // once judged
	used    bool             // the token has verified, and a rule asked for it
}

// credentials reads the credential at each location.
func (s *State) credentials(p *Policy, r *request.Request) {
	s.found = s.found[:0]
	var searched [credential.MaxLocations]credential.Found
	p.locations.Search(&searched, r)
	for i := range p.locations.List {
		f := found{location: i}
		if p.locations.List[i].Kind == credential.Authorization {
			s.authorization(p, r, &f)
		} else {
			f.Credential = p.locations.List[i].Read(r, &searched[i])
		}
		s.found = append(s.found, f)
	}
}

// authorization is credential.Read for Authorization. It does not check the syntax of a
// remembered token again.
func (s *State) authorization(p *Policy, r *request.Request, f *found) {
	// If access_token is a location, it is a credential of its own: the rule decides
	// whether both count.
	second := !p.locations.ReadsAccessToken && credential.HasQueryToken(r.Path)
	if !p.jwt.Empty() {
		if token, plain := credential.SingleBearer(r); plain {
			f.key = s.hash.Sum(token)
			if known := s.jwt.Remembered(f.key); known != nil && !second {
				f.Credential, f.hasKey, f.known = credential.Credential{Kind: credential.Bearer, Token: token, Named: true}, true, known
				return
			}
			f.Credential = credential.Read(r, second)
			f.hasKey = f.Token == token
			return
		}
	}
	f.Credential = credential.Read(r, second)
}

// name returns the token's name in the caches.
func (s *State) name(f *found) cache.Name {
	if !f.hasKey {
		// The token was not in a plain Authorization header, so it was not looked up yet.
		f.key, f.hasKey = s.hash.Sum(f.Token), true
		if f.known == nil {
			f.known = s.jwt.Remembered(f.key)
		}
	}
	return f.key
}

// only returns the only credential at these places. Two of them are two methods of RFC
// 6750 section 2, of which the upstream may use the other, so they are refused.
func (s *State) only(at credential.Places) *found {
	only := &nothingFound
	for i := range s.found {
		f := &s.found[i]
		if !at.Has(i) || f.Kind == credential.None {
			continue
		}
		if only.Kind != credential.None {
			return &severalFound
		}
		only = f
	}
	return only
}

var (
	nothingFound = found{Credential: credential.Credential{Kind: credential.None}}
	severalFound = found{Credential: credential.Credential{Kind: credential.Several}}
)

// strip removes tokens from the request: those that were verified unless keepVerified,
// and the others unless keepOthers. An upstream could take a token that it finds for a
// verified one.
func (s *State) strip(a *verdict.Allow, p *Policy, r *request.Request, keepVerified, keepOthers bool) {
	var mask credential.StripMask
	for i := range s.found {
		f := &s.found[i]
		mask.Add(i, f.Named && !(f.used && keepVerified) && !(!f.used && keepOthers), f.Aliased)
	}
	a.Remove, a.Set = p.locations.Strip(a.Remove, a.Set, r, mask)
}
