# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ALONE  := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: run test test-modes test-plain test-bounds test-generic check sims figures bench energy oracle clean

run: $(VENV)/installed
	$(BIN)/hdspike run --out report

test: $(VENV)/test-installed
	$(BIN)/python -m pytest -n auto

# What runs kernels, as plain Python and with every index checked, at small sizes; the bits as on a CPU without AVX.
test-modes: test-plain test-bounds test-generic

test-plain: $(VENV)/test-installed
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -n auto -p no:cacheprovider -m "not once"

test-bounds: $(VENV)/test-installed
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(abspath $(VENV))/numba-boundscheck $(BIN)/python -m pytest -n auto \
	  -p no:cacheprovider -m "not once"

test-generic: $(VENV)/test-installed
	NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= NUMBA_CACHE_DIR=$(abspath $(VENV))/numba-generic \
	  $(BIN)/python -m pytest -p no:cacheprovider tests/test_bits.py

check: $(VENV)/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every sim, small, into a scratch folder.
sims: $(VENV)/installed
	@mkdir -p $(VENV)/sims
	printf '%s\n' sims/[0-9]*.py | xargs -P 2 -I{} $(BIN)/python {} --quick --out $(VENV)/sims

# The figures that are committed: full size.
figures: $(VENV)/test-installed
	for sim in sims/[0-9]*.py; do $(BIN)/python $$sim --out figures || exit 1; done
	$(BIN)/python docs/write.py
	$(BIN)/python docs/write_attention.py
	$(BIN)/python docs/write_transformer.py
	$(BIN)/python docs/write_sparsity.py

# Every kernel beside its peers (torchhd, faiss, CBHV), a memory of a million items, and the chip beside SANA-FE, NEST
# and Brian2, attention over up to a million keys beside torch and faiss, language models head to head, sparse and ternary
# layers beside BLAS and SciPy. Wants an idle machine.
bench: $(VENV)/bench-installed $(VENV)/brian/installed
	@mkdir -p figures/bench
	$(BIN)/python benchmarks/bits.py --json figures/bench/bits.json
	$(BIN)/python benchmarks/million.py --json figures/bench/million.json
	$(BIN)/hdspike data fetch dvs-gesture
	$(BIN)/python benchmarks/chip.py --json figures/bench/chip.json --figure figures/bench/chip_events.svg \
	  --brian-python $(VENV)/brian/bin/python
	$(BIN)/hdspike data fetch smollm2 brown web
	$(BIN)/python benchmarks/language.py --json figures/bench/language.json --figure figures/bench/language.svg
	$(BIN)/python benchmarks/attention.py --json figures/bench/attention.json --figure figures/bench/attention.svg
	$(ALONE) $(BIN)/python benchmarks/sparse_layers.py --json figures/bench/sparse_layers.json \
	  --figure figures/bench/sparse_layers.svg
	$(ALONE) $(BIN)/python benchmarks/ternary.py --json figures/bench/ternary.json

# Joules measured on this machine: an NVIDIA GPU (extra `gpu`) and the processor's own counters, where there are any.
energy: $(VENV)/installed
	$(BIN)/python benchmarks/gpu_energy.py --out gpu-measured.toml
	$(BIN)/python benchmarks/cpu_energy.py --out cpu-measured.toml

# Ten million random operations beside bitarray.
oracle: $(VENV)/test-installed
	$(BIN)/python -m tests.oracle 10000000

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test-installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@ $(VENV)/installed

$(VENV)/bench-installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	@touch $@ $(VENV)/installed

# Brian2 2.9 needs NumPy below 2, so it lives by itself; it compiles what it generates, with a C++ compiler.
$(VENV)/brian/installed: | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/brian
	$(VENV)/brian/bin/python -m pip install --quiet --disable-pip-version-check "brian2==2.9.*" "numpy<2" cython setuptools
	@touch $@

$(VENV)/dev-installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/installed $(VENV)/test-installed

clean:
	rm -rf $(VENV) report
