"""How long ``hccassist check`` takes on scans of hospital size: 512 x 512 x 60 voxels, int16, .nii.gz.

    python benchmarks/cohort_check.py [CASES]

The cohort is made of noise in a body's shape in a temporary folder, which takes about as long as 3 checks of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from HCCAssistLib.cohort.cohort import write_cohort_table
from HCCAssistLib.cohort.points import Point, PointList, write_points
from HCCAssistLib.imaging.files import write_image
from HCCAssistLib.imaging.geometry import Geometry
from HCCAssistLib.imaging.image import Image

SHAPE = (60, 512, 512)
CASES_PROMISED, SECONDS_PROMISED = 200, 60.0


def write_cohort(folder: Path, cases: int) -> None:
    """A faultless cohort; every second case holds a lesion."""
    grid = Geometry.from_parts(SHAPE, (0.8, 0.8, 3.0), (-205, -205, -90))
    j, i = np.indices(SHAPE[1:]) - 255.5
    inside = np.hypot(j / 0.7, i) < 220
    rows = []
    for number in range(cases):
        rng = np.random.default_rng(number)
        noise = (12 * rng.standard_normal(SHAPE, dtype=np.float32)).astype(np.int16)
        post = folder / "cases" / f"c{number:03}" / "post"
        post.mkdir(parents=True)
        write_image(Image(np.where(inside, 60 + noise, -1000 + noise // 4), grid), post / "arterial.nii.gz")
        if number % 2:
            write_points(PointList("ltp", (Point("L-1", (10.0, 5.0, 3.0)),)), post / "ltp.mrk.json")
        rows.append({"case_id": f"c{number:03}", "patient_id": f"p{number:03}", "split": "", "ltp": number % 2})
    write_cohort_table(folder, rows)


def main(cases: int) -> int:
    """Write, check once to fill the cache of the disk, and time the second check."""
    with tempfile.TemporaryDirectory(prefix="hccassist-benchmark-") as name:
        folder = Path(name) / "cohort"
        write_cohort(folder, cases)
        command = [sys.executable, "-m", "HCCAssistLib.cli.main", "check", str(folder)]
        for _ in range(2):
            began, before = time.monotonic(), os.times()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            seconds, after = time.monotonic() - began, os.times()
    print(done.stdout)
    promised = SECONDS_PROMISED / CASES_PROMISED
    print(f"{cases} cases in {seconds:.1f} s, {cases / seconds:.1f} cases/s, {seconds / cases:.2f} s a case")
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{busy / cases:.2f} s of processor time a case")
    print(f"promised: {promised:.2f} s a case on two cores")
    return 0 if done.returncode == 0 and seconds / cases <= promised else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
