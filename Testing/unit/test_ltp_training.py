"""LTP's own stages of training: hard negatives keep the rule of the paper, the default threshold keeps its promise."""

from dataclasses import replace

import numpy as np
import pytest
from ltp_blob import BLOBS, blob_image, blob_network, straight_grid

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.mining import hard_negative_starts
from HCCAssistLib.recipes.ltp.operating_point import candidate_cutoff
from HCCAssistLib.recipes.ltp.training import studies_kept
from HCCAssistLib.recipes.registry import get_recipe

LTP = get_recipe("ltp")
OPTIONS = LTP.resolve({})


@pytest.fixture(scope="module")
def study() -> Study:
    """Three bright blobs, of which the first is a lesion."""
    lesion = PointList("ltp", (Point("L", BLOBS[0][0]),))
    return Study("case-1", {"post/arterial": blob_image(straight_grid())}, {"post/ltp": lesion})


def mined(study: Study, **options: object) -> np.ndarray:
    """Centres of the hard negatives, LPS mm."""
    image, starts = hard_negative_starts(study, {**OPTIONS, **options}, [blob_network()])  # type: ignore[dict-item]
    return image.geometry.to_world(np.array(starts).reshape(-1, 3) + np.array((16, 16, 4)))


def nearest(centers: np.ndarray, blob: int) -> float:
    return float(np.linalg.norm(centers - np.array(BLOBS[blob][0]), axis=1).min())


def test_hard_negatives_are_what_looks_like_a_lesion_and_is_none(study: Study) -> None:
    centers = mined(study)
    assert nearest(centers, 0) > OPTIONS["radius"] - 1.0, "the point is rounded to its voxel"
    assert nearest(centers, 1) < 12
    assert nearest(centers, 2) < 12
    assert len(mined(study, hard_negatives=1)) == 1


def test_hard_negatives_keep_away_from_what_is_to_be_ignored(study: Study) -> None:
    other = PointList("ignored", (Point("1", BLOBS[1][0]),))
    centers = mined(replace(study, points={**study.points, "post/ignored": other}))
    assert nearest(centers, 1) > OPTIONS["radius"] - 1.0
    assert nearest(centers, 2) < 12


def volume(patient: str, false: list[float], hit: float | None) -> VolumeFindings:
    """Candidates far from the lesion, and one on it where it was found."""
    scores = [*false, *([hit] if hit is not None else [])]
    places = [(100.0 + 50 * n, 0.0, 0.0) for n in range(len(false))] + [(0.0, 0.0, 0.0)] * (hit is not None)
    return VolumeFindings(patient, np.array(places).reshape(-1, 3), np.array(scores), np.zeros((1, 3)), np.zeros(1))


def test_the_default_threshold_shows_at_most_one_false_positive_per_volume_and_not_fewer_than_it_may() -> None:
    volumes = [volume("a", [0.9, 0.8, 0.7, 0.3], 0.85), volume("b", [0.2], 0.6), volume("c", [0.6, 0.5], None)]
    cutoff, (sensitivity, rate) = candidate_cutoff(volumes, chosen_on="validation set")
    false = [0.9, 0.8, 0.7, 0.3, 0.2, 0.6, 0.5]
    assert sum(score >= cutoff.value for score in false) == 3
    assert cutoff.value == pytest.approx(0.6, abs=1e-6)
    assert cutoff.value > 0.6
    assert "1 of 3 lesions found" in cutoff.source
    assert sensitivity.successes == 1
    assert rate.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "splits"),
    [
        ({}, {"train", "validation"}),
        ({"hard_negatives": 0}, {"validation"}),
        ({"permute_labels": True}, {"validation"}),
    ],
)
def test_only_volumes_that_are_looked_at_again_are_packed(options: dict[str, object], splits: set[str]) -> None:
    assert studies_kept(LTP.resolve(options)) == splits  # type: ignore[arg-type]
