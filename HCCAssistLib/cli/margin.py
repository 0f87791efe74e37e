"""``hccassist margin``: how far an ablation zone reaches beyond the tumour, and how sure that is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table, warn
from HCCAssistLib.errors import InputError

if TYPE_CHECKING:
    from HCCAssistLib.margin.record import MarginRecord

RESULT = "margin.json"


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "margin", help="the margin of an ablation around a tumour, with intervals"
    )
    parser.add_argument("--tumour", type=Path, required=True, metavar="SEGMENT", help="before the ablation")
    parser.add_argument("--zone", type=Path, required=True, metavar="SEGMENT", help="ablation zone, on the scan after")
    parser.add_argument("--liver", type=Path, metavar="SEGMENT", help="liver before: surface at its border is left out")
    parser.add_argument("--before", type=Path, metavar="VOLUME", help="scan before, to register: file or DICOM folder")
    parser.add_argument("--after", type=Path, metavar="VOLUME", help="scan after, to register")
    parser.add_argument(
        "--transform", type=Path, metavar="FILE", help="rigid, from scan before to scan after (.json, .tfm, .h5, .txt)"
    )
    parser.add_argument(
        "--same-frame", action="store_true", help="both segments lie in one frame: nothing is registered"
    )
    parser.add_argument(
        "--landmarks", type=Path, nargs=2, metavar="POINTS", help="the same places in the scan before and after"
    )
    parser.add_argument("--error", type=float, metavar="MM", help="error of the registration, root mean square")
    parser.add_argument("--draws", type=int, default=500, help="random registrations that intervals rest on")
    parser.add_argument("--seed", type=int, default=0, help="of the random registrations")
    parser.add_argument("--out", type=checks.folder, required=True, metavar="DIR", help="folder of the result")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Read, register where that is asked for, measure, write and tell."""
    _check(args)
    checks.seed(args.seed)
    sources = (args.tumour, args.zone, args.liver, args.before, args.after, args.transform, *(args.landmarks or ()))
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
        args.landmarks and (*args.landmarks,),
    )
    record = measure_case(files, error_mm=args.error, draws=args.draws, seed=args.seed)
    with atomic_folder(args.out) as part:
        write_margin(part / RESULT, record)
    _tell(args, record)


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not say how the scans lie to each other.

    Raises:
        InputError: none or several ways, or one scan alone.
    """
    if (args.before is None) != (args.after is None):
        missing = "--after" if args.after is None else "--before"
        raise InputError("one scan alone cannot be registered", f"option {missing}", "give both scans")
    ways = [args.before is not None, args.transform is not None, args.same_frame]
    if sum(ways) != 1:
        what = "nothing says how the scans lie to each other" if not any(ways) else "there are two ways of registering"
        remedy = "give --before and --after, or --transform, or --same-frame"
        raise InputError(what, "registration", remedy)
    if args.error is not None and args.landmarks:
        raise InputError("the error is given twice", "option --error", "give --landmarks or --error")


def _tell(args: argparse.Namespace, record: MarginRecord) -> None:
    from HCCAssistLib.margin.words import HEADINGS, registered, rows

    warn(record.margin.warnings)
    if args.json:
        say_json({**record.as_json(), "result": str(args.out / RESULT)})
        return
    say(table(HEADINGS, rows(record.margin)))
    for sentence in registered(record):
        say(sentence)
    say(f"result in {args.out / RESULT}")
