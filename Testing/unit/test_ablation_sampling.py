"""What is seen of a patient: the right slices at the right place, whatever the storage, scale, motion or time point."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from ablation_toy import (
    CENTER,
    MIDDLE,
    OBLIQUE,
    STORAGES,
    TINY,
    case,
    grid,
    marked,
    places_of,
    ramp,
    segment,
    signal,
    study,
    write_toy_cohort,
)
from registration_phantoms import MOTION, SMALL, patient

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.cohort.points import LabelledBox
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.inference.study import Study, read_study
from HCCAssistLib.phantoms.dynamic_t1 import rigid_motion
from HCCAssistLib.recipes.ablation import registering
from HCCAssistLib.recipes.ablation.augmentation import turned
from HCCAssistLib.recipes.ablation.intensity import scale_of
from HCCAssistLib.recipes.ablation.recipe import ABLATION, PHASES, SIZE
from HCCAssistLib.recipes.ablation.regions import region_of
from HCCAssistLib.recipes.ablation.sampling import as_input, batch_maker, sample_case
from HCCAssistLib.recipes.ablation.sections import STORED, Sections, sections_of, sections_of_box
from HCCAssistLib.recipes.ablation.time_point import TimePoint, time_point_of

pytestmark = pytest.mark.heavy

OPTIONS = ABLATION.resolve(TINY)
RIGID = ABLATION.resolve({**TINY, "registration": "rigid"})
RNG = np.random.default_rng(0)


def of_ramp(geometry: Geometry, mark: Segment | LabelledBox, **others: Image) -> Study:
    """The known signal in all phases; phases that are named are given."""
    volumes = {f"pre/{name}": others.get(name, ramp(geometry)) for name in PHASES}
    return marked(Study("case-1", volumes), [mark])


def pear(geometry: Geometry) -> Segment:
    """An asymmetric region: largest 6 mm above its middle, and wider to the left there than below."""
    away = places_of(geometry) - np.array(MIDDLE)
    upper = (((away - (6, 0, 6)) / (20, 14, 7)) ** 2).sum(axis=-1) <= 1
    lower = (((away - (-4, 0, -8)) / (9, 8, 12)) ** 2).sum(axis=-1) <= 1
    return Segment("pear", Image((upper | lower).astype(np.uint8), geometry))


def expected(one: TimePoint, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """What the slices should show, 0..1, and where the volume holds them."""
    places = places_of(one.sections.grid(STORED))[one.sections.rows]
    scale = scale_of(ramp(geometry), "percentile")
    index = geometry.to_index(places)
    inner = ((index >= 0) & (index <= geometry.size_ijk - 1)).all(axis=-1)
    return scale(signal(places)), inner


@pytest.mark.parametrize("name", STORAGES)
def test_slices_show_the_place_of_the_region_in_any_storage(name: str) -> None:
    geometry = STORAGES[name]
    one = time_point_of(of_ramp(geometry, pear(geometry)), "pre", OPTIONS)
    wanted = np.add(MIDDLE, (6, 0, 6))
    assert np.abs(np.subtract(one.sections.center, wanted)[:2]).max() < 2.5
    assert abs(one.sections.center[2] - wanted[2]) <= one.sections.step_mm / 2 + 0.5
    assert one.sections.slices == (-1, 0, 1) and 36 < one.sections.size_mm < 46
    values, inner = expected(one, geometry)
    assert one.pictures.shape == (4, 3, STORED, STORED) and inner.mean() > 0.6
    for number, found in enumerate(one.pictures):
        assert np.abs(found[inner].astype(float) - values[inner]).max() < 2e-3, PHASES[number]
    assert values[inner].std() > 0.05, "and it shows more than one value"


def test_slices_of_an_axial_volume_are_its_own() -> None:
    geometry = grid()
    sections = sections_of(region_of(of_ramp(geometry, pear(geometry)), "pre"), geometry)
    index = geometry.to_index(sections.center)
    assert index[2] == pytest.approx(round(index[2]), abs=1e-9) and sections.step_mm == 4.0


def test_phases_on_other_grids_are_laid_on_the_delayed_one_by_their_position() -> None:
    geometry = grid()
    others = {
        "arterial": ramp(STORAGES["oblique, left-handed"]),
        "portal": ramp(STORAGES["sagittal"]),
        "unenhanced": ramp(grid((1.8, 2.4, 5.0), np.diag((1.0, -1.0, -1.0)))),
    }
    one = time_point_of(of_ramp(geometry, pear(geometry), **others), "pre", OPTIONS)
    values = signal(places_of(one.sections.grid(STORED)))
    for number, name in enumerate(PHASES[:3]):
        scale, index = scale_of(others[name], "percentile"), others[name].geometry
        inner = ((at := index.to_index(places_of(one.sections.grid(STORED)))) >= 0).all(axis=-1)
        inner &= (at <= index.size_ijk - 1).all(axis=-1)
        assert np.abs(one.pictures[number][inner].astype(float) - scale(values)[inner]).max() < 2e-3, name


def test_the_largest_slice_is_found_on_one_painted_slice_too() -> None:
    geometry = grid()
    whole = pear(geometry)
    levels = np.count_nonzero(whole.mask.array, axis=(1, 2))
    flat = np.zeros_like(whole.mask.array)
    flat[levels.argmax()] = whole.mask.array[levels.argmax()]
    one = sections_of(region_of(of_ramp(geometry, Segment("T", whole.mask.with_array(flat, "flat"))), "pre"), geometry)
    assert one.center == sections_of(region_of(of_ramp(geometry, whole), "pre"), geometry).center


def test_one_painted_slice_of_a_tilted_volume_is_seen_through_its_middle() -> None:
    geometry = STORAGES["oblique, left-handed"]
    index = geometry.to_index(np.add(MIDDLE, (6, 0, 6)))
    level = round(index[2])
    flat = np.zeros(geometry.shape, np.uint8)
    middle = geometry.to_world((index[0], index[1], level))
    disc = np.linalg.norm(places_of(geometry)[level] - middle, axis=-1) < 15
    flat[level] = disc
    one = sections_of(region_of(of_ramp(geometry, Segment("T", Image(flat, geometry))), "pre"), geometry)
    assert np.abs(np.subtract(one.center, middle)).max() < 1.0


def test_a_region_painted_on_another_grid_is_placed_by_position() -> None:
    geometry, finer = grid(), grid((1.0, 1.2, 2.0), OBLIQUE, (90, 90, 60))
    own, other = (sections_of(region_of(of_ramp(geometry, pear(g)), "pre"), geometry) for g in (geometry, finer))
    assert np.abs(np.subtract(own.center, other.center)).max() < 2.1


def test_a_box_is_seen_in_its_middle() -> None:
    box = LabelledBox("B1", Box(tuple(np.add(MIDDLE, (6, 0, 6))), (40.0, 28.0, 14.0), tuple(map(tuple, OBLIQUE.T))))
    geometry = grid()
    one = time_point_of(of_ramp(geometry, box), "pre", OPTIONS).sections
    assert one.center[:2] == pytest.approx(np.add(MIDDLE, (6, 0, 6))[:2])
    assert abs(one.center[2] - MIDDLE[2] - 6) <= 2.0 and geometry.to_index(one.center)[2] % 1 == pytest.approx(0)


@pytest.mark.parametrize("edge", ["lowest", "highest"])
def test_at_the_end_of_a_volume_the_slice_beside_stands_in(edge: str) -> None:
    geometry = grid()
    level = 0 if edge == "lowest" else geometry.shape[0] - 1
    mask = np.zeros(geometry.shape, np.uint8)
    mask[level, 40:50, 40:55] = 1
    one = time_point_of(of_ramp(geometry, Segment("T", Image(mask, geometry))), "pre", OPTIONS)
    assert one.sections.slices == ((0, 0, 1) if edge == "lowest" else (-1, 0, 0))
    first, second, third = one.pictures[3]
    assert np.array_equal(second, first if edge == "lowest" else third)
    assert not np.array_equal(second, third if edge == "lowest" else first)
    assert any("2 of 3 slices are there, and one stands in" in problem.what for problem in one.problems)
    again = sections_of_box(one.sections.box, geometry)
    assert (again.center, again.slices) == (pytest.approx(one.sections.center), one.sections.slices)


def test_a_region_beyond_the_side_of_a_volume_is_dark_there() -> None:
    geometry = grid(mm=(150, 190, 90))
    mark = segment(geometry, (60.0, 0.0, 4.0), (10, 10, 8))
    one = time_point_of(of_ramp(geometry, mark), "pre", OPTIONS)
    outside = places_of(one.sections.grid(STORED))[0, :, :, 0] > 78
    assert outside.any() and not one.pictures[3][1][outside].any()
    assert any("pre/delayed: it holds" in str(problem) for problem in one.problems)


@pytest.mark.parametrize("rule", ["percentile", "z-score"])
def test_what_a_reader_multiplies_or_adds_changes_nothing(rule: str) -> None:
    """dcm2niix and SimpleITK differ by the private scale of a Philips scan."""
    options = ABLATION.resolve({**TINY, "intensity": rule})
    plain = study("pre")
    scaled = {
        name: Image((3.7 * image.array.astype(np.float32) + 11).astype(np.float32), image.geometry, image.name)
        for name, image in plain.volumes.items()
    }
    found = time_point_of(replace(plain, volumes=scaled), "pre", options).pictures
    assert np.abs(found.astype(float) - time_point_of(plain, "pre", options).pictures.astype(float)).max() < 2e-3
    assert 0.2 < found.astype(float).mean() < 0.8


def test_air_takes_no_part_in_the_scale() -> None:
    rng = np.random.default_rng(0)
    body = rng.normal(300, 40, (20, 40, 40))
    padded = np.full((20, 90, 90), 0.0)
    padded[:, 25:65, 25:65] = body
    whole = scale_of(
        Image(np.rint(padded).astype(np.int16), Geometry.from_parts(padded.shape, (1, 1, 1))), "percentile"
    )
    assert whole.low == pytest.approx(np.percentile(body, 1), abs=1.5)
    assert whole.high == pytest.approx(np.percentile(body, 99), abs=1.5)
    as_float = scale_of(Image(padded.astype(np.float32), Geometry.from_parts(padded.shape, (1, 1, 1))), "percentile")
    assert (as_float.low, as_float.high) == pytest.approx((whole.low, whole.high), abs=0.6)


MOTIONS = {"unenhanced": rigid_motion((-2, 3, -6)), "portal": MOTION}


def moving() -> Study:
    """A breath between the phases; the liver is segmented."""
    there = study("pre")
    volumes = dict(there.volumes)
    for number, (name, motion) in enumerate(MOTIONS.items()):
        of_phantom = {"unenhanced": "plain"}.get(name, name)
        image = patient().image(of_phantom, SMALL, motion.sliding(), seed=30 + number)
        volumes[f"pre/{name}"] = Image(np.rint(image.array).astype(np.int16), SMALL, "case-1")
    return replace(there, volumes=volumes, masks={"pre/liver": patient().liver(SMALL)})


@pytest.fixture(scope="module")
def breathing() -> Study:
    return moving()


@pytest.mark.slow
def test_phases_are_registered_where_the_region_is(breathing: Study) -> None:
    one = time_point_of(breathing, "pre", RIGID)
    near = np.array(CENTER) + np.random.default_rng(1).uniform(-25, 25, (300, 3))
    for name, motion in MOTIONS.items():
        apart = np.linalg.norm(one.registrations[name].to_moving(near) - motion.forward(near), axis=1)
        assert apart.mean() < 1.0, name
    assert not one.problems and list(one.registrations) == list(PHASES[:3])
    still = time_point_of(study("pre"), "pre", OPTIONS).pictures.astype(float)
    unmoved = time_point_of(breathing, "pre", OPTIONS)
    core = (slice(None), slice(60, -60), slice(60, -60))
    for number in (0, 2):
        before, after = (
            np.abs(p[number][core].astype(float) - still[number][core]).mean() for p in (unmoved.pictures, one.pictures)
        )
        assert after < 0.75 * before
    told = [problem for problem in unmoved.problems if "was not registered" in problem.what]
    assert {problem.where for problem in told} == {"pre/unenhanced", "pre/portal"}
    assert "agreement of edges 0." in told[0].what and "normalised mutual information 1." in told[0].what


def test_a_person_s_transform_counts_instead_of_a_computed_one(breathing: Study) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = (5.0, -6.0, 12.0)
    one = time_point_of(replace(breathing, transforms={"pre/portal": matrix}), "pre", RIGID)
    assert one.registrations["portal"].source == "person" and one.registrations["arterial"].source == "rigid"
    assert [p.where for p in one.problems] == ["pre/portal"] and "given by a person" in one.problems[0].what
    geometry = grid()
    shifted = Image(signal(places_of(geometry) - (5.0, -6.0, 12.0)).astype(np.float32), geometry, "case-1")
    known = of_ramp(geometry, pear(geometry), portal=shifted)
    found = time_point_of(replace(known, transforms={"pre/portal": matrix}), "pre", OPTIONS)
    scale = scale_of(shifted, "percentile")
    inner = geometry.contains(np.add(places_of(found.sections.grid()), matrix[:3, 3]))
    wanted = scale(signal(places_of(found.sections.grid())))
    there = found.pictures[2][:, 20:-20, 20:-20].astype(float)
    assert np.abs(there - wanted)[inner & (wanted > 0)].max() < 0.02 and inner.mean() > 0.9
    with pytest.raises(InputError, match=r"transform of pre/portal: the transform mirrors the patient"):
        time_point_of(replace(breathing, transforms={"pre/portal": np.diag((-1.0, 1, 1, 1))}), "pre", RIGID)


@pytest.mark.slow
def test_a_registration_that_fails_stops_the_work_unless_a_person_gives_a_transform(breathing: Study) -> None:
    strange = patient(5).image("portal", SMALL, seed=9)
    volumes = {**breathing.volumes, "pre/portal": strange.with_array(np.rint(strange.array).astype(np.int16), "")}
    other = replace(breathing, volumes=volumes)
    with pytest.raises(
        InputError, match=r"pre/portal: it could not be registered to the delayed phase: .*\d"
    ) as refusal:
        time_point_of(other, "pre", RIGID)
    assert len(refusal.value.problems) == 1
    assert refusal.value.problems[0].leaves_out == "registration", "a training goes on without the case"
    found = time_point_of(replace(other, transforms={"pre/portal": np.eye(4)}), "pre", RIGID)
    assert found.registrations["portal"].source == "person"


@pytest.mark.slow
def test_phases_can_be_deformed_and_stay_rigid_where_that_fails(
    breathing: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ABLATION.resolve({**TINY, "registration": "deformable"})
    given = {"pre/unenhanced": np.eye(4), "pre/arterial": np.eye(4)}
    found = time_point_of(replace(breathing, transforms=given), "pre", options).registrations
    assert found["portal"].source == "deformable" and found["portal"].spline is not None
    near = np.array(CENTER) + np.random.default_rng(1).uniform(-25, 25, (300, 3))
    apart = np.linalg.norm(found["portal"].to_moving(near) - MOTIONS["portal"].forward(near), axis=1)
    assert apart.mean() < 1.5
    folded = found["portal"].failed("the deformation folds tissue over inside the liver; use the rigid transform")
    monkeypatch.setattr(registering, "register_deformable", lambda *images: folded)
    one = time_point_of(replace(breathing, transforms=given), "pre", options)
    assert one.registrations["portal"].source == "rigid" and not one.registrations["portal"].failure
    (told,) = [problem for problem in one.problems if "given by a person" not in problem.what]
    assert told.where == "pre/portal" and told.what.startswith("it was registered rigidly: the deformation folds")


def test_a_series_of_a_few_slices_cannot_be_registered_and_is_named() -> None:
    geometry = grid((2.0, 2.0, 5.0), mm=(200, 190, 22))
    few = of_ramp(geometry, segment(geometry, (4.0, 2.0, 0.0), (15, 12, 8)))
    with pytest.raises(InputError, match=r"pre/delayed: the volume has 6 slices or voxels along one axis, below 8"):
        time_point_of(few, "pre", RIGID)
    (told,) = [p for p in time_point_of(few, "pre", OPTIONS).problems if "cannot be told" in p.what]
    assert told.level == "WARN" and told.where == "pre" and "6 slices" in told.what


def test_a_liver_that_is_not_segmented_is_told_once() -> None:
    one = time_point_of(study("pre"), "pre", RIGID)
    assert [problem.what.split(",")[0] for problem in one.problems] == ["the liver is not segmented"]
    near = np.array(CENTER) + np.random.default_rng(1).uniform(-25, 25, (300, 3))
    assert all(np.linalg.norm(r.to_moving(near) - near, axis=1).mean() < 0.5 for r in one.registrations.values())


def test_a_sample_holds_both_time_points_values_and_outcome() -> None:
    found = sample_case(study(), case(8, 1, afp_ng_per_ml="NA"), OPTIONS, RNG)
    assert found["pre"].shape == found["post"].shape == (1, 4, 3, STORED, STORED) and found["pre"].dtype == np.float16
    assert found["present"].tolist() == [[True, True]] and found.labels.tolist() == [1]
    assert found["clinical"][0, :4].tolist() == [30, 1, 1, 70] and np.isnan(found["clinical"][0, 4])
    assert (found["time"].tolist(), found["event"].tolist()) == ([8], [1])
    assert len(found.origins[0].image_digests) == 8
    assert found["size_mm"][0].tolist() == pytest.approx([31, 45], abs=3) and found["slice_mm"][0].tolist() == [4, 4]
    zone = found["post"][0, :, 1, 74:94, 74:94].astype(float).mean(axis=(1, 2))
    assert zone[0] > zone[1] > zone[2] > zone[3], "the zone is bright before contrast and takes up none"


def test_a_time_point_that_is_absent_is_empty_and_said_to_be() -> None:
    found = sample_case(study("pre"), case(40, 0), OPTIONS, RNG)
    assert found["present"].tolist() == [[True, False]] and not found["post"].any() and found.labels.tolist() == [0]
    assert np.isnan(found["size_mm"][0, 1])


def test_a_patient_who_was_lost_early_is_a_sample_that_nothing_is_learnt_from() -> None:
    found = sample_case(study("pre"), case(12, 0), OPTIONS, RNG)
    known = sample_case(study("pre"), case(), OPTIONS, RNG)
    assert len(found) == 1 and np.array_equal(found["pre"], known["pre"]) and found["time"].tolist() == [12]
    assert len(found.of_known(ABLATION.label)) == 0 and len(known.of_known(ABLATION.label)) == 1


def stored(count: int = 3) -> dict[str, torch.Tensor]:
    make = torch.Generator().manual_seed(0)
    shape = (count, 4, 3, STORED, STORED)
    pictures = {name: torch.rand(shape, generator=make).half() for name in ("pre", "post")}
    return {**pictures, "present": torch.ones(count, 2, dtype=torch.bool)}


def test_nothing_is_turned_where_nothing_is_learnt() -> None:
    inputs = stored()
    x, present = batch_maker(OPTIONS)(inputs, None)
    assert x.shape == (3, 2, 12, SIZE, SIZE) and present is inputs["present"]
    middle = slice(20, -20)
    assert torch.equal(x[:, 0].reshape(3, 4, 3, SIZE, SIZE), inputs["pre"][..., middle, middle].float())
    assert torch.equal(x[:, 1, 4], inputs["post"][:, 1, 1, middle, middle].float()), "phase by phase, slice by slice"
    both = torch.stack([inputs["pre"], inputs["post"]], dim=1)
    assert torch.equal(x, as_input(both)), "as a prediction has it"


def test_training_turns_and_mirrors_all_pictures_of_a_patient_alike() -> None:
    inputs = stored(2)
    first, second, other = (batch_maker(OPTIONS)(inputs, torch.Generator().manual_seed(n))[0] for n in (3, 3, 4))
    assert torch.equal(first, second) and not torch.equal(first, other), "the generator alone decides"
    y, x = torch.meshgrid(*[torch.arange(STORED, dtype=torch.float32) - (STORED - 1) / 2] * 2, indexing="ij")
    planes = torch.stack([x, y]).expand(300, 2, STORED, STORED)
    shown = turned(planes, torch.Generator().manual_seed(0))
    column, row = shown[:, 0], shown[:, 1]
    along_x, along_y = (column[:, 64, 127] - column[:, 64, 0]) / 127, (row[:, 127, 64] - row[:, 0, 64]) / 127
    mirrored = along_x < 0
    assert 0.4 < mirrored.float().mean() < 0.6 and bool((along_y > 0.9).all()), "left-right, and never upside down"
    angles = torch.rad2deg(torch.arccos(along_y.clamp(max=1)))
    assert 18 < float(angles.max()) <= 20.1 and float(angles.min()) < 1
    pixel = (column**2 + row**2).sqrt()
    away = ((torch.arange(SIZE) - 63.5)[:, None] ** 2 + (torch.arange(SIZE) - 63.5) ** 2).sqrt()
    assert torch.allclose(pixel, away.expand_as(pixel), atol=0.05), (
        "about the middle, and nothing is made up at a corner"
    )


def test_sections_know_their_box() -> None:
    one = Sections((10.0, -20.0, 30.0), 3.0, (-1, 0, 1), 40.0)
    assert one.box.center == (10.0, -20.0, 30.0) and one.box.size == (128.0, 128.0, 9.0)
    assert one.grid().to_world((63.5, 63.5, 1)).tolist() == [10, -20, 30] and one.rows == [0, 1, 2]


def test_a_transform_that_lies_beside_a_volume_is_the_person_s(tmp_path: Path) -> None:
    folder = write_toy_cohort(tmp_path, [(8, 1)])
    matrix = np.eye(4)
    matrix[:3, 3] = (1.0, -2.0, 3.5)
    affine = sitk.AffineTransform(3)
    affine.SetTranslation(matrix[:3, 3].tolist())
    place = folder / "cases" / "case-0" / "pre"
    for name in ("portal.tfm", "arterial.h5"):
        sitk.WriteTransform(affine, str(place / name))
    (one,) = read_cohort(folder).cases
    read = read_study(one, ABLATION)
    assert set(read.transforms) == {"pre/portal", "pre/arterial"} and not read.warnings
    assert np.array_equal(read.transforms["pre/portal"], matrix)
    found = sample_case(read, one, OPTIONS, RNG)
    (place / "portal.tfm").unlink()
    (place / "arterial.h5").unlink()
    other = sample_case(read_study(one, ABLATION), one, OPTIONS, RNG)
    assert [bool(np.any(found["pre"][0, n] != other["pre"][0, n])) for n in range(4)] == [False, True, True, False]
    (place / "portal.tfm").write_text("no transform")
    with pytest.raises(InputError, match=r"pre/portal\.tfm: the transform cannot be read"):
        read_study(one, ABLATION)
    sitk.WriteTransform(
        sitk.BSplineTransformInitializer(sitk.Image(20, 20, 20, sitk.sitkUInt8), [4, 4, 4]), str(place / "portal.tfm")
    )
    bent = sitk.ReadTransform(str(place / "portal.tfm"))
    bent.SetParameters([float(np.sin(n)) for n in range(len(bent.GetParameters()))])
    sitk.WriteTransform(bent, str(place / "portal.tfm"))
    with pytest.raises(InputError, match="the transform deforms, and only a linear one can be given"):
        read_study(one, ABLATION)
