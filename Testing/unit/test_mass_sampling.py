"""Pictures of masses: what they show and where, in whatever order, tilt and spacing the phases were stored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from mass_toy import ONE, grid, hounsfield, marked, points, study, volume
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.finding_labels import findings_of_boxes, findings_of_points, findings_of_segments
from HCCAssistLib.cohort.points import LabelledBox, Point, PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.liver_mass.augmentation import STORED
from HCCAssistLib.recipes.liver_mass.masses import field_of_view, masses_of
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS, MASSES, PHASES, SIZE, WINDOW_OF
from HCCAssistLib.recipes.liver_mass.sampling import pictures, sample_case
from HCCAssistLib.recipes.liver_mass.sections import cut, outside_share, picture

pytestmark = pytest.mark.heavy

OPTIONS = LIVER_MASS.resolve({})
OBLIQUE = Rotation.from_euler("xyz", (17, -11, 23), degrees=True).as_matrix()
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
"""Columns: i runs to the back, j downwards, k to the left."""

STORAGES = {
    "axial": (grid(), 3.0),
    "fine": (grid((0.9, 0.9, 3.0)), 3.0),
    "upside down": (grid((1.2, 1.2, 3.0), np.diag((1.0, -1.0, -1.0))), 3.0),
    "mirrored": (grid((1.2, 1.2, 3.0), np.diag((-1.0, 1.0, 1.0))), 3.0),
    "pixels that are no squares": (grid((1.0, 1.8, 3.0)), 3.0),
    "sagittal": (grid((1.2, 1.2, 2.0), SAGITTAL), 3.0),
    "coronal, left-handed": (grid((1.2, 1.5, 2.0), np.array([[-1, 0, 0], [0, 0, 1], [0, 1, 0]], float)), 3.0),
    "oblique": (grid((1.0, 1.0, 2.0), OBLIQUE), 6.0),
    "oblique, sagittal, left-handed": (grid((1.0, 1.1, 2.0), OBLIQUE @ SAGITTAL * (1, -1, 1)), 6.0),
}
"""Grids, and how many of 255 grey values a picture may be off in the mean: what lies between voxels is interpolated."""


def expected(center: tuple[float, float, float], side: float, phase: int) -> npt.NDArray[np.float64]:
    """The picture by the formula of the body, rows to the back and columns to the left, of STORED pixels."""
    steps = ((np.arange(STORED) + 0.5) / STORED - 0.5) * side * STORED / SIZE
    x, y = np.meshgrid(center[0] + steps, center[1] + steps)
    return WINDOW_OF[PHASES[phase]](hounsfield(np.stack([x, y, np.full_like(x, center[2])], -1), phase, ONE)) * 255


@pytest.mark.parametrize("name", STORAGES)
def test_a_picture_shows_the_mass_as_it_lies_in_the_patient_however_the_volume_is_stored(name: str) -> None:
    geometry, tolerance = STORAGES[name]
    image = volume(geometry, 1)
    (mass,) = masses_of(study(), OPTIONS)
    images, hu = pictures({"arterial": image}, [(mass, mass.center)], OPTIONS)
    wanted = expected(mass.center, 48.0, 1)
    mirrored = (images[0, 0], images[0, 0, :, ::-1])
    right, *wrong = (np.abs(np.rot90(one, turns) - wanted).mean() for one in mirrored for turns in range(4))
    assert right < tolerance
    assert right < min(wrong) / 2, "the dot tells the picture from its mirror images"
    assert hu[0, 0] == pytest.approx(140, abs=4)


def test_phases_of_any_spacing_and_storage_show_the_same_place() -> None:
    grids = [STORAGES[name][0] for name in ("axial", "sagittal", "oblique, sagittal, left-handed")]
    (mass,) = masses_of(study(), OPTIONS)
    volumes = {name: volume(grids[n], n) for n, name in enumerate(PHASES)}
    images, hu = pictures(volumes, [(mass, mass.center)], OPTIONS)
    for phase in range(3):
        assert np.abs(images[0, phase] - expected(mass.center, 48.0, phase)).mean() < 6.0
    assert hu[0] == pytest.approx([45, 140, 60], abs=4)


def test_the_filter_is_lanczos_as_pillow_has_it_and_averages_what_fewer_pixels_cannot_show() -> None:
    noise = np.random.default_rng(0).normal(45, 40, (1, 280, 280)).round().astype(np.int16)
    image = Image(noise, Geometry.from_parts((1, 280, 280), (0.5, 0.5, 5.0)))
    center = (69.75, 69.75, 0.0)
    window = WINDOW_OF["arterial"]
    found = picture(cut(image, center, 140.0, SIZE), center, 140.0, window, size=SIZE)
    whole = Pillow.fromarray(window.to_uint8(noise[0])).resize((SIZE, SIZE), Pillow.Resampling.LANCZOS)
    inner = slice(3, -3)  # the filter reaches three pixels, and the volume ends at the picture's border
    assert np.array_equal(found[inner, inner], np.asarray(whole)[inner, inner])
    assert found.std() < 0.45 * window.to_uint8(noise).std()


def test_the_section_is_the_stored_one_nearest_to_the_mark() -> None:
    ramp = np.broadcast_to(np.arange(12, dtype=np.int16)[:, None, None] * 10, (12, 60, 60))
    image = Image(ramp, Geometry.from_parts(ramp.shape, (1.0, 1.0, 5.0)))
    for z, slice_number in ((12.4, 2), (12.6, 3), (-3.0, 0), (57.0, 11)):
        assert (cut(image, (30.0, 30.0, z), 20.0, SIZE).values == 10 * slice_number).all()


@pytest.mark.parametrize(("diameter", "side"), [(2.0, 40.0), (19.0, 40.0), (30.0, 60.0), (74.0, 148.0), (250.0, 150.0)])
def test_the_field_of_view_is_twice_the_diameter_within_bounds(diameter: float, side: float) -> None:
    assert field_of_view(diameter, OPTIONS) == side


@pytest.mark.parametrize(
    ("description", "category", "subtype", "diameter", "source"),
    [
        ("A", "A", "", 30.0, "default"),
        ("b, 32 mm", "B", "", 32.0, "typed"),
        ("C-hyper, 1,2 cm", "C", "C-hyper", 12.0, "typed"),
        ("Category C-HYPO (18 mm by line)", "C", "C-hypo", 18.0, "line"),
        ("cyst; 25 cm", "E", "", 250.0, "typed"),
    ],
)
def test_a_point_says_category_and_size(
    description: str, category: str, subtype: str, diameter: float, source: str
) -> None:
    listed = PointList("masses", (Point("F-1", ONE[0][0], description),))
    (mass,) = masses_of(marked(study(), listed), OPTIONS)
    assert (mass.category, mass.subtype, mass.diameter_mm, mass.diameter_source) == (
        category,
        subtype,
        diameter,
        source,
    )
    assert mass.center == ONE[0][0]


def with_segment(mask: Image, name: str = "A") -> Study:
    findings, problems = findings_of_segments([Segment(name, mask)], LIVER_MASS.label)  # type: ignore[arg-type]
    assert not problems
    return replace(study(), points={}, masks={MASSES: mask}, findings={MASSES: findings})


@pytest.mark.parametrize("turned", [np.eye(3), SAGITTAL, OBLIQUE], ids=["straight", "sagittal", "oblique"])
def test_a_segment_is_measured_in_its_largest_axial_section(turned: np.ndarray) -> None:
    """An ellipsoid of 40 x 24 mm, on a cone's side: its widest section is not in its middle."""
    geometry = grid((1.0, 1.0, 1.0), turned)
    k, j, i = np.indices(geometry.shape)
    x, y, z = np.moveaxis(geometry.to_world(np.stack([i, j, k], -1)) - (5.0, -8.0, 4.0), -1, 0)
    width = 1 - np.abs(z + 6) / 24
    mask = ((x / 20) ** 2 + (y / 12) ** 2 < np.maximum(width, 0) ** 2) & (z > -12)
    (mass,) = masses_of(with_segment(Image(mask.astype(np.uint8), geometry)), OPTIONS)
    assert mass.diameter_mm == pytest.approx(40, abs=2.5)
    assert mass.diameter_source == "segment"
    assert mass.center == pytest.approx((5.0, -8.0, -2.0), abs=1.5)
    heights = [center[2] for center in mass.sections]
    assert len(set(heights)) == 5
    assert min(heights) > -8.5 and max(heights) < 7.0, "sections of half of the largest area at least"


