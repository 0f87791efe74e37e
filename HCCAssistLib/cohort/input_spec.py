"""What a recipe asks of a case: pure data, so that the registry of recipes stays light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

Kind = Literal["volume", "points", "segment", "roi"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One file that a case must or may hold.

    Inputs of one place (``"pre/tumour"``) and several kinds are alternatives: a segment, a box or points may mark the
    same thing, and where they are required, one of them is enough.

    Attributes:
        time_point: ``"baseline"``, ``"pre"`` or ``"post"``.
        name: the phase of a volume (``"arterial"``) or the name of an annotation (``"tumour"``, ``"liver"``).
        kind: what the file holds.
        required: whether a case without it, or one of its alternatives, is refused.
        of_lesions: points or segments, each of which marks a lesion: points lie in the liver, and no lesion has two; of
            a file of segments, all that are painted count.
        modality: of a volume, as in DICOM.
        unit: of a volume's voxels; ``""`` where they have none, as in MR.
        spacing_mm: of a volume: lowest and highest voxel spacing that the method was made for, in-plane and between
            slices; a scan outside is resampled. None where any will do.
        only_with: options of the recipe, each with the values for which the input is asked for; always where empty.
        drawn_on: of an annotation: the volume of its time point that it belongs to, the first one where empty.
        one_slice: of a segment: whether one painted slice is all that is asked for.
        registered_to: of a volume: the volume of its time point that it is laid on; a person's transform may lie beside
            it (``portal.tfm`` beside ``portal.nrrd``).
    """

    time_point: str
    name: str
    kind: Kind
    required: bool
    of_lesions: bool = False
    modality: str = "CT"
    unit: str = "HU"
    spacing_mm: tuple[tuple[float, float], tuple[float, float]] | None = None
    only_with: Mapping[str, tuple[bool | int | float | str, ...]] = field(default_factory=dict, hash=False)
    drawn_on: str = ""
    one_slice: bool = False
    registered_to: str = ""

    def __reduce__(self) -> tuple[type[InputSpec], tuple[object, ...]]:
        """To go to another process: views of dictionaries do not."""
        given = {one.name: getattr(self, one.name) for one in fields(self)} | {"only_with": dict(self.only_with)}
        return InputSpec, tuple(given.values())

    def __str__(self) -> str:
        return f"{self.time_point}/{self.name}"
