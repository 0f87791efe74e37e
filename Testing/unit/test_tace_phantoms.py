"""Phantoms of tumours before TACE: known truth in the voxels, on every grid, and a response of known strength."""

import hashlib
import json
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.cohort.finding_labels import findings_of_segments
from HCCAssistLib.cohort.segments import mask_on, read_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.files import read_image
from HCCAssistLib.phantoms.cohort import write_cohort
from HCCAssistLib.phantoms.liver.arterial_region import Region, grid_around
from HCCAssistLib.phantoms.liver.arterial_tumour import draw_shape, plant
from HCCAssistLib.phantoms.liver.layout import draw_layout
from HCCAssistLib.phantoms.liver.placement import place_tumours
from HCCAssistLib.phantoms.liver.scene import SCANNERS
from HCCAssistLib.phantoms.liver.storage import Storage
from HCCAssistLib.phantoms.liver.tumour_looks import Looks
from HCCAssistLib.phantoms.tace import cases
from HCCAssistLib.phantoms.tace.cases import (
    DIAMETER_MM,
    LIMITS_MM,
    PHANTOMS,
    PIXEL_MM,
    SLICE_MM,
    make_case,
    mask_of,
    segments_of,
    write_case,
)
from HCCAssistLib.phantoms.tace.looks import LOADINGS, draw_looks
from HCCAssistLib.phantoms.tace.sample import make_sample, read_sample
from HCCAssistLib.phantoms.tace.truth import TACEPhantom

pytestmark = pytest.mark.slow

SEED = (0, 90)
"""Three tumours of 85 to 23 mm with necrosis and shunts, in slices of 2.5 mm and pixels that are not square."""

FLIPPED: Storage = ((1, 0, 2), (True, False, True))
CASES = 4


@pytest.fixture(scope="module")
def phantom() -> TACEPhantom:
    return make_case(SEED, "SD")


@pytest.fixture(scope="module")
def turned() -> TACEPhantom:
    return make_case(SEED, "SD", storage=FLIPPED, oblique=True)


@pytest.fixture(scope="module")
def made() -> list[TACEPhantom]:
    """The phantoms of the cohort as they were before they were written."""
    return []


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, made: list[TACEPhantom]) -> Cohort:
    out = tmp_path_factory.mktemp("phantoms") / "cohort"

    def kept(*args: Any, **options: Any) -> TACEPhantom:
        made.append(make_case(*args, **options))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "make_case", kept)
        write_cohort(PHANTOMS, out, cases=CASES, seed=3)
    return read_cohort(out)


def _digest(one: TACEPhantom) -> str:
    return hashlib.sha256(b"".join(image.array.tobytes() for image in (one.arterial, one.labels))).hexdigest()


def test_a_case_is_the_same_bit_for_bit_for_the_same_seed(phantom: TACEPhantom) -> None:
    same, other = make_case(SEED, "SD"), make_case((*SEED[:1], SEED[1] + 1), "SD")
    assert (_digest(same), same.as_json()) == (_digest(phantom), phantom.as_json())
    assert same.arterial.geometry.matches(phantom.arterial.geometry)
    assert _digest(other) != _digest(phantom)


def test_with_strength_0_a_case_is_the_same_whatever_the_response(phantom: TACEPhantom) -> None:
    good, bad = (make_case(SEED, response, strength=0.0) for response in ("CR", "PD"))
    assert _digest(good) == _digest(bad)
    assert good.scores.latent > 1 and bad.scores.latent < -0.8
    assert _digest(make_case(SEED, "CR")) != _digest(phantom)


def test_what_a_case_is_besides_its_looks_does_not_depend_on_the_response(phantom: TACEPhantom) -> None:
    other = make_case(SEED, "CR")
    assert other.patient == phantom.patient
    assert other.arterial.geometry.matches(phantom.arterial.geometry)
    for one, two in zip(other.tumours, phantom.tumours, strict=True):
        assert (one.center_lps, one.diameter_mm) == (two.center_lps, two.diameter_mm)


@pytest.mark.parametrize("name", ["phantom", "turned"])
def test_the_truth_is_that_of_the_voxels(name: str, request: pytest.FixtureRequest) -> None:
    one: TACEPhantom = request.getfixturevalue(name)
    voxel_ml = float(np.prod(one.arterial.geometry.spacing)) / 1000
    hu = one.arterial.array.astype(float)
    for number, tumour in enumerate(one.tumours, 1):
        inside, necrotic = one.labels.array == number, one.necrosis.array > 0
        assert inside.sum() * voxel_ml == pytest.approx(tumour.volume_ml, rel=0.02)
        assert necrotic[inside].mean() == pytest.approx(tumour.looks.necrosis, abs=0.04)
        assert hu[inside].mean() == pytest.approx(one.patient["liver_hu"] + tumour.looks.mean_hu, abs=5)
        # the median, since a shunt may run through the necrosis of a small tumour
        assert np.median(hu[inside & necrotic]) < np.median(hu[inside & ~necrotic]) - 20
    assert not one.necrosis.array[one.labels.array == 0].any()
    assert sum(tumour.looks.necrosis > 0.05 for tumour in one.tumours) == 3


def test_tumours_lie_where_the_truth_says_in_an_oblique_flipped_volume(turned: TACEPhantom) -> None:
    grid = turned.arterial.geometry
    assert grid.obliquity_degrees > 4
    assert turned.turned_degrees > 4
    assert turned.labels.geometry.matches(grid)
    for number, tumour in enumerate(turned.tumours, 1):
        places = grid.to_world(np.argwhere(turned.labels.array == number)[:, ::-1])
        np.testing.assert_allclose(places.mean(axis=0), tumour.center_lps, atol=0.4)
        reach = np.linalg.norm(places - tumour.center_lps, axis=1).max()
        assert 0.85 * tumour.diameter_mm / 2 < reach < 1.2 * tumour.diameter_mm / 2


def test_storage_and_slices_show_the_same_tumours(phantom: TACEPhantom, turned: TACEPhantom) -> None:
    assert phantom.tumours == turned.tumours
    for number in range(1, len(phantom.tumours) + 1):
        straight, oblique = (
            one.arterial.geometry.to_world(np.argwhere(one.labels.array == number)[:, ::-1])
            for one in (phantom, turned)
        )
        np.testing.assert_allclose(straight.mean(axis=0), oblique.mean(axis=0), atol=0.3)
        np.testing.assert_allclose(np.cov(straight.T), np.cov(oblique.T), atol=0.06 * np.cov(straight.T).max())


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_an_asymmetric_tumour_is_drawn_where_it_was_planted_on_an_oblique_flipped_grid(flip: float) -> None:
    rng = np.random.default_rng(4)
    region = replace(Region.draw(rng, SCANNERS["internal"]), portal=[], hepatic=[], arteries=[])
    looks = Looks(300.0, 0.0, 10.0, 0.0, 0.0, 2.0, 0.0, 20.0, 0, 0.0)
    semi, center = np.array([15.0, 8.0, 11.0]), np.array([22.0, -13.0, 9.0])
    shape = replace(draw_shape(rng, 30.0, center), axes=np.eye(3), semi_axes=semi, bump_mm=0.0)
    tumour = plant(rng, looks, shape, region)
    _, directions, _ = draw_layout(np.random.default_rng(1), SLICE_MM["internal"], PIXEL_MM["internal"], True)
    directions = directions @ np.diag([flip, 1.0, -1.0])
    canvas = region.canvas(grid_around([center], [shape.reach], (0.9, 1.2, 2.5), directions))
    painted = tumour.paint(canvas, region)
    assert painted is not None
    places = canvas.geometry.to_world(np.argwhere(canvas.array > region.liver_hu + 150)[:, ::-1]) - center
    assert len(places) * 0.9 * 1.2 * 2.5 == pytest.approx(4 / 3 * np.pi * semi.prod(), rel=0.05)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=0.3)
    np.testing.assert_allclose(np.abs(places).max(axis=0), semi, atol=1.8)
    assert painted.inside.sum() == pytest.approx(len(places), rel=0.03)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_capsule_encloses_the_share_of_the_surface_that_the_truth_says(share: float) -> None:
    rng = np.random.default_rng(6)
    region = replace(Region.draw(rng, SCANNERS["internal"]), portal=[], hepatic=[], arteries=[])
    looks = Looks(100.0, 0.0, 10.0, share, -80.0, 4.0, 0.0, 20.0, 0, 0.0)
    shape = draw_shape(rng, 60.0, np.zeros(3))
    tumour = plant(rng, looks, shape, region)
    canvas = region.canvas(grid_around([np.zeros(3)], [shape.reach], (1.0, 1.0, 1.0), np.eye(3)))
    tumour.paint(canvas, region)
    patch = shape.patch(canvas)
    assert patch is not None
    depth = shape.depth(patch)
    shell = canvas.array[patch.slices][(depth > 1.5) & (depth < 3)]
    assert np.mean(shell < tumour.viable_hu - 40) == pytest.approx(share, abs=0.06)


def test_slices_pixels_and_orders_of_storage_differ_between_cases() -> None:
    slice_mm, pixel_mm = SLICE_MM["internal"], PIXEL_MM["internal"]
    drawn = [draw_layout(np.random.default_rng(seed), slice_mm, pixel_mm, None) for seed in range(400)]
    slices, tall, turned = (
        np.array([spacing[2] for spacing, _, _ in drawn]),
        np.array([spacing[1] / spacing[0] for spacing, _, _ in drawn]),
        np.array([degrees for _, _, degrees in drawn]),
    )
    assert set(slices) == {1.0, 2.5}
    assert 0.12 < np.mean(slices == 2.5) < 0.3
    assert 0.05 < np.mean(tall > 1.2) < 0.16
    assert 0.05 < np.mean(turned > 3) < 0.16
    for _, directions, _ in drawn[:40]:
        np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)


