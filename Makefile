# SPDX-License-Identifier: AGPL-3.0-or-later
# For people; cmake and ctest do the work (CMakePresets.json).
JOBS ?= $(shell nproc)
SECONDS ?= 60
RUN_ARGS ?=

.PHONY: help build run test check format fuzz bench coverage clean

help:
	@echo "make build     build/release/bin/beffroid and beffroi"
	@echo "make run       install what is missing, build, start on 127.0.0.1:8008"
	@echo "make test      install what is missing, build, run all tests"
	@echo "make check     format, rules of the house, static analysis"
	@echo "make format    clang-format FILES=\"src/x.c ...\"; look at what it did"
	@echo "make fuzz      each fuzzer for SECONDS=60 (FUZZERS=\"yaml json\" for some)"
	@echo "make bench     measure the claims about speed"
	@echo "make coverage  what the unit tests reach"
	@echo "make clean     remove build/ (not data/)"

build:
	@mkdir -p build
	@cmake --preset release >build/cmake.log 2>&1 || \
		{ cat build/cmake.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target programs

run:
	@tools/install-deps build
	@$(MAKE) --no-print-directory build
	@exec build/release/bin/beffroid --data.dir=./data \
		--server.listen=127.0.0.1:8008 $(RUN_ARGS)

test:
	@exec tools/run-tests

check:
	@exec tools/check

format:
	@test -n "$(FILES)" || { echo 'make format FILES="src/x.c ..."'; exit 1; }
	clang-format -i $(FILES)
	@git --no-pager diff --stat -- $(FILES)

fuzz:
	@exec tools/run-fuzzers $(SECONDS) $(FUZZERS)

bench:
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target benches
	@for bench in build/release/tests/bench/*_bench_*; do \
		echo "$${bench##*/}:"; $$bench || exit 1; done

coverage:
	@cmake --preset coverage >/dev/null
	@cmake --build --preset coverage -j $(JOBS)
	@ctest --test-dir build/coverage -j $(JOBS) --output-on-failure
	@gcovr -r . --object-directory build/coverage --filter src/ \
		--print-summary --html-details build/coverage/index.html
	@echo "build/coverage/index.html"

clean:
	rm -rf build
