"""Files that mean something else than they seem to: read right, or refused with a way out."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from imaging_samples import random_image
from test_imaging_files import SHEARED, assert_same, itk_volume, nifti

from HCCAssistLib.cohort.segments import read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging import working_grid
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.working_grid import working_image

OBLIQUE = random_image(turn=(12, -7, 33))
RANGE = ((0.5, 1.0), (1.0, 5.0))


def nrrd(path: Path, *, factor: float = 1, packed: bool = False, **extra: object) -> Path:
    """A NRRD file written line by line."""
    affine = OBLIQUE.geometry.affine / factor
    vector = ["({},{},{})".format(*column[:3]) for column in affine.T]
    lines = {
        "type": "short",
        "dimension": 3,
        "space": "left-posterior-superior",
        "sizes": "14 11 9",
        "space directions": " ".join(vector[:3]),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip" if packed else "raw",
        "space origin": vector[3],
        **{key.replace("_", " "): value for key, value in extra.items() if key != "voxels"},
    }
    voxels = extra.get("voxels", OBLIQUE.array.tobytes())
    assert isinstance(voxels, bytes)
    header = "NRRD0004\n" + "\n".join(f"{key}: {value}" for key, value in lines.items()) + "\n"
    path.write_bytes(header.encode() + (b"" if "data file" in lines else b"\n" + voxels))
    return path


def metaimage(path: Path, factor: float = 1.0, **extra: object) -> Path:
    write_image(OBLIQUE, path.with_suffix(".mha"))
    content = path.with_suffix(".mha").read_bytes()
    header, voxels = content.split(b"ElementDataFile = LOCAL\n")
    affine, spacing = OBLIQUE.geometry.affine / factor, OBLIQUE.geometry.spacing / factor
    for key, values in (("Offset", affine[:3, 3]), ("ElementSpacing", spacing)):
        header = re.sub(rf"{key} = .*".encode(), f"{key} = {' '.join(map(str, values))}".encode(), header)
    fields = {"ElementDataFile": "LOCAL", **extra}
    lines = "".join(f"{key} = {value}\n" for key, value in fields.items() if key != "ElementDataFile")
    path.write_bytes(header + f"{lines}ElementDataFile = {fields['ElementDataFile']}\n".encode())
    if fields["ElementDataFile"] == "LOCAL":
        path.write_bytes(path.read_bytes() + voxels)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_image(path)
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].where == path.name and refused.value.problems[0].remedy
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


# ------------------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ('"mm" "mm" "mm"', 1),
        ('"cm" "cm" "cm"', 10),
        ('"m" "m" "m"', 1000),
        ('"um" "um" "um"', 0.001),
        ('"microns" "Micrometer" "um"', 0.001),
        ('"" "" ""', 1),
    ],
)
def test_nrrd_units_become_millimetres(units: str, factor: float, tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", factor=factor, space_units=units)
    assert_same(read_image(path), OBLIQUE, 1e-6)
    content = path.read_bytes().split(b"\n\n", 1)
    named = b"Segment0_ID:=s\nSegment0_Name:=zone\nSegment0_LabelValue:=1\nSegment0_Layer:=0"
    painted = (OBLIQUE.array > 0).astype("<i2")
    (tmp_path / "a.seg.nrrd").write_bytes(content[0] + b"\n" + named + b"\n\n" + painted.tobytes())
    (segment,) = read_segments(tmp_path / "a.seg.nrrd")
    here = OBLIQUE.geometry.to_world(np.argwhere(painted)[:, ::-1])
    assert np.allclose(segment.points, here, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("cm", 10), ("m", 1000), ("um", 0.001)])
def test_metaimage_units_become_millimetres(unit: str, factor: float, tmp_path: Path) -> None:
    assert_same(read_image(metaimage(tmp_path / "b.mha", factor, DistanceUnits=unit)), OBLIQUE, 1e-6)


def test_unknown_units_are_named(tmp_path: Path) -> None:
    assert "'furlong'" in refusal(nrrd(tmp_path / "a.nrrd", space_units='"mm" "mm" "furlong"'))
    assert "(mm, mm, cm)" in refusal(nrrd(tmp_path / "a.nrrd", space_units='"mm" "mm" "cm"'))
    assert "'px'" in refusal(metaimage(tmp_path / "b.mha", DistanceUnits="px"))
    assert "unit (code 5)" in refusal(nifti(tmp_path / "a.nii", units=5))


@pytest.mark.parametrize(
    ("units", "said"), [(1 | 8, "in metres"), (3, "in micrometres"), (1, "voxels of 700 x 1,100 x 2,300 mm")]
)
def test_a_unit_that_makes_a_patient_of_another_size_is_named(units: int, said: str, tmp_path: Path) -> None:
    assert said in refusal(nifti(tmp_path / "a.nii.gz", units=units))


def test_sizes_that_no_patient_has_are_refused_whatever_the_file(tmp_path: Path) -> None:
    for factor in (1e-3, 300.0):
        large = replace(OBLIQUE, geometry=OBLIQUE.geometry.in_mm(factor))
        for suffix in (".nrrd", ".mha", ".nii.gz"):
            write_image(large, tmp_path / f"a{suffix}")
            assert "which no patient fills" in refusal(tmp_path / f"a{suffix}")
    message = refusal(nrrd(tmp_path / "b.nrrd", space_units='"m" "m" "m"'))
    assert "units of 1000 mm" in message
    thin = Geometry.from_parts((9, 11, 14), (0.7, 1.1, 1e-4))
    with pytest.raises(InputError, match="no patient"):
        thin.check_size()
    for real in (
        Geometry.from_parts((1, 512, 512), (0.7, 0.7, 1)),
        Geometry.from_parts((400, 512, 512), (1.4, 1.4, 5)),
    ):
        real.check_size()


def test_a_working_image_never_asks_for_more_memory_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    far = Image(OBLIQUE.array, Geometry.from_parts((9, 11, 14), (800, 800, 5000)), "case 1")
    with pytest.raises(InputError, match=r"^case 1: voxels of 800 x 800 x 5,000 mm"):
        working_image(far, RANGE, fill_value=-1024)
    wide = Image(OBLIQUE.array, Geometry.from_parts((9, 11, 14), (150, 150, 100)), "case 2")
    with pytest.raises(InputError, match=r"^case 2: .* 2,099 x 1,649 x 179 voxels of 1\.00 x 1\.00 x 5\.00 mm"):
        monkeypatch.setattr(working_grid, "MOST_VOXELS", 1 << 28)
        working_image(wide, RANGE, fill_value=-1024)
    monkeypatch.undo()
    assert working_grid.MOST_VOXELS <= 1 << 30


# ----------------------------------------------------------------------------------- where voxels begin and end


@pytest.mark.parametrize("offset", [0, 1, 348, 351, -352])
def test_voxels_that_begin_inside_the_nifti_header_are_refused(offset: float, tmp_path: Path) -> None:
    content = bytearray(nifti(tmp_path / "a.nii").read_bytes())
    struct.pack_into("<f", content, 108, offset)
    (tmp_path / "a.nii").write_bytes(content)
    assert "inside the header" in refusal(tmp_path / "a.nii")


def test_nifti_offsets_beyond_the_file_or_within_an_extension_are_refused(tmp_path: Path) -> None:
    content = bytearray(nifti(tmp_path / "a.nii").read_bytes())
    for offset, said in ((1e7, "cut short"), (352.5, "damaged"), (float("inf"), "damaged")):
        struct.pack_into("<f", content, 108, offset)
        (tmp_path / "a.nii").write_bytes(content)
        assert said in refusal(tmp_path / "a.nii")
    extension = struct.pack("<2i", 32, 6) + b"a comment".ljust(24, b"\0")
    for offset in (352, 368, 384):
        struct.pack_into("<f", content, 108, offset)
        content[348] = 1
        (tmp_path / "a.nii").write_bytes(content[:352] + extension + content[352:])
        if offset == 384:
            assert_same(read_image(tmp_path / "a.nii"), random_image(turn=(5, -8, 12)))
        else:
            assert "inside the header of 384 bytes" in refusal(tmp_path / "a.nii")


@pytest.mark.parametrize("packed", [False, True])
def test_nrrd_voxels_that_are_too_few_or_too_many_are_refused(packed: bool, tmp_path: Path) -> None:
    stored: Callable[[bytes], bytes] = gzip.compress if packed else bytes
    voxels = OBLIQUE.array.tobytes()
    assert_same(read_image(nrrd(tmp_path / "a.nrrd", packed=packed, voxels=stored(voxels))), OBLIQUE)
    for wrong in (voxels[:-2], voxels + b"\0\0", voxels * 2):
        message = refusal(nrrd(tmp_path / "b.nrrd", packed=packed, voxels=stored(wrong)))
        assert "cut short" in message or "bytes of voxels" in message
        (tmp_path / "c.raw").write_bytes(stored(wrong))
        message = refusal(nrrd(tmp_path / "c.nhdr", packed=packed, data_file="c.raw"))
        assert "cut short" in message or "bytes of voxels" in message
    skipped = b"12345\n67" + voxels
    assert_same(
        read_image(nrrd(tmp_path / "d.nrrd", packed=packed, line_skip=0, byte_skip=8, voxels=stored(skipped))), OBLIQUE
    )


def test_the_checksum_at_the_end_of_packed_nrrd_voxels_is_verified(tmp_path: Path) -> None:
    packed = gzip.compress(OBLIQUE.array.tobytes())
    for wrong in (packed[:-4], packed[:-8] + b"\1\2\3\4" + packed[-4:]):
        assert "damaged or cut short" in refusal(nrrd(tmp_path / "a.nrrd", packed=True, voxels=wrong))


def test_metaimage_voxels_that_are_too_many_are_refused(tmp_path: Path) -> None:
    path = metaimage(tmp_path / "b.mha")
    raw = itk_volume(OBLIQUE)
    sitk.WriteImage(raw, str(tmp_path / "c.mhd"))
    for header, voxels in ((path, path), (tmp_path / "c.mhd", tmp_path / "c.raw")):
        assert_same(read_image(header), OBLIQUE)
        whole = voxels.read_bytes()
        if voxels.suffix == ".mha":
            continue
        for wrong in (whole[:-2], whole + b"\0\0"):
            voxels.write_bytes(wrong)
            assert re.search("cut short|bytes of voxels", refusal(header))


def test_voxels_in_several_files_are_read(tmp_path: Path) -> None:
    for k, plane in enumerate(OBLIQUE.array):
        (tmp_path / f"s{k:02d}.raw").write_bytes(plane.tobytes())
    names = "\n".join(f"s{k:02d}.raw" for k in range(9))
    assert_same(read_image(nrrd(tmp_path / "a.nhdr", data_file=f"LIST 2\n{names}")), OBLIQUE)
    assert_same(read_image(nrrd(tmp_path / "b.nhdr", data_file="s%02d.raw 0 8 1 2")), OBLIQUE)
    (tmp_path / "my scan.raw").write_bytes(OBLIQUE.array.tobytes())
    assert_same(read_image(nrrd(tmp_path / "c.nhdr", data_file="my scan.raw")), OBLIQUE)
    (tmp_path / "s04.raw").unlink()
    refusal(tmp_path / "a.nhdr")


@pytest.mark.parametrize(
    "name", ["../all.raw", "/etc/all.raw", "C:\\all.raw", "x/../../all.raw", "..\\all.raw", "x /../../all.raw"]
)
def test_voxels_outside_the_folder_are_not_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "all.raw").write_bytes(OBLIQUE.array.tobytes())
    assert "outside its own folder" in refusal(nrrd(tmp_path / "in" / "a.nhdr", data_file=name))
    assert "outside its own folder" in refusal(nrrd(tmp_path / "in" / "b.nhdr", data_file=f"LIST\n{name}\n"))
    assert "outside its own folder" in refusal(metaimage(tmp_path / "in" / "c.mhd", ElementDataFile=name))


# --------------------------------------------------------------------------------------- names and what they hide


def test_gzip_is_unpacked_whatever_the_name_says(tmp_path: Path) -> None:
    image = random_image(turn=(5, -8, 12))
    nifti(tmp_path / "a.nii.gz", image).rename(tmp_path / "packed.nii")
    nifti(tmp_path / "a.nii", image).rename(tmp_path / "plain.nii.gz")
    assert_same(read_image(tmp_path / "packed.nii"), image)
    assert_same(read_image(tmp_path / "plain.nii.gz"), image)
    write_image(OBLIQUE, tmp_path / "b.nrrd")
    (tmp_path / "b.nrrd").write_bytes(gzip.compress((tmp_path / "b.nrrd").read_bytes()))
    assert "packed with gzip" in refusal(tmp_path / "b.nrrd")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("slice.dcm", "single DICOM file.*the folder"),
        ("IM0001", "single DICOM file.*the folder"),
        ("scan.hdr", "pair.*left and right"),
        ("scan.img", "pair.*left and right"),
        ("scan.mgz", "FreeSurfer.*mri_convert"),
        ("scan.raw", "voxels alone.*nhdr"),
        ("scan.zip", "archive.*unpack"),
        ("scene.mrb", "scene of Slicer.*save the volume"),
        ("scan.txt", "not known.*one of .nii"),
    ],
)
def test_other_files_are_told_what_they_are(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(128) + b"DICM" if name == "IM0001" else b"x")
    assert re.search(said, refusal(tmp_path / name), re.IGNORECASE | re.DOTALL)


def test_analyze_and_the_header_of_a_pair_are_told_from_nifti(tmp_path: Path) -> None:
    for magic, said in ((b"\0\0\0\0", "Analyze format"), (b"ni1\0", "NIfTI pair")):
        content = bytearray(nifti(tmp_path / "a.nii").read_bytes())
        content[344:348] = magic
        (tmp_path / "a.nii").write_bytes(content)
        assert said in refusal(tmp_path / "a.nii")


# ------------------------------------------------------------------------------------------- position and volumes


def test_an_empty_sform_beside_a_good_qform_is_set_aside(tmp_path: Path) -> None:
    sitk.WriteImage(itk_volume(OBLIQUE), str(tmp_path / "a.nii"))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    for place, form, code in ((280, "<12f", 1), (280, "<12f", 2)):
        struct.pack_into("<h", content, 254, code)
        struct.pack_into(form, content, place, *[0.0] * 12)
        (tmp_path / "b.nii").write_bytes(content)
        assert_same(read_image(tmp_path / "b.nii"), OBLIQUE)


def test_an_empty_qform_beside_a_good_sform_is_set_aside_and_a_damaged_one_refused(tmp_path: Path) -> None:
    empty = nifti(tmp_path / "a.nii", OBLIQUE, qform_code=1, pixdim=(1, 0, 0, 0, 1, 1, 1, 1))
    assert_same(read_image(empty), OBLIQUE)
    damaged = nifti(tmp_path / "b.nii", OBLIQUE, sform_code=0, qform_code=1, qform=(0, 0, 2, 1, 2, 3))
    assert "rotation (qform)" in refusal(damaged)


def test_a_sheared_nifti_file_is_not_sent_to_slicer_which_cannot_load_it(tmp_path: Path) -> None:
    message = refusal(nifti(tmp_path / "a.nii", sform=SHEARED))
    assert "sheared" in message and "dcm2niix" in message and "Slicer" not in message


@pytest.mark.parametrize("kind", ["list", "time"])
def test_a_volume_sequence_is_named_as_one(kind: str, tmp_path: Path) -> None:
    write_image(OBLIQUE, tmp_path / "a.nrrd")
    directions = re.search(rb"space directions: (.*)", (tmp_path / "a.nrrd").read_bytes())
    assert directions
    first, one = kind == "list", directions[1].decode()
    path = nrrd(
        tmp_path / "a.seq.nrrd",
        dimension=4,
        sizes="3 14 11 9" if first else "14 11 9 3",
        space_directions=f"none {one}" if first else f"{one} none",
        kinds=f"{kind} domain domain domain" if first else f"domain domain domain {kind}",
        voxels=OBLIQUE.array.tobytes() * 3,
    )
    assert "volume sequence of 3 volumes" in refusal(path)
    assert "Sequences" in refusal(path)
    content = path.read_bytes().replace(b"\n\n", b"\nSegment0_ID:=Segment_1\n\n", 1)
    path.write_bytes(content)
    assert "segmentation of 3 layers" in refusal(path)


def test_padding_below_air_is_air_before_it_is_averaged_with_the_patient() -> None:
    c, s = np.cos(0.2), np.sin(0.2)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) * (1.2, 1.2, -3.1)  # oblique, left-handed, uneven
    affine[:3, 3] = (20, -30, 40)
    hu = np.random.default_rng(3).normal(40, 20, (20, 30, 40)).astype(np.int16)
    images = []
    for padding in (-1024, -3024, -32768):
        hu[:, :9, :5], hu[:4] = padding, padding
        images.append(Image(hu.copy(), Geometry(hu.shape, affine)))
    first, *others = (working_image(image, RANGE, fill_value=-1024.0)[0] for image in images)
    assert first.geometry.shape != hu.shape and first.array.min() >= -1024
    for other in others:
        np.testing.assert_array_equal(other.array, first.array)


@pytest.mark.parametrize(
    "kinds", [None, "??? ??? ??? ???", "none none none none", "domain domain domain ???", "domain domain domain domain"]
)
@pytest.mark.parametrize("first", [False, True])
def test_a_volume_sequence_without_kinds_is_named_as_one(kinds: str | None, first: bool, tmp_path: Path) -> None:
    one = " ".join("({},{},{})".format(*column[:3]) for column in OBLIQUE.geometry.affine.T[:3])
    if kinds and first:
        kinds = " ".join(reversed(kinds.split()))
    path = nrrd(
        tmp_path / "a.nrrd",
        dimension=4,
        sizes="3 14 11 9" if first else "14 11 9 3",
        space_directions=f"none {one}" if first else f"{one} none",
        kinds=kinds or "",
        voxels=OBLIQUE.array.tobytes() * 3,
    )
    if kinds is None:
        path.write_bytes(path.read_bytes().replace(b"kinds: \n", b""))
    assert "volume sequence of 3 volumes" in refusal(path)


def test_colours_are_not_called_volumes(tmp_path: Path) -> None:
    one = " ".join("({},{},{})".format(*column[:3]) for column in OBLIQUE.geometry.affine.T[:3])
    for directions in (one, f"none {one}"):
        path = nrrd(
            tmp_path / "a.nrrd",
            dimension=4,
            sizes="3 14 11 9",
            space_directions=directions,
            kinds="RGB-color domain domain domain",
            voxels=OBLIQUE.array.tobytes() * 3,
        )
        assert "volumes" not in refusal(path)


@pytest.mark.parametrize("axis", ["(0,0,0)", "(nan,0,0)", "(inf,0,0)"])
def test_a_nrrd_axis_without_direction_is_named(axis: str, tmp_path: Path) -> None:
    message = refusal(nrrd(tmp_path / "a.nrrd", space_directions=f"(1,0,0) {axis} (0,0,1)"))
    assert "axis 2 of the volume has no direction" in message


@pytest.mark.parametrize("matrix", ["0 0 0 0 0 0 0 0 0", "nan 0 0 0 1 0 0 0 1"])
def test_a_metaimage_axis_without_direction_is_named(matrix: str, tmp_path: Path) -> None:
    path = changed(metaimage(tmp_path / "a.mha"), "TransformMatrix", matrix)
    assert "axis 1 of the volume has no direction" in refusal(path)


def changed(path: Path, field: str, value: str) -> Path:
    path.write_bytes(re.sub(rf"{field} = .*".encode(), f"{field} = {value}".encode(), path.read_bytes()))
    return path


def test_places_and_directions_without_sense_are_named(tmp_path: Path) -> None:
    for change, said in (
        (("TransformMatrix", "1 0 0 1 0 0 0 0 1"), "lie in one plane"),
        (("TransformMatrix", "1 0 0 0 1 0"), "6 numbers for 3 directions"),
        (("Offset", "nan 0 0"), "place of the first voxel"),
        (("Offset", "0 0"), "place of the first voxel"),
    ):
        assert said in refusal(changed(metaimage(tmp_path / "a.mha"), *change))
    assert "gives one field twice" in refusal(metaimage(tmp_path / "b.mha", ElementSpacing="9 9 9"))
    assert "place of the first voxel" in refusal(nrrd(tmp_path / "a.nrrd", space_origin="(nan,0,0)"))
    for directions, said in (
        ("(1,0,0) (1,0,0) (0,0,1)", "lie in one plane"),
        ("(1,0) (0,1,0) (0,0,1)", "too few"),
        ("(1,0,0) (0,1,0)", "too few"),
    ):
        assert said in refusal(nrrd(tmp_path / "a.nrrd", space_directions=directions))


@pytest.mark.parametrize("start", ["5", "400", "999999", "-2", "1.5", "x"])
def test_metaimage_voxels_that_do_not_follow_their_header_are_refused(start: str, tmp_path: Path) -> None:
    assert f"at byte {start}" in refusal(metaimage(tmp_path / "a.mha", HeaderSize=start))


@pytest.mark.parametrize("start", ["0", "-1"])
def test_metaimage_voxels_that_follow_their_header_are_read(start: str, tmp_path: Path) -> None:
    sitk.WriteImage(itk_volume(OBLIQUE), str(tmp_path / "a.mha"))
    line = f"HeaderSize = {start}\nElementDataFile".encode()
    (tmp_path / "a.mha").write_bytes((tmp_path / "a.mha").read_bytes().replace(b"ElementDataFile", line))
    assert_same(read_image(tmp_path / "a.mha"), OBLIQUE)


def test_a_raw_file_with_a_header_of_its_own_is_read_behind_it_and_bounded(tmp_path: Path) -> None:
    sitk.WriteImage(itk_volume(OBLIQUE), str(tmp_path / "a.mhd"))
    header, voxels = (tmp_path / "a.mhd").read_text(), (tmp_path / "a.raw").read_bytes()

    def with_start(start: int) -> Path:
        line = f"HeaderSize = {start}\nElementDataFile"
        (tmp_path / "a.mhd").write_text(header.replace("ElementDataFile", line))
        return tmp_path / "a.mhd"

    (tmp_path / "a.raw").write_bytes(b"\7" * 100 + voxels)
    for right in (100, -1):
        assert_same(read_image(with_start(right)), OBLIQUE)
    assert "bytes of voxels" in refusal(with_start(60))
    assert "cut short" in refusal(with_start(140))
    assert f"begin at byte 9999 of {100 + len(voxels)}" in refusal(with_start(9999))
    (tmp_path / "a.raw").write_bytes(voxels[:-10])
    assert "cut short" in refusal(with_start(-1))


def test_a_metaimage_without_a_size_of_its_voxels_is_refused(tmp_path: Path) -> None:
    path = metaimage(tmp_path / "a.mha")
    whole = path.read_bytes()
    for line, said in (
        (b"", "does not say how large voxels are"),
        (b"ElementSpacing = 0.7 -1.1 2.3\n", "voxels of 0.7 -1.1 2.3 mm"),
        (b"ElementSpacing = 0.7 0 2.3\n", "voxels of 0.7 0 2.3 mm"),
        (b"ElementSize = 0.7 nan 2.3\n", "voxels of 0.7 nan 2.3 mm"),
    ):
        path.write_bytes(re.sub(rb"ElementSpacing = .*\n", line, whole))
        assert said in refusal(path)


def test_a_metaimage_with_scaled_values_is_refused_since_the_scaling_would_be_lost(tmp_path: Path) -> None:
    assert "slope 2" in refusal(metaimage(tmp_path / "a.mha", ElementToIntensityFunctionSlope=2))
    assert "offset -1024" in refusal(metaimage(tmp_path / "a.mha", ElementToIntensityFunctionOffset=-1024))
    neutral = {"ElementToIntensityFunctionSlope": "1.0", "ElementToIntensityFunctionOffset": "0"}
    assert_same(read_image(metaimage(tmp_path / "a.mha", **neutral)), OBLIQUE)


@pytest.mark.parametrize(
    ("slope", "intercept"), [(np.inf, 0), (-np.inf, 0), (1, np.inf), (1e7, 0), (1.5e7, 0.5), (1, 3e9), (1e30, 0)]
)
def test_a_nifti_scaling_that_makes_no_grey_values_is_refused(slope: float, intercept: float, tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", slope=slope, intercept=intercept)
    assert "scaling of grey values is damaged" in refusal(path)


def test_content_of_another_format_is_named_whatever_the_file_is_called(tmp_path: Path) -> None:
    contents = {
        "a NRRD file": nrrd(tmp_path / "x.nrrd").read_bytes(),
        "a NIfTI file": nifti(tmp_path / "x.nii").read_bytes(),
        "a MetaImage file": metaimage(tmp_path / "x.mha").read_bytes(),
        "a single DICOM file": bytes(128) + b"DICM" + bytes(999),
    }
    own = {".nii": "NIfTI", ".nii.gz": "NIfTI", ".nrrd": "NRRD", ".mha": "MetaImage"}
    for ending, own_format in own.items():
        path = tmp_path / f"a{ending}"
        for kind, content in contents.items():
            if own_format in kind:
                continue
            for stored in (content, gzip.compress(content)):
                path.write_bytes(stored)
                assert f"but {kind}" in refusal(path)
        path.write_bytes(gzip.compress(gzip.compress(contents["a NIfTI file"])))
        assert "packed with gzip" in refusal(path)
    assert "twice" in refusal(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("NDims", "2"), "2 axes with 3 sizes"),
        (("NDims", ""), "no number of axes with 3 sizes"),
        (("DimSize", "7 6 x"), "the volume has no size"),
        (("DimSize", "7"), "the volume has no size"),
        (("ElementType", "MET_STRING"), "voxels of the type 'MET_STRING'"),
        (("ElementDataFile", "a%d-%d.raw"), "the name of the file with the voxels is none"),
    ],
)
def test_a_metaimage_header_is_taken_by_its_word_only_where_it_makes_sense(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert said in refusal(changed(metaimage(tmp_path / "a.mha"), *change))
