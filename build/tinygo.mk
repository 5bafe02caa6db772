# The small build. TinyGo is built from its Go module, which lacks LLVM, a linker and
# a C library: they are Debian's, and tinygo.json, in which TinyGo's own target wasip1
# is repeated, names them. Binaryen, which joins and optimises modules, is
# from npm.
TINYGO_PACKAGES := g++ llvm-19-dev libclang-19-dev clang-19 lld-19 wasi-libc \
	libclang-rt-19-dev-wasm32

TINYGO := $(CACHE)/tinygo/bin/tinygo

# Goroutines and threads are not there, memory is collected precisely, and 2 MiB
# of stack end in a trap, not in other memory: they come first in it.
TINYGO_LINK := -z stack-size=2097152
TINYGO_BUILD = GOROOT=$(CACHE)/goroot $(TINYGO) build -target=$(CURDIR)/build/tinygo.json -scheduler=none -gc=precise \
	-opt=s -panic=print -no-debug -ldflags="-extldflags='$(TINYGO_LINK)'"

# The features of tinygo.json, and the exceptions of panic.wat.
WASM_FEATURES := --enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext \
	--enable-exception-handling --enable-reference-types

GOROOT_RAND := $(CACHE)/goroot/src/crypto/internal/sysrand/rand.go
BINARYEN := $(CACHE)/binaryen/node_modules/.bin

TINYGO_NEEDS := build/tinygo.json build/tinygo.mk $(TINYGO) $(GOROOT_RAND)

bearerauth-small.wasm $(CACHE)/faults-small.wasm: TINYGO_LINK += --export=__stack_pointer --wrap=__assert_fail

# The module of some build tags, or of none.
define SMALL_BUILD
	$(TINYGO_BUILD) -tags="$(1)" -buildmode=c-shared -o $(CACHE)/raw-small.wasm .
	$(BINARYEN)/wasm-merge $(WASM_FEATURES) $(CACHE)/raw-small.wasm filter build/panic.wat bearerauth -o $(CACHE)/joined-small.wasm
	$(GO) run ./build/exports $(CACHE)/joined-small.wasm $(CACHE)/stripped-small.wasm
	$(BINARYEN)/wasm-opt -O3 $(WASM_FEATURES) $(CACHE)/stripped-small.wasm -o $@
endef

SMALL_NEEDS := $(SOURCES) $(TINYGO_NEEDS) build/panic.wat $(BINARYEN)/wasm-merge

bearerauth-small.wasm: $(SMALL_NEEDS)
	$(call SMALL_BUILD)

$(CACHE)/faults-small.wasm: $(SMALL_NEEDS)
	$(call SMALL_BUILD,faults)

$(BINARYEN)/wasm-merge: build/binaryen/package.json build/binaryen/package-lock.json
	@command -v npm >/dev/null || { echo "want Node.js with npm, for binaryen" >&2; exit 1; }
	rm -rf $(CACHE)/binaryen && mkdir -p $(CACHE)/binaryen && cp $^ $(CACHE)/binaryen
	cd $(CACHE)/binaryen && npm ci --silent --no-audit --no-fund && touch $@

# A program that says of signatures what the filter would (e2e/oracle/jose).
$(CACHE)/verdicts.wasm: $(SOURCES) $(TINYGO_NEEDS) $(wildcard e2e/oracle/jose/verdict/*.go e2e/oracle/jose/verdict/guest/*.go)
	cd e2e && $(TINYGO_BUILD) -buildmode=default -o $@ ./oracle/jose/verdict/guest

# TinyGo takes its root for the sources of its runtime. The module has them but for
# src/net, which is another repository, and which the filter does not need. Every
# panic ends in the runtime's abort, which traps; before that it calls onAbort, which
# package filter sets.
TINYGO_ABORT := $(CACHE)/tinygo/src/runtime/runtime_tinygowasm.go

$(TINYGO): build/tinygo.mod build/tinygo.sum build/tinygo.mk
	@command -v wasm-ld-19 >/dev/null || { \
		echo "want these Debian packages: $(TINYGO_PACKAGES)" >&2; exit 1; }
	rm -rf $(CACHE)/tinygo && mkdir -p $(CACHE)/tinygo
	$(GO) mod download -modfile=build/tinygo.mod github.com/tinygo-org/tinygo
	cp -R "$$($(GO) list -modfile=build/tinygo.mod -m -f '{{.Dir}}' github.com/tinygo-org/tinygo)/src" $(CACHE)/tinygo/src
	chmod -R u+w $(CACHE)/tinygo/src && mkdir $(CACHE)/tinygo/src/net
	@test "$$(grep -cx '	trap()' $(TINYGO_ABORT))" = 1 || { \
		echo "TinyGo's panics end elsewhere than in $(TINYGO_ABORT): build/tinygo.mk changes that file" >&2; exit 1; }
	sed -e 's/^	trap()$$/	if onAbort != nil {\n		onAbort(putcharBuffer[:])\n	}\n	trap()/' \
		-e '$$a var onAbort func([]byte)\nfunc setOnAbort(f func([]byte)) { onAbort = f }' \
		$(TINYGO_ABORT) > $(CACHE)/tinygo/abort && mv $(CACHE)/tinygo/abort $(TINYGO_ABORT)
	$(GO) build -modfile=build/tinygo.mod -tags=llvm19 -o $@ github.com/tinygo-org/tinygo

# Go's sources but for two things. When the first random octets take longer than a
# minute, crypto/internal/sysrand says so: signing pulls it in, timers need goroutines,
# and those are not there. And the mode of FIPS 140-3, which Go does not support on Wasm,
# is a constant, so that its self-tests and its random generator are not linked.
$(GOROOT_RAND): build/tinygo.mk $(shell $(GO) env GOROOT)/VERSION
	rm -rf $(CACHE)/goroot
	from=$$($(GO) env GOROOT); to=$(CACHE)/goroot; \
	for dir in . src src/crypto src/crypto/internal src/crypto/internal/sysrand src/crypto/internal/fips140; do \
		rm -f $$to/$$dir; mkdir -p $$to/$$dir && ln -s $$from/$$dir/* $$to/$$dir/; \
	done; \
	cd $$to/src/crypto/internal && rm fips140/fips140.go sysrand/rand.go && \
	sed -e 's/^var Enabled bool$$/const Enabled = false/' -e '/^		Enabled = true$$/d' \
		$$from/src/crypto/internal/fips140/fips140.go > fips140/fips140.go && grep -q '^const Enabled' fips140/fips140.go && \
	sed -e '/firstUse.CompareAndSwap/,/^	}/d' -e '/^	"time"$$/d' \
		$$from/src/crypto/internal/sysrand/rand.go > sysrand/rand.go

.PHONY: small-packages
small-packages:
	@echo $(TINYGO_PACKAGES)
