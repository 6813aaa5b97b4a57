# make demo   paints three pictures and a film into demo/
# make test   everything that must hold: about ten minutes on two cores
#             A test that fails beside the others is tried once more alone: the browser's have deadlines.
# make quick  the tests of the engine, without VGG-19, pages and processes: a minute
# make check  ruff, mypy, import ranks
# make train-styles PAINTINGS=DIR MORE=DIR PHOTOS=DIR MAGENTA=DIR   repeat the training of the shipped styles (hours)
# make tune-styles   tune three of them alone, once the trained pack is the shipped one: two minutes
# make docs   the pages of docs/ as a site, in site/
# make bench DATA=DIR   every benchmark and its peers, into benchmarks/results; three hours on two cores, in quiet
# make soak   the long ones: 2,000 hostile files, 20 kills a verb, a cluster; into benchmarks/results/soak.json
#             SOAK="tests/robust/test_kills.py -k learn" does a part of it, which takes its place in that file

PYTHON ?= python3
SOAK ?= tests/robust/test_hostile.py tests/robust/test_kills.py tests/soak
TORCH ?= torch==2.13.0
BIN = .venv/bin
QUICK = $(foreach name,color lbfgs losses metrics moments optim parametrizations schedule tiles, \
	tests/engine/test_$(name).py) tests/networks/test_networks.py tests/cli/test_jobs.py tests/cli/test_samples.py tests/package

.PHONY: install demo test quick check docs soak bench train-styles tune-styles clean

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
	$(BIN)/python -m pytest tests/package/test_layering.py

test: install check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal || { [ $$? = 1 ] && \
		OMP_NUM_THREADS=1 $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }
	IMPASTO_SIZE=48 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --nbmake notebooks

quick: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not vgg" $(QUICK)

docs: install
	$(BIN)/python docs/build/commands.py
	$(BIN)/python docs/build/gallery.py
	$(BIN)/python docs/build/figures.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Convert Magenta's network, train it further with noise on the styles of PAINTINGS; distill a tiny one, and train that
# further as well. Take out the shift of both. The styles of MORE are rehearsed, not shipped.
train-styles: install
	mkdir -p build
	$(BIN)/python docs/build/trunk.py $(MAGENTA) $(PHOTOS) build/start.safetensors
	$(BIN)/impasto learn --styles $(PAINTINGS) --rehearse $(MORE) --photos $(PHOTOS) --begin-from build/start.safetensors \
		--scales 1 --side 256 --batch 2 --style-weight 8 --weights 1,1,1,1,1,1,1,1,1,0.5,1,1 --minutes 72 --seed 3 \
		--resume --preview build/sheets/quality -o build/quality.safetensors
	$(BIN)/impasto learn --teacher build/quality.safetensors --network tiny --photos $(PHOTOS) --side 192 \
		--batch 2 --steps 4000 --resume --preview build/sheets/distilled -o build/distilled.safetensors
	$(BIN)/impasto learn --styles $(PAINTINGS) --photos $(PHOTOS) --network tiny --begin-from build/distilled.safetensors \
		--scales 1 --side 256 --batch 2 --style-weight 8 --weights 1,1,1,1,1,1,1,1,1,0.5,1,1 --minutes 62 --seed 3 \
		--resume --preview build/sheets/tiny -o build/tiny.safetensors
	$(BIN)/python docs/build/calm.py build/tiny.safetensors 0.5 the_scream watercolor
	PYTHONPATH=benchmarks $(BIN)/python docs/build/registered.py build/quality.safetensors
	PYTHONPATH=benchmarks $(BIN)/python docs/build/registered.py build/tiny.safetensors

# After build/quality.safetensors has replaced the shipped pack: tune the rows of three of its styles alone, and calm one.
tune-styles: install
	$(BIN)/impasto styles samples --size 512 --overwrite -o build/samples
	for style in hatching:30:1 woodcut:30:1 stained_glass:60:1.14; do \
		set -- $$(echo $$style | tr : " ") && cp build/samples/styles/$$1.png build/tuned_$$1.png && \
		IMPASTO_STYLES=build/tuned $(BIN)/impasto stylize build/samples/photos/coffee.png build/tuned_$$1.png \
			--instant --tune $$2 --style-scale $$3 --size 128 --overwrite -o build/tuned.png || exit 1; done
	$(BIN)/python docs/build/rows.py build/quality.safetensors hatching=build/tuned/tuned_hatching.style \
		woodcut=build/tuned/tuned_woodcut.style stained_glass=build/tuned/tuned_stained_glass_1_14.style
	$(BIN)/python docs/build/calm.py build/quality.safetensors 0.5,0.2 night_cafe

soak: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[batch]'
	OMP_NUM_THREADS=1 IMPASTO_SOAK=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(SOAK)

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[batch]'
	for script in optimisation feed_forward films photoreal dream; do \
		$(BIN)/python benchmarks/$$script.py all --data $(DATA) --out build/bench || exit 1; done
	$(BIN)/python benchmarks/scale.py all --out build/bench
	$(BIN)/python benchmarks/app.py all --data $(DATA) --out build/bench
	$(BIN)/python benchmarks/scale.py poster --out build/bench
	$(BIN)/python benchmarks/proof.py --out build/bench/proof
	$(BIN)/python docs/build/figures.py

clean:
	rm -rf .venv demo build dist
