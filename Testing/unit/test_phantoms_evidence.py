"""Evidence that only known truth can give: the pointing game with its intervals, added to a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ltp_blob import blob_network

from HCCAssistLib.cohort.cohort import Cohort, read_cohort, write_cohort_table
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.ltp.evidence import pointing_evidence

pytestmark = pytest.mark.heavy

GRID = Geometry.from_parts((18, 90, 96), (0.75, 0.8, 4.0), (-35.0, -36.0, -34.0))
NODULE = (4.0, -3.0, 2.0)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Two bodies, each with one bright nodule of 16 mm."""
    k, j, i = np.indices(GRID.shape)
    away = np.linalg.norm(GRID.to_world(np.stack([i, j, k], -1)) - np.array(NODULE), axis=-1)
    rows = []
    for name in ("a", "b"):
        folder = tmp_path / "cases" / name
        (folder / "post").mkdir(parents=True)
        hu = 60 + 90 * np.clip((8 - away) / 2 + 0.5, 0, 1)
        write_image(Image(hu.round().astype(np.int16), GRID, "body"), folder / "post" / "arterial.nrrd")
        truth = {"lesions": [{"center_lps": NODULE, "diameter_mm": 16.0}]}
        (folder / "truth.json").write_text(json.dumps(truth))
        rows.append({"case_id": name, "patient_id": name, "split": "test", "ltp": 1})
    write_cohort_table(tmp_path, rows)
    return read_cohort(tmp_path)


def test_a_network_that_finds_bright_spots_points_at_the_nodules_and_chance_is_said_beside_it(cohort: Cohort) -> None:
    found = pointing_evidence(cohort, blob_network(), draws=3)
    assert (found.trained.successes, found.trained.n, found.trained.clusters) == (2, 2, 2)
    assert found.trained.interval.low == pytest.approx(0.025**0.5)  # Clopper-Pearson of 2 of 2
    assert 0 < found.chance < 0.5
    assert [one.name.rpartition(" ")[2] for one in found.randomised] == ["fc1", "conv1"]
    for one in found.randomised:
        assert one.n == 2 and "3 draws of random weights" in one.interval.method
        assert one.interval.low is not None and one.interval.low <= (one.value or 0.0) <= (one.interval.high or 0.0)


def test_without_a_lesion_there_is_no_game(cohort: Cohort) -> None:
    for case in cohort.cases:
        (case.folder / "truth.json").write_text(json.dumps({"lesions": []}))
    with pytest.raises(InputError, match="no test case holds a lesion"):
        pointing_evidence(cohort, blob_network())
