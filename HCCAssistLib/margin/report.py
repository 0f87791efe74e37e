"""The report page of one ablation margin: one HTML file with figures, pictures and all that they rest on.

Needs matplotlib and Jinja2 (the extra ``reports``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.figures import as_png
from HCCAssistLib.evaluation.report_blocks import Block, Heading, Picture, Table, Text, Warnings
from HCCAssistLib.evaluation.report_page import page
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.ablation_margin import Place
from HCCAssistLib.margin.candidates import NearMargin, near_margin
from HCCAssistLib.margin.case import MarginCase
from HCCAssistLib.margin.measure import METHOD
from HCCAssistLib.margin.section import sections_of
from HCCAssistLib.margin.section_figure import section_caption, section_figure
from HCCAssistLib.margin.sides import sides_of
from HCCAssistLib.margin.sides_figure import sides_figure
from HCCAssistLib.margin.words import HEADINGS, left_out, registered, rows, sentences
from HCCAssistLib.wording import rounded

DPI = 160

METHODS = (
    "The margin is measured at each place of the tumour's outer surface: the distance to the nearest place of the "
    "ablation zone's outer surface, positive where the place lies inside the zone, negative where tumour is left "
    "outside. Shares are shares of the tumour's surface by area. Surfaces lie between voxels.",
    "An interval holds the figures of random rigid registrations about the given one, which are as wrong as the "
    f"registration's error ({METHOD}). Errors of the outlines, and a liver that was deformed or that shrank after the "
    "ablation, are not in it.",
)


def margin_page(case: MarginCase, candidates: Mapping[int, Place] | None = None) -> str:
    """The page as HTML.

    Args:
        case: as it was measured.
        candidates: centres of the findings of an LTP detection by number, LPS mm on the scan after.

    Raises:
        InputError: a candidate that lies nowhere, or outside of the scan after.
        HCCAssistError: matplotlib or Jinja2 is not installed.
    """
    record = case.record
    for number, place in (candidates or {}).items():
        if case.after is not None and np.isfinite(place).all() and not case.after.geometry.contains(place):
            what = f"candidate {number} lies outside the scan after"
            raise InputError(what, "candidates", "give those that were found on this scan")
    near = near_margin(record, candidates or {})
    synthetic = "Synthetic case: it says nothing about patients. " if record.synthetic else ""
    provenance = [(f"sha256 of the {name}", digest) for name, digest in record.inputs.items()]
    return page(
        "Ablation margin",
        f"{synthetic}How far the ablation zone reaches beyond the tumour, and how sure that is.",
        list(_blocks(case, near, has_candidates=candidates is not None)),
        methods=METHODS,
        missing=None,
        provenance=[*provenance, *record.versions.items()],
    )


def _blocks(case: MarginCase, near: tuple[NearMargin, ...], *, has_candidates: bool) -> Iterator[Block]:
    record = case.record
    if record.margin.warnings:
        yield Warnings(record.margin.warnings)
    yield Heading("Result")
    negative = ("A negative margin is tumour outside the zone.",) if record.margin.smallest_mm < 0 else ()
    notes = " ".join((*negative, left_out(record.margin), *registered(record)))
    yield Table("", HEADINGS, tuple(rows(record.margin)), notes)
    yield from _pictures(case, {one.number: one.center for one in near})
    if has_candidates:
        yield from _candidates(near)
    yield Heading("What was measured")
    yield _inputs(case)
    yield Heading("In words")
    yield Text(" ".join(sentences(record.margin)))


def _pictures(case: MarginCase, candidates: Mapping[int, Place]) -> Iterator[Block]:
    synthetic, margin = case.record.synthetic, case.record.margin
    yield Heading("Where the margin is smallest")
    for section in sections_of(case, candidates):
        drawn = as_png(section_figure(section, synthetic=synthetic), dpi=DPI)
        yield _picture(section.plane, section_caption(section), drawn, synthetic=synthetic)
    yield Heading("The whole surface")
    drawn = as_png(sides_figure(sides_of(margin), margin.smallest_at, candidates, synthetic=synthetic), dpi=DPI)
    caption = (
        "The tumour's surface as it stood before the ablation, from six sides, coloured by the signed margin in steps. "
        "R, L right and left; A, P anterior and posterior; H, F head and feet. From below it lies as in an axial slice"
    )
    if candidates:
        caption += ". Candidates of LTP by their numbers, dotted where the tumour hides them"
    yield _picture("surface", caption, drawn, synthetic=synthetic)


def _picture(name: str, caption: str, drawn: bytes, *, synthetic: bool) -> Picture:
    stamp = "Synthetic case. " if synthetic else ""
    return Picture(name, stamp + caption, 1, "", (), None, None, drawn, None, wide=True)


def _candidates(near: tuple[NearMargin, ...]) -> Iterator[Block]:
    yield Heading("Candidates of local tumour progression")
    if not near:
        yield Text("The detection has no candidate at or above its threshold.")
        return
    columns = ("candidate", "to the smallest margin", "to the tumour's surface", "margin there")
    cells = [
        (str(one.number), *(f"{rounded(mm, 1)} mm" for mm in (one.narrowest_mm, one.surface_mm, one.margin_mm)))
        for one in near
    ]
    note = (
        "Distances from the middle of each candidate, which the registration brings from the scan after onto the scan "
        "before; the nearest to the smallest margin comes first. They share the registration's error."
    )
    yield Table("", columns, tuple(cells), note)


def _inputs(case: MarginCase) -> Table:
    cells = []
    for name, mask in (("tumour, before", case.tumour), ("ablation zone, after", case.zone), ("liver", case.liver)):
        if mask is None:
            cells.append((name, "no segment", "", ""))
            continue
        volume, extent = _size(mask)
        voxels = " x ".join(f"{mm:.3g}" for mm in mask.geometry.spacing)
        cells.append((name, f"{rounded(volume, 1)} mL", extent, voxels))
    note = "Widths of the painted voxels along the segment's own axes."
    return Table("", ("segment", "volume", "widths, mm", "voxels, mm"), tuple(cells), note)


def _size(mask: Image) -> tuple[float, str]:
    """Millilitres, and widths along the grid's axes."""
    painted = mask.array != 0
    spacing = mask.geometry.spacing
    index = [np.flatnonzero(painted.any(axis=other)) for other in ((0, 1), (0, 2), (1, 2))]
    widths = [(one[-1] - one[0] + 1) * mm for one, mm in zip(index, spacing, strict=True)]
    volume = float(painted.sum() * spacing.prod() / 1000)
    return volume, " x ".join(f"{width:.0f}" for width in widths)
