"""The report of a training that ended without one, such as where a package for reports was missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.runs.training_file import Training
from HCCAssistLib.jobs.runs.training_folder import OUTCOME, REPORT, TrainingFolder


def late_report(path: Path, progress: Callable[[str, float], None]) -> Path:
    """Evaluate the model of a training on the test cases and write the page, which is the training's from then on.

    Args:
        path: folder of the training.
        progress: called with what is being done, and how much of it.

    Raises:
        InputError: it is not done, or there is no test case that can be used.
        HCCAssistError: what a report needs is not installed.
    """
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.models.package import read_package
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.training.on_test_cases import report_on_test_cases

    training, folder = Training.read(path), TrainingFolder(path)
    outcome = folder.outcome
    if outcome is None:
        raise InputError("the training is not done yet", training.name, "wait until it is")
    cohort = read_cohort(Path(training.cohort), tolerant=True, known=all_columns())
    package = read_package(folder.package)
    page = report_on_test_cases(cohort, package, path / REPORT, device=training.device, progress=progress)
    folder.write(OUTCOME, {**outcome, "report": page.relative_to(path).as_posix(), "note": ""})
    return page
