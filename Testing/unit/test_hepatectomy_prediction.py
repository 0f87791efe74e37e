"""The risk of early recurrence: what the result says and shows, and what bad input does to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hepatectomy_toy import (
    CENTER,
    OBLIQUE,
    SAGITTAL,
    TINY,
    box_around,
    case,
    grid,
    marked,
    model,
    places_of,
    register,
    segment,
    study,
    volume,
)

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study, judged_study
from HCCAssistLib.recipes.hepatectomy.checks import problems
from HCCAssistLib.recipes.hepatectomy.explanation import in_patient, scores_and_map
from HCCAssistLib.recipes.hepatectomy.network import build
from HCCAssistLib.recipes.hepatectomy.prediction import predict
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, EARLY_RECURRENCE, HEPATECTOMY, TUMOUR
from HCCAssistLib.recipes.hepatectomy.review import training_annotations
from HCCAssistLib.recipes.hepatectomy.sampling import as_input
from HCCAssistLib.recipes.hepatectomy.tumour import tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import voi_of
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.risk import RiskResult

pytestmark = pytest.mark.heavy

SEEN = {"seen": {"size_mm": [20.0, 90.0], "hu": [20.0, 120.0], "slice_mm": [1.0, 5.0]}}
SS, NSS = HEPATECTOMY.resolve(TINY), HEPATECTOMY.resolve({**TINY, "voi": "NSS"})


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def three(tmp_path: Path) -> LoadedModel:
    return model(tmp_path, members=3, training=SEEN)


@pytest.fixture
def surroundings(tmp_path: Path) -> LoadedModel:
    return model(tmp_path / "nss", training=SEEN, voi="NSS")


@pytest.fixture(scope="module")
def body() -> Study:
    return study()


def told(result: RiskResult) -> str:
    return "\n".join(map(str, result.warnings))


def seen(one: Study, options: dict) -> torch.Tensor:
    found = voi_of(one.volumes[ARTERIAL], tumour_of(one, options), options)
    return as_input(torch.from_numpy(found.voxels[None]), options)


def test_the_risk_is_the_mean_over_the_members(body: Study, three: LoadedModel) -> None:
    result = predict(body, three, {})
    with torch.no_grad():
        each = [float(network(seen(body, SS)).softmax(dim=1)[0, 1]) for network in three.networks]
    assert result.probability == pytest.approx(np.mean(each), abs=1e-6) and len(set(each)) == 3
    assert dict(result.probabilities) == {EARLY_RECURRENCE: result.probability}
    assert result.decides == EARLY_RECURRENCE and result.volumes[ARTERIAL] == body.volumes[ARTERIAL].geometry
    assert result.boxes[TUMOUR].size == (150.0, 150.0, 10.0)
    assert result.boxes[TUMOUR].center == pytest.approx(CENTER, abs=2.5)
    assert set(result.run.inputs) == {ARTERIAL, f"{TUMOUR} finding 1"} and not result.warnings
    weights = three.networks[0].conv3.weight
    assert weights.is_contiguous(memory_format=torch.channels_last_3d), "as the fast path of a CPU wants it"


def test_the_group_is_that_of_the_model_s_cut_off(body: Study, tmp_path: Path) -> None:
    chance = predict(body, model(tmp_path / "a"), {"heatmap": False}).probability
    for number, (cutoff, group) in enumerate([(chance, "high"), (chance + 1e-6, "low"), (None, None)]):
        result = predict(body, model(tmp_path / str(number), cutoff=cutoff), {"heatmap": False})
        assert result.group == group and (result.cutoff is None) == (cutoff is None)
        assert result.as_json()["group"] == group


def test_a_result_comes_back_from_its_folder(body: Study, three: LoadedModel, tmp_path: Path) -> None:
    result = predict(body, three, {})
    assert list(result.heatmaps) == [ARTERIAL]
    write_result(result, tmp_path / "result")
    again = read_result(tmp_path / "result")
    assert again.kind == "risk" and again.as_json() == result.as_json()


def test_the_risk_does_not_depend_on_how_the_volume_is_stored(three: LoadedModel) -> None:
    turned = [np.eye(3), np.diag((-1.0, -1.0, 1.0)), SAGITTAL]
    spacings = [(2.0, 2.0, 4.0), (2.0, 2.0, 4.0), (2.0, 4.0, 2.0)]
    studies = [study(grid(mm, axes)) for mm, axes in zip(spacings, turned, strict=True)]
    chances = [predict(one, three, {"heatmap": False}).probability for one in studies]
    assert np.ptp(chances) < 2e-3, "half a voxel decides where the border of a segment lies"


@pytest.mark.parametrize("mark", ["segment", "box"])
def test_a_model_of_the_surroundings_takes_a_segment_or_a_box(
    mark: str, body: Study, surroundings: LoadedModel
) -> None:
    boxed = marked(body, [box_around()])
    result = predict(body if mark == "segment" else boxed, surroundings, {})
    used = f"{TUMOUR} finding 1" if mark == "segment" else f"{TUMOUR} roi"
    assert set(result.run.inputs) == {ARTERIAL, used}
    assert result.boxes[TUMOUR].center == pytest.approx(CENTER, abs=2.5)


def test_where_both_mark_the_tumour_the_segment_counts(body: Study, surroundings: LoadedModel) -> None:
    both = predict(marked(body, [box_around((0, 0, 0)), segment(grid())]), surroundings, {})
    assert set(both.run.unused_inputs) == {f"{TUMOUR} roi"}
    assert both.boxes == predict(body, surroundings, {}).boxes


def test_a_study_of_a_scene_is_predicted_alike(body: Study, three: LoadedModel) -> None:
    there = judged_study(
        "case-1",
        HEPATECTOMY,
        volumes=body.volumes,
        segments={TUMOUR: [segment(grid())]},
        points={},
        values={},
    )
    result = predict(there, three, {"heatmap": False})
    assert result.probability == pytest.approx(predict(body, three, {"heatmap": False}).probability)
    assert set(result.run.inputs) == {ARTERIAL, TUMOUR, f"{TUMOUR} finding 1"}


STORAGES = {
    "as the network saw it": grid(),
    "flipped, pixels that are no squares": grid((1.8, 2.4, 5.0), np.diag((1.0, -1.0, -1.0))),
    "sagittal": grid((2.0, 3.0, 2.0), SAGITTAL),
    "oblique, left-handed": grid((2.0, 2.0, 3.0), OBLIQUE * (1, -1, 1)),
}


@pytest.mark.parametrize("name", STORAGES)
def test_a_hot_cell_lies_in_the_patient_where_the_network_looked(name: str) -> None:
    """A cell near the left back corner of the VOI: rows run to the back, columns to the left."""
    geometry, box = STORAGES[name], Box(CENTER, (150.0, 150.0, 10.0))
    cells = np.zeros((10, 10), np.float32)
    cells[5, 7] = 3.0
    heat = in_patient(cells, box, geometry)
    assert heat is not None
    spot = peak(heat)
    assert spot is not None
    # cells are centred on pixels 16 c + 5 of 150
    wanted = np.add(CENTER, (7 * 16 + 5.5 - 75, 5 * 16 + 5.5 - 75, 0))
    assert np.abs(spot[:2] - wanted[:2]).max() < geometry.spacing.max()
    assert abs(spot[2] - wanted[2]) < 2.5
    hot = places_of(heat.geometry)[heat.array > 0]
    assert (np.abs(hot - CENTER) <= (75.01, 75.01, 5.01)).all(), "no heat outside the ten slices"
    places = places_of(heat.geometry)
    under = (np.abs(places[..., :2] - wanted[:2]) < 6).all(axis=-1) & (np.abs(places[..., 2] - CENTER[2]) < 5)
    assert under.sum() > 10 and heat.array[under].min() > 0.3, "and it fills them"


def brightness_network(options: dict) -> dict[str, torch.Tensor]:
    """Weights of a network whose risk rises with brightness, wherever it is."""
    weights = build(options).state_dict()
    for name, tensor in weights.items():
        tensor.fill_(0.0 if name.endswith("bias") else 1.0 / tensor[0].numel())
    weights["fc4.weight"][0] *= -1
    return weights


@pytest.mark.parametrize("name", STORAGES)
def test_heat_lies_on_what_raised_the_risk(name: str, tmp_path: Path) -> None:
    geometry, spot = STORAGES[name], np.add(CENTER, (38.0, 24.0, 0.0))
    bright = np.linalg.norm(places_of(geometry) - spot, axis=-1) < 14
    dull = Image(np.where(bright, 230, np.where(volume(geometry).array > -500, 0, -1000)).astype(np.int16), geometry)
    one = marked(Study("case-1", {ARTERIAL: dull}), [box_around()])
    loaded = model(tmp_path, weights=[brightness_network(NSS)], voi="NSS")
    found = peak(predict(one, loaded, {}).heatmaps[ARTERIAL])
    assert found is not None
    assert np.abs(found - spot).max() < 8, "half a cell of the map"


def test_a_map_without_any_heat_is_told_and_not_drawn(body: Study, tmp_path: Path) -> None:
    weights = brightness_network(SS)
    weights["fc4.weight"] *= -1
    result = predict(body, model(tmp_path, weights=[weights]), {})
    assert not result.heatmaps and "no place that raised the risk" in told(result)


def test_one_pass_gives_the_map_of_plain_grad_cam(body: Study, three: LoadedModel) -> None:
    x = seen(body, SS)
    scores, heat = scores_and_map(three.networks, x, heat=True)
    again, none = scores_and_map(three.networks, x, heat=False)
    assert none is None and scores == pytest.approx(again, abs=1e-6) and heat is not None
    each = [gradcam(network, x, target=1).numpy()[0, 0] for network in three.networks]
    assert heat == pytest.approx(np.mean([one / max(one.max(), 1e-30) for one in each], axis=0), abs=1e-5)
    assert heat.shape == (10, 10)


def instead(one: Study, change: Callable[[Image], Image]) -> Study:
    return replace(one, volumes={ARTERIAL: change(one.volumes[ARTERIAL])})


def elsewhere(one: Study, *by: float) -> Study:
    geometry = grid()
    affine = geometry.affine.copy()
    affine[:3, 3] += by
    return marked(one, [Segment("T1", replace(segment(geometry).mask, geometry=Geometry(geometry.shape, affine)))])


def speck() -> Segment:
    mask = np.zeros(grid().shape, np.uint8)
    mask[7, 40, 50] = 1
    return Segment("T1", Image(mask, grid((2.0, 2.0, 4.0))))


def slab(one: Study, slices: int) -> Study:
    """The slices around the tumour's middle alone."""
    geometry = grid()
    middle = int(np.rint(geometry.to_index(CENTER)[2]))
    first = middle - slices // 2

    def cut(image: Image) -> Image:
        part = geometry.crop((0, 0, first), (slices, *geometry.shape[1:]))
        return Image(image.array[first : first + slices], part)

    return instead(one, cut)


