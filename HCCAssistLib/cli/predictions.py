"""The folder of a prediction: a folder for each case, and ``summary.csv`` with a row for each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.checks import is_of_the_system
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import atomic_file, atomic_folder, remove
from HCCAssistLib.locks import locked
from HCCAssistLib.results.tables import SUMMARY_COLUMNS, TABLES, summary, write_findings

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.recipes.options import Value
    from HCCAssistLib.results.result import Kind, Result

SUMMARY, LOCK = "summary.csv", ".lock"


@dataclass(frozen=True, slots=True)
class Row:
    """What ``summary.csv`` says of a case.

    Attributes:
        case_id: pseudonym; its results lie in the folder of that name.
        status: ``"done"`` or ``"failed"``.
        result: what the result says in short, by column; the cells of a case that failed are empty.
        warnings: how many the result carries.
        problem: why it failed.
    """

    case_id: str
    status: str
    result: Mapping[str, Any] = field(default_factory=dict)
    warnings: int | str = ""
    problem: str = ""

    @classmethod
    def of(cls, case_id: str, result: Result) -> Row:
        """The row of a result."""
        return cls(case_id, "done", summary(result), len(result.warnings))

    def cells(self) -> dict[str, Any]:
        """Every cell by its column."""
        ends = {"warnings": self.warnings, "problem": self.problem}
        return {"case_id": self.case_id, "status": self.status, **self.result, **ends}


def header(kind: Kind) -> tuple[str, ...]:
    """The columns of ``summary.csv`` for one kind of result."""
    return ("case_id", "status", *SUMMARY_COLUMNS[kind], "warnings", "problem")


def is_predictions(folder: Path) -> bool:
    """Whether a folder holds predictions, or what is left of a run that was killed before the first summary."""
    own = (path for path in folder.iterdir() if not is_of_the_system(path.name))
    found = [path for path in own if path.name != LOCK and path.suffix != ".part"]
    if all(any((path / table).is_file() for table in TABLES.values()) for path in found):
        return True
    with suppress(OSError, ValueError), (folder / SUMMARY).open(encoding="utf-8-sig") as file:
        return tuple(file.readline().strip().split(",")) in map(header, SUMMARY_COLUMNS)
    return False


@contextmanager
def open_predictions(folder: Path, case_ids: Iterable[str]) -> Iterator[None]:
    """A folder to put the predictions of some cases in, with nobody else at work there.

    A folder that holds nothing at the end is removed.

    Raises:
        InputError: it holds predictions of other cases.
        HCCAssistError: another process is at work there.
    """
    names = set(case_ids)
    if SUMMARY in {name.lower() for name in names}:
        raise InputError(f"a case cannot be called {SUMMARY}", "cohort.csv", "give it another case id")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / LOCK, "prediction"):
            others = sorted(p.name for p in folder.iterdir() if p.name not in names and (p / "result.json").is_file())
            if others:
                raise InputError(
                    f"there are predictions of other cases ({', '.join(others[:3])}{', ...' if others[3:] else ''})",
                    f"option --out {folder.name}",
                    "choose a new folder",
                )
            for part in folder.glob("*.part"):  # of a run that was killed, since nobody else is at work here
                remove(part)
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def write_summary(folder: Path, rows: Iterable[Row], kind: Kind) -> None:
    """Write ``summary.csv``, which Excel opens, whole or not at all; rows of results of another kind say less."""
    with atomic_file(folder / SUMMARY) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header(kind), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row.cells() for row in rows)


def read_summary(folder: Path) -> dict[str, Row]:
    """The rows of ``summary.csv`` by case, empty where there is none."""
    rows = {}
    with suppress(OSError, ValueError, KeyError), (folder / SUMMARY).open(encoding="utf-8-sig", newline="") as file:
        for cells in csv.DictReader(file):
            case_id, status, warnings, problem = (
                cells.pop(name) for name in ("case_id", "status", "warnings", "problem")
            )
            rows[case_id] = Row(case_id, status, cells, warnings, problem)
    return rows


def write_prediction(result: Result, folder: Path, draw: Callable[[Result, Path], None] | None = None) -> None:
    """Write result.json, heat maps, the table of the kind and pictures; the folder is replaced as a whole.

    Args:
        result: of one case.
        folder: of the case.
        draw: writes pictures of the result into a folder.
    """
    from HCCAssistLib.results.files import write_result

    with atomic_folder(folder) as part:
        write_result(result, part)
        write_findings(result, part / TABLES[result.kind])
        if draw is not None:
            draw(result, part)


def refuse_other_scan(folder: Path, study: Study) -> None:
    """Refuse to write the result of a lone volume over that of another: both cases are called alike.

    Raises:
        InputError: the folder holds the result of another volume.
    """
    from HCCAssistLib.results.files import read_result

    try:
        run = read_result(folder).run
    except HCCAssistError:
        return
    before, own = {**run.inputs, **run.unused_inputs}, study.digests()
    if any(before.get(key) != own[key] for key in study.volumes):
        where = f"option --out {folder.parent.name}"
        raise InputError("there is the result of another scan", where, "choose a new folder")


def finished(folder: Path, study: Study, package: ModelPackage, options: dict[str, Value]) -> Result | None:
    """The result of an earlier run with the same model, options, software and inputs; None where there is none."""
    from HCCAssistLib.provenance import software_versions
    from HCCAssistLib.results.files import read_result

    try:
        found = read_result(folder)
    except HCCAssistError:
        return None
    run, card = found.run, package.card
    same = (
        (run.model, run.model_sha256, run.weights_sha256) == (card.name, card.seal, package.weights_sha256)
        and run.options == {**card.options, **options}
        and run.software == software_versions()
        # what was not used may have given a warning
        and {**run.inputs, **run.unused_inputs} == study.digests(v.column for v in package.recipe.variables)
        and (folder / TABLES[found.kind]).is_file()
    )
    return found if same else None
