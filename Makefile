# make demo   paints three pictures and a film into demo/
# make test   everything that must hold, within ten minutes
# make check  ruff, mypy, import ranks

PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN = .venv/bin

.PHONY: install demo test check clean

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

clean:
	rm -rf .venv demo build dist
