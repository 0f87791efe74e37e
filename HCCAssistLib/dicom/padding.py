"""Padding: the value that a scanner writes where there is no image, outside of the round field of view."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from HCCAssistLib.dicom.frames import number
from HCCAssistLib.errors import Problem

AIR_HU, HIGHEST_AIR_HU = -1024, -900
HIGHEST_HU = 30_710  # of the extended CT scale: metal
SPECK_VOXELS = 16
"""Regions on the border of a slice that reach no corner are padding from this size on; smaller ones may be tissue."""


class Padding:
    """Turns padding into background, and keeps account of it.

    A padding value (stored units, before the rescale) can be the value of tissue as well: 0 HU is water. Therefore it
    is background only where it is joined to the border of the slice: to a corner, since whatever lies outside of a
    convex field of view reaches one, or in a region too large to be tissue of exactly one value. In CT, padding beyond
    the scale of Hounsfield units is no tissue anywhere, and padding from -1024 to -900 HU is air already. Background
    is -1024 HU in CT and 0 in MR. Values beyond the scale become background too where no header names them.

    Attributes:
        values: the padding values found, stored units and what they would mean.
        replaced_voxels: how many voxels were turned into background.
        kept_voxels: how many voxels inside hold the same value and were left alone.
        beyond_voxels: how many others lay below and above the Hounsfield scale and became background.
        beyond: the lowest and the highest value of those.
        voxels: looked at in all.
    """

    def __init__(self, modality: str) -> None:
        self.modality = modality
        self.background = AIR_HU if modality == "CT" else 0
        self.values: dict[tuple[int, float], None] = {}
        self.replaced_voxels = self.kept_voxels = self.voxels = 0
        self.beyond_voxels, self.beyond = [0, 0], [float(AIR_HU), float(HIGHEST_HU)]

    def replaced(self, values: np.ndarray, stored: np.ndarray, header: Dataset) -> np.ndarray:
        """One slice's values with its padding turned into background; ``values`` itself is changed.

        Args:
            values: after the rescale, ``(j, i)``.
            stored: before it.
            header: of the slice's file.
        """
        self.voxels += values.size
        self._replace_named(values, stored, header)
        if self.modality == "CT":
            self._replace_beyond(values)
        return values

    def _replace_beyond(self, values: np.ndarray) -> None:
        """Turn into air what no tissue and no metal is, named as padding or not."""
        self.beyond = [min(self.beyond[0], float(values.min())), max(self.beyond[1], float(values.max()))]
        for side, outside in enumerate((values < AIR_HU, values > HIGHEST_HU)):
            self.beyond_voxels[side] += int(outside.sum())
            values[outside] = self.background

    def _replace_named(self, values: np.ndarray, stored: np.ndarray, header: Dataset) -> None:
        bounds = _bounds(header)
        if bounds is None:
            return
        is_padding = (stored >= bounds[0]) & (stored <= bounds[1]) & (values != self.background)
        if not is_padding.any():
            return
        is_ct = self.modality == "CT"
        outside = is_padding & ((values < AIR_HU) | (values > HIGHEST_HU)) & is_ct
        doubtful = is_padding & ~outside & ~(is_ct & (values <= HIGHEST_AIR_HU))
        if doubtful.any():
            outside |= _joined_to_border(doubtful)
        if outside.any():
            self.values[_padding_of(header), float(values[outside][0])] = None
        self.replaced_voxels += int(outside.sum())
        self.kept_voxels += int((doubtful & ~outside).sum())
        values[outside] = self.background

    def problems(self, where: str) -> tuple[Problem, ...]:
        """What was done, where anything was."""
        warnings = (self._named_in_words(), self._beyond_in_words())
        return tuple(Problem("WARN", what, where) for what in warnings if what)

    def _beyond_in_words(self) -> str:
        sides = ((f"below {AIR_HU} HU", "down"), (f"above {HIGHEST_HU:,} HU", "up"))
        parts = [
            f"{100 * count / self.voxels:.2g} % of the voxels lay {side} ({direction} to {extreme:g} HU)"
            for (side, direction), count, extreme in zip(sides, self.beyond_voxels, self.beyond, strict=True)
            if count
        ]
        if not parts:
            return ""
        return f"{' and '.join(parts)}, which their headers do not name as padding, and became air ({AIR_HU} HU)"

    def _named_in_words(self) -> str:
        if not self.replaced_voxels:
            return ""
        is_ct = self.modality == "CT"
        unit = " HU" if is_ct else ""
        several = "s" if len(self.values) > 1 else ""
        named = ", ".join(f"{raw} ({value:g}{unit})" for raw, value in self.values)
        share = 100 * self.replaced_voxels / self.voxels
        what = f"padding value{several} {named}: {share:.2g} % of the voxels lie outside the field of view and became "
        what += f"air ({AIR_HU} HU)" if is_ct else "0"
        if self.kept_voxels:
            what += f"; {self.kept_voxels} voxels inside hold the same value and were left as they are"
        return what


def _padding_of(header: Dataset) -> int:
    bits, is_signed = int(number(header, "BitsStored") or 16), number(header, "PixelRepresentation") == 1
    return _as_stored(number(header, "PixelPaddingValue") or 0, bits, is_signed)


def _bounds(header: Dataset) -> tuple[int, int] | None:
    """The lowest and highest stored value that is padding; None where the header names none.

    The fields are written as signed or unsigned, sometimes against the voxels' own type, and with more bits than are
    stored; they are brought to what the voxels hold.
    """
    value, limit = number(header, "PixelPaddingValue"), number(header, "PixelPaddingRangeLimit")
    if value is None:
        return None
    bits, is_signed = int(number(header, "BitsStored") or 16), number(header, "PixelRepresentation") == 1
    ends = [_as_stored(end, bits, is_signed) for end in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _as_stored(value: float, bits: int, is_signed: bool) -> int:
    cell = int(value) & ((1 << bits) - 1)
    return cell - (1 << bits) if is_signed and cell >> (bits - 1) else cell


def _joined_to_border(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage  # here and not above: a check reads no voxels, and must not wait for it

    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    corners = labels[[0, 0, -1, -1], [0, -1, 0, -1]]
    taken = np.union1d(corners, border[sizes[border] >= SPECK_VOXELS])
    return np.asarray(np.isin(labels, taken[taken > 0]))
