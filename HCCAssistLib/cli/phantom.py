"""``hccassist phantom``: a synthetic cohort with known truth."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import locked
from HCCAssistLib.recipes.registry import RECIPES, get_recipe

MOST_CASES = 99_999
STOPPED = "Nothing was written. Run the same command again to start anew."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "phantom", help="write a synthetic cohort with truth.json per case"
    )
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("out", type=checks.folder, metavar="OUT", help="new folder of the cohort")
    parser.add_argument("--cases", type=int, required=True, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--background", type=Path, metavar="CT", help="real CT to implant the lesions into")
    parser.add_argument(
        "--scanner",
        choices=("internal", "external"),
        default="internal",
        help="external: other slices, pixels, noise and sharpness, all cases for testing",
    )
    parser.add_argument(
        "--unseen",
        action="store_true",
        help="lesions of kinds that the method has no label for, unlabelled, all cases for testing (liver-mass)",
    )
    return parser


def run(args: argparse.Namespace) -> None:
    """Write the cohort."""
    if args.cases < 1 or args.cases > MOST_CASES:
        raise InputError(f"{args.cases} cases cannot be made", "option --cases", f"ask for 1 to {MOST_CASES}")
    checks.seed(args.seed)
    checks.output_folder(args.out, apart_from=filter(None, [args.background]))
    from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort

    phantoms, background = phantoms_of(get_recipe(args.recipe).package), None
    if args.background:
        from HCCAssistLib.dicom.volume import read_volume

        phantoms.check_background()
        background = read_volume(args.background, name="background")
    progress = Progress("phantom")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with locked(args.out.with_name(f".{args.out.name}.lock"), "phantom"):
        write_cohort(
            phantoms,
            args.out,
            cases=args.cases,
            seed=args.seed,
            background=background,
            scanner=args.scanner,
            unseen=args.unseen,
            workers=os.cpu_count() or 1,
            progress=progress.part,
        )
    say(f"{args.cases} synthetic cases in {args.out}; they say nothing about patients")
