"""Runs of a method that trains in a moment, in processes of their own that know it too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_method import TOY

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.jobs.runs.local import LocalExecutor
from HCCAssistLib.jobs.runs.runs import RunSettings, run_key, send_pack, submit
from HCCAssistLib.recipes import registry
from HCCAssistLib.training.manifest import Manifest
from HCCAssistLib.training.members import MemberPlan, members
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.pseudonyms import Pseudonyms
from HCCAssistLib.training.samples import Origin, Samples, joined

CODES = TOY.label.codes
ONE_THREAD = RunSettings("cpu", 1)

KNOWN = """
import os, sys, time
if any("HCCAssistLib.jobs.runs" in argument for argument in sys.orig_argv):
    from HCCAssistLib.recipes import registry
    from toy_method import TOY
    registry.RECIPES = {**registry.RECIPES, "toy": TOY}
"""

SLOW = """
    seconds = float(os.environ.get("TOY_SECONDS", "0"))
    if seconds:
        from toy_method import sampling
        quick = sampling.batch_maker
        def batch_maker(options):
            make = quick(options)
            def slow(inputs, generator):
                time.sleep(seconds)
                return make(inputs, generator)
            return slow
        sampling.batch_maker = batch_maker
    if child := os.environ.get("TOY_CHILD"):
        import subprocess
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(child, "w").write(str(process.pid))
"""
"""Batches take a while, and a process is started beside the training, where the environment says so."""


def register(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let this process, and those of runs that are begun from now on, know the toy."""
    (folder / "sitecustomize.py").write_text(KNOWN + SLOW, encoding="utf-8")
    here = str(Path(__file__).parent)
    patch.setenv("PYTHONPATH", f"{folder}:{here}")
    patch.setattr(registry, "RECIPES", {**registry.RECIPES, "toy": TOY})


def write_pack(folder: Path, patients: int = 40, **options: Any) -> tuple[str, tuple[MemberPlan, ...]]:
    """A pack of noisy vectors that show five classes; its digest, and the plans of two repeats."""
    parts, cases = [], []
    for number in range(patients):
        rng = np.random.default_rng([7, number])
        label, split = number // 2 % 5, "validation" if number % 4 == 3 else "train"
        vector = rng.normal(size=24) * 1.5 + rng.normal(size=(6, 24)) * 0.3
        vector[:, label] += 5.0
        arrays = {
            "case": np.zeros(6, np.int32),
            "label": np.full(6, label, np.uint8),
            "vector": vector.astype(np.float32),
        }
        origin = Origin(f"case-{number:03d}", f"patient-{number:03d}", split, (f"{number:064x}",))
        parts.append(Samples(arrays, (origin,)))
        cases.append(Case(origin.case_id, origin.patient_id, split, {"category": CODES[label]}, Path()))
    names = Pseudonyms.of(parts)
    samples = joined(sorted(parts, key=lambda part: names.cases[part.origins[0].case_id]))
    chosen = TOY.resolve(options)
    plans = members(
        Cohort(None, tuple(cases)), samples, TOY, chosen, seed=5, folds=1, repeats=2, software={"torch": "2"}
    )
    hidden = names.samples(samples)
    folder.mkdir(parents=True)
    hidden.save(Pack(folder).samples_path)
    manifest = Manifest.of(folder, TOY.id)
    manifest.write(folder)
    return manifest.digest, tuple(names.plan(plan, hidden.digest()) for plan in plans)


class Root:
    """A ROOT with a pack of the toy and one planned member, whose attempts end with the test."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.digest, plans = write_pack(folder / "made", **options)
        self.plan = plans[0].as_json()
        self.executor = LocalExecutor(folder)
        send_pack(self.executor.files, folder / "made")
        self.key = run_key(self.plan, self.digest)
        self.run = folder / "runs" / self.key

    def submit(self) -> str:
        return submit(self.executor, self.plan, self.digest, ONE_THREAD)

    def epochs(self) -> int:
        return sum(path.read_text().count('"epoch"') > 0 for path in self.run.glob("events/*"))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Root]:
    register(tmp_path, monkeypatch)
    made = Root(tmp_path / "root")
    yield made
    made.executor.kill(made.key)


def until(happened: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What a condition gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found
