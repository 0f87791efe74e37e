"""The sample case of early recurrence after hepatectomy: one uneven tumour and its segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.phantoms.sample import Sample, SampleCase
from HCCAssistLib.recipes.hepatectomy.recipe import ARTERIAL, TUMOUR

SEED = (0, 3)
CASE = "hepatectomy-0-3-v1"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.hepatectomy.cases import make_case
    from HCCAssistLib.phantoms.liver.storage import AXIAL

    phantom = make_case(SEED, early=True, storage=AXIAL, oblique=False)
    return SampleCase({ARTERIAL: phantom.arterial}, {TUMOUR: phantom.segment}), phantom.as_json()


SAMPLE = Sample("hepatectomy", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes
