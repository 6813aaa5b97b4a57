# make demo   paints three pictures into demo/
# make test   everything that must hold, within ten minutes
# make check  ruff, mypy, import ranks
# make soak   the long ones: 2,000 hostile files, 20 kills a verb, a cluster; half an hour and more

PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN = .venv/bin

.PHONY: install demo test check soak clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/impasto demo -o demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py

test: install check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

soak: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[batch]'
	OMP_NUM_THREADS=1 IMPASTO_SOAK=1 $(BIN)/python -m pytest -n 2 tests/test_hostile.py tests/test_kills.py tests/soak

clean:
	rm -rf .venv demo build dist
