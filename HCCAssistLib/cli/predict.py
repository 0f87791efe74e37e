"""``hccassist predict``: run a model on a case or a cohort."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_model, add_run_options
from HCCAssistLib.cli.console import Progress, complain, say, say_json, settings, warn
from HCCAssistLib.cli.view import PAGE
from HCCAssistLib.errors import Cancelled, HCCAssistError, InputError, Problem, is_out_of_memory

if TYPE_CHECKING:
    from HCCAssistLib.cohort.case import Case
    from HCCAssistLib.cohort.cohort import Cohort
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.models.package import ModelPackage
    from HCCAssistLib.results.result import Result

Made = TypeVar("Made")

NAMES_SHOWN = 5

KEPT = "; kept from an earlier run of this command"
REPLACED = "; in place of an earlier result, of another model, options, images or version"

STOPPED = "Run the same command again to go on with the next case."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("predict", help="run a model on a case or a cohort")
    parser.add_argument(
        "input", type=Path, metavar="CASE_OR_COHORT", help="cohort, case folder, volume or DICOM folder"
    )
    add_model(parser)
    parser.add_argument(
        "--out", type=checks.folder, required=True, metavar="DIR", help="gets a folder per case, and summary.csv"
    )
    add_run_options(parser)
    parser.add_argument("--no-pictures", action="store_true", help="write no pictures of the candidates")
    parser.add_argument("--view", action="store_true", help=f"write {PAGE} of each case: the images, for a browser")
    return parser


def run(args: argparse.Namespace) -> int:
    """Predict case by case; one bad case does not lose the others. What an earlier run finished is kept."""
    from HCCAssistLib.cli.predictions import is_predictions, open_predictions
    from HCCAssistLib.cohort.cohort import open_cases
    from HCCAssistLib.models.store import ModelStore, default_store, find_model
    from HCCAssistLib.recipes.registry import all_columns

    options = settings(args.set)
    checks.device(args.device)
    checks.output_folder(args.out, apart_from=[args.input, Path(args.model)], accept=is_predictions)
    package = find_model(args.model, ModelStore(default_store()))
    volume = str(next(one for one in package.recipe.inputs_with(package.card.options) if one.kind == "volume"))
    cohort = open_cases(args.input, volume=volume, known=all_columns())
    package.recipe.resolve(options, run=True)
    with open_predictions(args.out, (case.case_id for case in cohort.cases)):
        return _Run(args, cohort, package, options).all()


class _Run:
    """The cases of one command: their results, and the problems of those that have none."""

    def __init__(
        self, args: argparse.Namespace, cohort: Cohort, package: ModelPackage, options: dict[str, str]
    ) -> None:
        from HCCAssistLib.cli.predictions import Row, read_summary

        self.args, self.cohort, self.package, self.options = args, cohort, package, options
        self.single = cohort.folder is None or len(cohort.cases) == 1
        self.progress = Progress("predict")
        self.pictures = not args.no_pictures
        self.lone = cohort.folder is None and any(case.files for case in cohort.cases)
        self.rows: dict[str, Row] = read_summary(args.out)
        self.warned_of: dict[tuple[str, str], list[str]] = {}
        self.done: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.refusal: Exception | None = None

    def all(self) -> int:
        """Do every case, and report; the exit status."""
        predict: Callable[..., Result] | None = None
        for number, case in enumerate(self.cohort.cases):

            def part(share: float, number: int = number, name: str = case.case_id) -> None:
                self.progress(name, (number + share) / len(self.cohort.cases))

            part(0.0)
            read = self._attempt(case, partial(self._read, case))
            if read is None:
                continue
            study, result = read
            kept = result is not None
            if result is None:
                predict = predict or self._predictor()
                result = self._attempt(case, partial(predict, study, progress=part))
            if result is not None:
                self._store(case, study, result, kept)
        if self.args.json:
            say_json({"cases": self.done, "failed": self.failed})
        if self.refusal:
            raise self.refusal
        self._warn_of_others()
        if not self.args.json:
            say(f"results in {self.args.out}: summary.csv" + (", and a folder for each case done" if self.done else ""))
        return 1 if self.failed else 0

    def _attempt(self, case: Case, work: Callable[[], Made]) -> Made | None:
        """What comes of work on a case; None where it fails, which is reported and does not touch the others."""
        try:
            return work()
        except Cancelled:
            raise
        except Exception as error:
            if self.args.debug and not isinstance(error, HCCAssistError):
                raise
            self._fail(case.case_id, error)
            return None

    def _read(self, case: Case) -> tuple[Study, Result | None]:
        """The case, and its result where an earlier run of the same command finished it."""
        from HCCAssistLib.cli.predictions import finished, refuse_other_scan
        from HCCAssistLib.inference.study import read_study

        study = read_study(case, self.package.recipe, options=self.package.card.options)
        if self.lone:
            refuse_other_scan(self.args.out / case.case_id, study)
        options = self.package.recipe.resolve(self.options, run=True)
        return study, finished(self.args.out / case.case_id, study, self.package, options)

    def _predictor(self) -> Callable[..., Result]:
        """Load the model; PyTorch takes seconds, so this waits until there is something to compute."""
        from HCCAssistLib.inference.loaded_model import choose_device, load_model

        model = load_model(self.package, device=choose_device(self.args.device))
        predict = self.package.recipe.module("prediction").predict

        def result(study: Study, progress: Callable[[float], None]) -> Result:
            found: Result = predict(study, model, self.options, progress=progress)
            return found

        return result

    def _store(self, case: Case, study: Study, result: Result, kept: bool) -> None:
        from HCCAssistLib.cli.predictions import Row, write_prediction

        folder = self.args.out / study.case_id
        earlier = KEPT if kept else REPLACED if (folder / "result.json").exists() else ""
        no_pictures = self.pictures and not list(folder.glob("*.png"))
        if not kept or no_pictures or (self.args.view and not (folder / PAGE).exists()):
            write_prediction(result, folder, partial(self._show, case, study))
        self._note(Row.of(study.case_id, result))
        self.done.append({"case_id": study.case_id, **result.as_json()})
        if not self.args.json:
            from HCCAssistLib.cli.findings import rows, sentence

            say("\n".join(filter(None, (f"{study.case_id}: {sentence(result)}{earlier}", rows(result)))))
        self._warn(study.case_id, result.warnings)

    def _warn(self, case_id: str, problems: Iterable[Problem]) -> None:
        """Each warning once, with all of its places; which other cases it is true of is printed at the end."""
        places: dict[tuple[str, str], dict[str, None]] = {}
        for problem in problems:
            places.setdefault((problem.what, problem.remedy), {})[problem.where] = None
        for (what, remedy), where in places.items():
            others = self.warned_of.get((what, remedy))
            if others is None:
                self.warned_of[what, remedy] = []
                warn([Problem("WARN", what, " and ".join(filter(None, where)), remedy)])
            else:
                others.append(case_id)

    def _warn_of_others(self) -> None:
        for (what, _), others in self.warned_of.items():
            if others:
                more = f" and {len(others) - NAMES_SHOWN} more" if len(others) > NAMES_SHOWN else ""
                warn([Problem("WARN", what, f"also cases {', '.join(others[:NAMES_SHOWN])}{more}")])

    def _show(self, case: Case, study: Study, result: Result, folder: Path) -> None:
        """Pictures and the page, as far as they are asked for."""
        from HCCAssistLib.cohort.synthetic import is_synthetic, unclear

        synthetic = not unclear([case]) and is_synthetic(case)
        if self.pictures:
            self._draw(study, result, folder, synthetic=synthetic)
        if self.args.view:
            from HCCAssistLib.viewer.page import write_page

            name = case.case_id if self.cohort.folder is not None else ""  # elsewhere it may be that of a file
            try:
                write_page(result, study.volumes, folder / PAGE, case_id=name, synthetic=synthetic)
            except InputError as error:  # the result is good without it
                warn(replace(problem, level="WARN") for problem in error.problems)

    def _draw(self, study: Study, result: Result, folder: Path, *, synthetic: bool) -> None:
        """A slice through each of the first findings; where none can be drawn that is reported, once."""
        from HCCAssistLib.scene.rendering import rendering_available

        missing = rendering_available()
        if missing is not None:
            self.pictures = False
            warn([missing])
            return
        from HCCAssistLib.scene.pictures import render_case

        render_case(result, study.volumes, folder, masks=study.masks, three_d=False, synthetic=synthetic)

    def _fail(self, case_id: str, error: Exception) -> None:
        from HCCAssistLib.cli.predictions import SUMMARY, Row
        from HCCAssistLib.files import remove

        problems = _problems(error)
        if not self.lone:
            remove(self.args.out / case_id)  # what an earlier run wrote is no result of what is there now
        text = " ".join(str(problem) for problem in problems)
        self.failed.append({"case_id": case_id, "problem": text})
        refused = self.single and isinstance(error, InputError)
        if not refused or ((self.args.out / SUMMARY).exists() and not self.lone):
            self._note(Row(case_id, "failed", problem=text))
        if refused:  # the whole input is bad, which is another exit status
            self.refusal = error
            return
        for problem in problems:
            place = problem.where if case_id in problem.where else f"case {case_id}, {problem.where}".rstrip(", ")
            place = f"case {case_id}" if place == case_id else place
            complain(f"hccassist predict: {Problem('STOP', problem.what, place, problem.remedy)}")

    def _note(self, row: Any) -> None:
        from HCCAssistLib.cli.predictions import write_summary

        self.rows[row.case_id] = row
        write_summary(self.args.out, self.rows.values(), self.package.recipe.task)


def _problems(error: Exception) -> tuple[Problem, ...]:
    if isinstance(error, InputError):
        return error.problems
    if isinstance(error, HCCAssistError):
        return (Problem("STOP", str(error).rstrip(".")),)
    if is_out_of_memory(error):
        return (Problem("STOP", "there is not enough memory", "", "close other programs, and try again"),)
    what = f"internal error ({type(error).__name__}: {error})"
    return (Problem("STOP", what, "", "run with --debug and report it"),)
