"""Where findings on the scan after an ablation lie by the margin of the scan before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.margin.ablation_margin import Place
from HCCAssistLib.margin.record import MarginRecord


@dataclass(frozen=True, slots=True)
class NearMargin:
    """A finding beside the tumour that was ablated.

    Attributes:
        number: of the finding.
        center: on the scan before, LPS mm.
        narrowest_mm: from its centre to the place of the smallest margin.
        surface_mm: from its centre to the nearest place of the tumour's surface.
        margin_mm: the margin at that place.
    """

    number: int
    center: Place
    narrowest_mm: float
    surface_mm: float
    margin_mm: float


def near_margin(record: MarginRecord, centers: Mapping[int, Place]) -> tuple[NearMargin, ...]:
    """The findings, the one nearest to the smallest margin first.

    Args:
        record: whose registration maps the scan before to the scan after.
        centers: of the findings by their numbers, LPS mm on the scan after.

    Raises:
        InputError: a centre that is no finite place.
    """
    if not centers:
        return ()
    places = np.array(list(centers.values()), float).reshape(len(centers), -1)
    if places.shape[1] != 3 or not np.isfinite(places).all():
        raise InputError("a finding lies nowhere", "findings", "detect again")
    matrix, margin = record.registration.matrix, record.margin
    before = np.linalg.solve(matrix[:3, :3], (places - matrix[:3, 3]).T).T
    found = []
    for number, place in zip(centers, before, strict=True):
        away = np.linalg.norm(margin.points - place, axis=1)
        nearest = int(away.argmin())
        x, y, z = place.tolist()
        narrowest = float(np.linalg.norm(place - margin.smallest_at))
        found.append(NearMargin(number, (x, y, z), narrowest, float(away[nearest]), float(margin.margins[nearest])))
    return tuple(sorted(found, key=lambda one: one.narrowest_mm))
