"""``hccassist view``: a result with its images as one page for a browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json
from HCCAssistLib.errors import InputError

PAGE = "view.html"


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser("view", help="a result with its images for a browser")
    parser.add_argument("result", type=Path, metavar="RESULT", help="folder of one case that predict wrote")
    parser.add_argument(
        "input", type=Path, nargs="?", metavar="CASE_OR_COHORT", help="what predict was given: the images are there"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="PLACE=PATH",
        help="an image that lies elsewhere: post/arterial=",
    )
    parser.add_argument(
        "--out", type=Path, metavar="PAGE", help=f"the page; {PAGE} in the folder of the result if left out"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Read the result and its images, compare these with the run record, and write the page."""
    from HCCAssistLib.cohort.cohort import open_cases
    from HCCAssistLib.cohort.synthetic import is_synthetic, unclear
    from HCCAssistLib.recipes.registry import all_columns
    from HCCAssistLib.results.files import read_result
    from HCCAssistLib.viewer.contents import shown_volumes
    from HCCAssistLib.viewer.page import write_page
    from HCCAssistLib.viewer.scans import case_of, read_scans

    given = _images(args.image)
    if not args.result.is_dir():
        what = "this is a file" if args.result.exists() else "there is no such folder"
        raise InputError(what, f"RESULT {args.result.name}", "name the folder that predict wrote for the case")
    page: Path = args.out or args.result / PAGE
    if page.is_dir() or page.suffix.lower() not in (".html", ".htm"):
        raise InputError("the page is a file that ends in .html", f"option --out {page.name}", "name such a file")
    if not page.parent.is_dir():
        raise InputError("there is no such folder", f"option --out {page.name}", "make it, or choose another one")
    result = read_result(args.result)
    if not all(shown_volumes(result)):
        raise InputError("the result is damaged: it does not say on which images it rests", "result.json")
    if args.input is None and not given:
        places = " and ".join(shown_volumes(result))
        remedy = f"name what predict was given as well, or give --image {shown_volumes(result)[0]}=FILE"
        raise InputError(f"the result holds no images, and a page shows {places}", args.result.name, remedy)
    case, case_id, synthetic = None, "", False
    if args.input is not None:
        cohort = open_cases(args.input, volume=shown_volumes(result)[0], known=all_columns())
        case = case_of(cohort, args.result.resolve().name)
        synthetic = not unclear([case]) and is_synthetic(case)
        case_id = case.case_id if cohort.folder is not None else ""  # elsewhere it may be the name of a file
    images = read_scans(result, case, given)
    write_page(result, images, page, case_id=case_id, synthetic=synthetic)
    megabytes = page.stat().st_size / 1e6
    if args.json:
        say_json({"page": str(page), "megabytes": round(megabytes, 1)})
    else:
        say(f"page      {page} ({megabytes:.1f} MB; open it in a browser, no network is needed)")


def _images(settings: list[str]) -> dict[str, Path]:
    """Files by place.

    Raises:
        InputError: not of the form ``place=path``, or a place twice.
    """
    found: dict[str, Path] = {}
    for setting in settings:
        place, _, path = setting.partition("=")
        if "/" not in place or not path:
            raise InputError(f"{setting!r} names no image", "option --image", "write --image post/arterial=FILE")
        if place in found:
            raise InputError(f"{place} is given twice", "option --image", "give each image once")
        found[place] = Path(path)
    return found
