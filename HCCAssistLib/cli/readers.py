"""``hccassist readers``: how far the readers of a cohort agree on labels, marks and responses, and what counts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import say, say_json, table
from HCCAssistLib.errors import InputError
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.cohort.case import Case
    from HCCAssistLib.cohort.consensus import Decided
    from HCCAssistLib.evaluation.mark_agreement import MarkAgreement
    from HCCAssistLib.response.readers import ReadersAgreement
    from HCCAssistLib.response.reading import Reading

MAJORITY = "majority"
HOWS = ("staple", MAJORITY)


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "readers", help="compare the readers of a cohort: their labels, segments, points and measured responses"
    )
    parser.add_argument("cohort", type=Path, help="folder of a cohort with the readings of one reader or more")
    parser.add_argument(
        "--consensus",
        metavar="HOW",
        help="let each case that several readers read hold what counts of them; what each of them marked is kept: "
        "staple or majority for labels and points of most of them, with segments joined by STAPLE or voxel by voxel, "
        "or the name of the reader whose labels and marks count",
    )
    parser.add_argument(
        "--label",
        metavar="READER",
        help=f"write the responses of this reader into the table, or of the {MAJORITY} of the readers",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    """Compare each pair of readers."""
    from HCCAssistLib.response.cohort_readings import readings_of
    from HCCAssistLib.response.readers import compare_readers

    readings, marks = readings_of(args.cohort), _marks(args.cohort)
    if not readings and len(marks) < 2:
        what = "the cohort holds no readings"
        remedy = "measure the follow-up in HCC TACE Response, or let another reader mark cases in HCC Training"
        raise InputError(what, args.cohort.name, remedy)
    if args.label and args.label != MAJORITY and args.label not in readings:
        raise InputError(f"there are no readings by {args.label}", "option --label", f"known are {', '.join(readings)}")
    pairs = [(a, b) for a, b in combinations(readings, 2) if readings[a].keys() & readings[b].keys()]
    agreements = [compare_readers(readings[a], readings[b]) for a, b in pairs]
    of_marks = _compared(marks)
    written, undecided = _label(args.cohort, readings, args.label) if args.label else (None, [])
    decided = _consensus(args.cohort, args.consensus) if args.consensus else None
    if args.json:
        counts = {reader: len(cases) for reader, cases in readings.items()}
        found: dict[str, Any] = {"readings": counts, "pairs": [_json(one) for one in agreements]}
        found |= {"labelled": written, "without_majority": undecided}
        found |= {"marks": {reader: len(cases) for reader, cases in marks.items()}}
        found |= {"mark_pairs": [one.as_json() for one in of_marks]}
        undecided_marks = decided.undecided if decided else {}
        found |= {"consensus": list(decided.cases) if decided else []}
        found |= {"without_consensus": {name: list(of) for name, of in undecided_marks.items()}}
        say_json(found)
        return
    if readings:
        say(table(("reader", "readings"), [(reader, len(cases)) for reader, cases in readings.items()]))
        for one in agreements:
            say()
            _tell(one)
        if not agreements:
            say("no case was read by two readers")
    if len(marks) > 1:
        say(table(("reader", "cases marked"), [(reader, len(cases)) for reader, cases in marks.items()]))
        for other in of_marks:
            say()
            _tell_marks(other)
        if not of_marks:
            say("no case was marked by two readers")
    if written is not None:
        say(f"{written} {plural('response', written)} by {args.label} written into the table")
    if undecided:
        say(f"without a majority, and left as they were: {', '.join(undecided)}")
    if decided is not None:
        n = len(decided.cases)
        what = "what their readers agree on" if args.consensus in HOWS else f"what {args.consensus} says"
        say(f"{what} stands in {n} {plural('case', n)} now")
        for name, open_points in decided.undecided.items():
            say(f"case {name} stays as it was, without agreement on {'; '.join(open_points)}")


def _marks(cohort: Path) -> Mapping[str, Mapping[str, Case]]:
    """What each reader marked, by reader and case."""
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.cohort.reader_marks import readers_of
    from HCCAssistLib.recipes.registry import all_columns

    return readers_of(cohort, read_cohort(cohort, known=all_columns()).cases)


def _compared(marks: Mapping[str, Mapping[str, Case]]) -> list[MarkAgreement]:
    from HCCAssistLib.evaluation.mark_agreement import compare_marks
    from HCCAssistLib.recipes.registry import all_classes, all_marks

    needs, classes = all_marks(), all_classes()
    found = (compare_marks((a, b), marks[a], marks[b], needs, classes) for a, b in combinations(marks, 2))
    return [one for one in found if one is not None]


def _consensus(cohort: Path, how: str) -> Decided:
    from HCCAssistLib.cohort.cohort import read_cohort
    from HCCAssistLib.cohort.consensus import set_consensus
    from HCCAssistLib.recipes.registry import all_classes, all_columns, all_marks

    cases = read_cohort(cohort, known=all_columns()).cases
    return set_consensus(cohort, cases, all_marks(), all_classes(), how)


def _label(cohort: Path, readings: Mapping[str, Mapping[str, Reading]], who: str) -> tuple[int, list[str]]:
    """Write the labels; how many, and the cases without a majority."""
    from HCCAssistLib.cohort.additions import put_values
    from HCCAssistLib.response.second_reader import chosen_labels

    labels, undecided = chosen_labels(readings, who)
    for case, values in labels.items():
        put_values(cohort, case, values, replace=True)
    return len(labels), undecided


def _tell(one: ReadersAgreement) -> None:
    from HCCAssistLib.cli.evaluate import row
    from HCCAssistLib.response.readers import HEADINGS

    say(f"{one.readers[0]} (first) and {one.readers[1]} (second)")
    say(table(HEADINGS, one.rows))
    figures = [row("response", one.response_kappa), row("objective response", one.objective_kappa)]
    for name, limits in (("sum before, mm", one.sum_pre), ("sum at follow-up, mm", one.sum_post)):
        if limits is not None:
            figures += [row(name, figure) for figure in (limits.difference, limits.low, limits.high)]
    say(table(("of", "figure", "estimate", "95 % interval", "n"), figures))
    if one.left_out:
        say(f"read by one of them only: {', '.join(one.left_out)}")


def _tell_marks(one: MarkAgreement) -> None:
    from HCCAssistLib.cli.evaluate import row

    say(f"{one.readers[0]} (first) and {one.readers[1]} (second), {len(one.cases)} {plural('case', len(one.cases))}")
    if one.figures:
        say(table(("of", "figure", "estimate", "95 % interval", "n"), [row(of, figure) for of, figure in one.figures]))
    for note in (*one.notes, *(f"{of}: {figure.note}" for of, figure in one.figures if figure.note)):
        say(note)
    for case, words in one.differences.items():
        say(f"they differ in case {case}: {'; '.join(words)}")
    if one.left_out:
        say(f"read by one of them only: {', '.join(one.left_out)}")


def _json(one: ReadersAgreement) -> dict[str, Any]:
    return {
        "readers": list(one.readers),
        "cases": list(one.cases),
        "response_kappa": one.response_kappa.as_json(),
        "objective_kappa": one.objective_kappa.as_json(),
        "sum_pre": one.sum_pre and one.sum_pre.as_json(),
        "sum_post": one.sum_post and one.sum_post.as_json(),
        "left_out": list(one.left_out),
    }
