"""What is searched: candidates and heat stay in the region, thin regions are not lost, empty ones are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ltp_blob import BLOBS, blob_image, blob_model, straight_grid
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.loaded_model import LoadedModel
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.prediction import predict
from HCCAssistLib.recipes.ltp.sliding_window.candidates import Peak
from HCCAssistLib.recipes.ltp.sliding_window.scanning import LIVER_MARGIN_MM, kept_within, scan_study
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.results.detection import DetectionResult, Searched

pytestmark = pytest.mark.heavy

LTP = get_recipe("ltp")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return blob_model(tmp_path_factory.mktemp("model"))


def oblique_grid() -> Geometry:
    """Tilted, left-handed, its axes permuted, with slices of 3 mm."""
    turn = Rotation.from_euler("xyz", [12, -7, 9], degrees=True).as_matrix() @ np.diag([-1, 1, 1])
    turn, spacing, shape = turn[:, [1, 2, 0]], np.array((0.85, 3.0, 0.9)), np.array((150, 40, 160))
    return Geometry.from_parts(shape, spacing, (-turn @ (spacing * (shape[::-1] - 1) / 2)).tolist(), turn)


def places(grid: Geometry) -> np.ndarray:
    k, j, i = np.indices(grid.shape)
    return grid.to_world(np.stack([i, j, k], -1))


def half_liver(grid: Geometry) -> Image:
    """Everything that lies to one side of an oblique plane which runs through the largest blob, but for its middle."""
    (x, y, z), _ = BLOBS[2]
    normal = np.array((0.8, -0.5, 0.33))
    normal /= np.linalg.norm(normal)
    beyond = (places(grid) - (np.array((x, y, z)) - 4 * normal)) @ normal
    return Image(((beyond < 0) & (beyond > -40)).astype(np.uint8), grid, "liver")


def study(grid: Geometry, **masks: Image) -> Study:
    return Study("case-1", {"post/arterial": blob_image(grid)}, masks={f"post/{n}": mask for n, mask in masks.items()})


def away_from(mask: Image, points: np.ndarray) -> np.ndarray:
    """Millimetres from points to the nearest painted voxel."""
    painted = mask.geometry.to_world(np.argwhere(mask.array)[:, ::-1])
    return np.asarray(cKDTree(painted).query(points)[0])


def centers(result: DetectionResult) -> np.ndarray:
    return np.array([candidate.box.center for candidate in result.candidates]).reshape(-1, 3)


@pytest.mark.parametrize("grid", [straight_grid(), oblique_grid()], ids=["straight", "oblique"])
def test_candidates_and_heat_stay_within_the_livers_margin(model: LoadedModel, grid: Geometry) -> None:
    liver = half_liver(grid)
    result = predict(study(grid, liver=liver), model, {})
    # the blob lies 4 mm beyond the liver's edge: it is found, and was drawn towards its middle before
    assert np.linalg.norm(centers(result) - np.array(BLOBS[2][0]), axis=1).min() < 12
    assert away_from(liver, centers(result)).max() <= LIVER_MARGIN_MM + 0.1
    assert result.heatmap is not None
    hot = result.heatmap.geometry.to_world(np.argwhere(result.heatmap.array > 0)[:, ::-1])
    assert len(hot) > 500
    assert away_from(liver, hot).max() <= LIVER_MARGIN_MM + 0.1


def test_candidates_and_heat_of_a_ring_stay_in_the_ring(model: LoadedModel) -> None:
    grid = oblique_grid()
    (x, y, z), _ = BLOBS[0]
    near = np.linalg.norm(places(grid) - np.array((x + 26.0, y - 4.0, z + 3.0)), axis=-1) < 10
    zone = Image(near.astype(np.uint8), grid, "ablation")
    result = predict(study(grid, ablation=zone), model, {"region": "ring", "ring_mm": 14.0})
    assert len(result.candidates)
    assert away_from(zone, centers(result)).max() <= 14.1
    assert result.heatmap is not None
    hot = result.heatmap.geometry.to_world(np.argwhere(result.heatmap.array > 0)[:, ::-1])
    assert away_from(zone, hot).max() <= 14.1


def test_a_peak_between_the_ends_of_a_bent_region_goes_to_the_nearer_one(model: LoadedModel) -> None:
    image = blob_image(straight_grid())
    region = np.zeros(image.array.shape, dtype=bool)
    region[10, 50:60, 50:52] = region[10, 50:60, 90:92] = True
    scanned = scan_study(
        study(straight_grid()), model.networks, LTP.resolve({"stride": "fast"}, run=True), device="cpu"
    )
    bent = replace(scanned, region=region)
    (peak,) = kept_within([Peak((68.4, 55.2, 10.4), 0.5, (32, 32, 8))], bent)
    assert peak.center == (51.0, 55.0, 10.0)
    inside = Peak((50.5, 55.2, 10.0), 0.5, (32, 32, 8))
    assert kept_within([inside], replace(scanned, region=np.ones_like(region))) == [inside]


@pytest.mark.parametrize("k", range(4))
def test_a_liver_on_one_thin_slice_is_searched_wherever_it_lies(model: LoadedModel, k: int) -> None:
    """Slices of 1 mm are resampled to 2 mm, between which a slice may fall."""
    grid = Geometry.from_parts((70, 96, 100), (1.0, 1.0, 1.0), (-80.0, -68.0, -10.0))
    liver = np.zeros(grid.shape, np.uint8)
    liver[30 + k, 20:70, 20:80] = 1
    mask = Image(liver, grid, "liver")
    result = predict(study(grid, liver=mask), model, {"heatmap": False})
    assert result.searched is not None
    assert result.searched.region == "liver"
    assert result.searched.volume_ml == pytest.approx(3.0)
    assert result.searched.patches > 10
    assert len(result.candidates)
    assert away_from(mask, centers(result)).max() <= LIVER_MARGIN_MM + 0.1


def test_a_region_smaller_than_the_stride_is_searched_all_the_same(model: LoadedModel) -> None:
    grid = straight_grid()
    for shift in range(5):
        speck = np.zeros(grid.shape, np.uint8)
        i, j, k = np.rint(grid.to_index(BLOBS[2][0])).astype(int)
        speck[k, j + shift, i + 2 * shift] = 1
        result = predict(study(grid, liver=Image(speck, grid)), model, {"stride": "fast", "heatmap": False})
        assert result.searched is not None
        assert result.searched.patches >= 1
        assert away_from(Image(speck, grid), centers(result)).max(initial=0) <= LIVER_MARGIN_MM + 0.1


def test_scans_with_nothing_to_search_are_refused(model: LoadedModel) -> None:
    grid = straight_grid()
    image = blob_image(grid)
    empty = Image(np.zeros(grid.shape, np.uint8), grid)
    air = image.array.copy()
    air[:, :60] = -1000
    in_air = np.zeros(grid.shape, np.uint8)
    in_air[10:20, 10:20, 10:20] = 1
    cases = {
        "all voxels of the scan are equal": (
            {"post/arterial": image.with_array(np.full(grid.shape, -1000, np.int16), "")},
            {},
        ),
        "the whole volume holds no tissue": ({"post/arterial": image.with_array(image.array - 1100, "")}, {}),
        "the liver's segment is empty": ({"post/arterial": image}, {"post/liver": empty}),
        "the liver holds no tissue": (
            {"post/arterial": image.with_array(air, "")},
            {"post/liver": Image(in_air, grid)},
        ),
    }
    for says, (volumes, masks) in cases.items():
        with pytest.raises(InputError, match=says):
            predict(Study("case-1", volumes, masks=masks), model, {"heatmap": False})


def test_what_was_searched_is_in_the_result_and_is_said() -> None:
    assert str(Searched("liver", 1417.4, 9120)) == "liver, 1,417 ml, 9,120 patches"


def test_the_whole_volume_and_a_ring_are_said(model: LoadedModel) -> None:
    grid = straight_grid()
    points = {"post/ablation": PointList("ablation", (Point("zone", BLOBS[1][0]),))}
    marked = replace(study(grid), points=points)
    ring = predict(marked, model, {"region": "ring", "ring_mm": 12.0, "stride": "fast", "heatmap": False})
    assert ring.searched is not None
    assert ring.searched.region == "ring of 12 mm around the ablation zone"
    assert ring.searched.volume_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.2)
    assert any("marked by points alone" in warning.what for warning in ring.warnings)
    whole = predict(marked, model, {"stride": "fast", "heatmap": False})
    assert whole.searched is not None
    assert whole.searched.region == "whole volume"
    assert whole.searched.volume_ml == pytest.approx(np.prod(grid.shape) * np.prod(grid.spacing) / 1000)
    again = DetectionResult.from_json(ring.as_json())
    assert again.searched == ring.searched
    assert DetectionResult.from_json({**ring.as_json(), "searched": None}).searched is None


@pytest.mark.parametrize(
    ("options", "zone", "used"),
    [
        ({}, "segment", {"post/liver", "post/ablation"}),
        ({"region": "liver"}, "empty", {"post/liver"}),
        ({"region": "volume"}, "segment", {"post/ablation"}),
        ({"region": "volume"}, "points", set()),
        ({"region": "ring"}, "segment", {"post/ablation"}),
        ({"region": "ring"}, "points", {"post/ablation points"}),
        ({"region": "ring"}, "empty", {"post/ablation points"}),
    ],
)
def test_the_record_of_a_run_names_what_decides_the_result_and_apart_what_does_not(
    model: LoadedModel, options: dict[str, str], zone: str, used: set[str]
) -> None:
    grid = oblique_grid()
    ball = np.linalg.norm(places(grid) - np.array(BLOBS[0][0]), axis=-1) < 9
    mask, empty = Image(ball.astype(np.uint8), grid), Image(np.zeros(grid.shape, np.uint8), grid)
    zones = {} if zone == "points" else {"ablation": empty if zone == "empty" else mask}
    full = replace(
        study(grid, liver=mask, **zones),
        points={
            "post/ablation": PointList("ablation", (Point("zone", BLOBS[0][0]),)),
            "post/ltp": PointList("ltp", (Point("F-1", BLOBS[1][0]),)),
        },
        values={"ltp": "1", "age": "63"},
    )
    fast = {**options, "stride": "fast", "heatmap": False}
    result = predict(full, model, fast)
    run = result.run
    assert next(iter(run.inputs)) == "post/arterial"
    assert set(run.inputs) == {"post/arterial"} | used
    assert {**run.inputs, **run.unused_inputs} == full.digests()
    # what is recorded is enough to run it again, and what is not decides nothing
    needed = replace(
        full,
        masks={key: one for key, one in full.masks.items() if key in used},
        points={key: one for key, one in full.points.items() if f"{key} points" in used},
        values={},
    )
    again = predict(needed, model, fast)
    assert [c.as_json() for c in again.candidates] == [c.as_json() for c in result.candidates]
    assert again.run.inputs == run.inputs and not again.run.unused_inputs


def test_an_empty_ablation_zone_is_told_with_the_missing_distances(model: LoadedModel) -> None:
    grid = straight_grid()
    empty, liver = Image(np.zeros(grid.shape, np.uint8), grid), half_liver(grid)
    result = predict(study(grid, ablation=empty, liver=liver), model, {"stride": "fast", "heatmap": False})
    assert {candidate.distance_to_ablation_mm for candidate in result.candidates} == {None}
    assert any("segment is empty, so candidates have no distance" in warning.what for warning in result.warnings)


def test_voxels_that_are_no_hounsfield_units_are_told_instead_of_a_phase(model: LoadedModel) -> None:
    image = blob_image(straight_grid())
    stored = study(straight_grid())
    shifted = replace(stored, volumes={"post/arterial": image.with_array(image.array / 1000, "scaled")})
    said = [warning.what for warning in predict(shifted, model, {"stride": "fast", "heatmap": False}).warnings]
    assert any("not Hounsfield units" in what and "between 0.06 and 0.15" in what for what in said)
    assert not any("phase" in what for what in said)
