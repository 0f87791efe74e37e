"""A result on disk: a folder with result.json and the heat maps, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.imaging.files import read_image, write_image
from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.detection import DetectionResult
from HCCAssistLib.results.result import Result, check_format
from HCCAssistLib.results.risk import RiskResult

RESULT = "result.json"
HEATMAP = "heatmap.nrrd"

AnyResult = DetectionResult | ClassificationResult | RiskResult

KINDS: Mapping[str, type[AnyResult]] = {
    "detection": DetectionResult,
    "classification": ClassificationResult,
    "risk": RiskResult,
}


def write_result(result: Result, folder: Path) -> None:
    """Write a result; result.json comes last, so a folder that has it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for old in folder.glob("heatmap*.nrrd"):
        old.unlink()
    for volume, name in heatmap_files(result.heatmaps).items():
        write_image(result.heatmaps[volume], folder / name)
    write_json(folder / RESULT, result.as_json())


def read_result(folder: Path) -> AnyResult:
    """Read what ``write_result`` wrote, of any kind; a heat map that was deleted since is not missed.

    Raises:
        InputError: not a result, one of an older format, or a damaged one.
    """
    path = folder / RESULT
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("there is no readable result.json", folder.name, "name the folder of a result") from error
    check_format(data)
    kind = KINDS.get(str(data.get("kind")))
    if kind is None:
        known = ", ".join(KINDS)
        raise InputError(f"a result of an unknown kind: {data.get('kind')!r}", RESULT, f"known kinds are {known}")
    volumes = data.get("heatmaps")
    if not isinstance(volumes, list) or not all(isinstance(volume, str) for volume in volumes):
        raise InputError("the result is damaged: its heat maps are not listed", RESULT)
    files = {volume: folder / name for volume, name in heatmap_files(volumes).items()}
    heatmaps = {volume: read_image(file) for volume, file in files.items() if file.is_file()}
    return kind.from_json(data, heatmaps)


def heatmap_files(volumes: Iterable[str]) -> dict[str, str]:
    """Names of the files of heat maps.

    >>> heatmap_files(["post/arterial"])
    {'post/arterial': 'heatmap.nrrd'}
    >>> heatmap_files(["pre/portal", "post/portal"])
    {'pre/portal': 'heatmap-pre-portal.nrrd', 'post/portal': 'heatmap-post-portal.nrrd'}

    Args:
        volumes: that they explain, ``"<time point>/<name>"``.
    """
    listed = list(volumes)
    if len(listed) == 1:
        return {listed[0]: HEATMAP}
    return {volume: f"heatmap-{_safe(volume)}.nrrd" for volume in listed}


def _safe(volume: str) -> str:
    """A part of a file name; whatever a damaged result.json calls a volume, it leads nowhere."""
    return "-".join("".join(c if c.isalnum() or c in "_." else "_" for c in part) for part in volume.split("/"))
