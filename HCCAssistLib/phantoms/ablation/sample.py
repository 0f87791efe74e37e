"""The sample case of recurrence after ablation: dynamic MR before and after, a narrow margin and tissue at its edge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.phantoms.sample import Sample, SampleCase
from HCCAssistLib.recipes.ablation.recipe import REGIONS

SEED = (0, 8)
CASE = "ablation-0-8-v1"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.ablation.cases import make_case
    from HCCAssistLib.phantoms.liver.storage import AXIAL

    phantom = make_case(SEED, early=True, storage=AXIAL, oblique=False)
    masks = {place: phantom.region(point) for point, place in REGIONS.items()}
    return SampleCase(phantom.volumes, masks), phantom.as_json()


SAMPLE = Sample("ablation", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes
