# Each target is a line or two that can be run by hand. `make` alone lists them.

# The newest that TensorFlow has, of those that run: a name on the path may lead to none.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && \
	command -v $$name && break; done)
SCALE ?= paper
BIN := .venv/bin
# These files say what is installed, and when.
ALL := .venv/.installed
COMPILER := .venv/.jupyter-book
PRINTER := .venv/.printer
PEERS := .venv/.peers
# All tests are shared out among processes, one for each core, file by file.
SHARED := --numprocesses auto --dist loadfile
# The rooms that `make check` tests: the core and what is pure arithmetic.
FAST := tests/test_architecture.py tests/test_autoencoder.py tests/test_estimator.py \
	tests/test_grid.py tests/test_methods.py tests/test_som.py tests/test_storage.py \
	tests/metrics tests/report tests/figures tests/experiments/test_records.py tests/book/test_gate.py

.PHONY: help book html pdf site executed course interactive links check test test-backends lock repository clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

book: $(ALL) ## execute every notebook and build _build/html/index.html (SCALE=quick: small data; FRESH=1: train everything)
	$(BIN)/python tools/book.py execute --scale $(SCALE) $(if $(filter-out 0,$(FRESH)),--fresh)
	$(BIN)/python tools/book.py compile

html: $(or $(wildcard $(ALL)),$(COMPILER)) ## only compile the executed notebooks that are committed
	$(BIN)/python tools/book.py compile --committed

pdf: $(or $(wildcard $(ALL)),$(PRINTER)) ## print the compiled book to _build/desom.pdf (needs Chromium)
	$(BIN)/python tools/pdf.py

site: html ## what is published: the committed executions compiled and printed, and the student edition
	$(MAKE) pdf course
	$(BIN)/python tools/pdf.py --join
	$(BIN)/python tools/course.py --join

executed: $(ALL) ## execute every notebook at the paper's scale and refresh the copies in book/
	$(BIN)/python tools/book.py execute
	$(BIN)/python tools/book.py keep

course: $(or $(wildcard $(ALL)),$(COMPILER)) ## make the editions for students and instructors, from the committed notebooks
	$(BIN)/python tools/course.py

links: $(or $(wildcard $(ALL)),$(COMPILER)) ## follow every link that leads out of the book (needs a network)
	$(BIN)/python tools/book.py links

interactive: $(ALL) ## make the data files of the interactive pages; trains the models of one
	$(BIN)/python tools/watch.py
	$(BIN)/python tools/interactive.py

check: $(ALL) ## check style, and run the fast tests: for the loop of editing, a minute at most
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pytest -m "not slow" $(SHARED) $(FAST)

test: $(ALL) ## check style, run all tests, build the book at the quick scale
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pytest $(SHARED)

test-backends: $(PEERS) ## run the tests on JAX and on PyTorch
	KERAS_BACKEND=jax $(BIN)/pytest $(SHARED)
	KERAS_BACKEND=torch $(BIN)/pytest $(SHARED)

lock: ## pin every package anew in constraints.txt, for Linux and macOS (needs uv); mend environment.yml by hand
	uv pip compile pyproject.toml --upgrade --all-extras --universal --no-header --no-annotate --output-file constraints.txt
	awk -F '[= ]+' '!/pypy/ && !seen[$$1]++ {print $$1 "==" $$2}' constraints.txt > .constraints && mv .constraints constraints.txt

repository: ## write where the repository is (URL=https://github.com/you/desom) into every file that says so
	@echo '$(URL)' | grep -Eqx 'https://github\.com/[[:alnum:]_.-]+/[[:alnum:]_.-]+' || \
	{ echo "Say where: make repository URL=https://github.com/you/desom" >&2; exit 1; }
	@old=$$(sed -n 's/^  url: //p' _config.yml); \
	grep -rlF "$$old" _config.yml README.md CITATION.cff book notebooks | while read -r file; do \
		sed -E -i.old "s,$$old([^[:alnum:]_-]|\$$),$(URL)\1,g" "$$file" && rm "$$file.old" && \
		echo "$$file names $(URL)" || exit 1; \
	done

clean: ## remove _build/, also what was trained for it
	rm -rf _build

$(ALL): pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing the pinned packages into .venv"
	$(BIN)/pip install --constraint constraints.txt --editable '.[book,cluster,test]'
	@touch $@

$(PEERS): $(ALL)
	@echo "Installing JAX, PyTorch and other packages for maps into .venv"
	$(BIN)/pip install --constraint constraints.txt --editable '.[peers]'
	@touch $@

$(COMPILER): constraints.txt | $(BIN)/pip
	@echo "Installing Jupyter Book into .venv"
	$(BIN)/pip install --constraint constraints.txt 'jupyter-book<2' pillow sphinx-autoapi sphinx-exercise
	@touch $@

$(PRINTER): $(COMPILER)
	@echo "Installing what prints the book into .venv"
	$(BIN)/pip install --constraint constraints.txt playwright pypdf
	@touch $@

$(BIN)/pip:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
	{ echo "Python 3.11, 3.12 or 3.13 is needed, '$(PYTHON)' is not it; name one: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	$(PYTHON) -m venv .venv
