"""A reader at work with the module of the liver masses and its worker: what its tests share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ltp_reading import cells, chord, numbers, ras

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCMassClassification" / "HCCMassClassification.py"
PLACES = ((12.0, -7.0, 4.0), (-25.0, 12.0, -8.0))
PHASES = ("unenhanced", "arterial", "delayed")
sys.path.append(str(ROOT / "Testing" / "unit"))


def load_phases() -> None:
    """The three phases of one body, each stored on a grid of its own: straight, oblique, flipped."""
    import slicer
    from mass_toy import grid, volume

    from HCCAssistLib.scene.roles import set_role
    from HCCAssistLib.scene.volumes import volume_from_image

    turned = np.linalg.qr(np.array([[0.9, 0.2, -0.1], [-0.3, 0.95, 0.1], [0.05, -0.1, -0.99]]).T)[0]
    grids = (grid((2.0, 2.0, 5.0)), grid((1.6, 1.6, 3.0), turned), grid((1.4, 1.6, 4.0), np.diag([-1.0, 1.0, -1.0])))
    masses = tuple(zip(PLACES, "AE", strict=True))
    for number, phase in enumerate(PHASES):
        node = volume_from_image(volume(grids[number], number, masses), slicer.mrmlScene, f"CT {phase}", None)
        set_role(node, f"baseline/{phase}")


def mark(widget: Any, *places: Sequence[float], size: str = "24 mm") -> Any:
    """A point list with a point at each place, chosen as the masses."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Masses")
    for number, place in enumerate(places, 1):
        node.AddControlPoint(*ras(place), f"M{number}")
        node.SetNthControlPointDescription(number - 1, size)
    widget.ui.input_baseline_masses_points.setCurrentNode(node)
    return node


def classify(desk: Any, widget: Any) -> None:
    """Press the button and wait for the worker."""
    widget.ui.inputsButton.collapsed = widget.ui.detectionButton.collapsed = False
    desk.click(widget.ui.runButton)
    desk.wait_until(lambda: not widget.logic.session.running, 60)


def work_through(desk: Any, path: Path) -> Any:
    """Open the module, classify two masses, look at each and judge it; the Python widget."""
    load_phases()
    widget = desk.open(path)
    ui = widget.ui
    assert ui.runButton.text.startswith("Classify")
    mark(widget, *PLACES)
    classify(desk, widget)
    review = widget.logic.session.current
    assert review is not None, ui.statusLabel.text
    assert sorted(numbers(ui)) == [1, 2]
    for finding, place in zip(review.result.findings, PLACES, strict=True):
        np.testing.assert_allclose(finding.center, place, atol=1e-3)
    assert all(0 < float(text) < 1 for text in cells(ui, "Malignant"))
    assert cells(ui, "Set") == ["", ""], "the model is not calibrated"
    widget.panel._review.choose(1)
    for number in (1, 2, 3):
        assert desk.layout_manager.sliceWidget(f"HCCAssist{number}").visible
    chord(desk, ui.table, "A")
    assert review.result.findings[0].review.verdict == "accepted"
    return widget
