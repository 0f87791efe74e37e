"""A result on disk: a folder with result.json and, where there is one, heatmap.nrrd."""

from __future__ import annotations

import csv
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json, written_whole
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.results.detection import DetectionResult

HEATMAP = "heatmap.nrrd"
CSV_COLUMNS = (
    "number",
    "probability",
    "slice",
    "diameter_mm",
    "distance_to_ablation_mm",
    "center_lps",
    "size_mm",
    "verdict",
    "comment",
)


def write_result(result: DetectionResult, folder: Path) -> None:
    """Write a result; result.json comes last, so a folder that has it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").unlink(missing_ok=True)
    (folder / HEATMAP).unlink(missing_ok=True)
    if result.heatmap is not None:
        write_image(result.heatmap, folder / HEATMAP)
    write_json(folder / "result.json", result.as_json())


def read_result(folder: Path) -> DetectionResult:
    """Read what ``write_result`` wrote.

    Raises:
        InputError: not a result, or a damaged one.
    """
    path = folder / "result.json"
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("there is no readable result.json", folder.name, "name the folder of a result") from error
    heatmap = read_image(folder / HEATMAP) if (folder / HEATMAP).exists() else None
    return DetectionResult.from_json(data, heatmap)


def write_candidates(result: DetectionResult, path: Path) -> None:
    """Write all candidates as a table that Excel opens, whole or not at all."""
    with written_whole(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(candidate.as_json() for candidate in result.candidates)
