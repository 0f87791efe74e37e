"""Patches for training: 20 shifted positives per lesion, 40 negatives per patient (Lim 2023, patch extraction)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseContents
from HCCAssistLib.cohort.points import Point
from HCCAssistLib.errors import InputError
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.imaging.windows import AIR_HU
from HCCAssistLib.imaging.working_grid import working_image
from HCCAssistLib.inference.study import Study
from HCCAssistLib.recipes.ltp.recipe import (
    NEGATIVES_PER_PATIENT,
    PATCH_SHAPE,
    POSITIVES_PER_LESION,
    SPACING_MM,
    TIME_POINT,
    WINDOWS,
)
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.augmentation import AxialAffine, center_crop
from HCCAssistLib.training.loop import BatchMaker
from HCCAssistLib.training.samples import Origin, Samples

if TYPE_CHECKING:
    from torch import Generator, Tensor

STORED = 60
"""Pixels stored in-plane: the 46 that the context network sees, and what a rotation of them reaches."""

SHIFT_MARGIN = 8
"""A lesion's point stays this many pixels within its patch, so that augmentation cannot push it out."""

TISSUE_HU = -300
TRIES = 4000

IntArray = npt.NDArray[np.int64]


def sample_case(study: Study, case: Case, options: Mapping[str, Value], rng: np.random.Generator) -> Samples:
    """The patches of one case.

    Args:
        study: volumes and annotated points. Points of ``post/ignored`` mark what is neither: no patch is taken there.
        case: whose they are.
        options: of the recipe.
        rng: source of the places.

    Raises:
        InputError: a point outside the volume, or no room for the negatives.
    """
    stored = study.volumes[f"{TIME_POINT}/arterial"]
    image, _ = working_image(stored, SPACING_MM, fill_value=AIR_HU)
    lesions, ignored, rejected = (
        [voxel_of(image, point) for point in marked(study, name)] for name in ("ltp", "ignored", "rejected")
    )
    rule: dict[str, Any] = {"radius": float(options["radius"]), "unit": str(options["radius_unit"])}
    starts = [s for lesion in lesions for s in positive_starts(lesion, rng)]
    labels = [1] * len(starts)
    owner = [number for number, _ in enumerate(lesions) for _ in range(POSITIVES_PER_LESION)]
    for point in rejected:
        drawn = positive_starts(point, rng)
        kept = [s for s in drawn if not _contains_any(s, lesions) and is_negative(s, ignored, image, **rule)]
        starts += kept
        labels += [0] * len(kept)
        owner += [-1] * len(kept)
    in_body = options["negatives"] == "body"
    negatives = negative_starts(image, [*lesions, *ignored], rng, count=NEGATIVES_PER_PATIENT, in_body=in_body, **rule)
    starts += negatives
    labels += [0] * len(negatives)
    owner += [-1] * len(negatives)
    origin = Origin(case.case_id, case.patient_id, case.split, (stored.digest(),))
    return patches_at(image, starts, labels, owner, origin)


def patches_at(
    image: Image, starts: Sequence[IntArray], labels: Sequence[int], owner: Sequence[int], origin: Origin
) -> Samples:
    """Cut the patches that begin at ``starts`` ``(i, j, k)``, with the pixels around them that training needs.

    Returns:
        ``voxels`` ``(n, 8, STORED, STORED)`` int16 Hounsfield units (windows are applied when a batch is made), with
        label, lesion and centre of each.
    """
    margin = (STORED - PATCH_SHAPE[1]) // 2
    padded = np.pad(image.array, ((PATCH_SHAPE[0],) * 2, (STORED,) * 2, (STORED,) * 2), constant_values=AIR_HU)
    voxels = np.empty((len(starts), PATCH_SHAPE[0], STORED, STORED), dtype=np.int16)
    for n, (i, j, k) in enumerate(starts):
        z, y, x = k + PATCH_SHAPE[0], j + STORED - margin, i + STORED - margin
        block = padded[z : z + PATCH_SHAPE[0], y : y + STORED, x : x + STORED]
        voxels[n] = np.clip(np.rint(block), AIR_HU, 3071)
    centers = image.geometry.to_world(np.array(starts).reshape(-1, 3) + _half())
    return Samples(
        {
            "voxels": voxels,
            "label": np.array(labels, dtype=np.uint8),
            "case": np.zeros(len(starts), dtype=np.int32),
            "lesion": np.array(owner, dtype=np.int32),
            "center_lps": centers.astype(np.float32),
        },
        (origin,),
    )