def test_sizes_run_from_10_to_120_mm_and_tumours_do_not_touch() -> None:
    found = [place_tumours(np.random.default_rng(seed), 1 + seed % 3, DIAMETER_MM, LIMITS_MM) for seed in range(300)]
    sizes = np.concatenate([one for one, _ in found])
    assert (sizes.min(), sizes.max()) == LIMITS_MM
    for diameters, centers in found:
        assert diameters == sorted(diameters, reverse=True)
        for n, one in enumerate(centers):
            for m in range(n):
                assert np.linalg.norm(one - centers[m]) > (diameters[n] + diameters[m]) / 2
    with pytest.raises(InputError, match="no room for 200 tumours"):
        place_tumours(np.random.default_rng(2), 200, DIAMETER_MM, LIMITS_MM)


def test_a_case_of_the_cohort_reads_back_with_its_truth(cohort: Cohort, made: list[TACEPhantom]) -> None:
    assert [one.seed for one in made] == [(3, number) for number in range(CASES)]
    assert sorted(case.values["response"] for case in cohort.cases) == ["CR", "PD", "PR", "SD"]
    for one, case in zip(made, cohort.cases, strict=True):
        volume, path = case.volume_path("pre", "arterial"), case.annotation_path("pre", "tumour")
        assert volume is not None and path is not None
        image = read_image(volume)
        assert np.array_equal(image.array, one.arterial.array)
        assert image.geometry.matches(one.arterial.geometry)
        truth = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))
        assert truth == json.loads(json.dumps(one.as_json()))
        assert truth["note"].startswith("synthetic; says nothing about patients")
        assert truth["response"] == case.values["response"]
        segments = read_segments(path)
        assert [segment.name for segment in segments] == [tumour["label"] for tumour in truth["tumours"]]
        for n, segment in enumerate(segments, 1):
            assert np.array_equal(mask_on(segment, image.geometry).array, mask_of(one, n).array)


def test_the_two_largest_tumours_are_targets(phantom: TACEPhantom) -> None:
    findings, problems = findings_of_segments(segments_of(phantom), None)
    assert not problems
    assert [finding.target for finding in findings] == [True, True, False]
    volumes = [np.count_nonzero(finding.mask.array) for finding in findings if finding.mask]
    assert volumes[2] == min(volumes)


def test_cases_of_another_seed_share_no_image(cohort: Cohort, tmp_path: Path) -> None:
    write_cohort(PHANTOMS, tmp_path / "other", cases=1, seed=4)
    first, second = (
        {read_image(path).digest() for case in one.cases if (path := case.volume_path("pre", "arterial"))}
        for one in (cohort, read_cohort(tmp_path / "other"))
    )
    assert (len(first), len(second), len(first & second)) == (CASES, 1, 0)


def test_a_scanner_elsewhere_has_coarser_pixels_and_more_noise_of_the_same_tumours(phantom: TACEPhantom) -> None:
    other = make_case(SEED, "SD", scanner="external")
    assert other.patient["noise_hu"] > phantom.patient["noise_hu"]
    assert min(other.arterial.geometry.spacing) > min(phantom.arterial.geometry.spacing)
    assert other.scanner == "external"
    assert [one.score for one in other.tumours] == [one.score for one in phantom.tumours]


@pytest.mark.parametrize(("response", "strength", "what"), [("XX", 0.5, "no response 'XX'"), ("CR", 1.2, "1.2 is no")])
def test_what_there_is_not_is_refused(response: str, strength: float, what: str) -> None:
    with pytest.raises(InputError, match=what):
        make_case(SEED, response, strength=strength)


def test_a_background_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not put into a real CT"):
        write_case(tmp_path / "x", (0, 0), {"response": "CR"}, background=object(), field="liver", scanner="internal")  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_worse_tumours_are_coarser_more_necrotic_less_enclosed_and_fed_by_more_shunts() -> None:
    rng = np.random.default_rng(5)
    good, bad = (np.array([astuple(draw_looks(rng, score, 40.0)) for _ in range(300)]) for score in (1.2, -1.2))
    names = list(Looks.__dataclass_fields__)
    for name, loading in LOADINGS.items():
        difference = good[:, names.index(name)].mean() - bad[:, names.index(name)].mean()
        assert np.sign(difference) == np.sign(loading)
    for name in ("mean_hu", "necrosis_hu", "capsule_hu"):
        column = names.index(name)
        spread = good[:, column].std() / np.sqrt(300)
        assert abs(good[:, column].mean() - bad[:, column].mean()) < 5 * spread


def test_the_sample_case_has_two_segments(tmp_path: Path) -> None:
    make_sample(tmp_path)
    case = read_sample(tmp_path)
    assert case is not None
    assert list(case.volumes) == ["pre/arterial"]
    assert list(case.masks) == ["pre/tumour 1", "pre/tumour 2"]
    image = case.volumes["pre/arterial"]
    assert image.geometry.obliquity_degrees < 0.01
    for mask in case.masks.values():
        assert mask.array.any(axis=(1, 2))[[0, -1]].all()
        assert image.geometry.contains(mask.geometry.center[None]).all()
