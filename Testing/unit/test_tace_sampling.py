"""Patches of tumours: what they show and where, in whatever order, tilt and spacing volume and segment were stored."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.transform import Rotation
from tace_toy import CENTER, HALF_AXES, StandIn, case, grid, hounsfield, install, marked, segment, study, volume

from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, SIZE, TACE, window_of
from HCCAssistLib.recipes.tace.sampling import pictures, sample_case
from HCCAssistLib.recipes.tace.tumours import tumours_of

pytestmark = pytest.mark.heavy

OPTIONS = TACE.resolve({})
OBLIQUE = Rotation.from_euler("xyz", (17, -11, 23), degrees=True).as_matrix()
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
"""Columns: i runs to the back, j downwards, k to the left."""

AROUND = (80.0, 64.0, 50.0)
"""Millimetres around the tumour."""

STORAGES = {
    "axial": grid(mm=AROUND),
    "upside down": grid((0.9, 0.9, 2.5), np.diag((1.0, -1.0, -1.0)), AROUND),
    "mirrored": grid((0.9, 0.9, 2.5), np.diag((-1.0, 1.0, 1.0)), AROUND),
    "pixels that are no squares": grid((0.8, 1.4, 2.5), mm=AROUND),
    "sagittal": grid((0.9, 2.0, 0.9), SAGITTAL, AROUND),
    "sagittal, pixels that are no squares": grid((0.9, 1.0, 1.7), SAGITTAL, AROUND),
    "oblique": grid((0.9, 0.9, 2.0), OBLIQUE, AROUND),
    "oblique, sagittal, left-handed": grid((0.9, 2.0, 1.1), OBLIQUE @ SAGITTAL * (1, -1, 1), AROUND),
}
SQUARE_MM = 2 * HALF_AXES[0] * HALF_AXES[1] / np.hypot(HALF_AXES[0], HALF_AXES[1])


def expected(box: Box) -> npt.NDArray[np.float64]:
    """The patch by the formula of the body, rows to the back and columns to the left."""
    steps = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    x, y = np.meshgrid(box.center[0] + steps * box.size[0], box.center[1] + steps * box.size[1])
    values: npt.NDArray[np.float64] = window_of(OPTIONS)(
        hounsfield(np.stack([x, y, np.full_like(x, box.center[2])], -1))
    )
    return values * 255


@pytest.mark.parametrize("name", STORAGES)
def test_a_patch_shows_the_square_as_it_lies_in_the_patient_however_the_volume_is_stored(name: str) -> None:
    geometry = STORAGES[name]
    one = study(geometry)
    (tumour,) = tumours_of(one, OPTIONS)
    assert len(tumour.patches) == 3
    images = pictures(one.volumes[ARTERIAL], tumour.patches, OPTIONS)
    for image, patch in zip(images[:, 0].astype(float), tumour.patches, strict=True):
        wanted = expected(patch.box)
        right, *wrong = (
            np.abs(np.rot90(one, turns) - wanted).mean() for one in (image, image[:, ::-1]) for turns in range(4)
        )
        assert right < 1.0, "of 255: the body is brighter by so much per mm, so that nothing is lost between voxels"
        assert right < min(wrong) / 4


@pytest.mark.parametrize("name", STORAGES)
def test_the_square_is_the_largest_one_of_the_largest_slice_and_lies_in_the_tumour(name: str) -> None:
    (tumour,) = tumours_of(study(STORAGES[name]), OPTIONS)
    first, *others = (patch.box for patch in tumour.patches)
    assert first.center == pytest.approx(CENTER, abs=1.3)
    assert first.size[0] == pytest.approx(SQUARE_MM, abs=2.0) and first.size[1] == pytest.approx(first.size[0], 0.01)
    assert tumour.diameter_mm == pytest.approx(2 * HALF_AXES[0], abs=1.5)
    assert sorted(round((box.center[2] - first.center[2]) / first.size[2]) for box in others) == [-1, 1]
    assert tumour.slice_mm == first.size[2]
    for patch in tumour.patches:
        inner = Box(patch.box.center, (patch.box.size[0] - 2, patch.box.size[1] - 2, 1e-3))
        assert ((((inner.corners() - CENTER) / HALF_AXES) ** 2).sum(axis=1) < 1.1).all()


def test_slices_as_stored_are_not_interpolated() -> None:
    geometry = grid()
    noisy = volume(geometry, noise=20.0)
    (tumour,) = tumours_of(marked(study(geometry), [segment(geometry)]), OPTIONS)
    patch = tumour.patches[0]
    i, j, k = np.rint(geometry.to_index(patch.grids[0].origin)).astype(int)
    values = noisy.array[k, j : j + patch.pixels, i : i + patch.pixels]
    (image,) = pictures(noisy, [patch], OPTIONS)
    middle = (np.arange(patch.pixels) + 0.5) * SIZE / patch.pixels
    grey = window_of(OPTIONS).to_uint8(values)
    assert np.abs(image[0][np.ix_(middle.astype(int), middle.astype(int))].astype(int) - grey).mean() < 4


def test_a_square_of_more_pixels_than_the_patch_is_averaged_and_not_picked() -> None:
    noise = np.random.default_rng(0).normal(40, 60, (3, 900, 900)).round().astype(np.int16)
    geometry = Geometry.from_parts(noise.shape, (0.3, 0.3, 3.0))
    one = marked(study(), [Segment("T1", Image(np.ones(noise.shape, np.uint8), geometry))])
    one = replace(one, volumes={ARTERIAL: Image(noise, geometry)})
    (tumour,) = tumours_of(one, OPTIONS)
    (image, *_) = pictures(one.volumes[ARTERIAL], tumour.patches, OPTIONS)
    assert tumour.patches[0].pixels == 900
    assert image.std() < 0.4 * window_of(OPTIONS).to_uint8(noise).std()


def test_slices_of_one_millimetre_are_interpolated_between_those_stored() -> None:
    geometry = grid((0.9, 0.9, 5.0))
    (stored,) = tumours_of(study(geometry), OPTIONS)
    (fine,) = tumours_of(study(geometry), {**OPTIONS, "slices": "1 mm"})
    assert stored.slice_mm == 5.0 and fine.slice_mm == 1.0
    heights = [patch.box.center[2] for patch in fine.patches]
    assert [round(z - heights[0], 6) for z in heights] == [0, -1, 1]
    images = pictures(volume(geometry), fine.patches, OPTIONS)
    for image, patch in zip(images[:, 0], fine.patches, strict=True):
        assert np.abs(image - expected(patch.box)).mean() < 1.0


@pytest.mark.parametrize("slices", ["stored", "1 mm"])
def test_pixels_that_are_divided_cover_the_very_block_of_the_segment(slices: str) -> None:
    geometry = grid((0.8, 1.6, 5.0))
    block = np.zeros(geometry.shape, np.uint8)
    block[4:8, 30:50, 100:140] = 1  # 20 x 32 x 32 mm
    (tumour,) = tumours_of(study(geometry, [Segment("T1", Image(block, geometry))]), {**OPTIONS, "slices": slices})
    for patch in tumour.patches:
        assert patch.box.size[:2] == pytest.approx((32.0, 32.0))
        assert patch.box.center[:2] == pytest.approx(geometry.to_world((119.5, 39.5, 0))[:2].tolist())
    heights = [patch.box.center[2] - float(geometry.to_world((0, 0, 5.5))[2]) for patch in tumour.patches]
    assert max(map(abs, heights)) < (8.0 if slices == "stored" else 2.0)


def test_a_segment_on_another_grid_gives_the_same_patch() -> None:
    geometry = grid()
    (own,) = tumours_of(study(geometry), OPTIONS)
    (other,) = tumours_of(study(geometry, [segment(STORAGES["oblique, sagittal, left-handed"])]), OPTIONS)
    assert other.patches[0].box.center == pytest.approx(own.patches[0].box.center, abs=1.5)
    assert other.patches[0].box.size == pytest.approx(own.patches[0].box.size, abs=2.0)


def test_three_slices_as_channels_make_one_patch_that_lies_in_the_tumour_in_all_of_them() -> None:
    options = {**OPTIONS, "channels": "slices"}
    one = study()
    (grey,), (tumour,) = tumours_of(one, OPTIONS), tumours_of(one, options)
    (patch,) = tumour.patches
    assert patch.pixels == min(each.pixels for each in grey.patches)
    (image,) = pictures(one.volumes[ARTERIAL], [patch], options)
    heights = [float(each.center[2]) for each in patch.grids]
    assert heights == pytest.approx([heights[0], heights[0] - 2.5, heights[0] + 2.5])
    assert image[1].mean() < image[0].mean() < image[2].mean(), "the body is brighter towards the head"


def with_mask(paint: str) -> Segment:
    """Segments that go wrong, on the usual grid."""
    geometry = grid()
    mask = segment(geometry).mask.array.copy()
    middle = int(np.rint(geometry.to_index(CENTER)[2]))
    if paint == "one voxel":
        mask[:] = 0
        mask[middle, 80, 100] = 1
    elif paint == "one slice":
        mask[np.arange(len(mask)) != middle] = 0
    elif paint == "slices missing":
        mask[[middle - 1, middle + 1]] = 0
    elif paint == "first slices":
        mask = segment(geometry, (CENTER[0], CENTER[1], -33.0)).mask.array
    elif paint == "elsewhere":
        affine = geometry.affine.copy()
        affine[:3, 3] += (900, 0, 0)
        geometry = Geometry(geometry.shape, affine)
    return Segment("T1", Image(mask, geometry))


@pytest.mark.parametrize(("paint", "patches"), [("one slice", 1), ("slices missing", 1), ("first slices", 2)])
def test_slices_that_are_not_there_give_fewer_patches(paint: str, patches: int) -> None:
    (tumour,) = tumours_of(study(segments=[with_mask(paint)]), OPTIONS)
    assert len(tumour.patches) == patches
    assert tumour.at_edge == (paint == "first slices")


@pytest.mark.parametrize(
    ("paint", "words"),
    [("one voxel", "the largest square that lies in the tumour is 1 x 1 pixel"), ("elsewhere", "outside the volume")],
)
def test_a_segment_without_a_patch_is_refused(paint: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        tumours_of(study(segments=[with_mask(paint), segment(grid(), name="T2")]), OPTIONS)
    assert [problem.where for problem in refusal.value.problems] == ["tumour 'T1'"]


def test_two_tumours_that_touch_have_patches_of_their_own() -> None:
    geometry = grid()
    left = segment(geometry, name="left")
    whole = segment(geometry, (CENTER[0] - 24.0, CENTER[1], CENTER[2]), name="right")
    right = Segment("right", whole.mask.with_array(whole.mask.array & (1 - left.mask.array), "without the other"))
    one, other = tumours_of(study(geometry, [left, right]), OPTIONS)
    for tumour, mask in ((one, left.mask), (other, right.mask)):
        for patch in tumour.patches:
            i, j, k = np.rint(geometry.to_index(patch.grids[0].origin)).astype(int)
            assert mask.array[k, j : j + patch.pixels, i : i + patch.pixels].all()
    assert one.parts == other.parts == 1


def test_one_tumour_that_is_drawn_twice_is_refused_and_two_that_overlap_a_little_are_not() -> None:
    geometry = grid()
    first, again = segment(geometry), segment(geometry, scale=0.9, name="again")
    with pytest.raises(InputError, match="marked twice"):
        tumours_of(study(geometry, [first, again]), OPTIONS)
    beside = segment(geometry, (CENTER[0] - 30.0, *CENTER[1:]), name="beside")
    assert len(tumours_of(study(geometry, [first, beside]), OPTIONS)) == 2


def test_a_tumour_of_25_cm_is_one_patch_across_its_middle() -> None:
    geometry, scale = grid((1.0, 1.0, 10.0), mm=(300.0, 250.0, 200.0)), 250 / 44
    (tumour,) = tumours_of(study(geometry, [segment(geometry, (0.0, 0.0, 0.0), scale)]), OPTIONS)
    assert tumour.diameter_mm == pytest.approx(250, abs=2)
    assert tumour.patches[0].box.size[0] == pytest.approx(SQUARE_MM * scale, abs=3.0)
    assert not tumour.at_edge


def test_pieces_that_lie_apart_are_counted() -> None:
    geometry = grid()
    both = segment(geometry).mask.array | segment(geometry, (CENTER[0] - 50, *CENTER[1:]), scale=0.6).mask.array
    both[5, 5, 5] = 1  # a stray voxel is no piece
    (tumour,) = tumours_of(study(geometry, [Segment("T1", Image(both, geometry))]), OPTIONS)
    assert tumour.parts == 2


def test_samples_hold_the_features_of_the_six_variants_and_the_response_of_the_patient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backbone: StandIn = install(monkeypatch)
    geometry = grid()
    two = [segment(geometry, target="yes"), segment(geometry, (-40.0, *CENTER[1:]), 0.8, "T2", target="no")]
    found = sample_case(study(geometry, two), case("SD"), OPTIONS, np.random.default_rng(0))
    assert found["features"].shape == (3, 6, 2048) and found["features"].dtype == np.float32
    assert found.counts() == {2: 3} and "lesion" not in found and "image" not in found
    assert (found["diameter_mm"] > 40).all(), "the tumour that is no target is left out"
    assert np.allclose(found["center_lps"][0], CENTER, atol=1.5)
    assert not backbone.training
    again = sample_case(study(geometry, two), case("SD"), OPTIONS, np.random.default_rng(1))
    assert again.digest() == found.digest()
    small = sample_case(study(geometry, two), case("SD"), {**OPTIONS, "body": "small"}, np.random.default_rng(0))
    assert small["image"].shape == (3, 1, SIZE, SIZE) and "features" not in small


def test_a_case_without_a_response_or_a_target_is_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(InputError, match="no response"):
        sample_case(study(), case(""), OPTIONS, np.random.default_rng(0))
    none = [segment(grid(), target="no")]
    with pytest.raises(InputError, match="no tumour is marked as a target"):
        sample_case(study(segments=none), case(), OPTIONS, np.random.default_rng(0))
