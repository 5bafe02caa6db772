package policy

// Request is what the policy sees of one HTTP request: the header pairs as the
// host gave them, several lines of one name as several pairs, names in lower
// case. It borrows the strings: it is valid only during one call.
type Request struct {
	Method    string
	Scheme    string
	Authority string // host and perhaps port, from :authority
	Path      string // :path with query and whatever else the client sent
	HasPath   bool   // CONNECT has none
	Headers   [][2]string

	// Properties are those of Policy.Properties, in its order.
	Properties []Property

	// MayWait: there is room and time for this request to wait for keys.
	MayWait bool
}

// NewRequest reads the pseudo-headers out of the pairs.
func NewRequest(pairs [][2]string) (r Request) {
	r.Read(pairs)
	return r
}

// Read makes r the request of these pairs.
func (r *Request) Read(pairs [][2]string) {
	*r = Request{Headers: pairs}
	for i := range pairs {
		name := pairs[i][0]
		if len(name) == 0 || name[0] != ':' {
			continue
		}
		switch value := pairs[i][1]; name {
		case ":method":
			r.Method = value
		case ":scheme":
			r.Scheme = value
		case ":authority":
			r.Authority = value
		case ":path":
			r.Path, r.HasPath = value, true
		}
	}
}
