"""The picture of collecting cases, made on the desk with the sample case of the response to TACE.

    python Testing/desk/capture_pictures.py [OUT]

It goes to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from capturing import choose_data, sample_in_scene
from training_reading import MODULE, ROOT
from window_picture import save

from HCCAssistLib.cohort.additions import put_case
from HCCAssistLib.cohort.case_content import case_files
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.scene.rendering import rendering_available

SIZE, PANEL = (1366, 940), 450
"""Of the window, and of the panel in it."""


def cohort(folder: Path) -> Path:
    """Small cases of the response to TACE; one has no tumour, and one no label."""
    grid = Geometry.from_parts((12, 20, 24), (1.5, 1.5, 4.0))
    mask = np.zeros(grid.shape, np.uint8)
    mask[4:8, 6:12, 8:16] = 1
    responses = ("CR", "PR", "SD", "PR", "PD", "", "PR", "SD")
    for number, response in enumerate(responses, 1):
        voxels = np.random.default_rng(number).integers(20, 90, grid.shape)
        tumour = (Segment("tumour 1", Image(mask, grid, "tumour"), {"target": "yes"}),)
        files = case_files(
            volumes={"pre/arterial": Image(voxels.astype(np.int16), grid, "scan")},
            points={},
            masks={},
            segments={} if number == 4 else {"pre/tumour": tumour},
            transforms={},
        )
        patient = f"patient-{number - (number > 6):03d}"
        values = {"response": response, "reader": "R1", "synthetic": "1"}
        put_case(folder, f"case-{number:03d}", files, values, patient_id=patient)
    return folder


def take(out: Path, folder: Path) -> None:
    """Open the module with the sample case in the scene, say what is true of it, look at the cohort."""
    import slicer
    from slicer_desk.desktop import start

    desk = start()
    desk.window.resize(*SIZE)
    desk._scroll.setFixedWidth(PANEL)
    slicer.app.settings().clear()
    slicer.app.settings().setValue("HCCAssist/Reader", "R1")
    sample_in_scene("tace-response", folder / "samples")
    widget = desk.open(MODULE)
    ui = widget.ui
    ui.cohortFolder.currentPath = str(cohort(folder / "livers"))
    for section in (ui.trainingSection, ui.jobsSection):
        section.collapsed = True
    ui.captureSection.collapsed = ui.casesSection.collapsed = False
    desk.wait_until(lambda: not widget.panel.cases.busy, 30)
    choose_data(widget.panel.capture.page.ui.label_response, "PR")
    desk.choose(ui.patientOfCaseBox, "a new patient")
    ui.caseTable.selectRow(3)
    desk.wait_until(lambda: not widget.panel.cases.busy, 30)
    slicer.util.resetSliceViews()
    ui.cohortFolder._edit.setText("/data/livers")  # not the folder of whoever makes the picture
    desk.process_events()
    save(desk, out / "capture-panel.jpg")
    if os.environ.get("HCCASSIST_PICTURE_CHECK"):  # to look at it without loss
        desk.screenshot(Path(os.environ["HCCASSIST_PICTURE_CHECK"]))
    desk.close_module()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("patients", "models", "training"):
            os.environ[f"HCCASSIST_{kind.upper()}"] = str(Path(folder) / kind)
        take(arguments.out, Path(folder))


if __name__ == "__main__":
    main()
