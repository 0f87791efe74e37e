"""Every file gives the right volume or a sentence that says why not."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from imaging_samples import ORDERS, random_image, stored_as

from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import WRITABLE, read_image, write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

shared = Path(__file__).resolve().parents[3] / "shared"


def itk_volume(image: Image) -> sitk.Image:
    volume = sitk.GetImageFromArray(image.array)
    volume.SetSpacing(image.geometry.spacing.tolist())
    volume.SetOrigin(image.geometry.origin.tolist())
    volume.SetDirection(image.geometry.directions.ravel().tolist())
    return volume


def nifti(path: Path, image: Image | None = None, *, slope: float = 1, intercept: float = 0, **fields: object) -> Path:
    """A NIfTI-1 file written byte by byte, independently of the reader and of ITK."""
    image = image or random_image(turn=(5, -8, 12))
    dims = fields.get("dims", (3, *image.array.shape[::-1], 1, 1, 1, 1))
    codes = {"|u1": 2, "<i2": 4, "<i4": 8, "<f4": 16, "<f8": 64, "<u2": 512, ">i2": 4, ">f8": 64}
    order = fields.get("order", "<")
    stored = image.array.astype(image.array.dtype.newbyteorder(order))
    datatype = fields.get("datatype", codes[stored.dtype.str])
    affine = np.diag([-1, -1, 1, 1]) @ image.geometry.affine if "sform" not in fields else fields["sform"]
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, *dims)
    struct.pack_into(order + "2h", header, 70, datatype, stored.dtype.itemsize * 8)
    struct.pack_into(order + "8f", header, 76, *fields.get("pixdim", (1, *image.geometry.spacing, 1, 1, 1, 1)))
    struct.pack_into(order + "3f", header, 108, 352, slope, intercept)
    header[123] = fields.get("units", 2)
    struct.pack_into(order + "2h", header, 252, fields.get("qform_code", 0), fields.get("sform_code", 1))
    struct.pack_into(order + "6f", header, 256, *fields.get("qform", (0, 0, 0, 0, 0, 0)))
    struct.pack_into(order + "12f", header, 280, *np.ravel(np.asarray(affine)[:3]))
    header[344:348] = b"n+1\0"
    content = bytes(header) + stored.tobytes()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def assert_same(read: Image, truth: Image, tolerance_mm: float = 1e-3) -> None:
    assert np.array_equal(read.array, truth.array)
    assert read.geometry.matches(truth.geometry, tolerance_mm)


@pytest.mark.parametrize("suffix", WRITABLE)
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
def test_what_is_written_is_read_back(suffix: str, dtype: str, tmp_path: Path) -> None:
    for axes, flips in ORDERS[:: 1 if dtype == "i2" else 20]:
        image = stored_as(random_image((4, 5, 6), turn=(12, -7, 33)), axes, flips)
        image = image.with_array(np.abs(image.array % 200).astype(dtype), "typed")
        write_image(image, tmp_path / f"out{suffix}")
        read = read_image(tmp_path / f"out{suffix}", name="case 1")
        assert_same(read, image)
        assert read.array.dtype == dtype
        assert read.name == "case 1"
    assert [file.name for file in tmp_path.iterdir()] == [f"out{suffix}"]


@pytest.mark.parametrize("suffix", WRITABLE)
def test_other_programs_see_the_same_volume(suffix: str, tmp_path: Path) -> None:
    image = random_image(turn=(12, -7, 33))
    write_image(image, tmp_path / f"out{suffix}")
    volume = sitk.ReadImage(str(tmp_path / f"out{suffix}"))
    assert np.array_equal(sitk.GetArrayFromImage(volume), image.array)
    place = volume.TransformIndexToPhysicalPoint((3, 2, 1))
    assert np.allclose(place, image.geometry.to_world((3, 2, 1)), atol=1e-3)


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz"])
def test_files_of_other_programs_are_read(suffix: str, tmp_path: Path) -> None:
    image = random_image(turn=(-12, 40, 5))
    sitk.WriteImage(itk_volume(image), str(tmp_path / f"in{suffix}"), useCompression=True)
    assert_same(read_image(tmp_path / f"in{suffix}"), image)


@pytest.mark.parametrize("name", ["in.nii", "in.nii.gz", "IN.NII.GZ"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_is_read_in_both_byte_orders(name: str, order: str, tmp_path: Path) -> None:
    image = random_image(turn=(5, -8, 12))
    assert_same(read_image(nifti(tmp_path / name.lower(), image, order=order).rename(tmp_path / name)), image)


def test_nifti_2_is_read(tmp_path: Path) -> None:
    image = random_image(turn=(5, -8, 12))
    header = bytearray(544)
    struct.pack_into("<i8s2h8q", header, 0, 540, b"n+2\0\r\n\x1a\n", 4, 16, 3, 14, 11, 9, 1, 1, 1, 1)
    struct.pack_into("<8dq2d", header, 104, 1, *image.geometry.spacing, 1, 1, 1, 1, 544, 2.0, 10.0)
    struct.pack_into("<2i", header, 344, 0, 1)
    struct.pack_into("<12d", header, 400, *np.ravel((np.diag([-1, -1, 1, 1]) @ image.geometry.affine)[:3]))
    struct.pack_into("<i", header, 500, 2)
    (tmp_path / "two.nii").write_bytes(bytes(header) + image.array.tobytes())
    read = read_image(tmp_path / "two.nii")
    assert np.array_equal(read.array, image.array * 2 + 10)
    assert read.geometry.matches(image.geometry, 1e-9)


def test_scaling_keeps_whole_numbers_16_bit_and_others_float(tmp_path: Path) -> None:
    image = random_image()
    whole = read_image(nifti(tmp_path / "a.nii", image, slope=1, intercept=-1024))
    assert whole.array.dtype == np.int16
    assert np.array_equal(whole.array, image.array - 1024)
    wide = read_image(nifti(tmp_path / "b.nii", image, slope=100))
    assert np.array_equal(wide.array, image.array.astype(int) * 100)
    half = read_image(nifti(tmp_path / "c.nii", image, slope=0.5, intercept=3))
    assert half.array.dtype == np.float32
    assert np.allclose(half.array, image.array * 0.5 + 3)
    for no_scaling in (0, float("nan")):
        assert np.array_equal(read_image(nifti(tmp_path / "d.nii", image, slope=no_scaling)).array, image.array)


def test_a_float64_ct_with_scaling_is_read(tmp_path: Path) -> None:
    image = random_image()
    image = image.with_array(image.array / 2.0, "float")
    for order in "<>":
        read = read_image(nifti(tmp_path / "a.nii.gz", image, slope=2, intercept=-1024, order=order))
        assert np.allclose(read.array, image.array * 2 - 1024)


@pytest.mark.parametrize("dtype", ["i4", "u2"])
def test_ct_in_wide_integers_becomes_16_bit_where_it_fits(dtype: str, tmp_path: Path) -> None:
    image = random_image()
    fits = image.with_array(np.abs(image.array).astype(dtype), "wide")
    for suffix in (".nii", ".nrrd", ".mha"):
        write_image(fits, tmp_path / f"a{suffix}")
        read = read_image(tmp_path / f"a{suffix}")
        assert read.array.dtype == np.int16
        assert np.array_equal(read.array, fits.array)
    wide = fits.with_array(fits.array + np.array(40000, dtype), "wider")
    write_image(wide, tmp_path / "b.nrrd")
    assert read_image(tmp_path / "b.nrrd").array.dtype == dtype


@pytest.mark.parametrize(("units", "to_mm"), [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_nifti_units_become_millimetres(units: int, to_mm: float, tmp_path: Path) -> None:
    image = random_image()
    affine = np.diag([-1, -1, 1, 1]) @ image.geometry.affine
    affine[:3] /= to_mm
    assert_same(read_image(nifti(tmp_path / "a.nii", image, sform=affine, units=units)), image, 1e-2)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_qform_alone_is_used_also_when_mirrored(sign: int, tmp_path: Path) -> None:
    image = random_image(turn=(20, -30, 40))
    volume = itk_volume(image)
    if sign < 0:
        volume.SetDirection((image.geometry.directions * (1, 1, -1)).ravel().tolist())
    sitk.WriteImage(volume, str(tmp_path / "a.nii"))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<h", content, 254, 0)  # no sform
    (tmp_path / "b.nii").write_bytes(content)
    read = read_image(tmp_path / "b.nii")
    assert read.geometry.is_left_handed == (sign < 0)
    assert np.allclose(read.geometry.to_world((3, 2, 1)), volume.TransformIndexToPhysicalPoint((3, 2, 1)), atol=1e-3)


def test_a_qform_that_agrees_with_the_sform_is_no_contradiction(tmp_path: Path) -> None:
    sitk.WriteImage(itk_volume(random_image(turn=(1, 2, 3))), str(tmp_path / "a.nii"))
    assert struct.unpack_from("<2h", (tmp_path / "a.nii").read_bytes(), 252) == (1, 1)
    assert_same(read_image(tmp_path / "a.nii"), random_image(turn=(1, 2, 3)))


SHEARED = np.array([[-0.7, 0, 0.6, 31], [0, -1.1, 0, -17], [0, 0, 2.3, -55]])
REFUSED_NIFTI = {
    "sheared sform without qform": ({"sform": SHEARED}, "sheared by 14"),
    "sheared sform beside a straight qform": (
        {"sform": SHEARED, "qform_code": 1, "qform": (0, 0, 1, 31, -17, -55)},
        "sheared by 14",
    ),
    "two positions": ({"qform_code": 1, "qform": (0, 0, 0, 0, 0, 0)}, "two different positions"),
    "no position": ({"sform_code": 0}, "does not say how the volume lies"),
    "several volumes": ({"dims": (4, 14, 11, 3, 3, 1, 1, 1)}, "holds 3 volumes"),
    "vectors": ({"dims": (5, 14, 11, 3, 1, 3, 1, 1)}, "holds 3 volumes"),
    "flat": ({"dims": (2, 14, 11, 1, 1, 1, 1, 1)}, "flat picture"),
    "empty": ({"dims": (3, 14, 11, 0, 1, 1, 1, 1)}, "the volume is empty"),
    "colours": ({"datatype": 128}, "colour values"),
    "complex": ({"datatype": 32}, "complex values"),
    "unknown type": ({"datatype": 1536}, "NIfTI type 1536"),
    "dimensions without sense": ({"dims": (99, 14, 11, 9, 1, 1, 1, 1)}, "header is damaged"),
    "more dimensions than voxels": ({"dims": (3, 14, 11, 400, 1, 1, 1, 1)}, "cut short"),
    "infinite position": ({"sform": np.full((3, 4), np.inf)}, "not finite"),
    "no size": ({"sform": SHEARED * 0}, "no size"),
}


@pytest.mark.parametrize("case", REFUSED_NIFTI)
def test_an_unfit_nifti_file_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    fields, words = REFUSED_NIFTI[case]
    with pytest.raises(InputError, match=re.escape(words)) as refused:
        read_image(nifti(tmp_path / "scan.nii.gz", **fields))
    assert {problem.where for problem in refused.value.problems} == {"scan.nii.gz"}
    assert str(tmp_path) not in str(refused.value)


def test_a_shear_within_rounding_is_read_as_written(tmp_path: Path) -> None:
    image = random_image()
    affine = np.diag([-1, -1, 1, 1]) @ image.geometry.affine
    affine[0, 2] += 2.3 * 0.001
    read = read_image(nifti(tmp_path / "a.nii", image, sform=affine))
    assert np.allclose(np.diag([-1, -1, 1, 1]) @ read.geometry.affine, affine, atol=1e-4)


def test_a_trailing_axis_of_one_is_fine(tmp_path: Path) -> None:
    image = random_image(turn=(5, -8, 12))
    assert_same(read_image(nifti(tmp_path / "a.nii", image, dims=(4, 14, 11, 9, 1, 1, 1, 1))), image)
    assert_same(read_image(nifti(tmp_path / "b.nii", image, dims=(5, 14, 11, 9, 1, 1, 1, 1))), image)
    volume = sitk.JoinSeries([itk_volume(random_image())])
    sitk.WriteImage(volume, str(tmp_path / "c.nrrd"))
    assert_same(read_image(tmp_path / "c.nrrd"), random_image())


@pytest.mark.parametrize("suffix", WRITABLE)
def test_a_volume_of_one_slice_is_read(suffix: str, tmp_path: Path) -> None:
    image = random_image((1, 11, 14), turn=(5, 0, 0))
    write_image(image, tmp_path / f"a{suffix}")
    assert_same(read_image(tmp_path / f"a{suffix}"), image)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz"])
def test_nan_is_refused(suffix: str, tmp_path: Path) -> None:
    array = random_image().array.astype(np.float32)
    array[3, 4, 5] = np.nan
    volume = sitk.GetImageFromArray(array)
    volume.SetOrigin((1, 2, 3))
    sitk.WriteImage(volume, str(tmp_path / f"a{suffix}"))
    with pytest.raises(InputError, match=rf"a\{suffix}: 1 voxels are NaN"):
        read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_vectors_colours_pictures_and_several_volumes_are_refused(suffix: str, tmp_path: Path) -> None:
    path = str(tmp_path / f"a{suffix}")
    sitk.WriteImage(sitk.Compose([itk_volume(random_image())] * 3), path)
    with pytest.raises(InputError, match="each voxel holds 3 numbers"):
        read_image(path)
    sitk.WriteImage(sitk.JoinSeries([itk_volume(random_image())] * 2), path)
    with pytest.raises(InputError, match=r"2 volumes \(phases or time points"):
        read_image(path)
    sitk.WriteImage(itk_volume(random_image())[:, :, 0], path)
    with pytest.raises(InputError, match=r"flat picture|does not say how"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_sheared_grid_is_refused(suffix: str, tmp_path: Path) -> None:
    volume = itk_volume(random_image())
    volume.SetDirection((1, 0, 0.2, 0, 1, 0, 0, 0, 0.98))
    sitk.WriteImage(volume, str(tmp_path / f"a{suffix}"))
    with pytest.raises(InputError, match="sheared by 11"):
        read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("space", ["right-anterior-superior", "left-anterior-superior", "RAS", "LPS"])
def test_nrrd_spaces_become_lps(space: str, tmp_path: Path) -> None:
    image = random_image()
    write_image(image, tmp_path / "a.nrrd")
    content = (tmp_path / "a.nrrd").read_bytes().replace(b"left-posterior-superior", space.encode())
    (tmp_path / "b.nrrd").write_bytes(content)
    signs = {"r": (-1, -1, 1), "left-a": (1, -1, 1), "lps": (1, 1, 1), "ras": (-1, -1, 1)}
    sign = next(s for key, s in signs.items() if space.lower().startswith(key))
    read = read_image(tmp_path / "b.nrrd")
    assert np.allclose(read.geometry.to_world((3, 2, 1)), image.geometry.to_world((3, 2, 1)) * sign)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"space: left-posterior-superior", b"space dimension: 3"),
        (rb"space: left-posterior-superior", b"space: 3D-right-handed"),
        (rb"space origin: [^\n]*\n", b""),
        (rb"\(0,0,2\.29[^)]*\)", b"none"),
    ],
)
def test_nrrd_without_a_full_position_is_refused(old: bytes, new: bytes, tmp_path: Path) -> None:
    write_image(random_image(), tmp_path / "a.nrrd")
    content = (tmp_path / "a.nrrd").read_bytes()
    changed = re.sub(old, new, content)
    assert changed != content
    (tmp_path / "b.nrrd").write_bytes(changed)
    with pytest.raises(InputError, match="does not say how the volume lies"):
        read_image(tmp_path / "b.nrrd")


@pytest.mark.parametrize("field", [b"TransformMatrix", b"Offset"])
def test_metaimage_without_a_position_is_refused(field: bytes, tmp_path: Path) -> None:
    write_image(random_image(), tmp_path / "a.mha")
    content = re.sub(field + rb" = [^\n]*\n", b"", (tmp_path / "a.mha").read_bytes())
    (tmp_path / "b.mha").write_bytes(content)
    with pytest.raises(InputError, match="does not say how the volume lies"):
        read_image(tmp_path / "b.mha")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.97])
def test_a_file_cut_short_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    write_image(random_image((20, 30, 40)), tmp_path / f"a{suffix}")
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=rf"cut\{suffix}: ") as refused:
        read_image(tmp_path / f"cut{suffix}")
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_flipped_bit_in_packed_voxels_is_found(suffix: str, tmp_path: Path) -> None:
    write_image(random_image((20, 30, 40)), tmp_path / f"a{suffix}")
    content = bytearray((tmp_path / f"a{suffix}").read_bytes())
    content[len(content) * 3 // 4] ^= 0x10
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / f"a{suffix}")


def test_raw_parts_that_are_missing_are_named(tmp_path: Path) -> None:
    for suffix, part in ((".mhd", ".zraw"), (".nhdr", ".raw.gz")):
        sitk.WriteImage(itk_volume(random_image()), str(tmp_path / f"a{suffix}"), useCompression=True)
        (tmp_path / f"a{part}").unlink()
        with pytest.raises(InputError, match=rf"a\{suffix}: "):
            read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(("suffix", "header"), [(".nii", 352), (".nrrd", 420), (".mha", 380)])
def test_damaged_headers_never_crash(suffix: str, header: int, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    write_image(random_image(), tmp_path / f"a{suffix}")
    sound = (tmp_path / f"a{suffix}").read_bytes()
    refused = 0
    for _ in range(200):
        damaged = bytearray(sound)
        for place in random.integers(header, size=3):
            damaged[place] = random.integers(256)
        (tmp_path / f"a{suffix}").write_bytes(damaged)
        try:
            read_image(tmp_path / f"a{suffix}")
        except InputError as error:
            refused += 1
            assert str(tmp_path) not in str(error)
    assert refused > 20


def test_numbers_without_sense_in_a_nifti_header_are_refused(tmp_path: Path) -> None:
    content = bytearray(nifti(tmp_path / "a.nii").read_bytes())
    struct.pack_into("<f", content, 108, float("nan"))  # where the voxels begin
    (tmp_path / "b.nii").write_bytes(content)
    with pytest.raises(InputError, match="header is damaged"):
        read_image(tmp_path / "b.nii")
    with pytest.raises(InputError, match="scaling of grey values is damaged"):
        read_image(nifti(tmp_path / "c.nii", slope=3e38))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
@pytest.mark.parametrize("content", [b"", b"hello\n" * 200, b"NRRD0004\n", b"\x1f\x8b\x08\0garbage"])
def test_files_of_another_kind_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_image(tmp_path / name)


def test_missing_and_unknown_files_are_refused_without_their_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^a\.nii: there is no such file"):
        read_image(tmp_path / "a.nii")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match=r"^a\.jpg: the ending .* is not known\. Use one of \.nii, "):
        read_image(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"^case 3: "):
        read_image(tmp_path / "a.jpg", name="case 3")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = random_image()
    write_image(image, tmp_path / "a.nrrd")
    before = (tmp_path / "a.nrrd").read_bytes()

    def cut_short(_volume: sitk.Image, path: str, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise RuntimeError("disk full")

    monkeypatch.setattr(sitk, "WriteImage", cut_short)
    with pytest.raises(InputError, match=r"a\.nrrd: the file cannot be written"):
        write_image(image.with_array(image.array + 1, "changed"), tmp_path / "a.nrrd")
    assert (tmp_path / "a.nrrd").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    image = random_image()
    with pytest.raises(InputError, match="ending"):
        write_image(image, tmp_path / "a.jpg")
    with pytest.raises(InputError, match="cannot be written"):
        write_image(image, tmp_path / "missing" / "a.nrrd")
    with pytest.raises(InputError, match="float16"):
        write_image(image.with_array(image.array.astype(np.float16), "half"), tmp_path / "a.nrrd")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_volume_that_is_not_packed_is_read_as_it_was_written(suffix: str, tmp_path: Path) -> None:
    image = random_image()
    for name, packed in (("packed", True), ("unpacked", False)):
        write_image(image, tmp_path / f"{name}{suffix}", packed=packed)
    packed, unpacked = (read_image(tmp_path / f"{name}{suffix}") for name in ("packed", "unpacked"))
    assert np.array_equal(unpacked.array, image.array) and unpacked.array.dtype == image.array.dtype
    assert np.array_equal(unpacked.geometry.affine, packed.geometry.affine)
    assert (tmp_path / f"unpacked{suffix}").stat().st_size > image.array.nbytes


def test_true_and_false_are_written_as_one_and_zero(tmp_path: Path) -> None:
    image = random_image()
    write_image(image.with_array(image.array > 0, "mask"), tmp_path / "a.nrrd")
    read = read_image(tmp_path / "a.nrrd")
    assert read.array.dtype == np.uint8
    assert np.array_equal(read.array, image.array > 0)


def test_a_nearly_straight_grid_can_be_written_everywhere(tmp_path: Path) -> None:
    affine = np.diag([0.7, 0.7, 2.5, 1.0])
    affine[0, 2] = 2.5 * 0.005  # 0.3 degrees, within what a geometry allows
    image = Image(random_image().array, Geometry((9, 11, 14), affine))
    for suffix in (".nrrd", ".mha"):
        write_image(image, tmp_path / f"a{suffix}")
        assert_same(read_image(tmp_path / f"a{suffix}"), image)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["example_ct.nii.gz", "example_mr_sm.nii.gz", "example_seg.nii.gz"])
def test_real_nifti_files_are_read_as_itk_reads_them(name: str) -> None:
    path = shared / "data/ts_examples" / name
    if not path.is_file():
        pytest.skip(f"SKIPPED: ../shared/data/ts_examples/{name} not found")
    read, volume = read_image(path), sitk.ReadImage(str(path))
    assert np.array_equal(read.array, sitk.GetArrayFromImage(volume))
    assert np.allclose(read.geometry.to_world((7, 5, 3)), volume.TransformIndexToPhysicalPoint((7, 5, 3)), atol=1e-3)
