"""How well the shift between two phases is told around a single mass; phantoms with known breath, nothing of patients.

Each mass of each phantom alone: the phases as they are, one of them moved by 8 to 16 mm, and one of them ending 25 mm
above the mass. The last lines are one JSON object per goal.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from multiprocessing import Pool

import numpy as np
import numpy.typing as npt

from HCCAssistLib.imaging.cropping import crop
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.phantoms.liver.storage import AXIAL
from HCCAssistLib.phantoms.liver_mass.cases import make_case, planted
from HCCAssistLib.recipes.liver_mass.alignment import WARN_MM, box_around, shift_between

SEED = 6
WRONG_MM = 4.0
ABOVE_MM = 25.0

Told = tuple[str, float, float]
"""How the phases were given, how far the told shift is from the true one and how long it is; NaN where none is told."""


def moved(image: Image, by: npt.NDArray[np.float64]) -> Image:
    affine = image.geometry.affine.copy()
    affine[:3, 3] += by
    return replace(image, geometry=replace(image.geometry, affine=affine))


def ended(image: Image, above: tuple[float, float, float]) -> Image:
    grid = image.geometry
    count = round(float(grid.to_index(above)[2]) + ABOVE_MM / grid.spacing[2])
    return crop(image, (0, 0, 0), (min(count, grid.shape[0]), *grid.shape[1:]), fill_value=0)


def measure(number: int) -> list[Told]:
    phantom = make_case((SEED, number), planted(SEED, number), storage=AXIAL)
    rng = np.random.default_rng(number)
    fixed, found = phantom.volumes["unenhanced"], list[Told]()
    for mass in phantom.masses:
        box = box_around([mass.point_lps])
        for phase in ("arterial", "delayed"):
            true = np.subtract(phantom.shifts_mm[phase], phantom.shifts_mm["unenhanced"])
            by = rng.normal(size=3)
            by *= rng.uniform(8, 16) / np.linalg.norm(by)
            still = phantom.volumes[phase]
            for kind, image, wanted in (
                ("as they are", still, true),
                ("moved", moved(still, by), true + by),
                ("one ends near the mass", ended(still, mass.point_lps), true),
            ):
                shift = shift_between(fixed, image, box)
                off, length = (np.nan, np.nan) if shift is None else map(np.linalg.norm, (shift - wanted, shift))
                found.append((kind, float(off), float(length)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60)
    arguments = parser.parse_args()
    told = defaultdict(list)
    with Pool(2) as pool:
        for rows in pool.imap(measure, range(arguments.cases)):
            for kind, *figures in rows:
                told[kind].append(figures)
    goals = []
    for kind, rows in told.items():
        off, length = np.array(rows).T
        untold, wrong = int(np.isnan(off).sum()), int((off > WRONG_MM).sum())
        print(
            f"{kind}: n = {len(off)} pairs of phases at one mass; off by {np.nanmedian(off):.1f} mm (median), "
            f"{np.nanquantile(off, 0.95):.1f} (95 %), {np.nanmax(off):.1f} (most); more than {WRONG_MM:g} mm {wrong}, "
            f"not told {untold}, told as more than {WARN_MM:g} mm {int((length > WARN_MM).sum())}"
        )
        goals += [(f"{kind}: wrong", wrong / len(off), 0.01), (f"{kind}: not told", untold / len(off), 0.05)]
    for goal, value, most in goals:
        print(json.dumps({"goal": goal, "value": round(value, 4), "target": f"<= {most}", "met": value <= most}))


if __name__ == "__main__":
    main()
