package policy

// found is what stands at one location of a request, and what came of it.
type found struct {
	credential
	location int // in Policy.locations

	key    tokenKey // the token's name in the caches
	hasKey bool
	known  *goodToken // what is remembered of the token

	judged  bool
	outcome verification // once judged
	used    bool         // it verified, and some rule asked for it
}

// verification is what came of a token. The zero value is no success.
type verification struct {
	id     *verifiedIdentity
	reason Reason
	// unchecked: nobody knows whether it was revoked, and it may pass all the same.
	unchecked bool
	wait      *Errand // set where its outcome could change this
}

// credentials reads what stands at each location.
func (s *State) credentials(p *Policy, r *Request) {
	s.found = s.found[:0]
	var searched [maxLocations]search
	p.locations.search(&searched, r)
	for i := range p.locations.list {
		f := found{location: i}
		if p.locations.list[i].kind == locationAuthorization {
			s.authorization(p, r, &f)
		} else {
			f.credential = p.locations.list[i].read(r, &searched[i])
		}
		s.found = append(s.found, f)
	}
}

// authorization is readCredential, from which it spares the tokens that are
// remembered: to be so, they were well-formed.
func (s *State) authorization(p *Policy, r *Request, f *found) {
	// Where access_token is a location it is a credential of its own: whether both
	// are looked at depends on the rule.
	second := !p.locations.readsAccessToken && hasQueryToken(r.Path)
	if len(p.jwt.list) > 0 {
		if token, plain := plainCredential(r); plain {
			f.key = s.hash.sum(token)
			if known := s.jwt.known(f.key); known != nil && !second {
				f.credential, f.hasKey, f.known = credential{kind: credentialBearer, token: token, named: true}, true, known
				return
			}
			f.credential = readCredential(r, second)
			f.hasKey = f.token == token
			return
		}
	}
	f.credential = readCredential(r, second)
}

// name is the token's in the caches.
func (s *State) name(f *found) tokenKey {
	if !f.hasKey {
		// It stood elsewhere than in a plain Authorization: nobody has looked yet.
		f.key, f.hasKey = s.hash.sum(f.token), true
		if f.known == nil {
			f.known = s.jwt.known(f.key)
		}
	}
	return f.key
}

// only is the one credential at these places. Two of them are two methods, and
// the upstream may look at the other (RFC 6750 section 2).
func (s *State) only(at places) *found {
	one := &nothingFound
	for i := range s.found {
		f := &s.found[i]
		if !at.has(i) || f.kind == credentialNone {
			continue
		}
		if one.kind != credentialNone {
			return &severalFound
		}
		one = f
	}
	return one
}

var (
	nothingFound = found{credential: credential{kind: credentialNone}}
	severalFound = found{credential: credential{kind: credentialSeveral}}
)

// strip takes tokens out of the request, each from where it stood: those that
// were verified unless verified are kept, the others unless others are. An
// upstream that finds a token may take it for verified.
func (s *State) strip(a *Allow, p *Policy, r *Request, keepVerified, keepOthers bool) {
	var which gone
	for i := range s.found {
		f := &s.found[i]
		which.add(i, f.named && !(f.used && keepVerified) && !(!f.used && keepOthers), f.aliased)
	}
	a.Remove, a.Set = p.locations.strip(a.Remove, a.Set, r, which)
}
