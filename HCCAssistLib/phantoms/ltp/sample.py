"""The sample case of LTP detection: two ablation zones, one with a nodule of 19 mm on its margin and one without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.phantoms.sample import Sample, SampleCase
from HCCAssistLib.recipes.ltp.recipe import TIME_POINT

SEED = (0, 31)
CASE = "ltp-0-31-v3"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.ltp.cases import make_case

    phantom = make_case(SEED, has_ltp=True, storage=AXIAL)
    masks = {f"{TIME_POINT}/liver": phantom.liver, f"{TIME_POINT}/ablation": phantom.ablation}
    return SampleCase({f"{TIME_POINT}/arterial": phantom.image}, masks), phantom.as_json()


SAMPLE = Sample("ltp", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes
