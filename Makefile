# `make run` needs Python 3.11 or later and nothing else. Another one than it finds: make run PYTHON=/path/to/python

ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
endif
VENV := .venv/bin/python

.PHONY: run test lint screenshots python

run: python
	@$(PYTHON) scripts/install.py requirements.txt && exec $(VENV) app.py

# A part of the suite: make test ARGS="tests/test_config.py -k port"
test: python
	@$(PYTHON) scripts/install.py requirements.txt requirements-dev.txt && exec $(VENV) -m pytest -n 2 --dist loadfile $(ARGS)

lint: python
	@$(PYTHON) scripts/install.py requirements.txt requirements-dev.txt && exec $(VENV) -m ruff check .

# The pictures in docs/screenshots, of the sample firm. It takes a Chromium, as the tests in a browser do.
screenshots: python
	@$(PYTHON) scripts/install.py requirements.txt requirements-dev.txt && exec $(VENV) scripts/screenshots.py

python:
	@$(if $(PYTHON),:,echo "Kayse Dash needs Python 3.11 or later and found none. Install it and run make again." >&2; exit 1)
