"""What each method takes on this computer: a case to predict, and 200 cases to train on.

    python benchmarks/hardware.py [docs/hardware.md] [--only RECIPE ...] [--busy]

Predictions are made by the command with the demonstration models, one phantom of the whole abdomen each; trainings are
reckoned by the dry run from a phantom and three batches, for a table of 200 patients that is split as the paper's. The
tables are printed, and written between the marks of the document. Where others use the computer ``--busy`` reckons
trainings from the time of the processor, on one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from HCCAssistLib.models.store import DEMONSTRATION, SHIPPED
from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort
from HCCAssistLib.recipes.registry import RECIPES, get_recipe
from HCCAssistLib.wording import duration, megabytes

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- measured: python benchmarks/hardware.py docs/hardware.md -->", "<!-- end of measured -->"
PATIENTS, PHANTOMS, SEED = 200, 12, 11


def enlarge(cohort: Path) -> None:
    """Fill the table with copies of the phantoms, by links, up to 200 patients without splits."""
    with (cohort / "cohort.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    many = []
    for number in range(PATIENTS):
        row, name = rows[number % len(rows)], f"copy-{number:03d}"
        (cohort / "cases" / name).symlink_to(cohort.absolute() / "cases" / row["case_id"], target_is_directory=True)
        many.append({**row, "case_id": name, "patient_id": name, "split": ""})
    with (cohort / "cohort.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(many)


def tried(cohort: Path, recipe: str, preset: str, *, busy: bool) -> None:
    """Print what a training would take, as one JSON object: in a process of its own, for the peak of the memory."""
    if busy:
        time.perf_counter = time.process_time
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training.dry_run import dry_run
    from HCCAssistLib.training.job import Job

    method = get_recipe(recipe)
    options = method.resolve({}, preset=preset)
    table = read_cohort(cohort, tolerant=True, known=all_columns())
    workers = os.cpu_count() or 1
    found = dry_run(table, Job(method, options, Path(), "try", device="auto", workers=workers).checked(table))
    print(json.dumps({**asdict(found), "epoch_s": found.epoch_s, "total_s": found.total_s}))


def training(cohort: Path, recipe: str, preset: str, *, busy: bool) -> str:
    """Cells of a training."""
    command = [sys.executable, __file__, "--tried", str(cohort), recipe, preset, *(["busy"] if busy else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"OMP_NUM_THREADS": "1"} if busy else {})}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    reading = duration(found["cases"] * found["case_s"])
    return " | ".join(
        (reading, duration(found["epoch_s"]), f"{found['epochs']}", duration(found["total_s"]),
         megabytes(found["memory"]), megabytes(found["disk"]))
    )  # fmt: skip


def prediction(cohort: Path, recipe: str) -> str:
    """Cells of a prediction: seconds of the clock and of the processor, and the peak of the memory."""
    model = SHIPPED / DEMONSTRATION.format(recipe=recipe)
    command = [sys.executable, "-m", "HCCAssistLib.cli.main", "predict", str(cohort), "--model", str(model)]
    command += ["--out", str(cohort.parent / "result"), "--no-pictures"]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"predict of {recipe} ended with {os.waitstatus_to_exitcode(status)}")
    took = time.monotonic() - began
    return f"{took:.1f} s | {used.ru_utime + used.ru_stime:.1f} s | {megabytes(1024 * used.ru_maxrss)}"


def measured(recipes: list[str], *, busy: bool) -> str:
    """Both tables."""
    predicted, trained = [], []
    for recipe in recipes:
        phantoms = phantoms_of(get_recipe(recipe).package)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_cohort(phantoms, folder / "one" / "cohort", cases=1, seed=SEED)
            prediction(folder / "one" / "cohort", recipe)  # fills the cache of the disk
            shutil.rmtree(folder / "one" / "result", ignore_errors=True)
            predicted.append(f"| `{recipe}` | {prediction(folder / 'one' / 'cohort', recipe)} |")
            write_cohort(phantoms, folder / "cohort", cases=PHANTOMS, seed=SEED)
            enlarge(folder / "cohort")
            for preset in ("quick", ""):
                cells = training(folder / "cohort", recipe, preset, busy=busy)
                trained.append(f"| `{recipe}` | {preset or 'defaults'} | {cells} |")
            print(predicted[-1], *trained[-2:], sep="\n", file=sys.stderr, flush=True)
    cores, system = os.cpu_count(), f"{platform.system()} {platform.machine()}"
    return "\n".join(
        (
            f"{cores} cores, {system}, Python {platform.python_version()}, PyTorch {version('torch')}.",
            "",
            "| prediction of a case, from the command to the result | time | of the processor | memory at most |",
            "|---|---|---|---|",
            *predicted,
            "",
            f"| {PATIENTS} patients | options | reading | an epoch | epochs | in all, at most | memory | disk |",
            "|---|---|---|---|---|---|---|---|",
            *trained,
        )
    )


def main() -> int:
    if sys.argv[1:2] == ["--tried"]:
        tried(Path(sys.argv[2]), *sys.argv[3:5], busy=sys.argv[5:] == ["busy"])
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", nargs="?", type=Path)
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--busy", action="store_true")
    arguments = parser.parse_args()
    tables = measured(arguments.only, busy=arguments.busy)
    print(tables)
    if arguments.document:
        before, rest = arguments.document.read_text(encoding="utf-8").split(BEGIN)
        text = f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"
        arguments.document.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
