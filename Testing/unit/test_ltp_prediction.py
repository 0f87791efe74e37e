"""Detection on a body with known blobs: where they are, in any storage, with every option."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ltp_blob import BLOBS, blob_image, blob_model, straight_grid
from scipy.spatial.transform import Rotation

from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.explain.pointing import peak
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.review import Review, Verdict

pytestmark = pytest.mark.heavy

FLIPS = list(itertools.product((1, -1), repeat=3))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return blob_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def straight(model: LoadedModel) -> DetectionResult:
    """What is found where the body is stored straight."""
    return detect(blob_image(straight_grid()), model)


def detect(
    image: Image, model: LoadedModel, masks: dict[str, Image] | None = None, **options: object
) -> DetectionResult:
    chosen = {"heatmap": False, **options}
    return predict(Study("case-1", {"post/arterial": image}, masks=masks or {}), model, chosen)


def distances(result: DetectionResult) -> np.ndarray:
    """Of each blob to the nearest shown candidate, mm."""
    centers = np.array([c.box.center for c in result.shown]).reshape(-1, 3)
    truth = np.array([center for center, _ in BLOBS])
    return np.linalg.norm(truth[:, None] - centers[None], axis=2).min(axis=1)


def reordered(image: Image, order: tuple[int, int, int], signs: tuple[int, int, int]) -> Image:
    """The same voxels stored with their axes permuted and flipped."""
    affine = image.geometry.affine.copy()
    array = image.array.transpose([2 - order[2 - axis] for axis in range(3)])
    columns = affine[:3, list(order)]
    size = image.geometry.size_ijk[list(order)]
    origin = affine[:3, 3].copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            array = np.flip(array, 2 - axis)
            origin = origin + columns[:, axis] * (size[axis] - 1)
            columns[:, axis] *= -1
    affine[:3, :3], affine[:3, 3] = columns, origin
    return Image(array, Geometry(array.shape, affine), image.name)


def test_it_finds_the_blobs_where_they_are_and_nothing_else(straight: DetectionResult) -> None:
    result = straight
    assert len(result.shown) == 3
    assert distances(result).max() < 3.0  # half a slice: the toy answers to the middle of 8 slices
    assert [c.number for c in result.candidates] == list(range(1, len(result.candidates) + 1))
    for candidate in result.shown:
        assert candidate.box.size[:2] >= (32 * 0.75 - 1e-6, 32 * 0.8 - 1e-6)
        index = straight_grid().to_index(candidate.box.center)
        assert candidate.slice == round(index[2])
        corners = straight_grid().to_index(np.array(candidate.rectangle))
        assert np.ptp(corners[:, :2], axis=0) == pytest.approx([32, 32])


@pytest.mark.parametrize("signs", FLIPS)
def test_eight_axis_orders_give_the_same_candidates(
    model: LoadedModel, straight: DetectionResult, signs: tuple[int, int, int]
) -> None:
    image, expected = blob_image(straight_grid()), straight
    order = list(itertools.permutations(range(3)))[FLIPS.index(signs) % 6]
    result = detect(reordered(image, order, signs), model)
    assert [c.probability for c in result.candidates] == [c.probability for c in expected.candidates]
    for a, b in zip(result.candidates, expected.candidates, strict=True):
        assert np.allclose(a.box.center, b.box.center, atol=1e-6)
        assert np.allclose(a.box.size, b.box.size, atol=1e-6)
        # the slice is counted as stored, and shows the same place
        stored = reordered(image, order, signs).geometry
        assert abs(stored.to_index(a.box.center)[stored.axial_axis] - a.slice) <= 0.5 + 1e-6


@pytest.mark.parametrize("degrees", [4.0, 17.0])
def test_an_oblique_grid_gives_the_same_candidates_within_a_voxel(
    model: LoadedModel, straight: DetectionResult, degrees: float
) -> None:
    grid = straight_grid()
    turn = Rotation.from_euler("xyz", [degrees, -degrees / 2, degrees / 3], degrees=True).as_matrix()
    turn[:, 0] *= -1  # left-handed as well
    shape = (40, 220, 230)
    half = turn @ ((np.array(shape[::-1]) - 1) / 2 * grid.spacing)
    oblique = Geometry.from_parts(shape, grid.spacing.tolist(), (grid.center - half).tolist(), turn)
    result = detect(blob_image(oblique), model)
    assert any("tilted" in warning.what for warning in result.warnings)
    assert len(result.shown) == 3
    for candidate in straight.shown:
        away = min(np.linalg.norm(np.subtract(candidate.box.center, c.box.center)) for c in result.shown)
        assert away < grid.voxel_diagonal
    assert distances(result).max() < grid.voxel_diagonal


def test_voxels_of_another_size_are_resampled_and_said(model: LoadedModel) -> None:
    thin = Geometry.from_parts((116, 96, 100), (1.5, 1.5, 1.0), (-75.0, -72.0, -58.0))
    result = detect(blob_image(thin), model)
    assert any("resampled to 1.00 x 1.00 x 2.00 mm" in warning.what for warning in result.warnings)
    assert distances(result).max() < 4.0


@pytest.mark.parametrize("stride", ["fast", "standard", "fine"])
def test_every_stride_puts_the_boxes_at_the_same_places(model: LoadedModel, stride: str) -> None:
    result = detect(blob_image(straight_grid()), model, stride=stride)
    assert len(result.shown) == 3
    assert distances(result).max() < 3.0  # half a slice: the toy answers to the middle of 8 slices


def test_both_networks_and_readings_find_the_blobs(tmp_path: Path) -> None:
    for pools, border in itertools.product((2, 3), ("strict", "context")):
        result = detect(
            blob_image(straight_grid()), blob_model(tmp_path / f"{pools}{border}", pools=pools, border=border)
        )
        assert distances(result).max() < 4.0


def mask(image: Image, center: tuple[float, float, float], radius: float) -> Image:
    k, j, i = np.indices(image.geometry.shape)
    places = image.geometry.to_world(np.stack([i, j, k], -1))
    return image.with_array((np.linalg.norm(places - np.array(center), axis=-1) < radius).astype(np.uint8), "mask")


def test_a_region_limits_the_scan_and_gives_the_same_scores(model: LoadedModel, straight: DetectionResult) -> None:
    image, whole = blob_image(straight_grid()), straight
    liver = detect(image, model, {"post/liver": mask(image, BLOBS[0][0], 20.0)})
    assert len(liver.shown) == 1
    best = min(whole.shown, key=lambda c: np.linalg.norm(np.subtract(c.box.center, BLOBS[0][0])))
    assert liver.shown[0].probability == pytest.approx(best.probability, abs=1e-5)
    assert np.allclose(liver.shown[0].box.center, best.box.center, atol=1.5)
    everywhere = detect(image, model, {"post/liver": mask(image, BLOBS[0][0], 20.0)}, region="volume")
    assert len(everywhere.shown) == 3


def test_a_ring_around_the_ablation_zone_and_the_distance_to_it(model: LoadedModel) -> None:
    image = blob_image(straight_grid())
    x, y, z = BLOBS[1][0]
    zone = mask(image, (x + 22.0, y, z), 12.0)
    result = detect(image, model, {"post/ablation": zone}, region="ring", ring_mm=15.0)
    assert len(result.shown) == 1
    assert result.shown[0].distance_to_ablation_mm == pytest.approx(10.0, abs=2.5)
    within = detect(image, model, {"post/ablation": mask(image, (x, y, z), 12.0)})
    nearest = min(within.shown, key=lambda c: np.linalg.norm(np.subtract(c.box.center, (x, y, z))))
    assert nearest.distance_to_ablation_mm is not None
    assert -12.5 < nearest.distance_to_ablation_mm < -5.0


def test_missing_regions_and_thin_volumes_are_refused(model: LoadedModel) -> None:
    image = blob_image(straight_grid())
    with pytest.raises(InputError, match="no ablation zone"):
        detect(image, model, region="ring")
    with pytest.raises(InputError, match="no liver segment"):
        detect(image, model, region="liver")
    thin = Image(image.array[:7], image.geometry.crop((0, 0, 0), (7, 180, 190)), "thin")
    with pytest.raises(InputError, match="7 axial slices, a patch needs 8"):
        detect(thin, model)
    with pytest.raises(InputError, match="not one of the choices"):
        detect(image, model, stride="slow")


def test_an_image_without_contrast_gets_a_warning(straight: DetectionResult) -> None:
    result = straight
    assert any("phase" in warning.what for warning in result.warnings)


def test_more_cores_give_the_same_bits(model: LoadedModel) -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(detect(blob_image(straight_grid()), model, heatmap=True))
    finally:
        torch.set_num_threads(before)
    one, *others = found
    assert len(one.candidates) > 2
    assert one.heatmap is not None
    for other in others:
        assert other.heatmap is not None
        assert [c.as_json() for c in other.candidates] == [c.as_json() for c in one.candidates]
        assert np.array_equal(other.heatmap.array, one.heatmap.array)


def test_progress_rises_to_one_and_cancel_stops(model: LoadedModel) -> None:
    seen: list[float] = []
    study = Study("case-1", {"post/arterial": blob_image(straight_grid())})
    predict(study, model, {}, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) >= 3
    with pytest.raises(Cancelled):
        predict(study, model, {}, cancelled=lambda: len(seen) > 0)


def test_the_threshold_is_a_view_and_a_review_makes_a_new_result(straight: DetectionResult) -> None:
    result = straight
    assert [c.number for c in result.at(0.99)] != [c.number for c in result.at(0.5)]
    assert len(result.at(0.0)) == len(result.candidates)
    reviewed = result.reviewed(2, Review(Verdict.REJECTED, "reader", "a vessel"))
    assert result.candidates[1].review.verdict is Verdict.PENDING
    assert reviewed.candidates[1].review.comment == "a vessel"
    with pytest.raises(KeyError):
        result.reviewed(99, Review(Verdict.ACCEPTED, "reader"))


def test_a_result_survives_its_folder(model: LoadedModel, tmp_path: Path) -> None:
    result = detect(blob_image(straight_grid()), model, heatmap=True)
    write_result(result, tmp_path / "result")
    again = read_result(tmp_path / "result")
    assert again.as_json() == result.as_json()
    assert again.heatmap is not None
    assert again.heatmap.geometry.matches(result.heatmap.geometry)  # type: ignore[union-attr]
    (tmp_path / "result" / "result.json").write_text(
        '{"format": "hccassist-result/2", "kind": "detection", "heatmaps": []}'
    )
    with pytest.raises(InputError, match="damaged"):
        read_result(tmp_path / "result")
    with pytest.raises(InputError, match=r"no readable result.json"):
        read_result(tmp_path)


def test_the_heat_map_peaks_at_the_blobs_in_an_oblique_volume(model: LoadedModel) -> None:
    turn = Rotation.from_euler("xyz", [12, -7, 9], degrees=True).as_matrix()
    straight = straight_grid()
    shape = (40, 220, 230)
    half = turn @ ((np.array(shape[::-1]) - 1) / 2 * straight.spacing)
    oblique = Geometry.from_parts(shape, straight.spacing.tolist(), (straight.center - half).tolist(), turn)
    heat = detect(blob_image(oblique), model, heatmap=True).heatmap
    assert heat is not None
    assert heat.array.min() >= 0
    assert heat.array.max() <= 1
    for center, radius in BLOBS:
        near = mask(replace(heat, name=""), center, 14.0).array > 0
        spot = peak(heat.with_array(np.where(near, heat.array, 0), "around one blob"))
        assert spot is not None
        assert np.linalg.norm(spot - np.array(center)) < radius