def test_a_box_gives_its_longest_side_in_the_axial_plane() -> None:
    axes = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    box = Box(ONE[0][0], (20.0, 26.0, 60.0), tuple(map(tuple, axes)))
    findings, problems = findings_of_boxes([LabelledBox("D", box)], LIVER_MASS.label)  # type: ignore[arg-type]
    assert not problems
    (mass,) = masses_of(
        replace(study(), points={}, boxes={MASSES: (LabelledBox("D", box),)}, findings={MASSES: findings}), OPTIONS
    )
    assert (mass.category, mass.diameter_mm, mass.diameter_source) == ("D", 26.0, "roi")


def test_sections_to_train_on_lie_within_the_mass_and_are_a_slice_apart() -> None:
    for diameter, wanted in (("24 mm", 5), ("10 mm", 1), ("100 mm", 5)):
        (mass,) = masses_of(marked(study(), points(diameter=diameter)), OPTIONS)
        offsets = np.array([center[2] - mass.center[2] for center in mass.sections])
        assert len(offsets) == wanted and offsets[0] == 0
        assert np.abs(offsets).max() <= float(diameter.split()[0]) / 4
        assert wanted == 1 or np.diff(np.sort(offsets)).min() >= 3.0 - 1e-6
    (mass,) = masses_of(study(), {**OPTIONS, "sections": 1})
    assert mass.sections == (mass.center,)


