"""The toy method of the unit tests in jobs of a private cluster."""

from __future__ import annotations

import json
from pathlib import Path

from runs_toy import KNOWN, SLOW

UNIT = Path(__file__).parents[1] / "unit"

TOY = """
import json, os, sys, time
from pathlib import Path

here = Path(__file__).parent
sys.path.append({unit!r})
os.environ.update(json.loads((here / "environment.json").read_text()))
"""

HELD = """
    from toy_method import sampling
    unheld, made = sampling.batch_maker, [0]
    def batch_maker(options):
        make = unheld(options)
        def held(inputs, generator):
            made[0] += 1
            while made[0] > 20 and (here / "hold").exists():
                time.sleep(0.05)
            return make(inputs, generator)
        return held
    sampling.batch_maker = batch_maker
"""
"""From its second epoch on a training waits where the test says so, until it lets it go on."""


class Toy:
    """The toy method on the cluster: how fast it trains, and when it waits."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self.batches_take(0.0)
        self.go_on()
        (site / "sitecustomize.py").write_text(TOY.format(unit=str(UNIT)) + KNOWN + SLOW + HELD, encoding="utf-8")

    def batches_take(self, seconds: float) -> None:
        (self._site / "environment.json").write_text(json.dumps({"TOY_SECONDS": str(seconds)}))

    def hold(self) -> None:
        (self._site / "hold").touch()

    def go_on(self) -> None:
        (self._site / "hold").unlink(missing_ok=True)
