"""A radiologist who collects cases on the desk: what the tests of capturing and of the cohort's table share."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parent / "modules" / "CaptureDesk" / "CaptureDesk.py"


def sample_in_scene(recipe_id: str, folder: Path, seed: tuple[int, int] | None = None) -> list[Any]:
    """A phantom of a method in the scene, with its roles: the sample case, or another one of that seed."""
    import slicer

    from HCCAssistLib.recipes.registry import get_recipe
    from HCCAssistLib.scene.sample import draw_sample

    recipe = get_recipe(recipe_id)
    sample = importlib.import_module(f"HCCAssistLib.phantoms.{recipe.package.rpartition('.')[2]}.sample")
    if seed is None:
        sample.make_sample(folder)
        case = sample.read_sample(folder)
    else:
        case = _tace(seed)
    look = {"window": next(iter(recipe.windows.values())), "modality": recipe.volumes()[0].modality}
    return list(draw_sample(case.volumes, case.masks, case.points, slicer.mrmlScene, title="phantom", **look))


def _tace(seed: tuple[int, int]) -> Any:
    from HCCAssistLib.phantoms.sample import SampleCase
    from HCCAssistLib.phantoms.tace.cases import make_case

    phantom = make_case(seed, response="PR")
    return SampleCase({"pre/arterial": phantom.arterial}, {"pre/tumour": phantom.segment})


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
