package request

type Truth uint8

const (
	Unasked Truth = iota
	No
	Yes
)

func TruthOf(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
