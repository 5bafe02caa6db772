package policy

import (
	"bearerauth/filter/policy/cache"
	"bearerauth/filter/policy/credential"
	"bearerauth/filter/policy/identity"
	"bearerauth/filter/policy/jwt"
	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// found is what stands at one location of a request, and what came of it.
type found struct {
	credential.Credential
	location int // in Policy.locations

	key    cache.Name // the token's name in the caches
	hasKey bool
	known  *jwt.Remembered // what is remembered of the token

	judged  bool
	outcome identity.Outcome // once judged
	used    bool             // it verified, and some rule asked for it
}

// credentials reads what stands at each location.
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

// authorization is readCredential, from which it spares the tokens that are
// remembered: to be so, they were well-formed.
func (s *State) authorization(p *Policy, r *request.Request, f *found) {
	// Where access_token is a location it is a credential of its own: whether both
	// are looked at depends on the rule.
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

// name is the token's in the caches.
func (s *State) name(f *found) cache.Name {
	if !f.hasKey {
		// It stood elsewhere than in a plain Authorization: nobody has looked yet.
		f.key, f.hasKey = s.hash.Sum(f.Token), true
		if f.known == nil {
			f.known = s.jwt.Remembered(f.key)
		}
	}
	return f.key
}

// only is the one credential at these places. Two of them are two methods, and
// the upstream may look at the other (RFC 6750 section 2).
func (s *State) only(at credential.Places) *found {
	one := &nothingFound
	for i := range s.found {
		f := &s.found[i]
		if !at.Has(i) || f.Kind == credential.None {
			continue
		}
		if one.Kind != credential.None {
			return &severalFound
		}
		one = f
	}
	return one
}

var (
	nothingFound = found{Credential: credential.Credential{Kind: credential.None}}
	severalFound = found{Credential: credential.Credential{Kind: credential.Several}}
)

// strip takes tokens out of the request, each from where it stood: those that
// were verified unless verified are kept, the others unless others are. An
// upstream that finds a token may take it for verified.
func (s *State) strip(a *verdict.Allow, p *Policy, r *request.Request, keepVerified, keepOthers bool) {
	var which credential.StripMask
	for i := range s.found {
		f := &s.found[i]
		which.Add(i, f.Named && !(f.used && keepVerified) && !(!f.used && keepOthers), f.Aliased)
	}
	a.Remove, a.Set = p.locations.Strip(a.Remove, a.Set, r, which)
}
