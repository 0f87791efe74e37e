"""A radiologist who collects cases on the desk: what the tests of capturing and of the cohort's table share."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parent / "modules" / "CaptureDesk" / "CaptureDesk.py"
sys.path.append(str(Path(__file__).parents[1] / "scene"))


def sample_in_scene(recipe_id: str, folder: Path) -> list[Any]:
    """The sample case of a method in the scene, with its roles."""
    from HCCAssistLib.recipes.registry import get_recipe

    recipe = get_recipe(recipe_id)
    sample = importlib.import_module(f"HCCAssistLib.phantoms.{recipe.package.rpartition('.')[2]}.sample")
    sample.make_sample(folder)
    return _drawn(sample.read_sample(folder), recipe)


def hepatectomy_in_scene(seed: int, *, early: bool) -> list[Any]:
    """A phantom of early recurrence after hepatectomy in the scene: a volume and its segmentation."""
    from HCCAssistLib.phantoms.hepatectomy.cases import make_case
    from HCCAssistLib.phantoms.sample import SampleCase
    from HCCAssistLib.recipes.registry import get_recipe

    phantom = make_case((71, seed), early=early)
    case = SampleCase({"pre/arterial": phantom.arterial}, {"pre/tumour": phantom.segment})
    return _drawn(case, get_recipe("hepatectomy-recurrence"))


def _drawn(case: Any, recipe: Any) -> list[Any]:
    import slicer

    from HCCAssistLib.scene.sample import draw_sample

    look = {"window": next(iter(recipe.windows.values())), "modality": recipe.volumes()[0].modality}
    return list(draw_sample(case.volumes, case.masks, case.points, slicer.mrmlScene, title="phantom", **look))


def patient_in_scene(seed: int = 0, **whose: Any) -> Any:
    """A small scan with a segment, points and a box, every name of which tells the patient; its role is confirmed."""
    import slicer
    from capture_bench import Patient

    from HCCAssistLib.scene.roles import set_role

    patient = Patient(slicer.mrmlScene, seed, **whose)
    set_role(patient.node, "pre/arterial")
    return patient


def begin(desk: Any, ui: Any, folder: Path) -> None:
    """Begin a cohort in a folder."""
    folder.mkdir(exist_ok=True)
    with desk.choosing(folder):
        desk.click(ui.beginCohortButton)


def added(desk: Any, ui: Any, *answers: str) -> list[str]:
    """Press the button and wait for what becomes of it; the texts that were asked."""
    with desk.answering(*answers) as asked:
        desk.click(ui.addCaseButton)
        desk.wait_until(lambda: ui.captureLabel.text not in ("", "Writing ..."), 60)
    return list(asked)


def choose_data(box: Any, data: str) -> None:
    """Choose the entry of a combo box by what it stands for."""
    box.setCurrentIndex(box.findData(data))


def cells(table: Any) -> list[list[str]]:
    """The texts of the rows that are shown."""
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
        if not table.isRowHidden(row)
    ]


def rest(desk: Any, widget: Any, seconds: float = 30) -> None:
    """Wait until nothing goes on in the panel."""
    desk.process_events()
    desk.wait_until(lambda: not widget._timer.active, seconds)
    desk.process_events()


def method(ui: Any, recipe_id: str) -> None:
    """Choose a method."""
    from HCCAssistLib.recipes.registry import RECIPES

    ui.cohortMethodBox.setCurrentIndex(list(RECIPES).index(recipe_id))


def faults(widget: Any) -> str:
    """What the panel says before a case is added."""
    import html

    return html.unescape(str(widget.capture._readiness.ui.readinessLabel.text))
