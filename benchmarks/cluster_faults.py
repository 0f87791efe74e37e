"""What faults of a cluster cost a training: each is made on a private Slurm on this computer, as root.

    sudo python benchmarks/cluster_faults.py [docs/clusters.md]

runs the tests of ``Testing/slurm/test_slurm_jobs.py``, the slow ones too, and prints a table, or writes it between the
marks of the document. Seconds are from the fault, or from its end where it lasts, to the start of the next attempt:
most of them are Slurm's, which looks every few seconds, and PyTorch's, which is loaded anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- faults: sudo python benchmarks/cluster_faults.py docs/clusters.md -->", "<!-- end of faults -->"


def main() -> int:
    sys.path.append(str(ROOT / "Testing" / "slurm"))
    from private_cluster import unavailable

    if reason := unavailable():
        print(f"not measured: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        figures.touch()
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "Testing/slurm/test_slurm_jobs.py"]
        environment = {**os.environ, "HCCASSIST_CLUSTER_FIGURES": str(figures)}
        status = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr).returncode
        found = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
    lines = ["| fault | what ended | finished epochs done twice | weights | went on after |", "|---|---|---|---|---|"]
    for one in found:
        weights = "the plain command's" if one["same"] else "**others**"
        after = f"{one['seconds']:.0f} s" if one["seconds"] else "never stopped"
        lines.append(f"| {one['fault']} | {one['ended']} | {one['again']} | {weights} | {after} |")
    table = "\n".join(lines)
    if len(sys.argv) > 1 and not status:
        document = Path(sys.argv[1])
        before, rest = document.read_text(encoding="utf-8").split(BEGIN)
        document.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(table)
    return status


if __name__ == "__main__":
    sys.exit(main())
