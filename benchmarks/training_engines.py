"""LTP training of the paper's size by the plain command, in the background and on a private Slurm.

    sudo python benchmarks/training_engines.py [--epochs 50] [--cohort FOLDER]

2,640 patches of phantoms, the preset ``paper``, one thread on the CPU. Each engine trains the same model; the packages
are compared byte by byte. Seconds are of the clock, from the command to the first epoch's end and to the package. Slurm
needs Linux, root, slurm-wlm, munge and openssh-server, and is left out with the reason otherwise. The last lines are
one JSON object per goal.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

from HCCAssistLib.cli.console import Progress
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.ltp.cases import PHANTOMS
from HCCAssistLib.recipes.ltp.recipe import NEGATIVES_PER_PATIENT, POSITIVES_PER_LESION

ROOT = Path(__file__).parents[1]
PATCHES, CASES, VALIDATION, SEED = 2640, 84, 8, 7
OVERHEAD_SECONDS = 2.0
SHOW_SECONDS = 5.0
UNDERWAY = ("waiting", "queued", "running")


def of_the_papers_size(cohort: Path) -> int:
    """Make the table a training of 2,640 patches with some cases to validate; how many patches it has."""
    table = cohort / "cohort.csv"
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    patches, kept, validation = 0, [], 0
    for row in rows:
        truth = json.loads((cohort / "cases" / row["case_id"] / "truth.json").read_text(encoding="utf-8"))
        more = NEGATIVES_PER_PATIENT + POSITIVES_PER_LESION * len(truth["lesions"])
        if patches + more <= PATCHES:
            patches += more
            kept.append({**row, "split": "train"})
        elif validation < VALIDATION:
            validation += 1
            kept.append({**row, "split": "val"})
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return patches


@dataclass(frozen=True)
class Trained:
    """What an engine made, and the seconds from the command to it."""

    digest: str
    first_epoch: float
    package: float


class Command:
    """``hccassist`` with its trainings and profiles in a folder of its own, on one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.environment = {
            **os.environ,
            "HCCASSIST_TRAINING": str(folder / "trainings"),
            "HCCASSIST_PROFILES": str(folder / "profiles"),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "HCCAssistLib.cli.main", *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **more}
        return subprocess.Popen(command, env=self.environment, text=True, **pipes)

    def said(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"hccassist {' '.join(arguments)} ended with {process.returncode}")
        return out


def plain(command: Command, how: Sequence[str]) -> Trained:
    """Train by the command that is kept open."""
    began = time.monotonic()
    package = command.folder / "model"
    process = command.start("train", *how, "--out", str(package), stderr=subprocess.PIPE)
    assert process.stderr
    first, line = 0.0, ""
    for line in filter(str.strip, process.stderr):
        if not first and "epoch 1:" in line:
            first = time.monotonic() - began
    process.communicate()
    if process.returncode:
        raise RuntimeError(line)
    return Trained(digest(package), first, time.monotonic() - began)


def handed_over(command: Command, how: Sequence[str], runs: Path) -> Trained:
    """Train by processes that go on by themselves."""
    began = time.time()
    process = command.start("train", *how, "--name", "model")
    assert process.stdout
    training = process.stdout.readline().split()[0]
    while (status := json.loads(command.said("jobs", "show", training, "--json")))["summary"]["state"] in UNDERWAY:
        time.sleep(SHOW_SECONDS)
    took = time.time() - began
    process.communicate()
    if status["summary"]["state"] != "done":
        raise RuntimeError(f"the training is {status['summary']['state']}")
    events = [path for folder in {command.folder, runs} for path in folder.rglob("events/*.jsonl")]
    lines = [json.loads(line) for path in events for line in path.read_text(encoding="utf-8").splitlines()]
    first = min((line["t"] for line in lines if line["kind"] == "epoch" and line["t"] > began), default=nan)
    return Trained(digest(Path(status["package"])), first - began, took)


def digest(package: Path) -> str:
    """Of all files of a package."""
    found = hashlib.sha256()
    for path in sorted(package.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def shown(name: str, one: Trained) -> Trained:
    """A line of the table."""
    print(f"{name:12s} {one.first_epoch:15.1f} {one.package:12.1f}  {one.digest}", flush=True)
    return one


def engines(folder: Path, how: Sequence[str]) -> dict[str, Trained]:
    """What each engine made, in a folder of its own: what is trained already would not be trained again."""
    print(f"{'engine':12s} {'first epoch, s':>15s} {'package, s':>12s}  sha256 of the package")
    found = {"plain": shown("plain", plain(Command(folder / "plain"), how))}
    background = Command(folder / "background")
    one = handed_over(background, [*how, "--engine", "background"], background.folder)
    found["background"] = shown("background", one)
    sys.path.append(str(ROOT / "Testing" / "slurm"))
    from private_cluster import PrivateCluster, unavailable

    if reason := unavailable():
        print(f"no Slurm: {reason}")
        return found
    command = Command(folder / "slurm")
    with tempfile.TemporaryDirectory(prefix="hcc-slurm-") as site:  # short, for the sockets
        cluster = PrivateCluster(Path(site))
        try:
            file = command.folder / "ward.json"
            file.write_text(json.dumps({**cluster.profile, "time_limit": "01:00:00"}), encoding="utf-8")
            arguments = [*how, "--engine", "slurm", "--profile", str(file)]
            found["slurm"] = shown("slurm", handed_over(command, arguments, Path(site) / "root"))
        finally:
            cluster.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohort", type=Path, help="phantoms made before by this script: a folder that is kept")
    parser.add_argument("--epochs", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cohort = arguments.cohort or Path(scratch) / "cohort"
        if not cohort.exists():
            write_cohort(PHANTOMS, cohort, cases=CASES, seed=SEED, field="liver", progress=Progress("phantoms").part)
        print(f"{of_the_papers_size(cohort)} patches", flush=True)
        epochs = str(arguments.epochs)
        how = [str(cohort), "--recipe", "ltp", "--preset", "paper", "--device", "cpu"]
        how += [f"--set=epochs={epochs}", f"--set=patience={epochs}"]
        found = engines(Path(scratch), how)
    first = found["plain"]
    equal = all(one.digest == first.digest for one in found.values())
    over = found["background"].first_epoch - first.first_epoch
    print(json.dumps({"goal": "packages equal byte by byte", "value": equal, "met": equal}))
    met = over <= OVERHEAD_SECONDS
    print(json.dumps({"goal": "background: first epoch later, s", "value": round(over, 2), "met": met}))


if __name__ == "__main__":
    main()
