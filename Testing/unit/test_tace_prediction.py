"""Responses of tumours: what the result says and shows, and what bad input does to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tace_toy import CENTER, case, grid, install, marked, model, places_of, segment, study

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.explain.gradcam import gradcam
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.backbones.resnet50 import ResNet50
from HCCAssistLib.models.backbones.variant import KERAS, TORCHVISION, Variant
from HCCAssistLib.models.card import card_rows
from HCCAssistLib.recipes.tace.bodies import STANDS_IN, as_input
from HCCAssistLib.recipes.tace.checks import problems
from HCCAssistLib.recipes.tace.explanation import in_patient, scores_and_maps
from HCCAssistLib.recipes.tace.network import SmallNetwork
from HCCAssistLib.recipes.tace.prediction import predict
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, RESPONSES, TUMOURS
from HCCAssistLib.recipes.tace.sampling import pictures
from HCCAssistLib.recipes.tace.tumours import tumours_of
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.files import read_result, write_result

pytestmark = pytest.mark.heavy

SEEN = {"seen": {"diameter_mm": [10.0, 90.0], "hu": [20.0, 120.0], "slice_mm": [1.0, 3.0]}}
OBLIQUE = Rotation.from_euler("xyz", (17, -11, 23), degrees=True).as_matrix()
OTHER = (CENTER[0], CENTER[1] - 38.0, CENTER[2])


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    return install(monkeypatch)


@pytest.fixture
def three(tmp_path: Path) -> LoadedModel:
    return model(tmp_path, members=3, training=SEEN)


@pytest.fixture
def small(tmp_path: Path) -> LoadedModel:
    return model(tmp_path / "small", training={**SEEN, "caveats": [STANDS_IN]}, body="small", backbone="")


@pytest.fixture(scope="module")
def body() -> Study:
    return study()


def two(**tags: str) -> list[Segment]:
    return [segment(grid(), **tags), segment(grid(), OTHER, 0.7, "T2", **({"target": "no"} if tags else {}))]


def told(result: ClassificationResult) -> str:
    return "\n".join(map(str, result.warnings))


@pytest.mark.parametrize("which", ["three", "small"])
def test_each_tumour_has_the_mean_of_its_patches_and_members(
    which: str, body: Study, request: pytest.FixtureRequest
) -> None:
    result = predict(marked(body, two()), request.getfixturevalue(which), {})
    assert list(result.categories) == list(RESPONSES) == ["CR", "PR", "SD", "PD"]
    assert [finding.label for finding in result.findings] == ["T1", "T2"]
    for finding in result.findings:
        assert len(finding.patches) == 3 and finding.target
        assert len(finding.by_network) == (3 if which == "three" else 0)
        for code, probability in finding.probabilities.items():
            of_patches = [patch.probabilities[code] for patch in finding.patches]
            assert probability == pytest.approx(np.mean(of_patches))
            assert len(set(of_patches)) == 3
            if finding.by_network:
                assert probability == pytest.approx(np.mean([one[code] for one in finding.by_network]))
        assert finding.box == finding.patches[0].box and finding.box.size[2] == pytest.approx(2.5)
        assert [patch.slice - finding.slice for patch in finding.patches] == [0, -1, 1]
    json = result.as_json()
    for entry in json["findings"]:
        told_of = entry["probabilities"]
        assert entry["objective_response"] == pytest.approx(told_of["CR"] + told_of["PR"])
    assert result.patient is not None
    wanted = {code: np.mean([one.probabilities[code] for one in result.findings]) for code in RESPONSES}
    assert dict(result.patient) == pytest.approx(wanted)
    assert set(result.run.inputs) == {ARTERIAL, f"{TUMOURS} finding 1", f"{TUMOURS} finding 2"}


def test_the_patient_is_the_mean_of_the_targets_alone(body: Study, three: LoadedModel) -> None:
    result = predict(marked(body, two(target="yes")), three, {})
    assert [finding.target for finding in result.findings] == [True, False]
    assert result.patient is not None
    assert dict(result.patient) == pytest.approx(dict(result.findings[0].probabilities))
    none = predict(marked(body, [segment(grid(), target="no")]), three, {})
    assert none.patient is None and "no tumour is marked as a target" in told(none)


def test_a_result_comes_back_from_its_folder_with_its_patches(body: Study, three: LoadedModel, tmp_path: Path) -> None:
    result = predict(body, three, {})
    write_result(result, tmp_path / "result")
    again = read_result(tmp_path / "result")
    assert again.as_json() == result.as_json()
    assert again.findings[0].patches == result.findings[0].patches  # type: ignore[attr-defined]


def test_tumours_are_judged_alike_alone_and_among_others_and_whatever_is_explained(
    body: Study, three: LoadedModel
) -> None:
    both = predict(marked(body, two()), three, {})
    alone = predict(marked(body, two()[1:]), three, {"heatmap": False})
    assert alone.heatmaps == {} and list(both.heatmaps) == [ARTERIAL]
    assert dict(alone.findings[0].probabilities) == pytest.approx(dict(both.findings[1].probabilities), abs=1e-6)


STORAGES = {
    "as the network saw it": grid(mm=(80.0, 64.0, 50.0)),
    "flipped, pixels that are no squares": grid((0.8, 1.4, 2.5), np.diag((-1.0, 1.0, -1.0)), (80.0, 64.0, 50.0)),
    "sagittal": grid((0.9, 2.0, 0.9), np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float), (80.0, 64.0, 50.0)),
    "oblique, left-handed": grid((0.9, 1.1, 2.0), OBLIQUE * (1, -1, 1), (80.0, 64.0, 50.0)),
}


@pytest.mark.parametrize("name", STORAGES)
def test_heat_lies_where_the_network_looked_in_the_patient(name: str) -> None:
    """A hot cell near the left back corner of the first patch: rows run to the back, columns to the left."""
    geometry = STORAGES[name]
    (tumour,) = tumours_of(study(geometry), {**model_options(), "channels": "grey"})
    box = tumour.patches[0].box
    cells = np.zeros((1, 7, 7), np.float32)
    cells[0, 5, 6] = 3.0
    heat = in_patient(cells, [box], geometry, SmallNetwork())
    assert heat is not None
    spot = peak(heat)
    assert spot is not None
    # cells are centred on pixels 32 c of 224
    offset = ((6 * 32 + 0.5) / 224 - 0.5) * box.size[0], ((5 * 32 + 0.5) / 224 - 0.5) * box.size[1], 0.0
    wanted = np.add(box.center, offset)
    assert np.abs(spot[:2] - wanted[:2]).max() < geometry.spacing.max()
    assert abs(spot[2] - wanted[2]) <= box.size[2] / 2 + 0.1
    hot = places_of(heat.geometry)[heat.array > 0]
    inside = replace(box, size=(box.size[0] + 0.1, box.size[1] + 0.1, 2 * box.size[2]))
    assert inside.contains(hot).all(), "no heat outside the patch"


@pytest.mark.parametrize("variant", [None, KERAS, TORCHVISION, Variant("1x1", 1e-3, "caffe", 0)])
def test_a_cell_looks_symmetrically_around_its_centre(variant: Variant | None) -> None:
    """With equal weights everywhere, what a cell takes from the pixels tells where it looks; borders shift it a bit."""
    body = ResNet50(variant) if variant else SmallNetwork()
    with torch.no_grad():
        for weights in body.parameters():
            weights.fill_(1e-3)
    x = torch.full((1, 3, 448, 448), 0.6, requires_grad=True)
    body.eval()
    values = x
    for layer in linear_layers(body):
        values = layer(values)
    values[0, :, 6, 7].sum().backward()
    assert x.grad is not None
    seen = x.grad[0, 0].abs()
    at = torch.arange(448.0)
    centre = float((seen.sum(0) * at).sum() / seen.sum()), float((seen.sum(1) * at).sum() / seen.sum())
    assert centre == pytest.approx((7 * 32 + body.first_center, 6 * 32 + body.first_center), abs=0.1)


def linear_layers(body: SmallNetwork | ResNet50) -> list[torch.nn.Module]:
    """The layers that look at neighbours, in their order, poolings by their mean."""
    if isinstance(body, SmallNetwork):
        return [layer for layer in body.body if isinstance(layer, torch.nn.Conv2d)]
    found: list[torch.nn.Module] = [body.conv1, torch.nn.AvgPool2d(3, 2, body.variant.pool_padding)]
    for number in range(1, 5):
        for block in getattr(body, f"layer{number}"):
            found += [block.conv1, block.conv2, block.conv3]
    return found


def model_options() -> dict[str, object]:
    from HCCAssistLib.recipes.tace.recipe import TACE

    return dict(TACE.resolve({}))


def test_one_pass_gives_the_maps_of_plain_grad_cam(body: Study, three: LoadedModel, installed: torch.nn.Module) -> None:
    (tumour,) = tumours_of(body, three.package.card.options)
    images = pictures(body.volumes[ARTERIAL], tumour.patches, three.package.card.options)
    scores, maps = scores_and_maps(three.networks, installed, images, np.zeros(3, np.int64), heat=True)  # type: ignore[arg-type]
    assert scores.shape == (3, 3, 4) and maps is not None and maps.shape == (3, 7, 7)

    class Joined(torch.nn.Module):
        def __init__(self, layer: torch.nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def features(self, x: torch.Tensor) -> torch.Tensor:
            return installed.features(x)  # type: ignore[operator, no-any-return]

        def head(self, found: torch.Tensor) -> torch.Tensor:
            return self.layer(installed.pooled(found))  # type: ignore[operator, no-any-return]

    target = int(scores.mean(axis=(0, 1)).argmax())
    x = as_input(torch.from_numpy(images))
    each = [gradcam(Joined(network).eval(), x, target=target).numpy() for network in three.networks]
    wanted = np.mean([one / np.maximum(one.max(axis=(1, 2), keepdims=True), 1e-30) for one in each], axis=0)
    assert np.allclose(maps, wanted, atol=1e-5)
    assert maps.max() > 0.5


def test_many_tumours_go_through_the_backbone_in_parts_with_the_same_scores(
    body: Study, three: LoadedModel, installed: torch.nn.Module
) -> None:
    (tumour,) = tumours_of(body, three.package.card.options)
    images = pictures(body.volumes[ARTERIAL], tumour.patches, three.package.card.options)
    many, of = np.concatenate([images] * 7), np.repeat(np.arange(7), 3)
    scores, maps = scores_and_maps(three.networks, installed, many, of, heat=True)  # type: ignore[arg-type]
    few, small_maps = scores_and_maps(three.networks, installed, images, of[:3], heat=True)  # type: ignore[arg-type]
    assert np.allclose(scores, np.concatenate([few] * 7, axis=1), atol=1e-6)
    assert (
        maps is not None and small_maps is not None and np.allclose(maps, np.concatenate([small_maps] * 7), atol=1e-5)
    )


def instead(one: Study, change: Callable[[Image], Image]) -> Study:
    return replace(one, volumes={ARTERIAL: change(one.volumes[ARTERIAL])})


def with_deposits(one: Study, share: float) -> Study:
    """Lipiodol in part of the tumour."""
    (finding,) = one.findings[TUMOURS]
    assert finding.mask is not None
    inside = finding.mask.array > 0
    spots = inside & (np.random.default_rng(0).random(inside.shape) < share)
    return instead(one, lambda v: v.with_array(np.where(spots, 900, v.array).astype(np.int16), "lipiodol"))


def speck(one: Segment) -> Segment:
    mask = np.zeros_like(one.mask.array)
    mask[tuple(np.argwhere(one.mask.array)[0])] = 1
    return Segment(one.name, one.mask.with_array(mask, "one voxel"))


def elsewhere(one: Study, *by: float) -> Study:
    geometry = grid()
    affine = geometry.affine.copy()
    affine[:3, 3] += by
    return marked(one, [Segment("T1", replace(segment(geometry).mask, geometry=Geometry(geometry.shape, affine)))])


def magnetic(image: Image) -> Image:
    """Voxels as of MR: dark outside, bright inside, no unit."""
    return image.with_array(np.where(image.array < -500, 3, image.array + 400).astype(np.int16), "MR")


REFUSED = {
    "no volume": (lambda s: replace(s, volumes={}), "no arterial phase"),
    "no segment": (lambda s: replace(s, findings={}), "no tumour is segmented"),
    "one voxel": (lambda s: marked(s, [speck(segment(grid()))]), "1 x 1 pixel: too little to see"),
    "outside": (lambda s: elsewhere(s, 0, 0, 400), "outside the volume"),
    "of another patient, in air": (lambda s: elsewhere(s, -85, 0, 0), "lies in fat, air or lung"),
    "after TACE": (lambda s: with_deposits(s, 0.1), "this is a scan after TACE"),
    "MR": (lambda s: instead(s, magnetic), "not Hounsfield units"),
    "a picture of 8 bits": (
        lambda s: instead(s, lambda v: v.with_array(np.clip(v.array, 0, 255).astype(np.uint8), "8 bit")),
        "not Hounsfield units",
    ),
    "the liver among the tumours": (
        lambda s: marked(s, [segment(grid()), segment(grid(), OTHER, 0.7, "Leber")]),
        "called 'Leber'",
    ),
    "one tumour twice": (lambda s: marked(s, [segment(grid()), segment(grid(), name="T2")]), "marked twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_predicted_is_refused_with_the_reason(name: str, body: Study, three: LoadedModel) -> None:
    spoil, words = REFUSED[name]
    with pytest.raises(InputError, match=words) as refusal:
        predict(spoil(body), three, {})
    assert len(refusal.value.problems) == 1, "one cause, one message"


DOUBTED = {
    "a few dense spots": (lambda s: with_deposits(s, 0.008), "is denser than 350 HU"),
    "parts that lie apart": (
        lambda s: marked(s, [Segment("T1", joined(segment(grid()), segment(grid(), OTHER, 0.7)))]),
        "made of 2 parts",
    ),
    "at the edge": (
        lambda s: marked(s, [segment(grid(), (CENTER[0], CENTER[1], -28.0))]),
        "it reaches the border of the scan",
    ),
    "a small tumour": (lambda s: marked(s, [segment(grid(), scale=0.2)]), "T1 (9 mm): outside the sizes"),
    "a bright tumour": (
        lambda s: instead(s, lambda v: v.with_array((v.array + 80 * (v.array > 0)).astype(np.int16), "bright")),
        "outside the mean values of the training, 20 to 120 HU",
    ),
    "one slice": (lambda s: marked(s, [flat(segment(grid()))]), "fewer than 3 slices show enough of T1 (1)"),
}


def joined(one: Segment, other: Segment) -> Image:
    return one.mask.with_array(one.mask.array | other.mask.array, "both")


def flat(one: Segment) -> Segment:
    middle = one.mask.array.sum(axis=(1, 2)).argmax()
    return Segment(one.name, one.mask.with_array(one.mask.array * (np.indices(one.mask.array.shape)[0] == middle), ""))


@pytest.mark.parametrize("name", DOUBTED)
def test_what_is_doubtful_stands_in_the_result_once(name: str, body: Study, three: LoadedModel) -> None:
    spoil, words = DOUBTED[name]
    assert words not in told(predict(body, three, {"heatmap": False}))
    assert told(predict(spoil(body), three, {"heatmap": False})).count(words) == 1


def test_the_spacing_of_the_slices_is_told_where_it_is_not_the_paper_s(body: Study, three: LoadedModel) -> None:
    result = predict(body, three, {})
    assert [warning.what for warning in result.warnings] == [
        "the slices are 2.5 mm apart, where they were 1 mm in the paper, and 1 to 3 mm in the training"
    ]
    fine = predict(study(grid((1.2, 1.2, 1.0))), three, {"heatmap": False})
    assert not fine.warnings


def test_a_network_that_stands_in_says_so_in_results_and_card(body: Study, small: LoadedModel) -> None:
    assert STANDS_IN in told(predict(body, small, {"heatmap": False}))
    rows = dict(card_rows(small.package.card))
    assert STANDS_IN[1:] in rows["Beware"] and "body small (paper: resnet50)" in rows["Settings"]


def test_a_model_names_its_backbone_and_holds_none_of_its_weights(three: LoadedModel) -> None:
    card = three.package.card
    assert card.options["backbone"] == "ab" * 32
    assert sum(tensor.numel() for tensor in three.package.load_weights()[0][""].values()) == 8196
    settings = dict(card_rows(card))["Settings"]
    assert f"backbone {card.options['backbone']}" in settings and "body" not in settings


def test_a_person_can_stop_it(body: Study, three: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        predict(body, three, {}, cancelled=lambda: True)
    done: list[float] = []
    predict(body, three, {}, progress=done.append)
    assert done == sorted(done) and done[-1] == 1.0


def contents_of(one: Study) -> CaseContents:
    return CaseContents(case(), volumes=dict(one.volumes), findings=dict(one.findings))


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("no volume", "no segment")])
def test_the_check_of_a_cohort_tells_the_same(name: str, body: Study) -> None:
    spoil, words = REFUSED[name]
    found = [problem for problem in problems(contents_of(spoil(body))) if problem.level == "STOP"]
    assert [words in problem.what for problem in found].count(True) == 1
    assert not list(problems(contents_of(body)))
