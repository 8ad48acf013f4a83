# A thin layer over the presets of CMakePresets.json; `make help` lists what it does.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
BENCH ?= all

# Of `make sim`: one seed, or SEEDS from FIRST on; in one setting, or in all.
STORE ?=
SEED ?=
SEEDS ?=
FIRST ?=
STEPS ?=
TRACE ?=

# Of `make soak`; SEED picks its loads and kills.
MINUTES ?= 10

SOURCES = git ls-files -- '*.c' '*.h'

# Configures when there is no build yet (ninja does it again when a CMakeLists.txt changes), builds.
define build
	@test -f $(2)/build.ninja || cmake --preset $(1)
	@cmake --build --preset $(1) --parallel $(JOBS)
endef

.DEFAULT_GOAL := help
.PHONY: help deps build demo test sim soak bench lint install clean

help:
	@echo 'make build    optimised: flowfabricd, ffctl, ffbench in build/bin/'
	@echo 'make test     everything: sanitizers, a short fuzzing run, all tests (installs what it needs)'
	@echo 'make sim      simulation: SEED=7 STEPS=500 STORE=contrary runs one, SEEDS=9999 FIRST=1 many'
	@echo 'make soak     MINUTES=$(MINUTES) SEED=: mixed load on a daemon whose processes are killed all along'
	@echo 'make demo     a flow of real commands over real files, an approval, two kills: under a minute'
	@echo 'make bench    build, then build/bin/ffbench $(BENCH); BENCH="lifecycle --json" picks'
	@echo 'make lint     clang-format (only looks) and clang-tidy'
	@echo 'make install  build, then install under PREFIX=$(PREFIX) (DESTDIR is honoured)'
	@echo 'make deps     install the Debian packages that are missing'
	@echo 'make clean    remove build/ and build-*/'
	@echo
	@echo 'JOBS=$(JOBS) processes at a time. While working on it:'
	@echo '  cmake --preset dev && cmake --build --preset dev && ctest --preset dev -L unit'

deps:
	@.ci/install-deps

build:
	$(call build,release,build)

# The first failing step ends it, and the whole suite comes last, so that the closing lines are those
# of what failed, or of everything.
test: deps
	$(call build,dev,build-dev)
	$(call build,asan,build-asan)
	$(call build,fuzz,build-fuzz)
	ctest --preset asan --parallel $(JOBS)
	ctest --preset fuzz --parallel $(JOBS)
	ctest --preset dev --parallel $(JOBS)

sim: deps
	$(call build,dev,build-dev)
	FF_SIM_STORE='$(STORE)' FF_SIM_SEED=$(SEED) FF_SIM_SEEDS=$(SEEDS) FF_SIM_FIRST=$(FIRST) \
	FF_SIM_STEPS=$(STEPS) FF_SIM_TRACE=$(TRACE) build-dev/bin/sim_test

# What a machine must bear: kills all along, and the book kept of what was acknowledged.
soak: deps
	$(call build,dev,build-dev)
	FF_SOAK_MINUTES='$(MINUTES)' FF_SOAK_SEED='$(SEED)' build-dev/bin/ff-soak

demo: deps
	$(call build,release,build)
	build/bin/ff-demo 'core/*.[ch]' 'ipc/*.[ch]' 'workers/*.[ch]' '/usr/share/common-licenses/*'

bench: build
	build/bin/ffbench $(BENCH)

lint: deps
	$(call build,dev,build-dev)
	@bad=0; \
	$(SOURCES) | xargs clang-format --dry-run -Werror || bad=1; \
	$(SOURCES) | grep '\.c$$' | xargs -P $(JOBS) -n 8 clang-tidy --quiet -p build-dev || bad=1; \
	exit $$bad

install: build
	cmake --install build --prefix $(PREFIX)

clean:
	rm -rf build build-*
