"""Segments and points against the volume they belong to, alike for files and for what is in a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.cohort.point_checks import boxes_on_volume, contradictions, points_on_volume
from HCCAssistLib.cohort.points import LabelledBox, PointList
from HCCAssistLib.cohort.segment_checks import apart, on_volume
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.image import Image

Found = list[tuple[InputSpec, Problem]]
"""Problems, each with what it is about."""


def judge(
    needs: Sequence[InputSpec],
    volumes: Mapping[str, Image],
    segments: Mapping[str, Sequence[Segment]],
    points: Mapping[str, PointList],
    boxes: Mapping[str, Sequence[LabelledBox]] | None = None,
) -> tuple[dict[str, Image], Found]:
    """What a case's annotations are on its volumes, and all that is wrong with them there.

    Args:
        needs: what may be there; annotations belong to the volume of their time point that they are drawn on, or to the
            first one.
        volumes: by ``"<time point>/<name>"``.
        segments: those that count, by the same names.
        points: by the same names.
        boxes: by the same names.

    Returns:
        Masks of 0 and 1 on the grid of that volume, for the segments without a STOP; and the problems.
    """
    masks: dict[str, Image] = {}
    found: Found = []
    there = [need for need in needs if need.kind == "volume" and str(need) in volumes]
    belongs = {need.time_point: volumes[str(need)] for need in reversed(there)}
    in_hu = {need.time_point: need.unit == "HU" for need in reversed(there)}

    def volume_of(need: InputSpec) -> Image | None:
        return volumes.get(f"{need.time_point}/{need.drawn_on}", belongs.get(need.time_point))

    for need in needs:
        volume = volume_of(need)
        if need.kind == "segment" and str(need) in segments and volume is not None:
            try:
                masks[str(need)], doubts = on_volume(
                    segments[str(need)],
                    need.name,
                    volume,
                    in_hu=in_hu[need.time_point],
                    one_slice=need.one_slice,
                )
            except InputError as error:
                doubts = error.problems
            found += [(need, problem) for problem in doubts]
    for need in needs:
        zone, liver = masks.get(str(need)), masks.get(f"{need.time_point}/liver")
        if need.kind == "segment" and need.name == "ablation" and zone is not None and liver is not None:
            found += [(need, problem) for problem in apart(zone, liver)]
    for need in (need for need in needs if need.kind == "roi" and str(need) in (boxes or {})):
        volume = volume_of(need)
        if volume is not None and boxes:
            found += [(need, problem) for problem in boxes_on_volume(boxes[str(need)], volume)]
    marked = [need for need in needs if need.kind == "points" and str(need) in points]
    for need in marked:
        volume = volume_of(need)
        if volume is not None:
            liver, hu = masks.get(f"{need.time_point}/liver"), in_hu[need.time_point]
            doubts = points_on_volume(points[str(need)], volume, of_lesions=need.of_lesions, liver=liver, in_hu=hu)
            found += [(need, problem) for problem in doubts]
        for other in marked:
            if need.of_lesions and other.name == "rejected" and other.time_point == need.time_point:
                both = contradictions(points[str(need)], points[str(other)], other.name)
                found += [(need, problem) for problem in both]
    return masks, found
