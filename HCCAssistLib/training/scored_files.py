"""How a scored case is kept on disk: one file of arrays, and the record beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.inference.scored import Picture, Scored, ScoredCase
from HCCAssistLib.training.kept_cases import CaseFiles

ARRAYS = "scored.safetensors"


def _write(one: ScoredCase, folder: Path) -> dict[str, Any]:
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {}
    for n, finding in enumerate(one.findings):
        arrays[f"probabilities {n}"], arrays[f"features {n}"] = finding.probabilities, finding.features
        arrays |= {f"picture {n} {m}": picture.grey for m, picture in enumerate(finding.pictures)}
    (folder / ARRAYS).write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    findings = [
        {
            "number": finding.number,
            "label": finding.label,
            "target": finding.target,
            "verdict": finding.verdict,
            "told": finding.told,
            "network": finding.network,
            "pictures": [[picture.name, picture.side_mm] for picture in finding.pictures],
        }
        for finding in one.findings
    ]
    return {"pooled": one.pooled, "scans": [list(scan) for scan in one.scans], "findings": findings}


def _read(record: Mapping[str, Any], case: Case, folder: Path) -> ScoredCase:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load((folder / ARRAYS).read_bytes())
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    findings = tuple(
        Scored(
            number=int(one["number"]),
            label=str(one["label"]),
            probabilities=arrays[f"probabilities {n}"],
            features=arrays[f"features {n}"],
            pictures=tuple(
                Picture(str(name), arrays[f"picture {n} {m}"], float(side))
                for m, (name, side) in enumerate(one["pictures"])
            ),
            target=bool(one["target"]),
            verdict=str(one["verdict"]),
            told=str(one["told"]),
            network=str(one["network"]),
        )
        for n, one in enumerate(record["findings"])
    )
    scans = tuple(tuple(map(str, scan)) for scan in record["scans"])
    return ScoredCase(findings, bool(record["pooled"]), scans)


SCORED_FILES = CaseFiles("hccassist-scored-case/2", _write, _read)
"""How a scored case lies in its folder."""
