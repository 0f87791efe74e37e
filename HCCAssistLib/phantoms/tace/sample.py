"""The sample case of the response to TACE: two uneven tumours with necrosis and shunts, each with a segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from HCCAssistLib.phantoms.sample import Sample, SampleCase

SEED, RESPONSE = (0, 46), "PD"
CASE = "tace-0-46-v1"


def _parts() -> tuple[SampleCase, Mapping[str, Any]]:
    from HCCAssistLib.phantoms.liver.storage import AXIAL
    from HCCAssistLib.phantoms.tace.cases import TIME_POINT, make_case, segments_of

    phantom = make_case(SEED, RESPONSE, storage=AXIAL, oblique=False)
    masks = {f"{TIME_POINT}/{segment.name}": segment.mask for segment in segments_of(phantom)}
    return SampleCase({f"{TIME_POINT}/arterial": phantom.arterial}, masks), phantom.as_json()


SAMPLE = Sample("tace", CASE, _parts)
make_sample, read_sample = SAMPLE.make, SAMPLE.read
remove_sample, kept_bytes = SAMPLE.remove, SAMPLE.kept_bytes