def magnetic(image: Image) -> Image:
    """Voxels as of MR: dark outside, bright inside, no unit."""
    return image.with_array(np.where(image.array < -500, 3, image.array + 400).astype(np.int16), "MR")


REFUSED = {
    "no volume": (lambda s: replace(s, volumes={}), "there is no arterial phase"),
    "no segment": (lambda s: replace(s, findings={}), "no tumour is segmented"),
    "a box alone": (lambda s: marked(s, [box_around()]), "no tumour is segmented, which a box cannot stand in for"),
    "two tumours": (
        lambda s: marked(s, [segment(grid()), segment(grid(), (-40, 0, 4), 0.6, "T2")]),
        "2 tumours are marked ('T1', 'T2'), and the method is for a single one",
    ),
    "no target": (lambda s: marked(s, [segment(grid(), target="no")]), "no tumour is marked as the target"),
    "one voxel": (lambda s: marked(s, [speck()]), "mm³ of the tumour lie in the slices that are seen: too little"),
    "outside": (lambda s: elsewhere(s, 0, 0, 400), "it lies outside the volume"),
    "of another patient, in air": (lambda s: elsewhere(s, 60, 60, 0), "lies in fat, air or lung: its mean is"),
    "MR": (lambda s: instead(s, magnetic), "not Hounsfield units"),
    "a picture of 8 bits": (
        lambda s: instead(s, lambda v: v.with_array(np.clip(v.array, 0, 255).astype(np.uint8), "8 bit")),
        "not Hounsfield units",
    ),
    "one slice": (lambda s: slab(s, 1), "the volume holds 4 of 10 slices of 1 mm that the network sees"),
}


