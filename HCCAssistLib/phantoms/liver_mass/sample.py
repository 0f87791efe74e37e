"""The sample case of the classification of liver masses: one mass of each category in three phases, each with a point.

The points tell the size of a mass and not its category.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.phantoms.sample import Sample, SampleCase
from HCCAssistLib.recipes.liver_mass.recipe import MASSES, TIME_POINT

SEED = (0, 7)
CODES = ("A", "B", "C-hyper", "D", "E")
CASE = "mass-0-7-v2"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.liver_mass.cases import make_case

    phantom = make_case(SEED, CODES, storage=AXIAL)
    volumes = {f"{TIME_POINT}/{phase}": phantom.volumes[phase] for phase in ("arterial", "delayed", "unenhanced")}
    points = tuple(Point(mass.label, mass.point_lps, f"{mass.axial_mm:.0f} mm") for mass in phantom.masses)
    return SampleCase(volumes, points={MASSES: PointList("masses", points)}), phantom.as_json()


SAMPLE = Sample("mass", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes
