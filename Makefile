# The project's commands. Each installs what it needs (scripts/setup) and works again when run twice.
.PHONY: all build demo test exhaustive bench lint fuzz sanitize tsan docs clean
.DEFAULT_GOAL := build

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

build:            ## the program, at build/nilus
	scripts/setup build
	cmake --preset release >/dev/null
	cmake --build build --target nilus -j $(JOBS)

demo: build       ## public data through three manifests: files → DuckDB → PostgreSQL → Parquet
	scripts/setup demo
	scripts/demo

test:             ## every test: unit, conformance, end to end, faults, docs
	scripts/setup test
	cmake --preset test >/dev/null
	cmake --build build/test -j $(JOBS)
	ctest --test-dir build/test --output-on-failure -j $(JOBS)

exhaustive:       ## the tests above and those that take hours: every fault point of every kind of lakehouse
	scripts/setup test
	cmake --preset test >/dev/null
	cmake --build build/test -j $(JOBS)
	ctest --test-dir build/test -C Exhaustive --output-on-failure -j $(JOBS)

bench:            ## ratios against raw limits and what people do by hand
	scripts/setup bench
	cmake --preset bench >/dev/null
	cmake --build build -j $(JOBS)
	bench/run

lint:             ## formatting, clang-tidy, house rules
	scripts/setup lint
	cmake --preset test >/dev/null
	JOBS=$(JOBS) scripts/lint

fuzz:             ## every fuzzer for FUZZ_SECONDS (60)
	scripts/setup fuzz
	cmake --preset fuzz >/dev/null
	cmake --build build/fuzz -j $(JOBS) --target fuzzers
	scripts/fuzz build/fuzz $(FUZZ_SECONDS)

sanitize:         ## unit and end-to-end tests under ASan+UBSan, then concurrent parts under TSan
	scripts/setup sanitize
	cmake --preset dev >/dev/null
	cmake --build build/dev -j $(JOBS)
	scripts/with-sanitizer ctest --test-dir build/dev --output-on-failure --no-tests=error -j $(JOBS) -LE slow
	$(MAKE) tsan

tsan:             ## the concurrent part of it alone
	scripts/setup sanitize
	cmake --preset tsan >/dev/null
	cmake --build build/tsan -j $(JOBS) --target concurrent_tests
	scripts/with-sanitizer ctest --test-dir build/tsan --output-on-failure --no-tests=error -j $(JOBS) -L concurrent

docs: build       ## writes the generated option tables into docs/connectors/
	scripts/generate-docs build/nilus

clean:
	rm -rf build
