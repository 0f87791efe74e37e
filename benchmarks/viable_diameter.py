"""How long the longest chord of a section takes; drawn sections of 200 x 200 pixels, nothing of patients.

    python benchmarks/viable_diameter.py

Each line tells a section, its longest chord and the fastest of several searches; the last line is one JSON object for
the goal: the slowest section that a lesion may look like.
"""

from __future__ import annotations

import json
import time

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from HCCAssistLib.response.chord import longest_chord

SIZE, SPACING, REPEATS = 200, (0.7, 0.9), 5
GOAL_MS = 50.0


def sections() -> dict[str, tuple[npt.NDArray[np.bool_], bool]]:
    """Sections by name, and whether a lesion drawn or grown by a person may look so."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    away, angle = np.hypot(x, y), np.arctan2(y, x)
    smooth, rough = (ndimage.gaussian_filter(rng.normal(size=x.shape), sigma) for sigma in (3, 1))
    smooth, rough = smooth / smooth.std(), rough / rough.std()
    return {
        "disc": (away < 99, True),
        "ellipse": ((x / 95) ** 2 + (y / 60) ** 2 < 1, True),
        "rim of 49 pixels": ((away < 99) & (away > 50), True),
        "rim of 7 pixels": ((away < 99) & (away > 92), True),
        "lobes": (away < 70 + 25 * np.sin(3 * angle) + 4 * smooth, True),
        "necrosis in many places": ((away < 90 + 6 * smooth) & (smooth > -1), True),
        "two septa": ((away < 99) & (x != y) & (x != -y), True),
        "threshold in noise, 16 % holes": ((away < 99) & (rough > -1), False),
        "threshold in noise, 38 % holes": ((away < 99) & (rough > -0.3), False),
        "single pixels missing, 30 %": ((away < 99) & (rng.random(x.shape) > 0.3), False),
        "random pixels, 50 %": (rng.random(x.shape) < 0.5, False),
    }


def main() -> None:
    slowest = {True: 0.0, False: 0.0}
    for name, (section, is_lesion) in sections().items():
        times = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            ends = longest_chord(section, SPACING)
            times.append(1000 * (time.perf_counter() - begin))
        length = 0.0 if ends is None else float(np.hypot(*((ends[1] - ends[0]) * SPACING)))
        print(f"{name:34s} {length:7.2f} mm {min(times):8.1f} ms")
        slowest[is_lesion] = max(slowest[is_lesion], min(times))
    value = round(slowest[True], 1)
    print(f"slowest in noise: {slowest[False]:.0f} ms")
    goal = f"longest chord of a lesion of {SIZE} x {SIZE} pixels, ms"
    print(json.dumps({"goal": goal, "value": value, "target": f"<= {GOAL_MS:g}", "met": value <= GOAL_MS}))


if __name__ == "__main__":
    main()
