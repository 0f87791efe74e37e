"""Mutual information of samples that change from step to step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from HCCAssistLib.registration.sampled import Floats

BINS = 16
"""For each image; more follow the noise."""

KEPT = 0.9
"""Share of the histogram that stays when new samples come in: one step's samples alone are too few for its cells."""

OUTLIERS = 0.2
"""Percent of the values at either end that count as the end."""

EMPTY = 1e-7
"""Share that stands in an empty cell."""


class JointHistogram:
    """How often values of two images come together; Parzen windows as in Mattes et al. (IEEE TMI 2003).

    Args:
        fixed, moving: values that tell the range of each image.
    """

    def __init__(self, fixed: Floats, moving: Floats) -> None:
        self._fixed, self._moving = _range(fixed), _range(moving)
        self._shares = np.zeros((BINS, BINS))
        self._steps = 0

    def slopes(self, fixed: Floats, moving: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
        """Takes new samples in; by how much the mutual information (nats) grows with the value of each.

        Args:
            fixed, moving: values of both images ``(n,)``.
            seen: which of them count.

        Returns:
            ``(n,)``, per unit of the moving image, for the sum over the samples divided by their number.
        """
        rows = np.rint(_binned(fixed, self._fixed)).astype(np.intp)
        place = _binned(moving, self._moving)
        floor = place.astype(np.intp)
        f = place - floor
        r = 1 - f
        window = np.stack([r**3, 3 * f**3 - 6 * f**2 + 4, 3 * r**3 - 6 * r**2 + 4, f**3], axis=-1) / 6
        slope = np.stack([-(r**2), 3 * f**2 - 4 * f, 4 * r - 3 * r**2, f**2], axis=-1) / 2
        cells = (rows * BINS + floor - 1)[:, None] + np.arange(4)
        counts = np.bincount(cells.ravel(), (window * seen[:, None]).ravel(), BINS * BINS).reshape(BINS, BINS)
        kept = min(KEPT, self._steps / (self._steps + 1))
        self._shares = kept * self._shares + (1 - kept) * counts / max(1, int(np.count_nonzero(seen)))
        self._steps += 1
        shares = self._shares + EMPTY
        gain = np.log(shares / shares.sum(axis=0))
        low, per_unit = self._moving
        moves = seen & (moving > low) & (moving < low + (BINS - 4) / per_unit)
        found: Floats = ((gain.ravel()[cells] * slope).sum(axis=1) * moves * per_unit).astype(np.float32)
        return found


def _range(values: Floats) -> tuple[float, float]:
    """The lowest value that is told apart, and bins per unit."""
    low, high = np.percentile(values, (OUTLIERS, 100 - OUTLIERS)).tolist()
    return low, (BINS - 4) / max(high - low, 1e-12)


def _binned(values: Floats, of: tuple[float, float]) -> Floats:
    """Where values lie among the bins, so that a window fits in on either side."""
    low, per_unit = of
    return np.clip((values - np.float32(low)) * np.float32(per_unit), 0, BINS - 4) + np.float32(1.5)
