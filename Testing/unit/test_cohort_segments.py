"""Segments on oblique, left-handed and cropped grids: asymmetric masks whose places are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from HCCAssistLib.cohort.seg_nrrd import SegmentField, encode
from HCCAssistLib.cohort.segments import Segment, mask_on, read_segments, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

data = Path(__file__).resolve().parents[1] / "data"
shared = Path(__file__).resolve().parents[3] / "shared"

ROTATION = Rotation.from_euler("xyz", [12, -7, 20], degrees=True).as_matrix()
GRID = Geometry.from_parts((9, 14, 20), (0.7, 0.9, 3.0), (30, -40, 100), ROTATION[:, [1, 0, 2]])
"""Oblique, anisotropic and left-handed; the grid of slicer_two_layers.seg.nrrd before Slicer cropped it."""


def mask(*blocks: tuple[slice, slice, slice]) -> np.ndarray:
    array = np.zeros(GRID.shape, np.uint8)
    for block in blocks:
        array[block] = 1
    return array


ABLATION = mask(np.s_[2:5, 3:9, 4:13])
ABLATION[2, 3, 4:8] = 0
LESION = mask(np.s_[4:7, 8:12, 10:18])


def test_layers_that_slicer_cropped_come_back_at_their_place() -> None:
    ablation, lesion = read_segments(data / "slicer_two_layers.seg.nrrd")
    assert (ablation.name, lesion.name) == ("ablation", "Läsion")
    assert np.array_equal(mask_on(ablation, GRID).array, ABLATION)
    assert np.array_equal(mask_on(lesion, GRID).array, LESION)
    assert ablation.mask.array.shape == (3, 6, 9)


@pytest.mark.parametrize("overlapping", [False, True])
def test_segments_that_are_written_come_back_the_same(tmp_path: Path, overlapping: bool) -> None:
    third = LESION if overlapping else mask(np.s_[7:8, 0:2, 0:3])
    segments = [
        Segment("ablation", Image(ABLATION, GRID)),
        Segment("C:\\new\nline", Image(third, GRID)),
        Segment("empty", Image(mask(), GRID)),
    ]
    write_segments(segments, tmp_path / "x.seg.nrrd")
    header = (tmp_path / "x.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    assert f"dimension: {4 if overlapping else 3}" in header
    read = read_segments(tmp_path / "x.seg.nrrd")
    assert [s.name for s in read] == [s.name for s in segments]
    assert read[2].is_empty
    for before, after in zip(segments[:2], read[:2], strict=True):
        assert np.array_equal(mask_on(after, GRID).array, before.mask.array)
    assert [path.name for path in tmp_path.iterdir()] == ["x.seg.nrrd"]


def test_more_than_255_segments_are_kept_apart(tmp_path: Path) -> None:
    flat = np.zeros((1, 20, 20), np.uint8)
    grid = Geometry.from_parts(flat.shape, (1, 1, 1))
    segments = []
    for n in range(300):
        array = flat.copy()
        array.flat[n] = 1
        segments.append(Segment(f"s{n}", Image(array, grid)))
    write_segments(segments, tmp_path / "x.seg.nrrd")
    read = read_segments(tmp_path / "x.seg.nrrd")
    assert len(read) == 300
    assert read[299].points.tolist() == [[299 % 20, 299 // 20, 0]]


def test_segments_with_grids_of_different_extent_are_written_together(tmp_path: Path) -> None:
    part = GRID.crop((10, 8, 4), (3, 4, 8))
    segments = [Segment("lesion", Image(LESION[4:7, 8:12, 10:18], part)), Segment("ablation", Image(ABLATION, GRID))]
    write_segments(segments, tmp_path / "x.seg.nrrd")
    lesion, ablation = read_segments(tmp_path / "x.seg.nrrd")
    assert np.array_equal(mask_on(lesion, GRID).array, LESION)
    assert np.array_equal(mask_on(ablation, GRID).array, ABLATION)


def test_segments_of_different_grids_are_not_written(tmp_path: Path) -> None:
    shifted = Geometry(GRID.shape, GRID.affine + np.array([[0, 0, 0, 0.3], [0] * 4, [0] * 4, [0] * 4]))
    segments = [Segment("a", Image(ABLATION, GRID)), Segment("b", Image(LESION, shifted))]
    with pytest.raises(InputError, match="b: the segments were drawn on different grids"):
        write_segments(segments, tmp_path / "x.seg.nrrd")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="no segments"):
        write_segments([], tmp_path / "x.seg.nrrd")
    with pytest.raises(InputError, match=r"as \.seg\.nrrd"):
        write_segments(segments[:1], tmp_path / "x.nrrd")


def test_a_mask_lands_on_the_same_patient_in_any_axis_order() -> None:
    segment = Segment("a", Image(ABLATION, GRID))
    affine = GRID.affine[:, [1, 2, 0, 3]] @ np.array([[1, 0, 0, 0], [0, -1, 0, 8], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    turned = Geometry((20, 9, 14), affine)  # i is j of before, j is k from the other end, k is i
    expected = np.transpose(ABLATION, (2, 0, 1))[:, ::-1, :]
    assert np.array_equal(mask_on(segment, turned).array, expected)


def test_a_mask_on_another_grid_covers_the_same_volume_of_the_patient() -> None:
    fine = Geometry.from_parts((40, 40, 40), (0.5, 0.5, 0.8), GRID.center - (10, 10, 16))
    moved = mask_on(Segment("a", Image(ABLATION, GRID)), fine)
    index = np.rint(GRID.to_index(fine.to_world(np.argwhere(np.ones(fine.shape))[:, ::-1]))).astype(int)
    inside = ((index >= 0) & (index < GRID.size_ijk)).all(axis=1)
    expected = np.zeros(len(index), np.uint8)
    expected[inside] = ABLATION[tuple(index[inside][:, ::-1].T)]
    assert moved.array.sum() > 1000
    assert np.count_nonzero(moved.array.ravel() != expected) <= 0.002 * expected.sum()


def test_a_part_outside_the_volume_is_cut_off_and_a_whole_one_refused() -> None:
    segment = Segment("ablation", Image(ABLATION, GRID))
    assert np.array_equal(mask_on(segment, GRID.crop((6, 4, 3), (4, 6, 8))).array, ABLATION[3:7, 4:10, 6:14])
    for far in (GRID.crop((13, 0, 0), (9, 14, 7)), Geometry.from_parts((5, 5, 5), (1, 1, 1), (500, 0, 0))):
        with pytest.raises(InputError, match="ablation: the segment lies outside the volume"):
            mask_on(segment, far)


def test_a_speck_between_voxels_counts_in_its_voxel_and_an_empty_segment_is_refused() -> None:
    speck = np.zeros((3, 3, 3), np.uint8)
    speck[1, 1, 1] = 1
    segment = Segment("speck", Image(speck, Geometry.from_parts(speck.shape, (0.2, 0.2, 0.2), (1.8, 1.8, 1.8))))
    coarse = mask_on(segment, Geometry.from_parts((4, 4, 4), (3, 3, 3)))
    assert np.argwhere(coarse.array).tolist() == [[1, 1, 1]]  # 2 mm along each axis, nearest to the voxel at 3 mm
    with pytest.raises(InputError, match="none: the segment is empty"):
        mask_on(Segment("none", Image(mask(), GRID)), GRID)


def test_a_mask_holds_only_zeros_and_ones() -> None:
    assert Segment("a", Image(ABLATION.astype(bool), GRID)).mask.array.dtype == np.uint8
    with pytest.raises(ValueError, match="other than 0 and 1"):
        Segment("a", Image(ABLATION * 2, GRID))
    with pytest.raises(ValueError, match="other than 0 and 1"):
        Segment("a", Image(ABLATION * 0.5, GRID))


@pytest.mark.parametrize("name", ["liver.nrrd", "liver.nii.gz", "liver.seg.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_plain_labelmap_gives_one_segment_per_value(tmp_path: Path, name: str, dtype: type) -> None:
    labels = (ABLATION * 5).astype(dtype)
    labels[LESION > 0] = 117
    write_image(Image(labels, GRID), tmp_path / name)
    five, other = read_segments(tmp_path / name)
    assert (five.name, other.name) == ("Segment_5", "Segment_117")
    assert np.array_equal(mask_on(other, GRID).array, LESION)
    assert np.array_equal(mask_on(five, GRID).array, ABLATION & ~LESION)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (ABLATION * -1000.0, "not whole numbers from 0 up"),
        (ABLATION * 0.5, "not whole numbers"),
        (np.arange(ABLATION.size, dtype=np.int16).reshape(GRID.shape), "2519 different values: this is an image"),
        (ABLATION * 0, "no voxel is painted"),
    ],
)
def test_an_image_is_not_taken_for_segments(tmp_path: Path, array: np.ndarray, says: str) -> None:
    write_image(Image(array, GRID), tmp_path / "liver.nrrd")
    with pytest.raises(InputError, match=says):
        read_segments(tmp_path / "liver.nrrd")


def test_a_damaged_segmentation_is_refused_with_its_name(tmp_path: Path) -> None:
    content = (data / "slicer_two_layers.seg.nrrd").read_bytes()
    path = tmp_path / "liver.seg.nrrd"
    for damaged in (
        content[:-30],
        content[:40],
        content.replace(b"Segment1_Layer:=1", b"Segment1_Layer:=7"),
        content.replace(b"Segment1_Layer:=1", b"Segment1_Layer:=x"),
        content.replace(b"space origin", b"spice origin"),
        content.replace(b"Segmentation_Master", b"Segmentation_Extent:=0 1\nSegmentation_Master"),
        b"",
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            read_segments(path)
        assert str(caught.value).startswith("liver.seg.nrrd: ")
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        read_segments(tmp_path / "missing.seg.nrrd")


def test_any_changed_byte_of_the_packed_voxels_is_noticed(tmp_path: Path) -> None:
    content = (data / "slicer_two_layers.seg.nrrd").read_bytes()
    first = content.index(b"\n\n") + 2 + 10  # behind the header of gzip, which holds only the time and the system
    for position in range(first, len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        (tmp_path / "liver.seg.nrrd").write_bytes(bytes(damaged))
        with pytest.raises(InputError, match="damaged or cut short"):
            read_segments(tmp_path / "liver.seg.nrrd")


def test_segments_without_layer_fields_have_one_layer_each(tmp_path: Path) -> None:
    content = (data / "slicer_two_layers.seg.nrrd").read_bytes()
    for field in (
        b"Segment0_Layer:=0\n",
        b"Segment1_Layer:=1\n",
        b"Segment0_LabelValue:=1\n",
        b"Segment1_LabelValue:=1\n",
    ):
        assert field in content
        content = content.replace(field, b"")
    (tmp_path / "old.seg.nrrd").write_bytes(content)
    ablation, lesion = read_segments(tmp_path / "old.seg.nrrd")
    assert np.array_equal(mask_on(ablation, GRID).array, ABLATION)
    assert np.array_equal(mask_on(lesion, GRID).array, LESION)


def without_layers(content: bytes) -> bytes:
    return b"\n".join(line for line in content.split(b"\n") if b"_Layer:=" not in line)


def test_a_labelmap_whose_header_names_no_layers_holds_all_its_segments(tmp_path: Path) -> None:
    """As pynrrd writes it: one layer, a value for each segment, and no key of a layer."""
    other = mask(np.s_[7:8, 0:2, 0:3])
    write_segments(
        [Segment("ablation", Image(ABLATION, GRID)), Segment("liver", Image(other, GRID))], tmp_path / "a.seg.nrrd"
    )
    content = without_layers((tmp_path / "a.seg.nrrd").read_bytes())
    # and numbered from 1, with a gap
    for old, new in ((b"\nSegment1_", b"\nSegment4_"), (b"\nSegment0_", b"\nSegment1_")):
        content = content.replace(old, new)
    (tmp_path / "a.seg.nrrd").write_bytes(content)
    ablation, liver = read_segments(tmp_path / "a.seg.nrrd")
    assert (ablation.name, liver.name) == ("ablation", "liver")
    assert np.array_equal(mask_on(ablation, GRID).array, ABLATION)
    assert np.array_equal(mask_on(liver, GRID).array, other)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: c.replace(b"Representation:=Binary", b"Representation:=Fractional"), "a fractional labelmap"),
        (lambda c: c.replace(b"_MasterRepresentation:=B", b"_SourceRepresentation:=Fractional b"), "fractional"),
        (lambda c: c.replace(b"Segment1_LabelValue:=2", b"Segment1_LabelValue:=9"), "the value 2, which no segment"),
        (
            lambda c: without_layers(c).replace(b"Segment1_LabelValue:=2\n", b""),
            "does not say which voxels are the segment 'liver'",
        ),
    ],
    ids=["fractional", "fractional source", "a value without a segment", "no values"],
)
def test_a_representation_that_cannot_be_told_is_refused(tmp_path: Path, spoil: object, says: str) -> None:
    other = mask(np.s_[7:8, 0:2, 0:3])
    path = tmp_path / "a.seg.nrrd"
    write_segments([Segment("ablation", Image(ABLATION, GRID)), Segment("liver", Image(other, GRID))], path)
    content = spoil(path.read_bytes())  # type: ignore[operator]
    assert content != path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_segments(path)


def test_parts_of_255_are_not_taken_for_a_segment(tmp_path: Path) -> None:
    """Voxels as in a fractional segmentation, whose header says label 1: only a shell would be left of it."""
    parts = np.zeros(GRID.shape, np.uint8)
    parts[ABLATION > 0] = 255
    parts[2, 3:9, 4:13], parts[4, 3:9, 4:13] = 1, 128
    path = tmp_path / "a.seg.nrrd"
    field = SegmentField("ablation", 0, 1)
    path.write_bytes(encode([parts.astype(np.uint16)], GRID, [field]))
    with pytest.raises(InputError, match="the value 128, 255, which no segment"):
        read_segments(path)


@pytest.mark.parametrize("scale", [1.0, 255.0, 1.0000001])
def test_whole_numbers_stored_as_decimals_are_one_segment(tmp_path: Path, scale: float) -> None:
    write_image(Image((ABLATION * scale).astype(np.float32), GRID), tmp_path / "liver.nii.gz")
    (segment,) = read_segments(tmp_path / "liver.nii.gz")
    assert np.array_equal(mask_on(segment, GRID).array, ABLATION)


@pytest.mark.shared
def test_real_segmentations_of_one_and_two_layers_are_read() -> None:
    folder = shared / "data" / "slicer_annotations" / "slicerio"
    if not folder.is_dir():
        pytest.skip("SKIPPED: ../shared/data/slicer_annotations not found")
    spine = [f"{part} vertebral column" for part in ("cervical", "thoracic", "lumbar")]
    names = ["ribs", *spine, "right lung", "left lung", "tissue"]
    one = read_segments(folder / "Segmentation.seg.nrrd")
    two = read_segments(folder / "SegmentationOverlapping.seg.nrrd")
    assert [s.name for s in one] == names
    assert [s.name for s in two] == [*names, "overlapping sphere"]
    volumes = [s.mask.array.sum() * np.prod(s.mask.geometry.spacing) / 1000 for s in two]
    # a right lung on the patient's right (smaller x in LPS), of a litre or more; a sphere of 136 mm
    right, left, sphere = two[4], two[5], two[7]
    assert 2000 < volumes[4] < 4000
    assert right.points[:, 0].mean() < left.points[:, 0].mean() - 50
    assert np.ptp(sphere.points, axis=0) == pytest.approx([146, 146, 140], abs=5)


def test_few_segments_and_many_are_found_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros(GRID.shape, np.uint16)
    labels[1:3, 2:5, 3:9], labels[4:6, 7:9, 1:2], labels[8, 13, 19] = 1, 3, 4
    path = tmp_path / "liver.seg.nrrd"
    path.write_bytes(encode([labels], GRID, [SegmentField(f"s{n}", 0, n, {}) for n in (1, 2, 3, 4)]))
    few = read_segments(path)
    monkeypatch.setattr("HCCAssistLib.cohort.segments.FEW_LABELS", 0)
    for one, other in zip(few, read_segments(path), strict=True):
        assert np.array_equal(one.mask.array, other.mask.array)
        assert np.array_equal(one.mask.geometry.affine, other.mask.geometry.affine)
    assert [one.is_empty for one in few] == [False, True, False, False]
