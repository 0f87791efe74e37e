"""What this recipe asks of a case whose files can be read: a CT, and one tumour that can be seen in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.imaging.hounsfield import hounsfield_objection
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, HEPATECTOMY, VOI_SHAPE, tumour_alone
from HCCAssistLib.recipes.hepatectomy.tumour import Tumour, tumour_of
from HCCAssistLib.recipes.hepatectomy.voi import DENSE_HU, Voi, voi_of
from HCCAssistLib.recipes.options import Value

FAT_HU, AIR_HU = -50, -300
"""Tumours of the liver have a higher mean; a box around one may hold fat and some lung besides."""

LEAST_HELD, WELL_HELD = 0.5, 0.9
"""Share of what the network sees that the volume must hold, and below which a reader is told."""

DENSE = 0.02
"""Share of dense voxels from which a reader is told."""


def problems(case: CaseContents, options: Mapping[str, Value] | None = None) -> Iterator[Problem]:
    """Why a VOI cannot be taken from a case, and what is doubtful about it; nothing where its files have faults.

    Args:
        case: as read.
        options: of the recipe; its defaults where None is given.
    """
    chosen = options or HEPATECTOMY.resolve({})
    if ARTERIAL not in case.volumes or any(problem.level == "STOP" for problem in case.problems):
        return
    objections = list(volume_problems(case.volumes[ARTERIAL]))
    yield from objections
    if objections:
        return
    try:
        tumour = tumour_of(case, chosen)
        yield from voi_problems(voi_of(case.volumes[ARTERIAL], tumour, chosen), tumour, chosen)
    except InputError as error:
        yield from error.problems


def volume_problems(volume: Image) -> Iterator[Problem]:
    """A volume that is no CT: what is clipped are Hounsfield units."""
    if objection := hounsfield_objection(volume):
        what = f"the voxels are not Hounsfield units: {objection}"
        yield Problem(
            "STOP", what, ARTERIAL, "give the CT with its stored values, not windowed or normalised, and no MR"
        )


def voi_problems(voi: Voi, tumour: Tumour, options: Mapping[str, Value]) -> Iterator[Problem]:
    """A mark that is no tumour, a volume that shows too little around it, and what is doubtful about both."""
    alone = tumour_alone(options)
    mark = "segment" if tumour.segment is not None else "box"
    if voi.hu < (FAT_HU if tumour.segment is not None else AIR_HU):
        what = f"the {mark} lies in fat, air or lung: its mean is {voi.hu:.0f} HU"
        yield Problem("STOP", what, tumour.where, "was it drawn on another series or patient, or is it mirrored?")
        return
    depth, height, width = VOI_SHAPE
    held = voi.slices / depth if alone else voi.held
    if held < WELL_HELD:
        seen = (
            f"{voi.slices} of {depth} slices of 1 mm" if alone else f"{voi.held:.0%} of {width} x {height} x {depth} mm"
        )
        what = f"the volume holds {seen} that the network sees around the tumour"
        remedy = "give a series that shows the liver above and below it, uncropped"
        yield Problem("STOP" if held < LEAST_HELD else "WARN", what, ARTERIAL, remedy)
    wide, high, _ = tumour.box.size
    if wide > width or high > height:
        what = f"it measures {wide:.0f} x {high:.0f} mm, and the network sees {width} x {height} mm of it"
        yield Problem("WARN", what, tumour.where, "such tumours are hardly among those of the paper")
    if tumour.parts > 1:
        what = f"the segment is made of {tumour.parts} parts that lie apart"
        yield Problem("WARN", what, tumour.where, "is it one tumour? The paper has patients with a single one")
    if tumour.at_edge:
        what = "it reaches the border of the scan, so that its middle may not be seen"
        yield Problem("WARN", what, tumour.where, "prefer a series that shows all of the tumour")
    if voi.dense >= DENSE:
        what = f"{voi.dense:.0%} of it is denser than {DENSE_HU} HU"
        yield Problem("WARN", what, tumour.where, "is it chalk, or lipiodol of a TACE? The paper has untreated tumours")