def refused(text: str) -> str:
    return text.replace("(", r"\(").replace(")", r"\)")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_predicted_is_refused_with_the_reason(name: str, body: Study, three: LoadedModel) -> None:
    spoil, words = REFUSED[name]
    with pytest.raises(InputError, match=refused(words)) as refusal:
        predict(spoil(body), three, {})
    assert len(refusal.value.problems) == 1, "one cause, one message"
    (problem,) = refusal.value.problems
    assert problem.where and problem.remedy


def contents_of(one: Study) -> CaseContents:
    return CaseContents(case(), volumes=dict(one.volumes), findings=dict(one.findings))


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "no volume"])
def test_the_check_of_a_cohort_tells_the_same(name: str, body: Study) -> None:
    spoil, words = REFUSED[name]
    found = [problem for problem in problems(contents_of(spoil(body))) if problem.level == "STOP"]
    assert [words in problem.what for problem in found] == [True]
    assert not list(problems(contents_of(body)))


BOXES_REFUSED = {
    "no mark": ([], "no tumour is marked"),
    "two boxes": ([box_around(), box_around((0, 0, 0), name="B2")], "2 tumours are marked"),
    "a box outside": ([box_around((0, 0, 400))], "it lies outside the volume"),
    "a box of 1 mm": ([box_around(size=(1, 1, 1))], "too little to see"),
    "a box in the air": ([box_around((92, 72, 4), (12, 12, 10))], "the box lies in fat, air or lung"),
    "a cropped volume": ([box_around()], "% of 150 x 150 x 10 mm that the network sees"),
}


