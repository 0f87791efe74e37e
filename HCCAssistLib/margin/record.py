"""An ablation margin with the registration that it rests on: the record that command, scene and panel share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.margin.ablation_margin import AblationMargin
from HCCAssistLib.margin.edges import edge_warning
from HCCAssistLib.margin.measure import measure_margin
from HCCAssistLib.margin.registration_error import RegistrationError
from HCCAssistLib.provenance import software_versions
from HCCAssistLib.registration.registration import Registration

FORMAT = "hccassist-margin-record/1"

KIND = "margin"

LARGEST_MM = 300.0
"""No tumour and no zone is as wide."""

BY_LANDMARKS, BY_PERSON, UNKNOWN = "landmarks", "person", "unknown"


@dataclass(frozen=True, eq=False, slots=True)
class MarginRecord:
    """What was measured, from what.

    Attributes:
        margin: figures, intervals and points.
        registration: from the scan before to the scan after.
        error_from: ``"landmarks"`` or ``"person"`` told how wrong it may be; ``"unknown"`` where nobody did.
        inputs: digest of each segment and volume by what it is.
        versions: of what computed it.
        synthetic: whether the segments are those of a phantom.
    """

    margin: AblationMargin
    registration: Registration
    error_from: str
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    synthetic: bool = False

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        margin = self.margin.as_json()
        return {
            "kind": KIND,
            "format": FORMAT,
            "run": {
                "inputs": dict(self.inputs),
                "versions": dict(self.versions),
                "error_from": self.error_from,
                "synthetic": self.synthetic,
            },
            "registration": self.registration.as_json(),
            "margin": margin,
            "warnings": margin["warnings"],
        }

    @classmethod
    def from_json(cls, data: Any) -> MarginRecord:
        """Read what ``as_json`` wrote.

        Raises:
            InputError: another format, damaged, or figures that the points do not give.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise InputError(
                "this is no margin that HCCAssist measured", "margin", "measure again, or update HCCAssist"
            )
        try:
            run, registration, margin = data["run"], data["registration"], data["margin"]
            error_from, synthetic = str(run["error_from"]), run.get("synthetic", False) is True
            texts = [{str(k): str(v) for k, v in run[name].items()} for name in ("inputs", "versions")]
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"the margin is damaged ({error})", "margin", "measure again") from error
        if error_from not in (BY_LANDMARKS, BY_PERSON, UNKNOWN):
            raise InputError(f"{error_from!r} tells no error of a registration", "margin", "measure again")
        found = AblationMargin.from_json(margin), Registration.from_json(registration)
        return cls(*found, error_from, texts[0], texts[1], synthetic)


def margin_record(
    tumour: Image,
    zone: Image,
    registration: Registration,
    *,
    liver: Image | None = None,
    error: RegistrationError | None = None,
    error_from: str = UNKNOWN,
    scans: tuple[Geometry | None, Geometry | None] = (None, None),
    warnings: tuple[Problem, ...] = (),
    synthetic: bool = False,
) -> MarginRecord:
    """Measure the margin of segments that a registration joins.

    Args:
        tumour, liver: painted where not 0, on the scan before the ablation.
        zone: painted where not 0, on the scan after it.
        registration: from the scan before (fixed) to the scan after (moving).
        error: as for ``measure_margin``.
        error_from: who tells it.
        scans: grids of the scan before and the scan after, where they are known: to tell a segment that is cut off.
        warnings: about the inputs, kept before those of the measurement.
        synthetic: whether the segments are those of a phantom.

    Raises:
        InputError: the registration failed or bends, the same segment twice, sizes that nobody has, or what
            ``measure_margin`` raises.
    """
    if not registration.succeeded:
        what = f"the registration failed: {registration.failure}"
        raise InputError(what, "registration", "give a transform by hand: there is no margin without one")
    if registration.spline is not None:
        what = "the registration bends the liver, and with it the margin"
        raise InputError(what, "registration", "register rigidly")
    for image, name in ((tumour, "tumour"), (zone, "ablation zone")):
        _check_size(image, name)
    if _same(tumour, zone):
        what = "tumour and ablation zone are the same segment"
        raise InputError(what, "ablation zone", "choose the zone on the scan after the ablation")
    found = measure_margin(tumour, zone, registration.matrix, error=error, liver=liver)
    edges = (*edge_warning(tumour, "tumour", scans[0]), *edge_warning(zone, "ablation zone", scans[1]))
    found = replace(found, warnings=(*warnings, *edges, *found.warnings))
    images = {"tumour": tumour, "ablation zone": zone, "liver": liver}
    digests = {name: image.digest() for name, image in images.items() if image is not None}
    source = error_from if error else UNKNOWN
    return MarginRecord(found, registration, source, digests, software_versions(), synthetic)


def write_margin(path: Path, record: MarginRecord) -> None:
    """Write a record as JSON, whole or not at all."""
    write_json(path, record.as_json())


def read_margin(path: Path) -> MarginRecord:
    """Read what ``write_margin`` wrote.

    Raises:
        InputError: no such file, no JSON, another format, or damaged.
    """
    try:
        data = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError("the margin cannot be read", path.name, "measure again") from error
    return MarginRecord.from_json(data)


def _check_size(image: Image, name: str) -> None:
    size = _extent(image)
    if size is not None and size.max() > LARGEST_MM:
        what = f"the segment is {size.max():.0f} mm wide, above {LARGEST_MM:g} mm"
        raise InputError(what, name, "correct the unit of its file, which is to be mm, or choose another segment")


def _extent(image: Image) -> np.ndarray | None:
    index = np.nonzero(image.array)
    if not len(index[0]):
        return None
    voxels = np.array([axis.max() - axis.min() + 1 for axis in index])[::-1]
    return np.asarray(voxels * image.geometry.spacing)


def _same(one: Image, other: Image) -> bool:
    """Whether two segments are painted in the same places, whatever part of a grid their files hold."""
    a, b = (image.geometry.to_world(np.argwhere(image.array)[:, ::-1]) for image in (one, other))
    return a.shape == b.shape and bool(len(a)) and bool(np.abs(a - b).max() < 0.05)
