"""The first hour of a radiologist with nothing installed: from the sample case to a case in a cohort, by clicks.

Run with ``-s`` it prints what each step took.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

import numpy as np
import pytest
from ltp_reading import MODULE as LTP
from ltp_reading import ras
from mass_reading import MODULE as MASSES
from studying import MODULE as STUDY
from studying import rest
from tace_reading import MODULE as TACE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_view")]

METHODS = {
    "ltp": (LTP, "Local tumour progression"),
    "liver-mass": (MASSES, "Category of a liver mass"),
    "tace-response": (TACE, "Response to TACE"),
}


@contextmanager
def timed(what):
    began = time.monotonic()
    yield
    print(f"  {what}: {time.monotonic() - began:.1f} s")


@pytest.fixture
def nothing_installed(desk, tmp_path, monkeypatch):
    import slicer

    for name in ("MODELS", "SAMPLES", "SCORED", "PATIENTS"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    slicer.app.settings().clear()
    yield tmp_path
    slicer.app.settings().clear()


@pytest.mark.parametrize("method", METHODS)
def test_a_reader_goes_from_the_sample_case_to_a_cohort(desk, nothing_installed, method):
    import slicer

    from HCCAssistLib.scene.transforms import from_vtk

    module, title = METHODS[method]
    print(f"\n{title}")
    with timed("HCC Study opens"):
        study = desk.open(STUDY)
        rest(desk, study, 60)
    desk.choose(study.ui.sampleBox, title)
    with timed("the sample case is made and loaded"):
        desk.click(study.ui.sampleButton)
        rest(desk, study, 60)
    assert title in study.ui.needLabel.text.splitlines()[0], "what is loaded comes first"
    assert "is loaded" in study.ui.sampleLabel.text

    desk.load(module)
    with timed("the method's module opens"):
        desk._show(module.stem)
        widget = desk.panel.self()
        desk.wait_until(lambda: not widget.logic.session.busy, 60)
    ui = widget.ui
    assert ui.statusLabel.text.startswith("Ready: press"), ui.statusLabel.text  # nothing is left to be chosen
    with timed("it runs to the end"):
        desk.click(ui.runButton)
        desk.wait_until(lambda: not widget.logic.session.running, 300)
    review = widget.logic.session.current
    assert ui.table.rowCount >= 1
    assert "synthetic cases only" in ui.warningsLabel.text

    ui.table.selectRow(ui.table.rowCount - 1)
    desk.process_events()
    for name in ("Red", "Yellow", "Green"):
        to_slice = np.linalg.inv(from_vtk(desk.layout_manager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS()))
        away = (to_slice @ (*ras(review.box.center), 1))[2]
        assert away == pytest.approx(0, abs=0.01), f"{name} shows another slice than that of the finding, by so many mm"
    desk.click(ui.heatCheck)
    assert ui.heatLabel.text.startswith("Heat map of")

    desk.click(ui.acceptButton)
    assert "write your initials" in ui.problemLabel.text
    desk.type(ui.readerEdit, "R1")
    desk.click(ui.acceptButton)
    assert not ui.problemLabel.visible
    assert ui.countsLabel.text.startswith("1 ")

    ui.exportsButton.collapsed = False
    assert ui.cohortLabel.text == ui.addButton.toolTip == "Choose the folder of a cohort, or press New cohort."
    cohort = nothing_installed / "my-cohort"
    cohort.mkdir()
    with desk.choosing(cohort):
        desk.click(ui.newCohortButton)
    with timed("the case is added to a cohort"):
        desk.click(ui.addButton)
        desk.wait_until(lambda: "is in the cohort" in ui.exportLabel.text, 60)
    assert (cohort / "cohort.csv").is_file()

    slicer.app._host.clear()
    desk.process_events()
    assert ui.table.rowCount == 0
    assert not (ui.exportLabel.visible or ui.warningsLabel.visible or ui.resultLabel.visible)
    assert not (ui.inputsButton.collapsed or ui.detectionButton.collapsed)
    assert not ui.runButton.enabled
    assert "Load a scan" in ui.statusLabel.text or "choose it" in ui.statusLabel.text
