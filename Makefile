# demo: the main job, from training to every target, verified.   test: all tests.   lint: ruff and mypy.
# bench, bench-cpu, bench-hardware: the results tables of README on the original MNIST files (BITLOGIC_MNIST=folder).
# Each sets up .venv by itself; nothing needs root.

PYTHON ?= python3
BIN := .venv/bin
# Tests that run side by side.
JOBS ?= 2
READY := .venv/ready
EXTRAS := sim,amaranth,formal,synth,boards,lint,data,report,sweep,dev

# Training starts many short parallel loops; threads that spin between them stall on a busy machine.
export OMP_WAIT_POLICY := passive

.PHONY: demo test lint bench bench-cpu bench-hardware clean

demo: $(READY)
	$(BIN)/bitlogic doctor
	$(BIN)/bitlogic demo --output build/demo

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(JOBS) $(PYTEST)

lint: $(READY)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python examples/results.py --root "$(BITLOGIC_MNIST)" --folder build/results --readme README.md

# DIFFLOGIC: a checkout of https://github.com/Felix-Petersen/difflogic, which is then measured too.
bench-cpu: $(READY)
	$(BIN)/python examples/cpu_results.py --root "$(BITLOGIC_MNIST)" --folder build/cpu $(if $(DIFFLOGIC),--difflogic $(DIFFLOGIC)) --readme README.md

bench-hardware: $(READY)
	$(BIN)/python examples/hardware_results.py --root "$(BITLOGIC_MNIST)" --folder build/hardware --readme README.md

# The tested torch first, from the constraints: a plain install would take the newest one, with all of CUDA. torchlogix,
# the peer of the importer's tests, without what it asks for: that is torchvision, with another torch.
$(READY): pyproject.toml .constraints.txt
	$(PYTHON) -m bitlogic.export.doctor
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint .constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint .constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --no-deps torchlogix==0.2.2
	touch $(READY)

clean:
	rm -rf build .venv
