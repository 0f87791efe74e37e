"""The pictures of the LTP tutorial, made on the desk with the case that the demo shows.

    python Testing/desk/ltp_tutorial.py [OUT]

The pictures go to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
from ltp_reading import numbers
from window_picture import save

from HCCAssistLib.cli.demo_case import unseen_case
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.phantoms.ltp.demo import DEMO
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.scene.rendering import rendering_available

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "HCCAssist" / "HCCLTPDetection" / "HCCLTPDetection.py"
SIZE = (1366, 728)
PANEL = 450
"""Pixels of the panel, as on a laptop of 1366 x 768."""
NEAR_MM = 15


class Tutorial:
    """A reader who takes a picture after each step."""

    def __init__(self, study: Study, out: Path) -> None:
        from slicer_desk.desktop import start

        self.study, self.out = study, out
        self.desk = start()
        self.desk.window.resize(*SIZE)
        self.desk._scroll.setFixedWidth(PANEL)

    def run(self) -> None:
        """From the loaded scan to the cohort."""
        import slicer

        slicer.app.settings().setValue("HCCAssist/Reader", "R1")
        self.load()
        widget = self.desk.open(MODULE)
        ui, session = widget.ui, widget.logic.session
        self.desk.wait_until(lambda: not session.busy, 60)
        self.jump(self.study.masks["post/ablation"])
        self.picture("1-inputs")

        self.desk.choose(ui.option_stride, "fine")
        self.desk.click(ui.runButton)
        self.desk.wait_until(lambda: ui.progressBar.value >= 40 or not ui.cancelButton.enabled, 300)
        self.picture("2-searching")
        self.desk.wait_until(lambda: not ui.cancelButton.enabled, 300)
        if not session.current.result.shown:  # there is something to look at below the cut-off
            ui.thresholdSlider.value = session.current.result.candidates[0].probability - 0.001
            self.desk.click(ui.nextButton)
        self.picture("3-candidates")

        lesions = self.study.points["post/ltp"].positions
        found = np.zeros(len(lesions), dtype=bool)
        for candidate in session.current.result.shown:
            ui.table.selectRow(numbers(ui).index(candidate.number))
            near = np.linalg.norm(lesions - candidate.box.center, axis=1) < NEAR_MM
            found |= near
            self.desk.click(ui.acceptButton if near.any() else ui.rejectButton)
        ui.table.selectRow(0)
        ui.heatCheck.checked = True
        self.picture("4-reviewed")

        ui.heatCheck.checked = False
        ui.exportsButton.collapsed = False
        for x, y, z in lesions[~found]:
            if ui.missedSelector.currentNode() is None:
                self.desk.choose(ui.missedSelector, "Create new")
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, -x, -y, z)
            self.desk.click(ui.missedPlaceWidget.placeButton())
            self.desk.click_in_view("Red", (-x, -y, z))
        with tempfile.TemporaryDirectory() as folder:
            cohort = Path(folder) / "my-cohort"
            cohort.mkdir()
            with self.desk.choosing(cohort):
                self.desk.click(ui.newCohortButton)
            self.desk.click(ui.addButton)
            self.desk.wait_until(lambda: ui.exportLabel.text not in ("", "Writing ..."), 120)
            bar = self.desk._scroll.verticalScrollBar()
            with chdir(folder):
                ui.cohortPath.currentPath = cohort.name  # not the folder of whoever makes the pictures
                bar.setValue(bar.maximum)
                self.picture("5-exported")
        self.desk.close_module()

    def load(self) -> Any:
        """The scan and its segments, as Slicer's Add Data loads them; the segmentation node."""
        import slicer

        from HCCAssistLib.scene.roles import SYNTHETIC, set_role
        from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image

        scene = slicer.mrmlScene
        image = self.study.volumes["post/arterial"]
        volume = volume_from_image(image, scene, "phantom, arterial", Window(level=80, width=350))
        volume.SetAttribute(SYNTHETIC, "1")
        set_role(volume, "post/arterial")
        masks = {key.split("/")[1]: mask for key, mask in self.study.masks.items()}
        segments = segmentation_from_masks(masks, volume, scene, "segments")
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
        slicer.util.resetThreeDViews()
        return segments

    def jump(self, mask: Any) -> None:
        """Show the middle of a mask."""
        import slicer

        k, j, i = np.argwhere(mask.array).mean(axis=0)
        x, y, z = mask.geometry.to_world((i, j, k))
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, -x, -y, z)

    def picture(self, name: str) -> None:
        """Save what the window shows."""
        save(self.desk, self.out / f"ltp-panel-{name}.jpg")


def case_of_demo(folder: Path) -> Study:
    """The unseen case that the demo shows, made in a folder."""
    recipe = get_recipe("ltp")
    return read_study(unseen_case(recipe, DEMO, folder / "unseen"), recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HCCASSIST_MODELS"] = str(Path(folder) / "models")  # nothing is installed
        Tutorial(case_of_demo(Path(folder)), arguments.out).run()


if __name__ == "__main__":
    main()
