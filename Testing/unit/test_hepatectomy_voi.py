"""The VOI of a tumour: what it shows and where, in whatever order, tilt and spacing volume and segment were stored."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hepatectomy_toy import (
    CENTER,
    HALF_AXES,
    OBLIQUE,
    SAGITTAL,
    box_around,
    case,
    grid,
    hounsfield,
    marked,
    places_of,
    segment,
)

from HCCAssistLib.cohort.points import LabelledBox
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.cropping import crop, crop_start
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.resampling import axis_aligned_grid, resample
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, OUTCOME, VOI_SHAPE, window_of
from HCCAssistLib.recipes.hepatectomy.sampling import as_input, sample_case
from HCCAssistLib.recipes.hepatectomy.tumour import Tumour, tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import Voi, voi_of

pytestmark = pytest.mark.heavy

SS, NSS = HEPATECTOMY.resolve({}), HEPATECTOMY.resolve({"voi": "NSS"})
AIR = -1024

STORAGES = {
    "axial": grid(),
    "upside down": grid(turned=np.diag((1.0, -1.0, -1.0))),
    "mirrored": grid(turned=np.diag((-1.0, 1.0, 1.0))),
    "thick slices, pixels that are no squares": grid((1.6, 2.2, 8.0)),
    "sagittal": grid((2.0, 3.0, 2.0), SAGITTAL),
    "oblique": grid((2.0, 2.0, 3.0), OBLIQUE),
    "oblique, sagittal, left-handed": grid((2.0, 3.0, 1.9), OBLIQUE @ SAGITTAL * (1, -1, 1)),
}


def field(geometry: Geometry) -> Image:
    """Tissue everywhere, in decimals: linear interpolation adds nothing of its own."""
    return Image(hounsfield(places_of(geometry)).astype(np.float32), geometry)


def seen(image: Image, options: dict, *marks: object, margin: int = 0) -> tuple[Tumour, Voi]:
    one = marked(Study("case-1", {ARTERIAL: image}), marks)  # type: ignore[arg-type]
    tumour = tumour_of(one, options)
    return tumour, voi_of(image, tumour, options, margin=margin)


def expected_places(center: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """``(10, 150, 150, 3)``: slices to superior, rows to posterior, columns to left, 1 mm apart, at whole mm."""
    x0, y0, z0 = np.floor(np.asarray(center) + 0.5) - (75, 75, 5)
    z, y, x = np.meshgrid(np.arange(10) + z0, np.arange(150) + y0, np.arange(150) + x0, indexing="ij")
    return np.stack([x, y, z], axis=-1)


@pytest.mark.parametrize("name", STORAGES)
def test_a_voi_shows_the_surroundings_as_they_lie_in_the_patient_however_the_volume_is_stored(name: str) -> None:
    image = field(STORAGES[name])
    tumour, voi = seen(image, NSS, box_around())
    assert tumour.box.center == pytest.approx(CENTER) and voi.voxels.shape == VOI_SHAPE
    places = expected_places(CENTER)
    assert np.allclose(places_of(voi.grid), places)
    index = image.geometry.to_index(places)
    inside = ((index >= 0) & (index <= image.geometry.size_ijk - 1)).all(axis=-1)
    beyond = ~image.geometry.contains(places)
    assert inside.mean() > 0.9
    assert np.abs(voi.voxels - hounsfield(places))[inside].max() <= 0.51
    assert (voi.voxels[beyond] == AIR).all()
    assert voi.held == pytest.approx(1 - beyond.mean())


@pytest.mark.parametrize("name", STORAGES)
def test_the_tumour_alone_is_seen_at_its_place_and_the_rest_is_0(name: str) -> None:
    geometry = STORAGES[name]
    image = field(geometry)
    tumour, voi = seen(image, SS, segment(geometry))
    assert tumour.box.center == pytest.approx(CENTER, abs=geometry.spacing.max() / 2)
    places = expected_places(tumour.box.center)
    assert np.allclose(places_of(voi.grid), places)
    painted = voi.voxels > AIR
    wanted = (((places - np.array(CENTER)) / HALF_AXES) ** 2).sum(axis=-1) <= 1
    assert np.abs(voi.voxels - hounsfield(places))[painted].max() <= 0.51
    overlap = 2 * (painted & wanted).sum() / (painted.sum() + wanted.sum())
    assert overlap > (0.88 if geometry.spacing.max() > 5 else 0.93)
    for axis in range(3):  # a mirrored mask would overlap less
        flipped = np.flip(painted, axis)
        assert not np.array_equal(flipped, painted)
    assert voi.hu == pytest.approx(float(hounsfield(places)[painted].mean()), abs=0.5)
    x = as_input(torch.from_numpy(voi.voxels[None]), SS)[0, 0].numpy()
    scaled = window_of(SS)(hounsfield(places).round())
    assert np.abs(x - np.where(painted, scaled, 0)).max() < 0.003, "scaled to 0..1, and then 0 outside"
    assert (x[~painted] == 0).all() and x[painted].min() > 0


@pytest.mark.parametrize("options", [SS, NSS], ids=["SS", "NSS"])
@pytest.mark.parametrize("name", ["axial", "oblique, sagittal, left-handed"])
def test_it_holds_the_values_that_the_whole_volume_resampled_to_1_mm_has(name: str, options: dict) -> None:
    stored = STORAGES[name]
    # no whole millimetre half-way between two voxels, where rounding would decide which one is the nearest
    geometry = Geometry.from_parts(stored.shape, stored.spacing, stored.origin + 0.3, stored.directions)
    noise = np.random.default_rng(0).normal(60, 40, geometry.shape).astype(np.float32)
    image, mark = Image(noise, geometry), segment(geometry, (30.0, 20.0, -3.0))
    tumour, voi = seen(image, options, mark)
    whole = resample(image, axis_aligned_grid(geometry, (1, 1, 1)), fill_value=AIR)
    start = crop_start(whole.geometry, tumour.box.center, VOI_SHAPE)
    wanted = crop(whole, start, VOI_SHAPE, fill_value=AIR)
    mask = resample(mark.mask, whole.geometry, interpolation="nearest", fill_value=0)
    inside = crop(mask, start, VOI_SHAPE, fill_value=0).array > 0
    assert voi.grid.matches(wanted.geometry)
    values = np.where(inside, wanted.array, AIR) if options is SS else wanted.array
    assert np.abs(voi.voxels - values).max() <= 0.501, "rounded, and nothing else"
    assert inside.sum() > 5000


def test_at_the_border_of_a_volume_the_rest_is_air() -> None:
    geometry = grid((1.0, 1.0, 2.0), mm=(120, 100, 40))
    corner = (50.0, 40.0, 18.0)
    tumour, voi = seen(field(geometry), NSS, box_around(corner, (20, 20, 20)))
    places = expected_places(corner)
    held = geometry.contains(places)
    assert 0.2 < held.mean() < 0.8 and voi.held == pytest.approx(held.mean()) and 0 < voi.slices < 10
    assert (voi.voxels[~held] == AIR).all() and (voi.voxels[held] > -200).all()
    assert tumour.at_edge
    x = as_input(torch.from_numpy(voi.voxels[None]), NSS)[0, 0].numpy()
    assert (x[~held] == 0).all()
    cut, alone = seen(field(geometry), SS, segment(geometry, corner, 0.8))
    assert cut.at_edge and (alone.voxels[~geometry.contains(places_of(alone.grid))] == AIR).all()


def test_an_unsigned_volume_has_air_beside_it_too() -> None:
    geometry = grid((1.0, 1.0, 2.0), mm=(120, 100, 40))
    unsigned = Image((hounsfield(places_of(geometry)) + 300).clip(0).astype(np.uint16), geometry)
    _, voi = seen(unsigned, NSS, box_around((50.0, 40.0, 18.0), (20, 20, 20)))
    assert (voi.voxels[~geometry.contains(places_of(voi.grid))] == AIR).all()


def test_of_a_tall_tumour_the_central_ten_slices_are_seen() -> None:
    geometry = grid((2.0, 2.0, 5.0), mm=(200, 160, 160))
    tall = segment(geometry, (0.0, 0.0, 5.0), 5.0)  # 240 x 180 x 140 mm
    tumour, voi = seen(field(geometry), NSS, tall)
    assert tumour.box.size[2] == pytest.approx(140, abs=6)
    assert abs(voi.box.center[2] - tumour.box.center[2]) <= 1.0
    assert voi.grid.origin[2] == np.floor(tumour.box.center[2] + 0.5) - 5
    small = segment(geometry, (0.0, 0.0, 5.0), 2.0)
    painted = seen(field(geometry), SS, small)[1].voxels > AIR
    assert painted.sum(axis=(1, 2)).min() > 0.9 * painted.sum(axis=(1, 2)).max(), "the middle, where it is widest"


def test_an_asymmetric_segment_is_centred_by_its_box_and_not_by_its_mass() -> None:
    geometry = grid((1.0, 1.0, 2.0), mm=(120, 100, 60))
    mask = segment(geometry, (0.0, 0.0, 0.0), 0.7).mask.array.copy()
    i, j, k = np.rint(geometry.to_index((0.0, 0.0, 0.0))).astype(int)
    mask[k, j, i : i + 45] = 1  # a tail to the left
    tumour, voi = seen(field(geometry), SS, Segment("T1", Image(mask, geometry)))
    painted = np.argwhere(voi.voxels > AIR)
    assert (painted.min(axis=0)[2] + painted.max(axis=0)[2]) / 2 == pytest.approx(75, abs=1)
    assert tumour.box.center[0] == pytest.approx(14, abs=1.5)


def test_segment_and_box_of_one_tumour_show_the_same_place() -> None:
    geometry = grid((1.0, 1.0, 2.0), mm=(120, 100, 60))
    drawn = segment(geometry)
    by_segment, voi = seen(field(geometry), NSS, drawn)
    by_box, other = seen(field(geometry), NSS, box_around(by_segment.box.center, by_segment.box.size))
    assert voi.grid.matches(other.grid) and np.array_equal(voi.voxels, other.voxels)
    both, _ = seen(field(geometry), NSS, box_around((0, 0, 0)), drawn)
    assert both.segment is not None and by_box.segment is None


def test_a_segment_on_another_grid_gives_the_same_voi() -> None:
    geometry = STORAGES["axial"]
    for axes in (np.eye(3), OBLIQUE @ SAGITTAL):
        tumour, voi = seen(field(geometry), SS, segment(grid((1.0, 1.0, 1.0), axes, (100, 80, 60))))
        assert tumour.box.center == pytest.approx(CENTER, abs=1.0)
        wanted = (((places_of(voi.grid) - np.array(CENTER)) / HALF_AXES) ** 2).sum(axis=-1) <= 1
        assert np.mean((voi.voxels > AIR) != wanted) < 0.002


def test_a_turned_box_is_taken_by_the_patient_s_axes() -> None:
    turned = LabelledBox("B", Box(CENTER, (40.0, 20.0, 10.0), ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))))
    tumour, _ = seen(field(grid()), NSS, turned)
    assert tumour.box.size == pytest.approx((20.0, 40.0, 10.0)) and tumour.box.center == pytest.approx(CENTER)


def test_samples_hold_a_margin_that_is_the_patient() -> None:
    geometry = grid((1.0, 1.0, 2.0), mm=(200, 200, 60))
    image = field(geometry)
    one = marked(Study("case-1", {ARTERIAL: image}), [segment(geometry)])
    found = sample_case(one, case(8, 1), NSS, np.random.default_rng(0))
    assert found["voi"].shape == (1, 10, 170, 170) and found["voi"].dtype == np.int16
    _, voi = seen(image, NSS, segment(geometry))
    assert np.array_equal(found["voi"][0, :, 10:-10, 10:-10], voi.voxels)
    assert np.mean(found["voi"] > AIR) == 1.0
    assert found.counts() == {1: 1} and found["time"].tolist() == [8] and found["event"].tolist() == [1]
    assert found["center_lps"][0] == pytest.approx(CENTER, abs=1.5)
    assert found["size_mm"][0] == pytest.approx(48, abs=2) and found["slice_mm"].tolist() == [2.0]
    again = sample_case(one, case(8, 1), NSS, np.random.default_rng(1))
    assert again.digest() == found.digest()


@pytest.mark.parametrize(
    ("months", "event", "label"),
    [(24, 1, [1]), (24.5, 0, [0]), (24.00000001, 0, [0]), (30, 1, [0]), (24, 0, []), (3, 0, [])],
)
def test_a_case_that_was_censored_before_two_years_is_a_sample_that_nothing_is_learnt_from(
    months: float, event: int, label: list[int]
) -> None:
    geometry = grid((3.0, 3.0, 5.0))
    one = marked(Study("case-1", {ARTERIAL: field(geometry)}), [segment(geometry)])
    given = replace(case(), values={"follow_up_months": repr(months), "event": str(event)})
    found = sample_case(one, given, SS, np.random.default_rng(0))
    known = found.of_known(OUTCOME)
    assert len(found) == 1 and known.labels.tolist() == label and len(known.cases()) == len(label)
    assert found["time"].tolist() == [months] and found["event"].tolist() == [event]


def test_a_case_without_an_outcome_is_refused() -> None:
    geometry = grid((3.0, 3.0, 5.0))
    one = marked(Study("case-1", {ARTERIAL: field(geometry)}), [segment(geometry)])
    with pytest.raises(InputError, match="event is empty"):
        sample_case(one, replace(case(), values={"follow_up_months": "8"}), SS, np.random.default_rng(0))