def positive_starts(point: IntArray, rng: np.random.Generator) -> list[IntArray]:
    """Twenty different in-plane shifts of the patch that hold the point; slices ``z-4 .. z+3`` around it.

    Args:
        point: voxel ``(i, j, k)`` of the lesion.
        rng: source of the shifts.
    """
    room = PATCH_SHAPE[1] - 2 * SHIFT_MARGIN
    shifts = rng.choice(room * room, size=POSITIVES_PER_LESION, replace=False)
    i, j, k = point
    return [
        np.array([i - SHIFT_MARGIN - shift % room, j - SHIFT_MARGIN - shift // room, k - PATCH_SHAPE[0] // 2])
        for shift in shifts
    ]


def negative_starts(
    image: Image,
    lesions: Sequence[IntArray],
    rng: np.random.Generator,
    *,
    count: int,
    radius: float,
    unit: str,
    in_body: bool,
) -> list[IntArray]:
    """Patches whose centre keeps the radius from every LTP point and that hold none of the points.

    Args:
        image: in LPS order.
        lesions: voxels ``(i, j, k)`` of the LTP points, and of whatever else negatives keep away from.
        rng: source of the places.
        count: how many.
        radius: distance to keep.
        unit: of the radius, ``"mm"`` or ``"voxels"``.
        in_body: at least half of the patch is tissue; otherwise the air around the patient counts too.

    Raises:
        InputError: the volume is smaller than a patch, or there is no room for so many.
    """
    size = np.array(image.geometry.shape[::-1])
    room = size - np.array(PATCH_SHAPE[::-1])
    if (room < 0).any():
        raise InputError(
            f"a volume of {' x '.join(map(str, size))} voxels is smaller than a patch of 32 x 32 x 8", image.name
        )
    found: list[IntArray] = []
    for _ in range(TRIES):
        start = rng.integers(0, room + 1)
        if not is_negative(start, lesions, image, radius=radius, unit=unit):
            continue
        if in_body:
            i, j, k = start
            block = image.array[k : k + PATCH_SHAPE[0], j : j + PATCH_SHAPE[1], i : i + PATCH_SHAPE[2]]
            if np.count_nonzero(block > TISSUE_HU) * 2 < block.size:
                continue
        found.append(start)
        if len(found) == count:
            return found
    raise InputError(
        f"only {len(found)} of {count} negative patches fit beside the LTP points",
        image.name,
        "check that the volume shows the abdomen, or use a smaller radius",
    )


def is_negative(start: IntArray, lesions: Sequence[IntArray], image: Image, *, radius: float, unit: str) -> bool:
    """Whether a patch keeps the radius (``"mm"`` or ``"voxels"``) from every LTP point and holds none of them."""
    scale = image.geometry.spacing if unit == "mm" else np.ones(3)
    apart = all(np.linalg.norm((start + _half() - lesion) * scale) > radius for lesion in lesions)
    return apart and not _contains_any(start, lesions)


def start_around(voxel: IntArray) -> IntArray:
    """First voxel ``(i, j, k)`` of the patch centred on a voxel."""
    return voxel - _half()


def _half() -> IntArray:
    return np.array(PATCH_SHAPE[::-1]) // 2


def _contains_any(start: IntArray, points: Sequence[IntArray]) -> bool:
    shape = np.array(PATCH_SHAPE[::-1])
    return any(bool(((point >= start) & (point < start + shape)).all()) for point in points)


def marked(study: Study | CaseContents, name: str) -> tuple[Point, ...]:
    """The points of a study by their name, for example ``"ltp"``; none where the study has no such list."""
    found = study.points.get(f"{TIME_POINT}/{name}")
    return found.points if found else ()


def voxel_of(image: Image, point: Point) -> IntArray:
    """The voxel ``(i, j, k)`` that holds a point.

    Raises:
        InputError: the point lies outside the volume.
    """
    if not image.geometry.contains(point.position):
        raise InputError(f"the point {point.label!r} lies outside the volume", f"case {image.name}")
    index: IntArray = np.floor(image.geometry.to_index(point.position) + 0.5).astype(np.int64)
    return index


def batch_maker(options: Mapping[str, Value]) -> BatchMaker:
    """From stored patches to network input: augmentation in Hounsfield units, then the three windows.

    Turning Hounsfield units and windowing afterwards keeps the narrow windows as sharp as on a real scan, and
    interpolates one channel instead of three.
    """
    from HCCAssistLib.recipes.ltp.network import build, windowed

    out = build(options).patch_shape[-1]
    transform = AxialAffine() if options["augment"] else None

    def make(inputs: Mapping[str, Tensor], generator: Generator | None) -> Tensor:
        hu = inputs["voxels"].float()
        hu = transform(hu, out, generator) if transform and generator else center_crop(hu, out)
        return windowed(hu, WINDOWS)

    return make


def input_spec(options: Mapping[str, Value]) -> dict[str, Any]:
    """What a trained network expects, for model.json."""
    return {
        "time_point": TIME_POINT,
        "phase": "arterial",
        "patch_kji": list(PATCH_SHAPE),
        "border": options["border"],
        "windows": [{"level": window.level, "width": window.width} for window in WINDOWS],
        "grey_levels": 256,
        "spacing_mm": {"in_plane": list(SPACING_MM[0]), "between_slices": list(SPACING_MM[1])},
        "outside_hu": AIR_HU,
    }
