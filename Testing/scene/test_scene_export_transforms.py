"""A registration that a reader gave travels into the cohort: what is trained on is what the run was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import blob_center, rotation

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.recipes.ablation.recipe import ABLATION, PHASES, TUMOUR
from HCCAssistLib.results.risk import RiskResult
from HCCAssistLib.results.run_record import RunRecord
from HCCAssistLib.scene.case_export import CaseExport
from HCCAssistLib.scene.rendering import INSTALL_SLICER_CORE

pytest.importorskip("slicer", reason=f"SKIPPED: slicer-core is not installed. {INSTALL_SLICER_CORE}")
from export_bench import masks_of, noisy
from sessions import REQUEST, poll_to_end, session_of

from HCCAssistLib.scene.run_inputs import ChosenInputs
from HCCAssistLib.scene.transforms import lps_to_ras, ras_to_lps, to_vtk
from HCCAssistLib.scene.volumes import segmentation_from_masks, volume_from_image
from HCCAssistLib.scene.writer import Outcome

MATRIX = np.eye(4)
MATRIX[:3, :3], MATRIX[:3, 3] = rotation((1, -2, 1), 9), (5, -7, 11)
"""To parent, RAS: no inverse, no transpose and no mirror image of it is alike."""


class Moved:
    """A run on four phases in oblique, left-handed grids: one is laid by a transform, one stands under its own."""

    def __init__(self, scene: Any, folder: Path) -> None:
        self.cohort, self.scene, self.export = folder / "cohort", scene, CaseExport()
        self.session, self.executor = session_of(scene, ABLATION)
        self.images = {f"pre/{phase}": noisy(seed=number) for number, phase in enumerate(PHASES)}
        nodes = {place: volume_from_image(one, scene, place) for place, one in self.images.items()}
        drawn = masks_of(self.images["pre/delayed"])["ablation"]
        segments = segmentation_from_masks({"tumour": drawn}, nodes["pre/delayed"], scene, "drawn", surfaces=False)
        self.node, above = (scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name) for name in ("laid", "above"))
        for node in (self.node, above):
            node.SetMatrixTransformToParent(to_vtk(MATRIX))
        nodes["pre/arterial"].SetAndObserveTransformNodeID(above.GetID())
        marked = (segments, segments.GetSegmentation().GetNthSegmentID(0))
        self.chosen = ChosenInputs(
            nodes, {TUMOUR: marked}, {}, transforms={"pre/portal": self.node, "pre/arterial": above}
        )
        self.session.run(self.chosen, REQUEST)
        grids = {place: one.geometry for place, one in self.study.volumes.items()}
        run = RunRecord(ABLATION.id, {}, "demo", ("0" * 64,), {}, "cpu", self.study.digests(), 1.0)
        self.executor.finish(RiskResult({"pre": 0.4}, "pre", None, run, grids))
        assert poll_to_end(self.session).kind == "done"
        self.session.choose(self.chosen.main)

    @property
    def study(self) -> Study:
        """What the run was given."""
        assert self.executor.study is not None
        return self.executor.study

    def add(self, *confirmed: str) -> Outcome:
        assert self.session.current is not None
        self.export.add_to_cohort(self.session.current, self.cohort, "case-001", confirmed=confirmed)
        while (outcome := self.export.outcome()) is None:
            pass
        return outcome

    def exported(self) -> Study:
        return read_study(read_cohort(self.cohort, known=("follow_up_months", "event")).cases[0], ABLATION)


@pytest.fixture
def moved(scene: Any, tmp_path: Path) -> Moved:
    return Moved(scene, tmp_path)


def test_the_exported_case_is_read_as_the_run_was_shown_it(moved: Moved) -> None:
    assert moved.add("create").kind == "done"
    found = moved.exported()
    names = {path.name for path in (moved.cohort / "cases" / "case-001" / "pre").iterdir()}
    assert {"portal.tfm", "arterial.tfm"} <= names and "delayed.tfm" not in names
    own = blob_center(moved.images["pre/portal"].geometry)  # where the phase shows it as it stands
    laid = ras_to_lps((MATRIX @ [*lps_to_ras(own), 1.0])[:3])  # where the reader puts it
    np.testing.assert_allclose((found.transforms["pre/portal"] @ [*laid, 1.0])[:3], own, atol=1e-9)
    np.testing.assert_array_equal(found.transforms["pre/arterial"], np.eye(4))
    np.testing.assert_allclose(found.volumes["pre/arterial"].geometry.to_world((33.0, 14.0, 13.0)), laid, atol=1e-3)
    kinds = [key for key in moved.study.digests() if key.endswith("transform") or key in found.volumes]
    assert {key: found.digests()[key] for key in kinds} == {key: moved.study.digests()[key] for key in kinds}


def test_slicer_reads_the_file_as_the_transform_that_the_reader_made(moved: Moved) -> None:
    import vtk

    moved.add("create")
    storage = moved.scene.AddNewNodeByClass("vtkMRMLTransformStorageNode")
    storage.SetFileName(str(moved.cohort / "cases" / "case-001" / "pre" / "portal.tfm"))
    node = moved.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "read")
    assert storage.ReadData(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetMatrixTransformToParent(matrix)
    there = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    np.testing.assert_allclose(there, MATRIX, atol=1e-9)


def test_a_transform_that_was_changed_since_the_run_is_asked_about_and_exported_as_it_was_run(moved: Moved) -> None:
    moved.node.SetMatrixTransformToParent(to_vtk(np.diag([1.0, 1.0, 1.0, 1.0])))
    moved.session.choose(moved.chosen.main)
    before = dict(moved.study.transforms)
    outcome = moved.add("create")
    assert outcome.question == "changed" and "portal transform" in outcome.text, outcome.text
    assert moved.add("create", "changed").kind == "done"
    np.testing.assert_array_equal(moved.exported().transforms["pre/portal"], before["pre/portal"])
