"""Phantoms for the recipe liver-mass: a part of a liver in three phases with several masses of known category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.cohort.segments import Segment, write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.cohort import Phantoms, Row
from HCCAssistLib.phantoms.liver.canvas import Canvas, edge
from HCCAssistLib.phantoms.liver.implant import Background
from HCCAssistLib.phantoms.liver.irregular_ellipsoid import IrregularEllipsoid, random_axes
from HCCAssistLib.phantoms.liver.scene import SCANNERS, FieldOfView
from HCCAssistLib.phantoms.liver.storage import Storage, draw_storage
from HCCAssistLib.phantoms.liver.storage import stored as stored_as
from HCCAssistLib.phantoms.liver.texture import Waves
from HCCAssistLib.phantoms.liver_mass.patterns import DIAMETER_MM, LIMITS_MM, PlantedMass, draw_looks
from HCCAssistLib.phantoms.liver_mass.region import SIZE_MM, Region, draw_grid
from HCCAssistLib.phantoms.liver_mass.truth import NOTE, MassPhantom, MassTruth, Place
from HCCAssistLib.phantoms.liver_mass.unseen import UNSEEN
from HCCAssistLib.recipes.liver_mass.recipe import CATEGORIES, LIVER_MASS, PHASES, SUBTYPES, TIME_POINT

SLICE_MM: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "internal": {"unenhanced": (5.0,), "arterial": (1.5, 2.5), "delayed": (1.5, 2.5)},
    "external": {"unenhanced": (5.0, 8.0), "arterial": (2.0, 3.0), "delayed": (2.0, 5.0)},
}
PIXEL_MM = {"internal": (1.0, 1.1), "external": (1.15, 1.3)}
"""Of the part of a liver; coarser than those of a whole scan, since frames have 70 pixels over 40 mm or more."""

GAP_MM = 5.0
SEGMENTED = 4
"""The masses of every so many cases are segments, the others points."""

UNSEEN_SPREAD = 0.35
"""Of the logarithm of the diameters of masses without a category."""

PLANTED = "planted"
"""Column of the table: the masses of a case."""


def make_case(
    seed: int | Sequence[int],
    codes: Sequence[str],
    *,
    scanner: str = "internal",
    storage: Storage | None = None,
) -> MassPhantom:
    """A synthetic case.

    Args:
        seed: one or several numbers.
        codes: of the masses: ``"A"``, ``"B"``, ``"C-hyper"``, ``"C-hypo"``, ``"D"`` or ``"E"``, or names of ``UNSEEN``.
        scanner: one of ``SCANNERS``.
        storage: order of the voxels of all phases; drawn from the seed for each by default.

    Example:
        >>> from HCCAssistLib.phantoms.liver_mass.cases import make_case
        >>> [mass.category for mass in make_case(1, ["A", "C-hypo"]).masses]
        ['A', 'C']
    """
    numbers = (seed,) if isinstance(seed, int) else tuple(int(n) for n in seed)
    streams = np.random.SeedSequence(numbers).spawn(5)
    patient, disease, layout, noise, reader = (np.random.Generator(np.random.SFC64(s)) for s in streams)
    region = Region.draw(patient, SCANNERS[scanner])
    masses = place_masses(disease, codes)
    pixel = float(layout.uniform(*PIXEL_MM[scanner]))
    volumes: dict[str, Image] = {}
    labels: Image | None = None
    for phase in PHASES:
        grid = draw_grid(layout, float(layout.choice(SLICE_MM[scanner][phase])), pixel)
        order = storage or draw_storage(layout)
        canvas = region.canvas(grid, phase)
        for mass in masses:
            mass.paint(canvas, phase, region.liver_hu[phase])
        if phase == "arterial":
            labels = replace(stored_as(Image(_labels(canvas, masses), grid, "masses"), order), history=(NOTE,))
        volumes[phase] = stored_as(region.develop(noise, canvas, grid, f"{phase} phantom"), order)
    assert labels is not None  # noqa: S101  one of the phases is arterial
    return MassPhantom(
        volumes=volumes,
        labels=labels,
        masses=tuple(_truth(reader, number, mass, region.liver_hu) for number, mass in enumerate(masses, 1)),
        shifts_mm={phase: _place(shift) for phase, shift in region.shifts_mm.items()},
        liver_hu={phase: round(hu, 1) for phase, hu in region.liver_hu.items()},
        noise_hu=round(region.noise_hu, 2),
        seed=numbers,
    )


def place_masses(rng: np.random.Generator, codes: Sequence[str]) -> tuple[PlantedMass, ...]:
    """Masses in the liver that do not touch, the largest first, each so that the part holds its frame.

    Raises:
        InputError: there is no room for so many.
    """
    usual = {**DIAMETER_MM, **{name: (kind.median_mm, UNSEEN_SPREAD) for name, kind in UNSEEN.items()}}
    sizes = [float(np.clip(rng.lognormal(np.log(usual[c][0]), usual[c][1]), *LIMITS_MM)) for c in codes]
    order = sorted(range(len(codes)), key=lambda n: -sizes[n])
    placed: dict[int, PlantedMass] = {}
    for number in order:
        size = sizes[number]
        for attempt in range(400):
            size *= 1.0 if attempt % 40 or not attempt else 0.85  # a crowded liver holds smaller ones
            aside = SIZE_MM / 2 - max(1.05 * size, 21.0) - 4
            center = rng.uniform(-1, 1, 3) * (aside, aside, 26.0)
            apart = [np.linalg.norm(center - m.shape.center) - m.shape.reach for m in placed.values()]
            if np.linalg.norm(center / (66, 66, 60)) < 1 and min(apart, default=99.0) > 0.55 * size + GAP_MM:
                placed[number] = _mass(rng, codes[number], max(size, LIMITS_MM[0] * 0.8), center)
                break
        else:
            raise InputError(f"there is no room for {len(codes)} masses", remedy="ask for 12 or fewer")
    return tuple(placed[number] for number in range(len(codes)))


def write_case(
    folder: Path, seed: tuple[int, int], row: Row, *, background: Background | None, field: FieldOfView, scanner: str
) -> None:
    """Make a case of a cohort and write it into a new folder.

    Raises:
        ValueError: a background is given; see ``PHANTOMS.own_background``.
    """
    if background is not None:
        raise ValueError(PHANTOMS.own_background)
    phantom = make_case(seed, str(row[PLANTED]).split(), scanner=scanner)
    baseline = folder / TIME_POINT
    baseline.mkdir(parents=True)
    for phase, image in phantom.volumes.items():
        write_image(image, baseline / f"{phase}.nrrd", packed=False)
    if seed[1] % SEGMENTED == SEGMENTED - 1:
        segments = [
            Segment(f"{_label(mass) or 'mass'} {number}", mask_of(phantom, number))
            for number, mass in enumerate(phantom.masses, 1)
        ]
        write_segments(segments, baseline / "masses.seg.nrrd")
    else:
        points = tuple(
            Point(mass.label, mass.point_lps, ", ".join(filter(None, (_label(mass), f"{mass.axial_mm:.0f} mm"))))
            for mass in phantom.masses
        )
        write_points(PointList("masses", points), baseline / "masses.mrk.json")
    write_json(folder / "truth.json", phantom.as_json())


def mask_of(phantom: MassPhantom, number: int) -> Image:
    """One mass, 1 and up, on the grid of the arterial phase."""
    return replace(phantom.labels, array=(phantom.labels.array == number).astype(np.uint8))


def planted(seed: int, number: int) -> tuple[str, ...]:
    """The masses of a case of a cohort: three to five of different categories, each category equally often first."""
    categories = np.random.default_rng((seed, 2018)).permutation(list(CATEGORIES))
    rng = np.random.default_rng((seed, number, 2018))
    lead = categories[number % len(categories)]
    others = rng.permutation([c for c in categories if c != lead])[: int(rng.integers(2, 5))]
    subtypes = list(SUBTYPES)
    return tuple(str(rng.choice(subtypes)) if c == "C" else str(c) for c in (lead, *others))


def _label(mass: MassTruth) -> str:
    """What its mark says of it: nothing of a kind without a category."""
    return "" if mass.category in UNSEEN else mass.subtype or mass.category


def _unseen_row(seed: int, number: int) -> Row:
    return {PLANTED: " ".join(UNSEEN)}


def _row(seed: int, number: int) -> Row:
    return {PLANTED: " ".join(planted(seed, number))}


def _stratum(row: Row) -> str:
    return str(row[PLANTED])[0]


PHANTOMS = Phantoms(
    prefix="mass",
    row=_row,
    stratum=_stratum,
    write=write_case,
    split=LIVER_MASS.split,
    unseen=_unseen_row,
    own_background="a real CT is one phase, and these phantoms have three",
)
"""Splits balance the first mass of a case, and so, with most of the categories in each case, all of them."""


def _mass(rng: np.random.Generator, code: str, diameter: float, center: npt.NDArray[np.float64]) -> PlantedMass:
    kind = UNSEEN.get(code)
    pattern, looks = draw_looks(rng, code, diameter, kind.draw if kind else None)
    ratios = np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.75, 1.0)])
    smooth = kind.smooth if kind else code == "E"
    bump = (0.01 if smooth else 0.035) * diameter
    shape = IrregularEllipsoid(center, random_axes(rng), diameter / 2 * ratios, Waves(rng, 0.8 * diameter), bump)
    mass = PlantedMass(
        code=code,
        pattern=pattern,
        shape=shape,
        looks=looks,
        uneven_hu=0.0 if smooth else float(rng.uniform(1.0, 7.0)),
        soft_mm=1.2 if smooth else float(rng.uniform(1.5, 3.5)),
        seed=int(rng.integers(2**31)),
    )
    if kind is None:
        return mass
    halo_mm, halo = kind.draw_halo(rng)
    return replace(mass, uneven_hu=float(rng.uniform(*kind.uneven_hu)), halo_mm=halo_mm, halo=halo)


def _labels(canvas: Canvas, masses: Sequence[PlantedMass]) -> npt.NDArray[np.uint8]:
    """Number of the mass that fills most of a voxel, 0 for none."""
    labels = np.zeros(canvas.geometry.shape, dtype=np.uint8)
    for number, mass in enumerate(masses, 1):
        patch = mass.shape.patch(canvas)
        if patch is not None:
            labels[patch.slices][patch.average(edge(mass.shape.depth(patch), 0.1)) > 0.5] = number
    return labels


def _truth(reader: np.random.Generator, number: int, mass: PlantedMass, liver_hu: Mapping[str, float]) -> MassTruth:
    axes, semi = mass.shape.axes, mass.shape.semi_axes
    # the section of an ellipsoid through its centre: the inverse of the axial part of its quadratic form
    form = (axes.T @ np.diag(semi**-2.0) @ axes)[:2, :2]
    axial = 2 / np.sqrt(np.linalg.eigvalsh(form).min())
    jitter = reader.normal(0, (0.03, 0.03, 0.05)) * mass.diameter_mm
    return MassTruth(
        label=f"M-{number}",
        category=SUBTYPES.get(mass.code, mass.code),
        subtype=mass.code if mass.code in SUBTYPES else "",
        pattern=mass.pattern,
        center_lps=_place(mass.shape.center),
        point_lps=_place(mass.shape.center + jitter),
        diameter_mm=round(mass.diameter_mm, 2),
        axial_mm=round(float(axial), 2),
        core_hu={phase: round(look.core_over(liver_hu[phase]), 1) for phase, look in mass.looks.items()},
    )


def _place(point: npt.ArrayLike) -> Place:
    x, y, z = (round(float(v), 3) for v in np.asarray(point))
    return x, y, z
