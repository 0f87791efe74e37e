"""Categories of masses: what the result says and shows, and what bad input does to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mass_toy import ONE, grid, marked, model, points, study, volume
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.finding_labels import findings_of_points
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.liver_mass.alignment import box_around, shift_between
from HCCAssistLib.recipes.liver_mass.checks import problems
from HCCAssistLib.recipes.liver_mass.explanation import in_patient, probabilities, scores_and_maps
from HCCAssistLib.recipes.liver_mass.prediction import predict
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, MASSES, PHASES
from HCCAssistLib.recipes.liver_mass.review import training_annotations
from HCCAssistLib.recipes.liver_mass.sections import frame
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.review import Review, Verdict

pytestmark = pytest.mark.heavy

SEEN = {
    "seen": {"diameter_mm": [10.0, 90.0], "hu": {"unenhanced": [-10, 60], "arterial": [0, 150], "delayed": [0, 140]}}
}
OBLIQUE = Rotation.from_euler("xyz", (17, -11, 23), degrees=True).as_matrix()
TWO = (*ONE, ((-30.0, 10.0, -6.0), "D"))


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return model(tmp_path_factory.mktemp("five"), members=5, training=SEEN)


@pytest.fixture(scope="module")
def body() -> Study:
    return study(masses=TWO)


def told(result) -> str:  # type: ignore[no-untyped-def]
    return "\n".join(map(str, result.warnings))


def with_points(one: Study, *texts: str, at: tuple[float, float, float] = ONE[0][0]) -> Study:
    return marked(one, PointList("masses", tuple(Point(f"F-{n}", at, text) for n, text in enumerate(texts, 1))))


def test_each_mass_has_the_mean_of_the_sessions_their_spread_and_its_frame(body: Study, five: LoadedModel) -> None:
    result = predict(body, five, {})
    assert dict(result.categories) == dict(CATEGORIES) and result.groups == {"malignant": ("A", "B")}
    assert [finding.label for finding in result.findings] == ["M1", "M2"] and result.patient is None
    for finding, (center, _) in zip(result.findings, TWO, strict=True):
        assert len(finding.by_network) == 5
        for code in CATEGORIES:
            assert finding.probabilities[code] == pytest.approx(np.mean([one[code] for one in finding.by_network]))
        low, high = finding.spread["A"]
        assert low < finding.probabilities["A"] < high
        assert finding.box.center == center and finding.box.size == pytest.approx((48.0, 48.0, 5.0))
        assert finding.diameter_mm == 24.0
    assert list(result.volumes) == [f"baseline/{phase}" for phase in PHASES]
    assert set(result.run.inputs) == {*result.volumes, f"{MASSES} points"} and not result.run.unused_inputs
    assert "sessions of the model disagree" in told(result)
    assert told(result).count("sessions") == 1


def test_masses_are_classified_alike_alone_and_among_others_and_whatever_is_explained(
    body: Study, five: LoadedModel
) -> None:
    both = predict(body, five, {})
    alone = predict(marked(body, points(TWO[1:])), five, {"heatmap": False})
    assert alone.heatmaps == {}
    for code in CATEGORIES:
        assert alone.findings[0].probabilities[code] == pytest.approx(both.findings[1].probabilities[code], abs=1e-6)


def test_a_result_comes_back_from_its_folder(body: Study, five: LoadedModel, tmp_path: Path) -> None:
    result = predict(body, five, {})
    write_result(result, tmp_path / "result")
    assert read_result(tmp_path / "result").as_json() == result.as_json()


STORAGES = {
    "as the networks saw it": grid((1.5, 1.5, 5.0)),
    "flipped, pixels that are no squares": grid((1.2, 1.6, 3.0), np.diag((-1.0, 1.0, -1.0))),
    "sagittal": grid((1.5, 1.5, 2.5), np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)),
    "oblique, left-handed": grid((1.3, 1.4, 2.5), OBLIQUE * (1, -1, 1)),
}


@pytest.mark.parametrize("name", STORAGES)
def test_heat_lies_where_the_networks_looked_on_the_grid_of_every_phase(name: str) -> None:
    """A hot cell near the left back corner of the frame: rows run to the back, columns to the left."""
    center = ONE[0][0]
    cells = np.zeros((1, 18, 18), np.float32)
    cells[0, 13, 15] = 3.0
    image = volume(STORAGES[name], 1)
    frames = [frame(center, 70.0, grid((1.5, 1.5, 5.0)))]
    heat = in_patient(cells, frames, {"baseline/arterial": image})["baseline/arterial"]
    wanted = np.add(center, (15 * 4 + 2 - 35, 13 * 4 + 2 - 35, 0))  # pixels of 1 mm
    spot = peak(heat)
    assert spot is not None
    assert np.linalg.norm(spot[:2] - wanted[:2]) < 1.0
    assert abs(spot[2] - wanted[2]) <= 2.6
    assert 0.6 < heat.array.max() <= 1.0, "a cell of 4 mm between voxels"
    assert 0.6 <= heat.geometry.spacing[0] / image.geometry.spacing[0] <= 1.01, "on the phase's own voxels"
    k, j, i = np.argwhere(heat.array > 0.02).T
    places = heat.geometry.to_world(np.stack([i, j, k], -1))
    assert np.abs(places[:, :2] - wanted[:2]).max() <= 4.5, "a cell and its slopes"
    assert np.abs(places[:, 2] - center[2]).max() <= 2.6, "half of a section"


def test_heat_of_overlapping_frames_is_merged_and_a_frame_outside_has_none() -> None:
    image = volume(grid((2.0, 2.0, 5.0)), 1)
    cells = np.ones((2, 18, 18), np.float32) * np.array([1.0, 4.0])[:, None, None]
    frames = [frame(at, 40.0, image.geometry) for at in ((0.0, 0.0, 0.0), (15.0, 0.0, 0.0))]
    heat = in_patient(cells, frames, {"v": image})["v"]
    assert heat.array.max() == 1.0
    assert np.count_nonzero(heat.array) * 20.0 == pytest.approx(55 * 40 * 5, rel=0.1)
    assert in_patient(cells[:1], [frame((900.0, 0.0, 0.0), 40.0, image.geometry)], {"v": image}) == {}


def test_one_pass_gives_the_same_scores_and_the_maps_of_plain_grad_cam(five: LoadedModel) -> None:
    from HCCAssistLib.explain.gradcam import gradcam

    x = torch.rand(3, 3, 70, 70, generator=torch.Generator().manual_seed(0))
    scores, maps = scores_and_maps(five.networks, x)
    assert scores.shape == (5, 3, 5) and maps.shape == (3, 18, 18)
    assert np.allclose(scores, probabilities(five.networks, x), atol=1e-6)
    target = torch.from_numpy(scores.mean(axis=0).argmax(axis=1))
    each = [gradcam(network, x, target=target).numpy() for network in five.networks]
    wanted = np.mean([one / np.maximum(one.max(axis=(1, 2), keepdims=True), 1e-30) for one in each], axis=0)
    assert np.allclose(maps, wanted, atol=1e-5)


def without(one: Study, phase: str) -> Study:
    return replace(one, volumes={n: v for n, v in one.volumes.items() if n != f"baseline/{phase}"})


def instead(one: Study, phase: str, change: Callable[[Image], Image]) -> Study:
    place = f"baseline/{phase}"
    return replace(one, volumes={**one.volumes, place: change(one.volumes[place])})


def moved(image: Image, *by: float) -> Image:
    affine = image.geometry.affine.copy()
    affine[:3, 3] += by
    return replace(image, geometry=Geometry(image.geometry.shape, affine))


REFUSED = {
    "a phase is missing": (lambda s: without(s, "delayed"), "no delayed phase"),
    "a phase is given twice": (
        lambda s: replace(s, volumes={**s.volumes, "baseline/delayed": s.volumes["baseline/arterial"]}),
        "same images",
    ),
    "a phase lies far away": (
        lambda s: instead(s, "delayed", lambda v: moved(v, 0, 0, 900)),
        "delayed phase holds none of the",
    ),
    "a fiducial outside": (lambda s: with_points(s, "A", at=(0.0, 0.0, 500.0)), "unenhanced phase holds none of"),
    "a fiducial in air": (
        lambda s: with_points(s, "A", at=(80.0, 55.0, 0.0)),
        "in air or lung in the unenhanced, arterial and delayed phases",
    ),
    "no mass": (lambda s: replace(s, points={}, findings={}), "no mass is marked"),
    "a size of nothing": (lambda s: with_points(s, "A, 0 mm"), "none of a liver mass"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_classified_is_refused_with_the_reason(name: str, body: Study, five: LoadedModel) -> None:
    spoil, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as refusal:
        predict(spoil(body), five, {})
    assert len(refusal.value.problems) <= 3, "one cause, one message"


DOUBTED = {
    "a size that nobody gave": (lambda s: with_points(s, "A"), "the default of 30 mm"),
    "a mass of 2 mm": (lambda s: with_points(s, "A, 2 mm"), "F-1 (2 mm): outside the sizes of the training, 10 to 90"),
    "a mass of 25 cm": (lambda s: with_points(s, "A, 25 cm"), "its 250 mm are more than its frame of 150 mm"),
    "a frame across the border": (
        lambda s: with_points(s, "A, 60 mm", at=(66.0, 0.0, 0.0)),
        "of its frame lies outside the unenhanced, arterial and delayed phases",
    ),
    "phases that do not lie on each other": (
        lambda s: instead(s, "delayed", lambda v: moved(v, 4, 0, -9)),
        "the delayed phase lies 10 mm from the unenhanced phase",
    ),
    "values of no CT": (
        lambda s: instead(s, "arterial", lambda v: v.with_array(np.clip(v.array + 1000, 0, 2000), "offset")),
        "not Hounsfield units",
    ),
    "a mass brighter than any": (
        lambda s: instead(s, "arterial", lambda v: v.with_array(v.array + np.int16(90) * (v.array > 100), "iodine")),
        "in the arterial phase, 0 to 150 HU",
    ),
}


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_doubtful_stands_in_the_result_once(name: str, body: Study, five: LoadedModel) -> None:
    spoil, words = DOUBTED[name]
    assert words not in told(predict(body, five, {"heatmap": False}))
    said = told(predict(spoil(body), five, {"heatmap": False}))
    assert said.count(words) == 1


def test_good_phases_raise_no_doubt_but_the_sessions(body: Study, five: LoadedModel) -> None:
    assert [w.what[:14] for w in predict(body, five, {}).warnings] == ["the 5 sessions"]


def test_voxels_of_another_type_are_read_too(body: Study, five: LoadedModel) -> None:
    odd = instead(body, "arterial", lambda v: v.with_array((v.array + 1024).clip(0).astype(np.uint16), "unsigned"))
    assert "not Hounsfield units" in told(predict(odd, five, {"heatmap": False}))
    floats = instead(body, "arterial", lambda v: v.with_array(v.array.astype(np.float32), "floats"))
    assert predict(floats, five, {}).findings[0].probabilities == predict(body, five, {}).findings[0].probabilities


def marked_without_label(one: Study, listed: PointList) -> Study:
    found, _ = findings_of_points(listed, None)
    return replace(one, points={MASSES: listed}, findings={MASSES: found})


def test_forty_fiducials_keep_their_order_and_warnings_stay_short(five: LoadedModel) -> None:
    places = [
        (x, y, z) for z in (-10.0, 10.0) for y in (-30.0, -10.0, 10.0, 30.0) for x in (-40.0, -20.0, 0.0, 20.0, 40.0)
    ]
    many = PointList("masses", tuple(Point(f"F-{n}", at) for n, at in enumerate(places, 1)))
    result = predict(marked_without_label(study(), many), five, {})
    assert [finding.center for finding in result.findings] == places
    assert "F-5 and 35 more masses: the diameter is not given" in told(result)


@pytest.mark.parametrize("by", [(0.0, 0.0, 12.0), (6.0, -4.0, 0.0)])
def test_the_shift_between_two_phases_is_measured_in_any_storage(by: tuple[float, float, float]) -> None:
    masses = (*TWO, ((25.0, 20.0, 12.0), "E"))
    fixed, still = volume(grid((1.5, 1.5, 3.0)), 1, masses, noise=8.0), volume(STORAGES["sagittal"], 2, masses)
    box = box_around([ONE[0][0]])
    for moving, wanted in ((moved(still, *by), by), (still, (0.0, 0.0, 0.0))):
        shift = shift_between(fixed, moving, box)
        assert shift is not None and np.linalg.norm(shift - wanted) < 1.5


def test_that_a_shift_cannot_be_told_is_said(body: Study, five: LoadedModel) -> None:
    def noise(image: Image) -> Image:
        return image.with_array(np.random.default_rng(1).normal(40, 20, image.array.shape).astype(np.int16), "noise")

    said = told(predict(instead(body, "delayed", noise), five, {"heatmap": False}))
    assert "whether the delayed phase lies on the unenhanced phase around the masses cannot be told" in said
    assert "whether the arterial" not in said


def test_a_person_can_stop_it(body: Study, five: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        predict(body, five, {}, cancelled=lambda: True)
    done: list[float] = []
    predict(body, five, {}, progress=done.append)
    assert done == sorted(done) and done[-1] == 1.0


def contents_of(one: Study) -> CaseContents:
    case = Case("case-1", "p", "train", {}, Path())
    return CaseContents(case, volumes=dict(one.volumes), points=dict(one.points), findings=dict(one.findings))


@pytest.mark.parametrize(
    "name", ["a phase is given twice", "a phase lies far away", "a fiducial in air", "a size of nothing"]
)
def test_the_check_of_a_cohort_tells_the_same(name: str, body: Study) -> None:
    spoil, words = REFUSED[name]
    contents = contents_of(spoil(body))
    found = [problem for problem in problems(contents) if problem.level == "STOP"]
    assert any(words in problem.what for problem in found)
    assert not list(problems(contents_of(body)))


def test_voxels_that_are_no_hounsfield_units_stop_a_training(body: Study) -> None:
    spoil, words = DOUBTED["values of no CT"]
    contents = contents_of(spoil(body))
    assert any(words in problem.what and problem.level == "STOP" for problem in problems(contents))


def test_a_review_exports_categories_with_sizes(body: Study, five: LoadedModel) -> None:
    result = predict(body, five, {"heatmap": False})
    with pytest.raises(InputError, match="no mass has a category"):
        training_annotations(result)
    other = next(code for code in CATEGORIES if code != result.findings[1].predicted)
    result = result.reviewed(1, Review(Verdict.ACCEPTED, "R1"))
    one = training_annotations(result)
    assert [p.description for p in one.points[MASSES].points] == [f"{result.findings[0].predicted}, 24.0 mm"]
    assert "1 mass without a category of the reader is left out" in str(one.warnings[0])
    both = training_annotations(result.reviewed(2, Review(Verdict.OTHER, "R1", category=other)))
    assert not both.warnings
    (listed,) = both.points.values()
    assert listed.points[1].position == TWO[1][0] and listed.points[1].description == f"{other}, 24.0 mm"
