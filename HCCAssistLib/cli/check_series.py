"""``hccassist check-series``: what a folder of DICOM files holds, what is wrong with it, and what to do."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table
from HCCAssistLib.errors import InputError, Problem

if TYPE_CHECKING:
    from HCCAssistLib.dicom.series import SeriesReport


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "check-series", help="the volumes in a DICOM folder, their phases and faults"
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with one series or several, at any depth")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Look at the headers only; exit status 2 where something forbids reading."""
    from HCCAssistLib.dicom.series import check_series, condensed

    try:
        reports = check_series(args.folder)
    except InputError as error:
        if not args.json:
            raise
        say_json({"series": [], "problems": [_as_json(problem) for problem in error.problems]})
        return 2
    problems = {report: _problems(report, reports) for report in reports}
    found = condensed(problem for report in reports for problem in problems[report])
    if args.json:
        series = [_series_as_json(report, problems[report]) for report in reports]
        say_json({"series": series, "problems": [_as_json(problem) for problem in found]})
    else:
        _show(reports, found)
    return 2 if any(problem.level == "STOP" for problem in found) else 0


def _problems(report: SeriesReport, reports: tuple[SeriesReport, ...]) -> tuple[Problem, ...]:
    """A report's problems; a single image beside a volume is left out by the reader, and refuses nothing."""
    beside = any(other.is_readable for other in reports)
    if report.is_readable or report.slices > 1 or not beside:
        return report.problems
    return tuple(replace(problem, level="WARN") for problem in report.problems)


def _show(reports: tuple[SeriesReport, ...], found: list[Problem]) -> None:
    rows = [
        (
            report.label,
            report.modality or "-",
            report.slices,
            " x ".join(f"{v:.2f}" for v in report.geometry.spacing) if report.geometry else "-",
            f"{report.phase.phase} ({report.phase.confidence})",
            "yes" if report.is_readable else "no",
        )
        for report in reports
    ]
    say(table(("series", "modality", "slices", "spacing mm", "phase (confidence)", "can be read"), rows))
    for report in reports:
        for evidence in report.phase.evidence:
            say(f"{report.label}: phase by its headers: {evidence}")
    for problem in found:
        say(f"{problem.level} {problem}")
    readable = sum(report.is_readable for report in reports)
    if readable > 1:
        say(f"{readable} volumes can be read: put the slices of the one to use into a folder of their own.")
    elif readable:
        say("1 volume can be read.")
    else:
        say("Nothing here can be read as it is.")


def _series_as_json(report: SeriesReport, problems: tuple[Problem, ...]) -> dict[str, Any]:
    geometry = report.geometry
    return {
        "label": report.label,
        "modality": report.modality,
        "slices": report.slices,
        "spacing": None if geometry is None else [round(float(v), 6) for v in geometry.spacing],
        "geometry": None if geometry is None else {"shape": list(geometry.shape), "affine": geometry.affine.tolist()},
        "phase": {
            "phase": str(report.phase.phase),
            "confidence": report.phase.confidence,
            "evidence": list(report.phase.evidence),
        },
        "readable": report.is_readable,
        "set_aside": report.set_aside,
        "problems": [_as_json(problem) for problem in problems],
    }


def _as_json(problem: Problem) -> dict[str, str]:
    return {key: value for key, value in asdict(problem).items() if key not in ("case_id", "leaves_out")}
