"""Patches for training follow the paper, in a volume stored oblique, flipped and anisotropic as well."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.recipes.ltp.recipe import WINDOWS
from HCCAssistLib.recipes.ltp.sampling import STORED, batch_maker, sample_case
from HCCAssistLib.recipes.registry import get_recipe
from HCCAssistLib.training.samples import Samples

LTP = get_recipe("ltp")
OPTIONS = LTP.resolve({})
SHAPE = (30, 90, 110)


def make_image(rng: np.random.Generator, *, flipped: bool = False) -> Image:
    """Every voxel has its own value, so that a patch says where it came from."""
    directions = np.diag([-1.0, 1.0, -1.0]) if flipped else np.eye(3)
    geometry = Geometry.from_parts(SHAPE, (0.8, 0.7, 4.0), (-30.0, 12.0, -200.0), directions)
    return Image(rng.integers(-100, 300, SHAPE).astype(np.int16), geometry, "case-1")


def cohort_of(folder: Path, image: Image, points: dict[str, list[tuple[float, float, float]]]) -> Path:
    post = folder / "cases" / "case-1" / "post"
    post.mkdir(parents=True)
    write_image(image, post / "arterial.nrrd")
    for name, positions in points.items():
        listed = tuple(Point(f"{name}-{n}", position) for n, position in enumerate(positions))
        write_points(PointList(name, listed), post / f"{name}.mrk.json")
    write_cohort_table(folder, [{"case_id": "case-1", "split": "train", "ltp": int("ltp" in points)}])
    return folder


def sample(folder: Path, seed: int = 0, **options: object) -> Samples:
    case = read_cohort(folder).cases[0]
    return sample_case(read_study(case, LTP), case, {**OPTIONS, **options}, np.random.default_rng(seed))


@pytest.fixture(params=[False, True], ids=["as scanned", "flipped"])
def image(request: pytest.FixtureRequest) -> Image:
    return make_image(np.random.default_rng(5), flipped=request.param)


def lesion_at(image: Image, ijk: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = image.geometry.to_world(ijk)
    return float(x), float(y), float(z)


def test_twenty_different_shifts_hold_the_point_and_keep_its_slice(tmp_path: Path, image: Image) -> None:
    lesions = [lesion_at(image, (60.3, 40.2, 15)), lesion_at(image, (30, 60, 20))]
    samples = sample(cohort_of(tmp_path, image, {"ltp": lesions}))
    positives = samples.select(samples.labels == 1)
    assert len(positives) == 40
    spacing = image.geometry.spacing
    for number, lesion in enumerate(lesions):
        centers = positives["center_lps"][positives["lesion"] == number]
        assert len(np.unique(centers.round(2), axis=0)) == 20
        offset = np.abs(centers - np.array(lesion)) / spacing
        assert (offset[:, :2] <= 16.5).all()  # the point lies in the 32 x 32 patch
        assert (offset[:, 2] < 0.51).all()  # slices z-4 .. z+3 around the point's own
        assert offset[:, :2].max() > 5  # and it is really shifted


def test_the_stored_voxels_are_those_around_the_stored_centre(tmp_path: Path, image: Image) -> None:
    samples = sample(cohort_of(tmp_path, image, {"ltp": [lesion_at(image, (60, 40, 15))]}))
    straight = image.array[::-1, :, ::-1] if image.geometry.directions[0, 0] < 0 else image.array
    corner = image.geometry.to_world((np.array(SHAPE[::-1]) - 1) * (image.geometry.directions.diagonal() < 0))
    half = STORED // 2
    inside = 0
    for voxels, center in zip(samples["voxels"], samples["center_lps"], strict=True):
        i, j, k = np.rint((center - corner) / image.geometry.spacing).astype(int)
        # the centre voxel is the 17th of 32 pixels and the 5th of 8 slices
        assert voxels[4, half, half] == straight[k, j, i]
        if half <= i < SHAPE[2] - half and half <= j < SHAPE[1] - half and 4 <= k < SHAPE[0] - 4:
            inside += 1
            expected = straight[k - 4 : k + 4, j - half : j + half, i - half : i + half]
            assert np.array_equal(voxels, expected)
    assert inside > 5


def test_forty_negatives_keep_the_radius_and_hold_no_point(tmp_path: Path, image: Image) -> None:
    lesions = [lesion_at(image, (50, 40, 15)), lesion_at(image, (70, 50, 12))]
    for unit, scale in (("mm", np.ones(3)), ("voxels", image.geometry.spacing)):
        samples = sample(cohort_of(tmp_path / unit, image, {"ltp": lesions}), radius_unit=unit, radius=22.0)
        negatives = samples.select(samples.labels == 0)
        assert len(negatives) == 40
        assert set(negatives["lesion"]) == {-1}
        for lesion in lesions:
            away = (negatives["center_lps"] - np.array(lesion)) / scale
            assert np.linalg.norm(away, axis=1).min() > 22.0 - 1.0  # the point is rounded to its voxel
            voxels = np.abs((negatives["center_lps"] - np.array(lesion)) / image.geometry.spacing)
            assert not ((voxels[:, 0] < 15.5) & (voxels[:, 1] < 15.5) & (voxels[:, 2] < 3.4)).any()


def test_negatives_come_from_the_body_unless_the_volume_is_asked_for(tmp_path: Path) -> None:
    image = make_image(np.random.default_rng(1))
    array = image.array.copy()
    array[:, :, :60] = -1000
    half_air = image.with_array(array, "air on one side")
    folder = cohort_of(tmp_path, half_air, {})
    body, volume = (sample(folder, negatives=where)["center_lps"][:, 0] for where in ("body", "volume"))
    middle = image.geometry.to_world((60, 0, 0))[0]
    assert (body > middle - 0.1).all()
    assert (volume < middle - 8).sum() > 5


def test_rejected_findings_become_negatives_unless_they_hold_a_lesion(tmp_path: Path, image: Image) -> None:
    lesion = lesion_at(image, (60, 40, 15))
    far, near = lesion_at(image, (25, 70, 24)), lesion_at(image, (66, 44, 15))
    samples = sample(cohort_of(tmp_path, image, {"ltp": [lesion], "rejected": [far, near]}))
    negatives = samples.select(samples.labels == 0)
    assert 60 <= len(negatives) < 80  # 40 at random, 20 around the far one, some around the near one
    voxels = np.abs((negatives["center_lps"] - np.array(lesion)) / image.geometry.spacing)
    assert not ((voxels[:, 0] < 15.5) & (voxels[:, 1] < 15.5) & (voxels[:, 2] < 3.4)).any()


def test_a_patch_at_the_edge_is_filled_with_air(tmp_path: Path, image: Image) -> None:
    corner = lesion_at(image, (1, 1, 1))
    positives = (s := sample(cohort_of(tmp_path, image, {"ltp": [corner]}))).select(s.labels == 1)
    assert (positives["voxels"] == -1024).any(axis=(1, 2, 3)).all()
    assert (positives["voxels"] > -200).any(axis=(1, 2, 3)).all()


def test_a_point_outside_and_a_volume_too_small_are_refused(tmp_path: Path) -> None:
    image = make_image(np.random.default_rng(1))
    outside = cohort_of(tmp_path / "a", image, {"ltp": [(500.0, 0.0, 0.0)]})
    with pytest.raises(InputError, match=r"'ltp-0': the point lies 450.1 mm outside the volume"):
        sample(outside)
    thin = Image(image.array[:6], image.geometry.crop((0, 0, 0), (6, *SHAPE[1:])), "thin")
    with pytest.raises(InputError, match="smaller than a patch"):
        sample(cohort_of(tmp_path / "b", thin, {}))


@pytest.mark.parametrize("border", ["strict", "context"])
def test_batches_are_windowed_to_256_grey_levels_in_the_papers_order(tmp_path: Path, border: str) -> None:
    samples = sample(cohort_of(tmp_path, make_image(np.random.default_rng(1)), {}))
    batch = batch_maker({**OPTIONS, "border": border})({"voxels": torch.from_numpy(samples["voxels"])}, None)
    size = 32 if border == "strict" else 46
    assert batch.shape == (40, 3, 8, size, size)
    assert torch.equal((batch * 255).round(), batch * 255)
    first = (STORED - size) // 2
    hu = samples["voxels"][:, :, first : first + size, first : first + size].astype(float)
    for channel, (level, width) in enumerate(((60, 400), (80, 60), (120, 40))):
        grey = np.clip((hu - (level - width / 2)) / width, 0, 1) * 255
        assert np.abs(batch[:, channel].numpy() * 255 - grey).max() <= 0.5 + 1e-3
        assert (WINDOWS[channel].level, WINDOWS[channel].width) == (level, width)


def test_augmentation_is_drawn_from_the_generator_only(tmp_path: Path) -> None:
    voxels = {
        "voxels": torch.from_numpy(sample(cohort_of(tmp_path, make_image(np.random.default_rng(1)), {}))["voxels"])
    }
    make = batch_maker(OPTIONS)
    one, again = (make(voxels, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, make(voxels, None))
    plain = batch_maker({**OPTIONS, "augment": False})
    assert torch.equal(plain(voxels, torch.Generator().manual_seed(1)), make(voxels, None))


def test_no_patch_is_taken_where_a_point_is_to_be_ignored(tmp_path: Path, image: Image) -> None:
    """Another tumour is neither: it may not teach that it is one of these, nor that it is none."""
    case = read_cohort(cohort_of(tmp_path, image, {"ltp": [lesion_at(image, (25, 70, 24))]})).cases[0]
    study = read_study(case, LTP)
    other, beside = lesion_at(image, (70, 40, 12)), lesion_at(image, (76, 44, 12))

    def sampled(**points: tuple[float, float, float]) -> Samples:
        lists = {f"post/{name}": PointList(name, (Point("1", position),)) for name, position in points.items()}
        more = replace(study, points={**study.points, **lists})
        return sample_case(more, case, {**OPTIONS, "radius": 20.0}, np.random.default_rng(0))

    def nearest(samples: Samples) -> float:
        away = np.linalg.norm(samples["center_lps"] - np.array(other), axis=1)
        return float(away[samples.labels == 0].min())

    assert nearest(sampled()) < 20 > nearest(sampled(rejected=beside))
    ignoring = sampled(ignored=other, rejected=beside)
    assert nearest(ignoring) > 19.0  # the point is rounded to its voxel
    assert ignoring.counts() == {0: 40, 1: 20}, "the rejected point beside it gives no patch"
