"""The sample case of the classification of liver masses: five masses, one of each category, in three phases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.points import Point, PointList
from HCCAssistLib.phantoms.sample import Sample, SampleCase
from HCCAssistLib.recipes.liver_mass.recipe import TIME_POINT

SEED = (0, 7)
CODES = ("A", "B", "C-hyper", "D", "E")
CASE = "mass-0-7-v1"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.liver_mass.cases import make_case

    phantom = make_case(SEED, CODES, storage=AXIAL)
    volumes = {f"{TIME_POINT}/{phase}": phantom.volumes[phase] for phase in ("arterial", "delayed", "unenhanced")}
    return SampleCase(volumes, {}), phantom.as_json()


SAMPLE = Sample("mass", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes


def sample_points(folder: Path) -> PointList:
    """A point in each mass of the sample case that was made in a folder, with its size and without its category."""
    truth = json.loads((folder / CASE / "case.json").read_text(encoding="utf-8"))["truth"]
    points = (Point(m["label"], tuple(m["point_lps"]), f"{m['axial_mm']:.0f} mm") for m in truth["masses"])
    return PointList("masses", tuple(points))
