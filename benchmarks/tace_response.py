"""Speed of the TACE recipe: the largest inscribed square beside one that tries all squares.

One thread; process CPU seconds, which a busy machine does not disturb. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from HCCAssistLib.cli.process import tune
from HCCAssistLib.recipes.tace.inscribed_square import largest_square

SIDE = 200
"""Pixels along each side of the mask: a tumour of 14 cm in a usual scan."""


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """Best of some repeats, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def tumour_mask(side: int = SIDE) -> npt.NDArray[np.bool_]:
    """An uneven outline with a few holes."""
    row, column = np.indices((side, side)) - side / 2
    outline = side / 2.2 * (1 + 0.1 * np.sin(5 * np.arctan2(row, column)))
    mask: npt.NDArray[np.bool_] = np.hypot(row, column) < outline
    mask[np.random.default_rng(0).random(mask.shape) < 0.0005] = False
    return mask


def by_trying_all(mask: npt.NDArray[np.bool_]) -> int:
    """Side of the largest square, every place of every side, the largest first."""
    for side in range(min(mask.shape), 0, -1):
        for row in range(mask.shape[0] - side + 1):
            for column in range(mask.shape[1] - side + 1):
                if mask[row : row + side, column : column + side].all():
                    return side
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    tune()
    torch.set_num_threads(1)
    mask = tumour_mask()
    square = cpu_seconds(lambda: largest_square(mask), arguments.repeats)
    began = time.process_time()
    tried = by_trying_all(mask)
    all_squares = time.process_time() - began
    assert tried == largest_square(mask).side
    print(f"largest square in {SIDE} x {SIDE} pixels: {1000 * square:.2f} CPU ms, trying all {all_squares:.2f} CPU s")
    goals = (("largest square in a mask of 200 x 200 pixels, CPU ms", 1000 * square, 5.0, "<="),)
    for goal, value, target, sense in goals:
        met = value >= target if sense == ">=" else value <= target
        print(json.dumps({"goal": goal, "value": round(value, 2), "target": f"{sense} {target:g}", "met": bool(met)}))


if __name__ == "__main__":
    main()
