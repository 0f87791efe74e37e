"""The tumour of a study: which one is meant, and where it lies in the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.finding_labels import Finding
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.geometry import Box, FloatArray, Geometry
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, TUMOUR, tumour_alone
from HCCAssistLib.recipes.options import Value

NAMED = 5
"""Tumours that a message names."""

PART = 0.05
"""Share of a segment's voxels from which a piece that lies apart counts."""


@dataclass(frozen=True, eq=False, slots=True)
class Tumour:
    """The tumour that is operated on.

    Attributes:
        number: of its finding, 1 and up, in the order of the files.
        label: of the segment or box.
        box: by the patient's axes, around all of it.
        segment: None where a box alone marks it.
        at_edge: whether it reaches the border of the volume.
        parts: pieces of the segment that lie apart.
    """

    number: int
    label: str
    box: Box
    segment: Segment | None
    at_edge: bool
    parts: int

    @property
    def where(self) -> str:
        """For messages."""
        return f"tumour {self.label!r}"


def tumour_of(study: Study | CaseContents, options: Mapping[str, Value]) -> Tumour:
    """The tumour that a reader marked, by a segment where there is one, otherwise by a box.

    The paper's patients have a single tumour. Where several are marked, the one that is tagged ``target`` counts.

    Args:
        study: with the arterial phase.
        options: of the recipe.

    Raises:
        InputError: no tumour is marked, or not as the options need it; several are; or it lies outside the volume.
    """
    segments, boxes = _marked(study.findings.get(TUMOUR, ()))
    if not segments and (tumour_alone(options) or not boxes):
        what = "no tumour is segmented" if tumour_alone(options) else "no tumour is marked"
        also = ", which a box cannot stand in for" if boxes else ""
        remedy = "draw a segment of the tumour" + ("" if tumour_alone(options) else ", or a box around it")
        raise InputError(what + also, TUMOUR, remedy)
    # segment before box, so that both variants of the method see the same place
    number, finding = _only(segments or boxes)
    segment = Segment(finding.name, finding.mask) if finding.mask is not None else None
    if segment is not None and segment.is_empty:
        raise InputError("the segment is empty", f"tumour {finding.name!r}", "paint it, or delete it")
    box = _around(segment) if segment is not None else _straight(finding.box)
    places = segment.points if segment is not None else box.corners()
    grid = study.volumes[ARTERIAL].geometry
    inside = grid.contains(places)
    if not inside.any() and (segment is not None or not grid.contains(box.center)):
        what, remedy = "it lies outside the volume", "was it drawn on another series or patient?"
        raise InputError(what, f"tumour {finding.name!r}", remedy)
    at_edge = not inside.all() or (segment is not None and _in_border(places, grid))
    return Tumour(number, finding.name, box, segment, at_edge, _parts(segment) if segment is not None else 1)


def _marked(findings: Sequence[Finding]) -> tuple[list[tuple[int, Finding]], list[tuple[int, Finding]]]:
    """Segments and boxes, each with its number."""
    numbered = list(enumerate(findings, 1))
    return (
        [(number, one) for number, one in numbered if one.mask is not None],
        [(number, one) for number, one in numbered if one.mask is None and one.box is not None],
    )


def _only(marked: Sequence[tuple[int, Finding]]) -> tuple[int, Finding]:
    """The only one that counts.

    Raises:
        InputError: none or several do.
    """
    targets = [(number, one) for number, one in marked if one.target]
    if len(targets) == 1:
        return targets[0]
    if not targets:
        raise InputError("no tumour is marked as the target", TUMOUR, "tag the one that is operated on with target yes")
    names = ", ".join(repr(one.name) for _, one in targets[:NAMED])
    more = f" and {len(targets) - NAMED} more" if len(targets) > NAMED else ""
    what = f"{len(targets)} tumours are marked ({names}{more}), and the method is for a single one"
    raise InputError(what, TUMOUR, "tag the one with target yes and the others with target no, or delete those")


def _around(segment: Segment) -> Box:
    """By the patient's axes, around the painted voxels and not their centres alone."""
    own, points = segment.mask.geometry, segment.points
    reach = np.abs(own.affine[:3, :3]).sum(axis=1) / 2
    return _between(points.min(axis=0) - reach, points.max(axis=0) + reach)


def _straight(box: Box | None) -> Box:
    """By the patient's axes, around a box that may be turned."""
    if box is None:
        raise ValueError("a tumour without a segment has a box")
    corners = box.corners()
    return _between(corners.min(axis=0), corners.max(axis=0))


def _between(low: FloatArray, high: FloatArray) -> Box:
    x, y, z = (float(at) for at in (low + high) / 2)
    width, height, depth = (float(mm) for mm in high - low)
    return Box((x, y, z), (width, height, depth))


def _parts(segment: Segment) -> int:
    from scipy import ndimage

    (around,) = ndimage.find_objects(segment.mask.array)
    pieces, _ = ndimage.label(segment.mask.array[around], structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    return max(1, int(np.count_nonzero(sizes >= PART * sizes.sum())))


def _in_border(places: FloatArray, grid: Geometry) -> bool:
    """Whether any of them lies in the outermost voxels of a volume."""
    index = grid.to_index(places)
    return bool((index < 0.5).any() or (index > grid.size_ijk - 1.5).any())
