package request

// Truth is the cached result of a question about a request. The zero value is
// Unknown: the question has not been evaluated.
type Truth uint8

// The values of Truth.
const (
	Unknown Truth = iota
	False
	True
)

// TruthOf returns b as True or False.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}
