"""What a demo shows of a model: one synthetic case that it has not seen, with everything that is written of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.console import say, table, warn
from HCCAssistLib.cli.view import PAGE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.recipes.registry import cohort_spec
from HCCAssistLib.recipes.spec import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from HCCAssistLib.cohort.case import Case
    from HCCAssistLib.evaluation.report import Report
    from HCCAssistLib.inference.loaded_model import LoadedModel
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background
    from HCCAssistLib.results.result import Result

SEED = 90210
"""Of the unseen phantoms, or the next one of which a method has something to show; trainings have a smaller one."""

SCENE = "case.mrb"


@dataclass(frozen=True, slots=True)
class Shown:
    """One case, and what a model says of it.

    Attributes:
        study: as the method reads it.
        result: of the model.
        sentence: what was found, beside what was planted.
        columns: of the rows.
        rows: what was found, one by one.
    """

    study: Study
    result: Result
    sentence: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def say(self) -> None:
        """Tell it."""
        say(f"Unseen case {self.study.case_id}: {self.sentence}")
        say(table(self.columns, self.rows))
        warn(self.result.warnings)


def unseen_case(recipe: Recipe, demo: Demo, folder: Path, background: Background | None = None) -> Case:
    """The phantom to show, unless it is there already; no phantom of a training has its seed or its id.

    Args:
        recipe: of the method.
        demo: of the method.
        folder: of a cohort with it alone.
        background: a real CT to put the lesions into.
    """
    from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort

    if not folder.exists():
        phantoms = phantoms_of(recipe.package)
        unseen = replace(phantoms, prefix=f"unseen-{phantoms.prefix}")
        seed = next(seed for seed in count(SEED) if demo.shows(phantoms.row(seed, 0)))
        real = background.image if background else None
        write_cohort(unseen, folder, cases=1, seed=seed, background=real, field="liver")
    return the_case(folder)


def the_case(folder: Path) -> Case:
    """The one case of a cohort that a demo made."""
    with _made_again_once_deleted(folder):
        (case,) = read_cohort(folder).cases
    return case


@contextmanager
def _made_again_once_deleted(folder: Path) -> Iterator[None]:
    """Say what is wrong with the case of an earlier run, and that nobody needs to repair it."""
    try:
        yield
    except InputError as error:
        problem = error.problems[0]
        why = ": ".join(filter(None, [problem.where, problem.what]))
        what = f"the synthetic case of an earlier run is damaged ({why})"
        raise InputError(what, str(folder), "delete this folder: it is made again") from error


def show(case: Case, model: LoadedModel, demo: Demo, *, progress: Callable[[float], None]) -> Shown:
    """Apply a model to a case."""
    from HCCAssistLib.inference.study import read_study

    recipe, options = model.package.recipe, model.package.card.options
    with _made_again_once_deleted(case.folder.parents[1]):
        study = read_study(case, recipe, options=options, classes=cohort_spec(recipe, options).finding_classes)
    result = recipe.module("prediction").predict(study, model, demo.run, progress=progress)
    return Shown(study, result, *demo.describe(result, study))


def write(shown: Shown, folder: Path) -> tuple[Path, ...]:
    """Write the result, its tables, its page, the scene and pictures into a folder that is there; the pictures."""
    from HCCAssistLib.results.files import write_result
    from HCCAssistLib.results.tables import TABLES, write_findings
    from HCCAssistLib.viewer.page import write_page

    result, study = shown.result, shown.study
    write_result(result, folder)
    write_findings(result, folder / TABLES[result.kind])
    write_page(result, study.volumes, folder / PAGE, case_id=study.case_id, synthetic=True)
    return _draw(result, study, folder)


def add_to_report(pages: Report, shown: Shown, pictures: Sequence[Path]) -> None:
    """Add what was found, and the pictures of it."""
    pages.add_table("What was found in it", shown.columns, [[str(cell) for cell in row] for row in shown.rows])
    for picture in pictures:
        caption = _caption(picture.stem, shown.study.case_id, shown.result)
        pages.add_image(picture.stem.replace(".", "-"), picture.read_bytes(), caption)


def say_files(folder: Path) -> None:
    """Where to look, of what lies in the folder of a result."""
    say(f"report    {folder / 'report.html'}")
    say(f"images    {folder / PAGE} (open it in a browser)")
    for picture in sorted(folder.glob("*.png")):
        say(f"picture   {picture}")
    if (folder / SCENE).exists():
        say(f"scene     {folder / SCENE} (open it in 3D Slicer)")
    say(f"result    {folder / 'result.json'}")


def _caption(stem: str, case_id: str, result: Result) -> str:
    """What a picture of the scene shows."""
    is_risk = result.kind == "risk"
    shown = "box, what the networks saw" if is_risk else "boxes, what was found, with number and score"
    if stem.startswith("three-d"):
        of = f", {stem.removeprefix('three-d-')}" if stem != "three-d" else ""
        return f"Synthetic case {case_id}{of} in 3-D, from in front, patient's left on the right; {shown}"
    return (
        f"Synthetic case {case_id}, {stem.replace('-', ' ')}: axial slice, patient's left on the right; {shown}; "
        "colours, Grad-CAM, where the network looked; outlines, segments"
    )


def _draw(result: Result, study: Study, folder: Path) -> tuple[Path, ...]:
    """Pictures and the scene; where they cannot be made the reason is printed and the rest goes on."""
    from HCCAssistLib.scene.rendering import rendering_available, scene_available

    missing: Any = scene_available()
    if missing is None:
        from HCCAssistLib.scene.pictures import save_case

        save_case(result, study.volumes, study.masks, folder / SCENE, synthetic=True)
        missing = rendering_available()
    if missing is not None:
        warn([missing])
        return ()
    from HCCAssistLib.scene.pictures import render_case

    return render_case(result, study.volumes, folder, masks=study.masks, synthetic=True)
