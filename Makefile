GO ?= go
CACHE := $(CURDIR)/.cache
export GOWORK := off

# Which build the tests and the demo run.
MODULE ?= bearerauth.wasm
export MODULE

SOURCES := $(shell find main.go filter -name '*.go' ! -name '*_test.go' ! -path '*/wasmhost/*') go.mod go.sum
WASM := GOOS=wasip1 GOARCH=wasm
BUILD := $(WASM) $(GO) build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w'

bearerauth.wasm: $(SOURCES)
	@mkdir -p $(CACHE)
	$(BUILD) -o $(CACHE)/raw.wasm .
	$(GO) run ./filter/internal/exports $(CACHE)/raw.wasm $@

.PHONY: demo test unit scribble-test e2e readings e2e-keycloak soak small small-test check fmt clean

## demo: run envoy.yaml in a real Envoy and show what it answers (ARGS=--check: exit by itself)
demo: $(MODULE)
	$(GO) run -C e2e ./demo $(ARGS)

## test: everything, a real Envoy included
test: unit scribble-test e2e

## unit: all that needs no Envoy
unit: $(MODULE)
	$(GO) test ./...
	$(GO) test -C cmd ./...
	$(GO) test -C e2e ./schema ./jose

# Without an Envoy its tests are skipped, without Node.js those of MCP and of a
# real authorization server. That is said here, where nobody can miss it, since go
# test hides what passing packages print.
e2e: $(MODULE)
	@$(GO) run -C e2e ./whichenvoy || test -z "$$CI"
	@{ command -v node && command -v npm; } >/dev/null || { echo "## TESTS OF MCP AND OF A REAL AUTHORIZATION SERVER SKIPPED: no Node.js with npm to run them in"; test -z "$$CI"; }
	@for i in node python3 java; do command -v $$i >/dev/null || { echo "## PARSERS OF PATHS NOT ASKED: no $$i to run them in"; test -z "$$CI" || exit 1; }; done
	$(GO) test -C e2e -count=1 $$($(GO) list -C e2e ./... | grep -v -e '/schema$$' -e '/jose$$')

## readings: ask URL parsers and servers what they make of COUNT paths that the filter judged
readings: COUNT := 1000000
readings:
	READINGS=$(COUNT) $(GO) test -C e2e ./oracle/readings -count=1 -timeout 1h -v

## e2e-keycloak: a real Keycloak (needs Java and Maven, 170 MB once), apart from the tests above
e2e-keycloak: $(MODULE)
	@$(GO) run -C e2e ./whichenvoy
	$(GO) test -C e2e -tags keycloak -count=1 -timeout 20m -v -run '^TestKeycloak$$' .

## scribble-test: the tests of the module, of which this build overwrites what the host gave as soon as a callback ends
scribble-test: $(CACHE)/scribble.wasm
	MODULE=.cache/scribble.wasm $(GO) test ./filter -short

$(CACHE)/scribble.wasm: $(SOURCES)
	@mkdir -p $(CACHE)
	$(BUILD) -tags=scribble -o $(CACHE)/raw-scribble.wasm .
	$(GO) run ./filter/internal/exports $(CACHE)/raw-scribble.wasm $@

## soak: a million requests and a thousand updates in wazero, and memory has to stay as it is
soak: $(MODULE)
	SOAK=1000000 $(GO) test ./filter -count=1 -run 'Test(Soak|Updates)$$' -v

## small: bearerauth-small.wasm, the same filter by TinyGo (see docs/building.md)
small: bearerauth-small.wasm

## small-test: what a compiler can get wrong: the module in wazero and in Envoy, and signatures
small-test: bearerauth.wasm bearerauth-small.wasm $(CACHE)/verdicts.wasm
	MODULE=bearerauth-small.wasm $(GO) test ./filter
	VERDICTS=$(CACHE)/verdicts.wasm $(GO) test -C e2e ./jose
	$(MAKE) e2e MODULE=bearerauth-small.wasm

include .ci/tinygo.mk

# Not the cache: there are TinyGo's sources, and links to Go's own.
OURS := main.go filter cmd e2e

## check: format, vet and staticcheck, for the host and for Wasm
check: $(CACHE)/bin/staticcheck $(CACHE)/bin/gofumpt
	@unformatted=$$($(CACHE)/bin/gofumpt -l $(OURS)); test -z "$$unformatted" || { echo "not gofumpt-formatted (make fmt):"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./... && $(WASM) $(GO) vet . ./filter/ ./filter/policy ./filter/jose && $(WASM) $(GO) vet -tags=tinygo ./filter/policy ./filter/jose && $(GO) vet -C e2e -tags keycloak ./... && $(GO) vet -C cmd ./...
	$(CACHE)/bin/staticcheck ./...
	$(WASM) $(CACHE)/bin/staticcheck . ./filter/ ./filter/policy ./filter/jose
	cd e2e && $(CACHE)/bin/staticcheck -tags keycloak ./...
	cd cmd && $(CACHE)/bin/staticcheck ./...

fmt: $(CACHE)/bin/gofumpt
	$(CACHE)/bin/gofumpt -w $(OURS)

# The tools have a module file of their own, so that none of them is a dependency of the filter.
$(CACHE)/bin/staticcheck: PACKAGE = honnef.co/go/tools/cmd/staticcheck
$(CACHE)/bin/gofumpt: PACKAGE = mvdan.cc/gofumpt
$(CACHE)/bin/%: .ci/tools.mod .ci/tools.sum
	@mkdir -p $(@D)
	$(GO) build -modfile=.ci/tools.mod -o $@ $(PACKAGE)

clean:
	rm -rf bearerauth.wasm bearerauth-small.wasm $(CACHE)

## bench: CPU per request beside Envoy's own filters (make small bench: of both builds; needs wrk and taskset; ARGS=-quick for a look)
.PHONY: bench
bench: bearerauth.wasm
	$(GO) run -C e2e ./bench $(ARGS)
