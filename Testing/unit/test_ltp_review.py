"""A reader's verdicts become positives and hard negatives of the next training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ltp_blob import BLOBS, blob_image, blob_model, straight_grid

from HCCAssistLib.cohort.additions import add_case
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.recipes.ltp.review import training_annotations
from HCCAssistLib.recipes.ltp.sampling import sample_case
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.review import Review, Verdict

LTP = get_recipe("ltp")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Three candidates, at the three blobs."""
    study = Study("case", {"post/arterial": blob_image(straight_grid())})
    result = predict(study, blob_model(tmp_path_factory.mktemp("m")), {"stride": "fast", "heatmap": False})
    assert len(result.shown) == 3
    return result


def test_the_written_case_trains_on_what_the_reader_said(found, tmp_path):
    said = found.reviewed(1, Review(Verdict.ACCEPTED, "R1", "Mr X")).reviewed(2, Review(Verdict.REJECTED, "R1"))
    missed = PointList("seen by Dr Y", (Point("F-1", (10.0, 40.0, 10.0)),))
    taught = training_annotations(said, missed=missed)
    points, values, warnings = taught.points, taught.values, taught.warnings
    assert values == {"ltp": "1"}
    assert "1 candidate is still to review" in str(warnings[0])
    case = add_case(
        tmp_path,
        "case-001",
        volumes={"post/arterial": blob_image(straight_grid())},
        points=points,
        masks={},
        values=values,
    )
    written = "".join(path.read_text() for path in case.folder.rglob("*.json"))
    assert "Mr X" not in written
    assert "Dr Y" not in written
    samples = sample_case(read_study(case, LTP), case, LTP.resolve({}), np.random.default_rng(0))
    lesions = samples.labels.astype(bool)
    assert lesions.sum() == 40
    near = [np.linalg.norm(samples["center_lps"] - c.box.center, axis=1) < 15 for c in found.candidates[:2]]
    assert (near[0] & lesions).sum() == 20
    assert (near[1] & ~lesions).sum() == 20
    (accepted, extra) = points["post/ltp"].positions
    assert min(np.linalg.norm(accepted - center) for center, _ in BLOBS) < 5
    assert extra.tolist() == [10.0, 40.0, 10.0]


def test_a_case_is_free_of_progression_only_when_all_was_reviewed(found):
    with pytest.raises(InputError, match="3 candidates are still to review, and a case without"):
        training_annotations(found)
    refused = found
    for candidate in found.shown:
        refused = refused.reviewed(candidate.number, Review(Verdict.REJECTED, "R1"))
    taught = training_annotations(refused)
    points, values, warnings = taught.points, taught.values, taught.warnings
    assert values == {"ltp": "0"}
    assert warnings == ()
    assert points["post/ltp"].points == ()
    assert len(points["post/rejected"].points) == 3


def test_another_tumour_is_neither_a_positive_nor_a_negative(found):
    said = found.reviewed(1, Review(Verdict.OTHER, "R1", "a new one, far from the zone"))
    for number in (2, 3):
        said = said.reviewed(number, Review(Verdict.REJECTED, "R1"))
    taught = training_annotations(said)
    assert taught.values == {"ltp": "0"}
    assert {place: len(listed.points) for place, listed in taught.points.items()} == {
        "post/ltp": 0,
        "post/rejected": 2,
        "post/ignored": 1,
    }
    (position,) = taught.points["post/ignored"].positions
    np.testing.assert_allclose(position, found.candidates[0].box.center)
    point = Point("F-7", found.candidates[0].box.center)
    with pytest.raises(InputError, match="'F-7' lies in candidate 1, which is another tumour"):
        training_annotations(said, missed=PointList("x", (point,)))


def test_a_missed_lesion_alone_makes_a_case_positive(found):
    taught = training_annotations(found, missed=PointList("x", (Point("F-1", (10.0, 40.0, 10.0)),)))
    assert taught.values == {"ltp": "1"}
    assert len(taught.warnings) == 1


def test_a_missed_lesion_in_a_rejected_candidate_is_a_contradiction(found):
    said = found.reviewed(2, Review(Verdict.REJECTED, "R1"))
    point = Point("F-7", said.candidates[1].box.center)
    with pytest.raises(InputError, match="'F-7' lies in candidate 2, which is rejected"):
        training_annotations(said, missed=PointList("x", (point,)))


def test_a_missed_lesion_in_an_accepted_candidate_is_told_by_degree(found):
    said = found.reviewed(2, Review(Verdict.ACCEPTED, "R1"))
    box = said.candidates[1].box
    again = PointList("x", (Point("F-7", tuple(np.array(box.center) + np.array(box.axes[0]) * 4)),))
    with pytest.raises(InputError, match=r"'F-7' lies in candidate 2, which is accepted, 4.0 mm from its centre"):
        training_annotations(said, missed=again)
    beside = PointList("x", (Point("F-8", tuple(np.array(box.center) + np.array(box.axes[0]) * 9)),))
    taught = training_annotations(said, missed=beside)
    assert "'F-8' lies in candidate 2, which is accepted, 9 mm from its centre" in taught.warnings[0].what
    assert len(taught.points["post/ltp"].points) == 2
    far = PointList("x", (Point("F-9", tuple(np.array(box.center) + np.array(box.axes[0]) * box.size[0])),))
    assert not any("accepted, " in warning.what for warning in training_annotations(said, missed=far).warnings)


def test_verdicts_count_whatever_the_threshold(found):
    said = replace(found.reviewed(3, Review(Verdict.ACCEPTED, "R1")), threshold=1.0)
    taught = training_annotations(said)
    assert taught.values == {"ltp": "1"}
    assert [p.label for p in taught.points["post/ltp"].points] == ["candidate 3"]


def test_a_candidate_at_the_edge_stays_in_the_volume(found):
    grid = found.geometry
    outside = grid.to_world((-0.7, 10.0, 5.0))
    edge = replace(found.candidates[0], box=replace(found.candidates[0].box, center=tuple(outside)))
    said = replace(found, candidates=(edge, *found.candidates[1:])).reviewed(1, Review(Verdict.ACCEPTED, "R1"))
    (point,) = training_annotations(said).points["post/ltp"].points
    assert grid.contains(point.position)
    assert np.linalg.norm(np.subtract(point.position, outside)) < 1
