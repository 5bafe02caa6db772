package credential

// String names a location for people.
func (l *Location) String() string {
	switch l.Kind {
	case Authorization:
		return "authorization"
	case header:
		return "header " + l.Name
	case cookie:
		return "cookie " + l.Name
	}
	return "query parameter " + l.Name
}

// String returns what a location has.
func (k Kind) String() string {
	switch k {
	case None:
		return "no token"
	case Bearer:
		return "one token"
	case Several:
		return "several credentials"
	}
	return "malformed"
}
