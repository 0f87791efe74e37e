"""The folder of a prediction: a folder for each case, and ``summary.csv`` with a row for each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import folder_written_whole, remove, written_whole
from HCCAssistLib.locks import locked

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.recipes.options import Value
    from HCCAssistLib.results.detection import DetectionResult

SUMMARY, LOCK, CANDIDATES = "summary.csv", ".lock", "candidates.csv"


@dataclass(frozen=True, slots=True)
class Row:
    """What ``summary.csv`` says of a case.

    Attributes:
        case_id: pseudonym; its results lie in the folder of that name.
        status: ``"done"`` or ``"failed"``.
        candidates: of any probability; the cells of a case that failed are empty.
        shown: candidates at or above the threshold.
        threshold: of the model.
        highest_probability: of all candidates.
        searched: where and how much.
        warnings: how many the result carries.
        problem: why it failed.
    """

    case_id: str
    status: str
    candidates: int | str = ""
    shown: int | str = ""
    threshold: float | str = ""
    highest_probability: float | str = ""
    searched: str = ""
    warnings: int | str = ""
    problem: str = ""

    @classmethod
    def of(cls, case_id: str, result: DetectionResult) -> Row:
        """The row of a result."""
        return cls(
            case_id,
            "done",
            len(result.candidates),
            len(result.shown),
            result.threshold,
            result.candidates[0].probability if result.candidates else "",
            str(result.searched or ""),
            len(result.warnings),
        )


HEADER = ",".join(Row.__dataclass_fields__)


def is_predictions(folder: Path) -> bool:
    """Whether a folder holds predictions, or what is left of a run that was killed before the first summary."""
    found = [path for path in folder.iterdir() if path.name != LOCK and path.suffix != ".part"]
    if all((path / CANDIDATES).is_file() for path in found):
        return True
    with suppress(OSError, ValueError), (folder / SUMMARY).open(encoding="utf-8-sig") as file:
        return file.readline().strip() == HEADER
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


def write_summary(folder: Path, rows: Iterable[Row]) -> None:
    """Write ``summary.csv``, which Excel opens, whole or not at all."""
    with written_whole(folder / SUMMARY) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HEADER.split(","))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_summary(folder: Path) -> dict[str, Row]:
    """The rows of ``summary.csv`` by case, empty where there is none."""
    with suppress(OSError, ValueError, TypeError), (folder / SUMMARY).open(encoding="utf-8-sig", newline="") as file:
        return {row["case_id"]: Row(**row) for row in csv.DictReader(file)}
    return {}


def write_prediction(
    result: DetectionResult, folder: Path, draw: Callable[[DetectionResult, Path], None] | None = None
) -> None:
    """Write result.json, heatmap.nrrd, candidates.csv and pictures; the folder is replaced as a whole.

    Args:
        result: of one case.
        folder: of the case.
        draw: writes pictures of the result into a folder.
    """
    from HCCAssistLib.results.files import write_candidates, write_result

    with folder_written_whole(folder) as part:
        write_result(result, part)
        write_candidates(result, part / CANDIDATES)
        if draw is not None:
            draw(result, part)


def refuse_other_scan(folder: Path, study: Study) -> None:
    """Refuse to write the result of a lone volume over that of another: both cases are called alike.

    Raises:
        InputError: the folder holds the result of another volume.
    """
    from HCCAssistLib.results.files import read_result

    try:
        inputs = read_result(folder).run.inputs
    except HCCAssistError:
        return
    own = study.digests()
    if any(inputs.get(key) != own[key] for key in study.volumes):
        where = f"option --out {folder.parent.name}"
        raise InputError("there is the result of another scan", where, "choose a new folder")


def finished(folder: Path, study: Study, package: ModelPackage, options: dict[str, Value]) -> DetectionResult | None:
    """The result of an earlier run with the same model, options, software and inputs; None where there is none."""
    from HCCAssistLib.provenance import software_versions
    from HCCAssistLib.results.files import read_result

    try:
        found = read_result(folder)
    except HCCAssistError:
        return None
    run, card = found.run, package.card
    cutoff = card.default_cutoff
    same = (
        run.weights_sha256 == package.weights_sha256
        and (run.model, run.options) == (card.name, {**card.options, **options})
        and (found.threshold, found.threshold_source) == (cutoff.value, cutoff.source)
        and run.software == software_versions()
        and run.inputs == study.digests()
        and (folder / CANDIDATES).is_file()
    )
    return found if same else None
