# `make help` lists the targets. Variables: SCRATCH (where SwiftPM builds), TEST_FLAGS (for `swift test`, such as
# '--filter Wire'), FUZZ_SECONDS, TORTURE and CRASHPOINTS (arguments of the scripts in Tests/Torture), DESTDIR (for
# `make install`).
SCRATCH ?= .build
TEST_FLAGS ?=
FUZZ_SECONDS ?= 60
TORTURE ?= --rounds 10
CRASHPOINTS ?=

STATIC := $(SCRATCH)/release-static
SOURCES := Package.swift Sources Tests

.DEFAULT_GOAL := help
.PHONY: help deps build release-build lint format test fuzz torture crashpoints demo bench scale install sdk sdks cross release \
    test-release test-static clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

deps: ## Install the system packages that are missing (apt-get, as root or by sudo), and check Swift.
	@scripts/deps.sh

build: deps ## Build tat_agent and tat_hub for debugging.
	swift build --scratch-path $(SCRATCH)

release-build: deps ## Build optimised programs that need no Swift libraries where they run.
	swift build -c release --static-swift-stdlib --scratch-path $(STATIC)

lint: ## Check the format of all Swift files, and the shell scripts.
	swift format lint --strict -r $(SOURCES)
	shellcheck -x $$(git ls-files '*.sh') .ci/run

format: ## Format all Swift files in place.
	swift format -i -r $(SOURCES)

test: deps ## Run all tests.
	scripts/test.sh $(SCRATCH) $(TEST_FLAGS)

fuzz: deps ## Fuzz the parsers for FUZZ_SECONDS (60).
	Tests/Fuzz/run.sh $(FUZZ_SECONDS)

torture: build ## Kill, cut and misbehave at random while tasks run, and check that nothing is lost or run twice.
	python3 Tests/Torture/torture.py "$$(swift build --scratch-path $(SCRATCH) --show-bin-path)" $(TORTURE)

crashpoints: deps ## Kill a process at each step of a task's life, a step a run, and check that nothing is lost or run twice.
	TAT_CRASH_POINTS=1 swift build --scratch-path $(SCRATCH)/crashpoints
	python3 Tests/Torture/crashpoints.py "$$(TAT_CRASH_POINTS=1 swift build --scratch-path $(SCRATCH)/crashpoints \
		--show-bin-path)" $(CRASHPOINTS)

demo: build ## Start a control plane and an agent on loopback, run two scripts, clean up.
	@scripts/demo.sh "$$(swift build --scratch-path $(SCRATCH) --show-bin-path)"

bench: deps ## Measure memory, latency and throughput, and print the figures.
	Tests/Bench/run.sh

scale: release-build ## Run 1,000 tasks at once, 1,100, and 10,000 in a row, and print what that takes.
	python3 Tests/Bench/scale.py $(STATIC)/release

install: release-build ## Install the agent on this machine (as root or by sudo); a service where there is systemd.
	$(if $(DESTDIR),,scripts/as-root.sh) env DESTDIR="$(DESTDIR)" \
		TAT_AGENT_BINARY="$(STATIC)/release/tat_agent" install/linux/install.sh

sdk: ## Build the Swift SDK of TARGET (a file of Cross/targets), such as TARGET=linux-i686.
	Cross/build-sdk.sh $(TARGET)

sdks: ## Build the Swift SDKs of all targets.
	Cross/build-sdk.sh all

cross: ## Build the agent for TARGET, with its SDK.
	Cross/build-agent.sh $(TARGET)

release: ## Build the artifacts for all targets into release/. SIGNING_KEY=FILE signs SHA256SUMS.
	Cross/release.sh

test-release: ## Test the artifacts in release/ (in other distributions and Wine: as root), and what the builder refuses.
	Cross/test-builder.sh
	Cross/test-release.sh

test-static: ## Run the end-to-end tests with the static Linux executables that `make release` built.
	scripts/test-static.sh $(SCRATCH)

clean: ## Remove everything that was built.
	rm -rf .build
