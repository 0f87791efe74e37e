"""``hccassist margin``: how far an ablation zone reaches beyond the tumour, and how sure that is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import complain, say, say_json, table, warn
from HCCAssistLib.errors import HCCAssistError, InputError

if TYPE_CHECKING:
    from HCCAssistLib.margin.ablation_margin import Place
    from HCCAssistLib.margin.case import MarginCase
    from HCCAssistLib.margin.record import MarginRecord

RESULT, REPORT = "margin.json", "report.html"


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "margin", help="the margin of an ablation around a tumour, with intervals"
    )
    parser.add_argument("--tumour", type=Path, required=True, metavar="SEGMENT", help="before the ablation")
    parser.add_argument("--zone", type=Path, required=True, metavar="SEGMENT", help="ablation zone, on the scan after")
    parser.add_argument("--liver", type=Path, metavar="SEGMENT", help="liver before: surface at its border is left out")
    parser.add_argument(
        "--before", type=Path, metavar="VOLUME", help="scan before: file or DICOM folder; both are registered and shown"
    )
    parser.add_argument("--after", type=Path, metavar="VOLUME", help="scan after")
    parser.add_argument(
        "--transform",
        type=Path,
        metavar="FILE",
        help="rigid, from scan before to scan after (.json, .tfm, .h5, .txt); nothing is registered",
    )
    parser.add_argument(
        "--same-frame", action="store_true", help="both segments lie in one frame: nothing is registered"
    )
    parser.add_argument(
        "--landmarks", type=Path, nargs=2, metavar="POINTS", help="the same places in the scan before and after"
    )
    parser.add_argument("--error", type=float, metavar="MM", help="error of the registration, root mean square")
    parser.add_argument(
        "--candidates", type=Path, metavar="RESULT", help="of local tumour progression on the scan after"
    )
    parser.add_argument("--draws", type=int, default=500, help="random registrations that intervals rest on")
    parser.add_argument("--seed", type=int, default=0, help="of the random registrations")
    parser.add_argument("--out", type=checks.folder, required=True, metavar="DIR", help="folder of the result")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Read, register where that is asked for, measure, write and tell."""
    _check(args)
    checks.seed(args.seed)
    inputs = (args.tumour, args.zone, args.liver, args.before, args.after, args.transform, args.candidates)
    sources = (*inputs, *(args.landmarks or ()))
    checks.output_folder(args.out, apart_from=[path for path in sources if path is not None and path.is_dir()])

    from HCCAssistLib.files import atomic_folder
    from HCCAssistLib.margin.case import MarginFiles, measure_case
    from HCCAssistLib.margin.record import write_margin

    files = MarginFiles(
        args.tumour,
        args.zone,
        args.liver,
        args.before,
        args.after,
        args.transform,
        args.same_frame,
        args.landmarks and (*args.landmarks,),
    )
    candidates = None if args.candidates is None else _candidates(args.candidates)
    case = measure_case(files, error_mm=args.error, draws=args.draws, seed=args.seed)
    with atomic_folder(args.out) as part:
        write_margin(part / RESULT, case.record)
        has_page = _write_page(part / REPORT, case, candidates)
    _tell(args, case.record, has_page=has_page)


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not say how the scans lie to each other.

    Raises:
        InputError: none or several ways, or one scan alone.
    """
    if args.transform is not None and args.same_frame:
        raise InputError("there are two ways of registering", "registration", "give --transform or --same-frame")
    if args.transform is None and not args.same_frame:
        if args.before is None and args.after is None:
            remedy = "give --before and --after, or --transform, or --same-frame"
            raise InputError("nothing says how the scans lie to each other", "registration", remedy)
        if args.before is None or args.after is None:
            missing = "--after" if args.after is None else "--before"
            raise InputError("one scan alone cannot be registered", f"option {missing}", "give both scans")
    if args.error is not None and args.landmarks:
        raise InputError("the error is given twice", "option --error", "give --landmarks or --error")


def _candidates(folder: Path) -> dict[int, Place]:
    """Centres of the candidates at or above a detection's threshold, LPS mm, by number."""
    from HCCAssistLib.results.detection import DetectionResult
    from HCCAssistLib.results.files import read_result

    result = read_result(folder)
    if not isinstance(result, DetectionResult):
        raise InputError("this result is no detection", "option --candidates", "give one of local tumour progression")
    return {one.number: one.box.center for one in result.candidates if one.probability >= result.threshold}


def _write_page(path: Path, case: MarginCase, candidates: dict[int, Place] | None) -> bool:
    """Write the report; where the packages for it are not installed, say so: the figures are there nevertheless."""
    from HCCAssistLib.evaluation.optional import check_reports
    from HCCAssistLib.margin.report import margin_page

    try:
        check_reports()
    except HCCAssistError as error:
        complain(f"no page was written: {error}")
        return False
    path.write_text(margin_page(case, candidates), encoding="utf-8")
    return True


def _tell(args: argparse.Namespace, record: MarginRecord, *, has_page: bool) -> None:
    from HCCAssistLib.margin.words import HEADINGS, registered, rows

    warn(record.margin.warnings)
    if args.json:
        page = {"report": str(args.out / REPORT)} if has_page else {}
        say_json({**record.as_json(), "result": str(args.out / RESULT), **page})
        return
    say(table(HEADINGS, rows(record.margin)))
    for sentence in registered(record):
        say(sentence)
    say(f"result in {args.out / RESULT}")
    if has_page:
        say(f"report in {args.out / REPORT}")
