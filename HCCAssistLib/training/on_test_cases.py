"""The report of a model on the test cases of the cohort that it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.evaluation.optional import check_reports
from HCCAssistLib.inference.loaded_model import choose_device, load_model
from HCCAssistLib.models.package import ModelPackage
from HCCAssistLib.training.unseen import unseen


def report_on_test_cases(
    cohort: Cohort, package: ModelPackage, folder: Path, *, device: str, progress: Callable[[str, float], None]
) -> Path:
    """Evaluate a model and write the report; the page.

    Args:
        cohort: as it was read for the training.
        package: the model.
        folder: of the report; finished cases lie in it too, so that an interrupted evaluation goes on.
        device: to compute on.
        progress: called with what is being done, and how much of it.

    Raises:
        InputError: there is no test case, or none that can be used.
        HCCAssistError: what a report needs is not installed.
    """
    check_reports()
    cases = unseen(cohort, package)
    model = load_model(package, device=choose_device(device))
    evaluate, report = package.recipe.module("evaluation").evaluate, package.recipe.module("report").report
    found = evaluate(cohort, model, {}, held_out=cases, folder=folder / "cases", progress=progress)
    page: Path = report(found, model).write(folder)
    return page
