"""What this recipe asks of a case whose files can be read: a CT before the treatment, and segments that are tumours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.segment_names import likeliest
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.tace.recipe import ARTERIAL, TACE
from HCCAssistLib.recipes.tace.tumours import DENSE_HU, Tumour, tumours_of

FAT_HU = -50
"""Tumours of the liver have a higher mean, also where they are necrotic or hold fat."""

TREATED, DOUBTED = 0.02, 0.002
"""Shares of dense voxels from which a tumour is taken as treated, and from which a reader is told."""

STRUCTURES = ("liver", "ablation")
"""That a segment may be called which is no tumour."""


def problems(case: CaseContents, options: Mapping[str, Value] | None = None) -> Iterator[Problem]:
    """Why patches cannot be taken from a case, and what is doubtful about them; nothing where its files have faults.

    Args:
        case: as read.
        options: of the recipe; its defaults where None is given.
    """
    chosen = options or TACE.resolve({})
    if ARTERIAL not in case.volumes or any(problem.level == "STOP" for problem in case.problems):
        return
    yield from volume_problems(case.volumes[ARTERIAL])
    try:
        tumours = tumours_of(case, chosen)
    except InputError as error:
        yield from error.problems
        return
    yield from tumour_problems(tumours)


def volume_problems(volume: Image) -> Iterator[Problem]:
    """A volume that is no CT.

    That stops a prediction, too: the window is one of Hounsfield units, and by them a treated tumour is told.
    """
    if objection := hounsfield_objection(volume):
        what = f"the voxels are not Hounsfield units: {objection}"
        yield Problem(
            "STOP", what, ARTERIAL, "give the CT with its stored values, not windowed or normalised, and no MR"
        )


def tumour_problems(tumours: Sequence[Tumour]) -> Iterator[Problem]:
    """Segments that are no tumour before its treatment, and what is doubtful about the others."""
    for one in tumours:
        where = f"tumour {one.label!r}"
        called = next((name for name in STRUCTURES if likeliest([one.label], name) is not None), "")
        if called:
            what = f"the segment is called {one.label!r}, and every segment of this file counts as a tumour"
            yield Problem("STOP", what, where, "keep the tumours alone in it, or name it as a tumour")
        elif one.hu < FAT_HU:
            what = f"the segment lies in fat, air or lung: its mean is {one.hu:.0f} HU"
            yield Problem("STOP", what, where, "was it drawn on another series or patient, or is it mirrored?")
        elif one.dense >= TREATED:
            what = (
                f"{one.dense:.0%} of it is denser than {DENSE_HU} HU, as lipiodol is: this is a scan after TACE, and "
                "the response can only be predicted from one before the treatment"
            )
            yield Problem("STOP", what, where, "give the arterial phase before the first TACE")
        else:
            yield from _doubts(one, where)


def _doubts(one: Tumour, where: str) -> Iterator[Problem]:
    if one.dense >= DOUBTED:
        what = f"{one.dense:.1%} of it is denser than {DENSE_HU} HU"
        yield Problem("WARN", what, where, "is it chalk, or lipiodol of an earlier TACE?")
    if one.parts > 1:
        what = f"the segment is made of {one.parts} parts that lie apart"
        yield Problem("WARN", what, where, "is it one tumour? Each needs a segment of its own")
    if one.at_edge:
        what = "it reaches the border of the scan, so that its largest slice may not be there"
        yield Problem("WARN", what, where, "prefer a series that shows all of the tumour")