def test_a_mass_marked_by_a_point_and_a_segment_is_refused() -> None:
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[5:15, 5:15, 5:15] = 1
    one = with_segment(Image(mask, Geometry.from_parts(mask.shape, (1.0, 1.0, 1.0), (2.0, -17.0, -6.0))))
    both = replace(one, findings={MASSES: (*study().findings[MASSES], *one.findings[MASSES])})
    with pytest.raises(InputError, match="marked twice"):
        masses_of(both, OPTIONS)


@pytest.mark.parametrize("size", ["0 mm", "2 m", "900 mm"])
def test_a_size_that_no_mass_has_is_refused_or_not_read(size: str) -> None:
    listed = PointList("masses", (Point("F-1", ONE[0][0], size),))
    found, _ = findings_of_points(listed, None)
    one = replace(study(), findings={MASSES: found})
    if size == "2 m":
        assert masses_of(one, OPTIONS)[0].diameter_source == "default"
        return
    with pytest.raises(InputError, match="none of a liver mass"):
        masses_of(one, OPTIONS)


def test_samples_hold_a_row_for_each_section_and_the_mean_of_each_phase() -> None:
    case = Case("case-1", "p", "train", {}, Path("case-1"))
    samples = sample_case(study(), case, OPTIONS, np.random.default_rng(0))
    assert samples["image"].shape == (5, 3, STORED, STORED) and samples["image"].dtype == np.uint8
    assert samples.labels.tolist() == [0] * 5 and samples["lesion"].tolist() == [0] * 5
    assert len(set(samples["key"].tolist())) == 5
    assert samples["hu"][0] == pytest.approx([45, 140, 60], abs=4)
    assert sample_case(study(), case, OPTIONS, np.random.default_rng(1)).digest() == samples.digest()


def test_a_mass_without_category_is_no_sample() -> None:
    one = study()
    (finding,) = one.findings[MASSES]
    one = replace(one, findings={MASSES: (replace(finding, code=""),)})
    with pytest.raises(InputError, match="no category"):
        sample_case(one, Case("case-1", "p", "train", {}, Path("case-1")), OPTIONS, np.random.default_rng(0))


def test_what_a_volume_lacks_of_a_frame_is_measured() -> None:
    geometry = Geometry.from_parts((5, 100, 100), (1.0, 1.0, 5.0))
    assert outside_share(geometry, (50.0, 50.0, 10.0), 40.0) == 0
    assert outside_share(geometry, (-0.5, 50.0, 10.0), 40.0) == pytest.approx(0.5)


def test_jpeg_changes_a_picture_a_little() -> None:
    (mass,) = masses_of(study(), OPTIONS)
    noisy = {"arterial": volume(grid(), 1, noise=15.0)}
    plain, _ = pictures(noisy, [(mass, mass.center)], OPTIONS)
    through, _ = pictures(noisy, [(mass, mass.center)], {**OPTIONS, "jpeg": True})
    away = np.abs(plain.astype(int) - through)
    assert 0 < away.mean() < 4
