"""A reader at work with the module of the recurrence risk and its worker: what its tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ltp_reading import ras

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCRecurrenceRisk" / "HCCRecurrenceRisk.py"
sys.path.append(str(ROOT / "Testing" / "unit"))


def load_tumour(turned: Any = None, *, role: str = "pre/arterial", name: str = "CT arterial") -> tuple[Any, Any]:
    """A CT with a tumour that is segmented; the volume and the segmentation."""
    import slicer
    from hepatectomy_toy import grid, segment, volume

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

    geometry = grid((2.0, 2.0, 4.0), turned)
    scan = volume_from_image(volume(geometry), slicer.mrmlScene, name, None)
    if role:
        set_role(scan, role)
    masks = {"Tumour": segment(geometry).mask}
    return scan, segmentation_from_masks(masks, scan, slicer.mrmlScene, "Tumour of the CT", surfaces=False)


def survival() -> Any:
    """Curves of a made-up training cohort: the group of high risk falls faster."""
    from HCCAssistLib.models.curves import GroupCurve, ReferenceCurve
    from HCCAssistLib.results.cutoff import CutOff

    def group(n: int, every: int, step: int) -> Any:
        months = np.arange(step, 61, step, dtype=float)
        at_risk, events, left = [], [], n
        for index in range(len(months)):
            event = int(index % every == 0)
            at_risk.append(left)
            events.append(event)
            left = max(left - event - int(index % 4 == 3), 1)
        survival = np.cumprod(1 - np.array(events) / np.array(at_risk))
        low, high = np.clip(survival - 0.12, 0, 1), np.clip(survival + 0.1, 0, 1)
        return GroupCurve(months, survival, low, high, at_risk, events)

    groups = {"high": group(24, 1, 3), "low": group(31, 4, 3)}
    source = "held-out parts of 5 folds, phantoms"
    return ReferenceCurve("recurrence", source, CutOff(0.5, "chosen before"), groups, "Greenwood, log-log", 0.95, 0.004)


def risk_store(folder: Path) -> Path:
    """A store of models with a small untrained one, which brings survival curves."""
    import torch
    from hepatectomy_toy import TINY

    from HCCAssistLib.models.curves import curves_as_json
    from HCCAssistLib.models.package import write_package
    from HCCAssistLib.models.store import ModelStore
    from HCCAssistLib.recipes.hepatectomy.network import build
    from HCCAssistLib.recipes.hepatectomy.recipe import EARLY_RECURRENCE, HEPATECTOMY
    from HCCAssistLib.results.cutoff import CutOff

    options = HEPATECTOMY.resolve(TINY)
    torch.manual_seed(0)
    package = write_package(
        folder / "toy",
        [{"": build(options).state_dict()}],
        name="toy",
        recipe=HEPATECTOMY,
        options=options,
        input_spec={},
        training={},
        software={},
        cutoffs={EARLY_RECURRENCE: CutOff(0.3, "chosen before")},
        default_cutoff=EARLY_RECURRENCE,
        extras={"curves.json": curves_as_json({EARLY_RECURRENCE: survival()})},
    )
    ModelStore(folder / "store").install(package.folder)
    return folder / "store"


def predict(desk: Any, widget: Any) -> None:
    """Press the button and wait for the worker, and for the pictures."""
    widget.ui.inputsButton.collapsed = widget.ui.detectionButton.collapsed = False
    desk.click(widget.ui.runButton)
    desk.wait_until(lambda: not widget.logic.session.running, 60)
    if widget.logic.session.current is not None and hasattr(widget.ui, "seenLabel"):
        desk.wait_until(lambda: bool(widget.ui.seenLabel.text), 20)


def work_through(desk: Any, path: Path) -> Any:
    """Open the module, predict the risk of one tumour, look at all that is shown of it; the Python widget."""
    import slicer
    from hepatectomy_toy import CENTER

    scan, _segmentation = load_tumour()
    widget = desk.open(path)
    ui = widget.ui
    assert widget.logic.recipe.id == "hepatectomy-recurrence"
    assert ui.runButton.text.startswith("Predict")
    assert not ui.RiskResult.visible and not ui.noteLabel.visible
    assert not ui.VerdictBar.visible and not ui.FindingsTable.visible and not ui.Missed.visible
    predict(desk, widget)
    review = widget.logic.session.current
    assert review is not None, ui.statusLabel.text
    result = review.result
    assert review.scan is scan
    assert f"{result.probability:.2f}" in ui.riskLabel.text, ui.riskLabel.text
    assert "within 24 months" in ui.riskLabel.text
    assert "the network, from arterial CT" in ui.riskLabel.text
    assert "chosen before" in ui.riskLabel.text
    assert f"<b>{result.group} risk</b>" in ui.riskLabel.text
    assert "16 mm" in ui.noteLabel.text
    assert [getattr(ui, f"seenButton{n}").visible for n in range(1, 11)] == [True] * 10, ui.seenLabel.text
    offset = desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
    assert abs(offset - CENTER[2]) < 3, "the views do not go to the tumour"
    desk.click(ui.seenButton10)
    offset = desk.layout_manager.sliceWidget("Red").mrmlSliceNode().GetSliceOffset()
    assert abs(offset - (result.boxes["pre/tumour"].center[2] + 4.5)) < 1e-3
    box = review.drawn.boxes[1]
    np.testing.assert_allclose(box.GetCenterWorld(), ras(result.boxes["pre/tumour"].center), atol=0.01)
    assert ui.heatCheck.enabled
    desk.click(ui.heatCheck)
    assert "arterial phase" in ui.heatLabel.text
    shown = desk.layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    assert shown.GetForegroundVolumeID() == review.drawn.heatmaps["pre/arterial"].GetID()
    desk.click(ui.heatCheck)
    assert slicer.mrmlScene.GetNodesByClass("vtkMRMLMarkupsROINode").GetNumberOfItems() >= 1
    return widget
