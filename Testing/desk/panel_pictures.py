"""The pictures of a method's tutorial, made on the desk with its sample case.

    python Testing/desk/panel_pictures.py RECIPE [OUT] [--model MODEL] [--wide]

MODEL is a model package, the one that comes along if left out; the pictures go to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import made_up_risk
import mass_reading
import numpy as np
import risk_reading
import tace_reading
from window_picture import save

from HCCAssistLib.models.store import ModelStore
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver_mass.cases import PHANTOMS
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import rendering_available

SIZE, WIDE = (1366, 728), (1900, 1000)
PANEL, WIDE_PANEL = 450, 640
"""Pixels of the panel, as on a laptop of 1366 x 768 and on a large screen."""


@dataclass(frozen=True)
class Opened:
    """A module that was opened with its sample case.

    Attributes:
        desk: that it is open on.
        widget: the module's.
        drawn: nodes of the case.
        out: folder of the pictures.
        samples: folder with the sample case.
    """

    desk: Any
    widget: Any
    drawn: list[Any]
    out: Path
    samples: Path

    def picture(self, name: str) -> None:
        save(self.desk, self.out / f"{name}.jpg")


def mass(case: Opened) -> None:
    """Classify the masses, look at one, and at the cases of a cohort that are nearest to it."""
    desk, ui = case.desk, case.widget.ui
    case.picture("mass-panel-1-inputs")
    mass_reading.classify(case.desk, case.widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    case.desk.click(ui.nextButton)
    case.picture("mass-panel-2-classified")
    os.chdir(case.samples)  # so that no path of this computer is in the picture
    write_cohort(PHANTOMS, Path("cohort"), cases=12, seed=3)
    ui.nearestCohort.currentPath = "cohort"
    ui.nearestSection.collapsed = False
    desk.wait_until(lambda: ui.nearestFindButton.enabled, 60)
    desk.click(ui.nearestFindButton)
    desk.wait_until(lambda: ui.nearestTable.rowCount > 0, 600)
    ui.nearestTable.selectRow(0)
    bar = desk._scroll.verticalScrollBar()
    bar.setValue(bar.maximum)
    desk.process_events()
    bar.setValue(bar.maximum)
    case.picture("mass-panel-3-nearest")


def tace(case: Opened) -> None:
    """Predict the response of the tumours, look at one, measure a follow-up."""
    desk, ui = case.desk, case.widget.ui
    segmentation = next(node for node in case.drawn if node.IsA("vtkMRMLSegmentationNode"))
    ui.input_pre_tumour_segment.setCurrentNode(segmentation)
    case.picture("tace-panel-1-inputs")
    tace_reading.predict(desk, case.widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    desk.click(ui.heatCheck)
    case.picture("tace-panel-2-predicted")
    desk.click(ui.heatCheck)
    desk.click(ui.boxesCheck)  # their numbers would cover those of the diameters
    ui.resultsButton.collapsed = True
    ui.followUpButton.collapsed = False
    ui.measureSegment.setCurrentNode(segmentation)
    ui.measureSegment.setCurrentSegmentID(segmentation.GetSegmentation().GetNthSegmentID(0))
    desk.click(ui.measureButton)
    desk.wait_until(lambda: ui.preLine1.currentNode() is not None, 20)
    x, y, z = case.widget.logic.session.current.result.findings[0].center
    ui.postLine1.setCurrentNode(tace_reading.line("target 1 follow-up", (x - 9, y, z), (x + 9, y, z)))
    ui.daysBox.value = 42
    case.picture("tace-panel-3-follow-up")


def hepatectomy(case: Opened) -> None:
    """Predict the risk, look at the slab that the network saw."""
    ui = case.widget.ui
    case.picture("risk-panel-1-inputs")
    risk_reading.predict(case.desk, case.widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    explained = ui.heatCheck.enabled  # of some risks there is nothing to explain
    if explained:
        case.desk.click(ui.heatCheck)
    case.picture("risk-panel-2-predicted")
    if explained:
        case.desk.click(ui.heatCheck)
    bar = case.desk._scroll.verticalScrollBar()
    bar.setValue(bar.maximum)
    case.picture("risk-panel-3-curves")


def ablation(case: Opened) -> None:
    """Tell what is known, predict the risk, look at both time points and the curves, measure the margin."""
    desk, ui = case.desk, case.widget.ui
    for column, text in made_up_risk.CLINICAL.items():
        desk.type(getattr(ui, f"clinical_{column}"), text)
    desk.choose(ui.clinical_hbv, "yes")
    ui.detectionButton.collapsed = True
    case.picture("ablation-panel-1-inputs")
    risk_reading.predict(desk, case.widget)
    ui.inputsButton.collapsed = ui.detectionButton.collapsed = True
    desk.click(ui.heatCheck)
    case.picture("ablation-panel-2-predicted")
    desk.click(ui.heatCheck)
    bar = desk._scroll.verticalScrollBar()
    bar.setValue(bar.maximum)
    case.picture("ablation-panel-3-curves")
    desk.click(ui.phasesCheck)  # the coloured model stands in the 3-D view
    desk.click(ui.boxesCheck)
    ui.resultsButton.collapsed, ui.marginButton.collapsed = True, False
    drawn = [node for node in case.drawn if node.IsA("vtkMRMLSegmentationNode")]
    for selector, name in ((ui.marginTumour, "tumour"), (ui.marginZone, "ablation")):
        segmentation = next(one for one in drawn if one.GetSegmentation().GetSegmentIdBySegmentName(name))
        selector.setCurrentNode(segmentation)
        selector.setCurrentSegmentID(segmentation.GetSegmentation().GetSegmentIdBySegmentName(name))
    ui.marginTransform.setCurrentNode(after_onto_before(case.samples))
    desk.type(ui.marginErrorEdit, "2")
    desk.click(ui.measureMarginButton)
    desk.wait_until(lambda: ui.marginTable.visible, 60)
    case.picture("ablation-panel-4-margin")


def after_onto_before(samples: Path) -> Any:
    """The transform that a reader would register: here the truth of the phantom."""
    import slicer

    from HCCAssistLib.scene.transforms import to_vtk

    (about,) = samples.glob("ablation-*/case.json")
    flip = np.diag((-1.0, -1.0, 1.0, 1.0))
    there = np.array(json.loads(about.read_text())["truth"]["pre_to_post_lps"])
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "MR after onto MR before")
    node.SetMatrixTransformToParent(to_vtk(flip @ np.linalg.inv(there) @ flip))
    return node


STEPS: dict[str, tuple[Path, Callable[[Opened], None]]] = {
    "liver-mass": (mass_reading.MODULE, mass),
    "tace-response": (tace_reading.MODULE, tace),
    "ablation-recurrence": (risk_reading.MODULE, ablation),
    "hepatectomy-recurrence": (risk_reading.MODULE, hepatectomy),
}


def take(recipe_id: str, out: Path, samples: Path, *, wide: bool) -> None:
    """Load the sample case, open the module, go through its steps."""
    import slicer
    from slicer_desk.desktop import start

    from HCCAssistLib.scene.sample import draw_sample

    recipe, (module, steps) = get_recipe(recipe_id), STEPS[recipe_id]
    desk = start()
    desk.tidy()
    desk.window.resize(*(WIDE if wide else SIZE))
    desk._scroll.setFixedWidth(WIDE_PANEL if wide else PANEL)
    slicer.app.settings().setValue("HCCAssist/Reader", "R1")
    sample = importlib.import_module(f"HCCAssistLib.phantoms.{recipe.package.rpartition('.')[2]}.sample")
    sample.make_sample(samples)
    case = sample.read_sample(samples)
    window = next(iter(recipe.windows.values()))
    look = {"title": "phantom", "window": window, "modality": recipe.volumes()[0].modality}
    drawn = list(draw_sample(case.volumes, case.masks, case.points, slicer.mrmlScene, **look))
    widget = desk.open(module)
    desk.wait_until(lambda: not widget.logic.session.busy, 60)
    slicer.util.resetSliceViews()
    steps(Opened(desk, widget, drawn, out, samples))
    desk.close_module()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=list(STEPS))
    parser.add_argument(
        "out", type=Path, metavar="OUT", nargs="?", default=tace_reading.ROOT / "Resources" / "Screenshots"
    )
    parser.add_argument("--model", type=Path, help="a model package instead of the one that comes along")
    parser.add_argument("--wide", action="store_true", help="a large screen instead of a laptop's")
    arguments = parser.parse_args()
    arguments.model = arguments.model and arguments.model.absolute()
    arguments.out = arguments.out.absolute()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model:
            ModelStore(Path(folder) / "models").install(arguments.model)
        os.environ["HCCASSIST_MODELS"] = str(Path(folder) / "models")
        take(arguments.recipe, arguments.out, Path(folder) / "samples", wide=arguments.wide)


if __name__ == "__main__":
    main()