@pytest.mark.parametrize("name", BOXES_REFUSED)
def test_boxes_that_mark_nothing_are_refused(name: str, body: Study, surroundings: LoadedModel) -> None:
    marks, words = BOXES_REFUSED[name]
    one = replace(marked(body, marks), volumes={ARTERIAL: volume(grid(mm=(90, 70, 40)))}) if "cropped" in name else None
    with pytest.raises(InputError, match=words) as refusal:
        predict(one or marked(body, marks), surroundings, {})
    assert len(refusal.value.problems) == 1


FAR = (-45.0, 10.0, 4.0)


def both(one: Segment, other: Segment) -> Segment:
    return Segment("T1", one.mask.with_array(one.mask.array | other.mask.array, "both"))


DOUBTED = {
    "a tumour wider than what is seen": (
        lambda s: marked(s, [segment(grid(), (0.0, 0.0, 0.0), 3.6)]),
        "the network sees 150 x 150 mm of it",
    ),
    "at the border of the scan": (lambda s: marked(s, [segment(grid(), (0.0, 0.0, 22.0))]), "the border of the scan"),
    "lipiodol": (
        lambda s: instead(
            s, lambda v: v.with_array(np.where(np.arange(v.array.size).reshape(v.array.shape) % 9, v.array, 900), "")
        ),
        "denser than 350 HU",
    ),
    "parts that lie apart": (
        lambda s: marked(s, [both(segment(grid()), segment(grid(), FAR, 0.7))]),
        "made of 2 parts",
    ),
    "a small tumour": (lambda s: marked(s, [segment(grid(), scale=0.3)]), "outside that of the training, 20 to 90 mm"),
    "a bright tumour": (
        lambda s: instead(s, lambda v: v.with_array((v.array + 80 * (v.array > -500)).astype(np.int16), "bright")),
        "outside that of the training, 20 to 120 HU",
    ),
    "thick slices": (lambda s: study(grid((2.0, 2.0, 8.0))), "outside that of the training, 1 to 5 mm"),
    "few slices": (lambda s: slab(s, 2), "7 of 10 slices of 1 mm"),
}


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_doubtful_stands_in_the_result_once(name: str, body: Study, three: LoadedModel) -> None:
    spoil, words = DOUBTED[name]
    assert told(predict(spoil(body), three, {"heatmap": False})).count(words) == 1


def test_a_model_s_caveats_go_with_every_result(body: Study, tmp_path: Path) -> None:
    loaded = model(tmp_path, training={"permuted_labels": True})
    assert "shuffled labels" in told(predict(body, loaded, {"heatmap": False}))


def test_a_person_can_stop_it(body: Study, three: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        predict(body, three, {}, cancelled=lambda: True)
    done: list[float] = []
    predict(body, three, {}, progress=done.append)
    assert done == sorted(done) and done[-1] == 1.0


def test_a_review_teaches_no_outcome(body: Study, three: LoadedModel) -> None:
    result = predict(body, three, {"heatmap": False})
    found = training_annotations(result)
    assert not found.points and not found.values
    assert "follow_up_months and event" in found.warnings[0].what
    with pytest.raises(InputError, match="not a point"):
        training_annotations(result, missed=PointList("missed", (Point("M", CENTER),)))
