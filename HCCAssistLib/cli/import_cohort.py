"""``hccassist import-cohort``: an archive of DICOM files becomes a cohort, in two passes with a person between them."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import Progress, as_argument, complain, own_command, say, say_json
from HCCAssistLib.cohort.known_patients import KnownPatients
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import locked
from HCCAssistLib.places import data_folder
from HCCAssistLib.recipes.registry import RECIPES, get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import plural

if TYPE_CHECKING:
    from HCCAssistLib.importing.roles_table import Chosen
    from HCCAssistLib.importing.scanning import Scan

STOPPED = "The archive is as it was. Run the same command again: it goes on."
BYTES = 2
"""Of a voxel, before it is packed."""
GB = 1e9


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "import-cohort", help="a cohort from an archive of DICOM files, under pseudonyms"
    )
    parser.add_argument("kind", choices=("dicom",), help="of the archive")
    parser.add_argument("tree", type=Path, metavar="TREE", help="folder of the archive, which is only read")
    parser.add_argument("out", type=checks.folder, metavar="OUT", help="folder of the cohort; the same each time")
    parser.add_argument("--recipe", choices=RECIPES, required=True, help="whose inputs the series are to be")
    parser.add_argument(
        "--voxels",
        action="store_true",
        help="before roles.csv is written, read the CT whose phase no header names, and look at the voxels",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Look at the archive; then write the table of roles, or, where a person has seen it, the cohort."""
    try:
        return _run(args)
    except InputError as error:
        if not args.json:
            raise
        say_json({"pass": "refused", "problems": [asdict(problem) for problem in error.problems]})
        return 2


def _run(args: argparse.Namespace) -> int:
    from HCCAssistLib.importing.journal import Journal, salt_of
    from HCCAssistLib.importing.key import read_key
    from HCCAssistLib.importing.roles_table import NAME

    tree, out = args.tree, args.out
    if not tree.is_dir():
        raise InputError("there is no such folder", "TREE", "give the folder that the archive was exported to")
    table = out / NAME
    checks.output_folder(out, apart_from=[tree], accept=lambda _: table.is_file())
    secret, found = (out.with_name(f"{out.name}.{ending}") for ending in ("key.csv", "found.jsonl"))
    if table.is_file() and not secret.is_file():
        remedy = "put it back; without it nobody knows who is who, and a new import needs a new OUT"
        raise InputError(f"the key {secret.name} is not beside the cohort", table.name, remedy)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out.with_name(f".{out.name}.lock"), "import"):
        key = read_key(secret, salt_of(found))
        with Journal(found, key.salt) as journal:
            return _passes(args, key, journal, secret)


def _passes(args: argparse.Namespace, key: Any, journal: Any, secret: Path) -> int:
    from HCCAssistLib.importing.doubts import doubts
    from HCCAssistLib.importing.proposals import propose
    from HCCAssistLib.importing.reading import with_voxels
    from HCCAssistLib.importing.roles_table import NAME, patients_in, read_choices, rows, write_rows
    from HCCAssistLib.importing.scanning import scan
    from HCCAssistLib.importing.volumes import read_record

    recipe, table, progress = get_recipe(args.recipe), args.out / NAME, Progress("look")
    progress("listing the files", 0.0)
    looked = scan(args.tree, journal, key.salt, workers=os.cpu_count() or 1, progress=progress.part)
    if not looked.series:
        raise InputError("no CT or MR series was found", "TREE", "give the folder that the archive was exported to")
    if key.add(looked.series):
        key.write(secret)
    found = looked.series
    if args.voxels:
        look_at = partial(with_voxels, workers=os.cpu_count() or 1, progress=Progress("voxels").part)
        found = look_at(args.tree, found, journal, key.salt)
    series = {one.id: one for one in found}
    imported = {row.get("series_id", "") for row in read_record(args.out).values()} - set(series)
    gone = {name: journal.series[name] for name in imported if name in journal.series}
    doubtful = doubts([*found, *gone.values()], key.patient)
    in_table = patients_in(table)
    all_rows = rows(found, key, propose(found, key, recipe), doubtful, in_table)
    known = journal.offered | set(in_table) if table.is_file() else set()
    new = [row for row in all_rows if row["series_id"] not in known]
    studies = {(key.patient(one), key.study(one)) for one in found}
    counts = _counts(looked, studies, doubtful)
    if new:
        is_first = not table.is_file()
        write_rows(table, new)
        journal.offer([*known, *(row["series_id"] for row in new)])
        return _end_first(args, counts, new, is_first, secret)
    chosen = read_choices(table, series, gone, recipe.inputs)
    return _second(args, recipe, key, counts, chosen)


def _counts(looked: Scan, studies: set[tuple[str, int]], doubtful: dict[str, list[str]]) -> dict[str, Any]:
    counts = looked.counts
    return {
        "files": looked.tree.files,
        "read_now": looked.read,
        "patients": len({patient for patient, _ in studies}),
        "studies": len(studies),
        "series": len(looked.series),
        "readable": sum(one.readable for one in looked.series),
        "images": counts.images,
        "left_out": dict(counts.left_out),
        "damaged": counts.damaged,
        "copies": counts.copies,
        "not_dicom": counts.foreign,
        "closed_folders": looked.tree.closed,
        "links": looked.tree.links,
        "packed": looked.tree.packed,
        "doubts": _listed(doubtful),
    }


def _listed(doubtful: dict[str, list[str]]) -> list[dict[str, str]]:
    return [{"patient": patient, "what": text} for patient, texts in sorted(doubtful.items()) for text in texts]


def _end_first(
    args: argparse.Namespace, counts: dict[str, Any], new: Sequence[dict[str, str]], is_first: bool, secret: Path
) -> int:
    """Say what was found, and what to do now."""
    proposed = [row for row in new if row["role"]]
    if args.json:
        rows = {"rows": len(new), "proposed": len(proposed), "cases": len({row["case_id"] for row in proposed})}
        say_json({"pass": "roles", **counts, **rows})
        return 0
    _show(counts)
    if is_first:
        say(f"roles.csv has {len(new)} {plural('row', len(new))}, {len(proposed)} with a role that was proposed.")
    else:
        say(f"{len(new)} {plural('series', len(new))} came since: their rows are at the end of roles.csv.")
    say("Look at every role: a wrong phase can hurt. Correct role, case_id and patient, and run the command again.")
    say(
        f"{secret.name} and {secret.name.replace('key.csv', 'found.jsonl')} beside the cohort tell who is who. "
        "Keep them where only you can read them, and never pass them on with the cohort."
    )
    return 0


def _second(
    args: argparse.Namespace, recipe: Recipe, key: Any, counts: dict[str, Any], chosen: Sequence[Chosen]
) -> int:
    """Write the cohort, and say what became of it."""
    from HCCAssistLib.importing.doubts import doubts
    from HCCAssistLib.importing.volumes import write_cohort

    needed = sum(BYTES * _voxels(one) for one in chosen if one.is_here) / GB
    free = shutil.disk_usage(args.out).free / GB
    if not args.json:
        volumes = f"{len(chosen)} {plural('volume', len(chosen))}"
        say(f"{volumes} of up to {needed:.1f} GB (packed, about half of it); {free:.1f} GB are free")
    done = write_cohort(
        args.out,
        args.tree,
        key.salt,
        chosen,
        recipe.columns,
        KnownPatients(data_folder("patients")),
        workers=os.cpu_count() or 1,
        progress=Progress("import").part,
    )
    faults = [one for one in done.written if one.fault]
    failed = {(one.case_id, one.role) for one in faults}
    cases = {one.case_id: one.patient for one in chosen if (one.case_id, one.role) not in failed}
    missing = _missing(recipe, chosen)
    used = set(cases.values())
    patients = {one.series.id: one.patient for one in chosen}
    doubtful = _listed(doubts([one.series for one in chosen], lambda series: patients[series.id]))
    changed = sum(one.patient != key.patient(one.series) for one in chosen)
    if args.json:
        say_json(
            {
                "pass": "cohort",
                **counts,
                "doubts": doubtful,
                "cases": len(cases),
                "patients_in_cohort": len(used),
                "new_cases": done.cases,
                "written": [asdict(one) for one in done.written],
                "kept": done.kept,
                "missing": missing,
                "changed_patients": changed,
            }
        )
        return 1 if faults else 0
    for doubt in doubtful:
        complain(f"warning: {doubt['patient']}: {doubt['what']}.")
    for one in done.written:
        for text in (*one.warnings, *([f"not written: {one.fault}"] if one.fault else [])):
            complain(f"{'case' if one.fault else 'warning: case'} {one.case_id}, {one.role}: {text}.")
    for role, of_cases in missing.items():
        shown = ", ".join(of_cases[:5]) + (" and more" if len(of_cases) > 5 else "")
        complain(f"warning: {len(of_cases)} {plural('case', len(of_cases))} without {role}: {shown}.")
    if changed:
        say(f"{changed} series count for another patient than their headers say, as roles.csv has it.")
    written = len(done.written) - len(faults)
    say(f"{written} {plural('volume', written)} written, {done.kept} kept from before, {len(faults)} failed.")
    in_cohort = f"{len(cases)} {plural('case', len(cases))} of {len(used)} {plural('patient', len(used))}"
    say(f"{in_cohort} in the cohort, {done.cases} new in cohort.csv.")
    if recipe.columns and not faults:
        columns = ", ".join(recipe.columns)
        check = f"{own_command()} check {as_argument(args.out)} --recipe {recipe.id}"
        say(f"Fill in {columns} in cohort.csv, and run: {check}")
    return 1 if faults else 0


def _voxels(one: Chosen) -> int:
    slices, rows, columns = one.series.shape
    return slices * rows * columns


def _missing(recipe: Recipe, chosen: Sequence[Chosen]) -> dict[str, list[str]]:
    """The cases without a volume that the method must have, by role."""
    roles: dict[str, set[str]] = {}
    for one in chosen:
        roles.setdefault(one.case_id, set()).add(one.role)
    needed = [str(need) for need in recipe.inputs if need.kind == "volume" and need.required]
    found = {role: sorted(case for case, own in roles.items() if role not in own) for role in needed}
    return {role: cases for role, cases in found.items() if cases}


def _show(counts: dict[str, Any]) -> None:
    """What the archive holds."""
    say(
        f"{counts['files']} files: {counts['images']} slices of {counts['series']} CT and MR series "
        f"({counts['readable']} can be read) in {counts['studies']} {plural('study', counts['studies'])} "
        f"of {counts['patients']} {plural('patient', counts['patients'])}"
    )
    left_out = []
    for kind, count in counts["left_out"].items():
        name, bracket, modality = kind.partition(" (")
        left_out.append(f"{count} {plural(name, count)}{bracket}{modality}")
    for name, kind, rest in (
        ("copies", "copy", "of other files"),
        ("damaged", "damaged file", ""),
        ("not_dicom", "file", "without DICOM"),
        ("closed_folders", "folder", "without the right to read"),
        ("links", "link", "to folders (not followed)"),
    ):
        if count := counts[name]:
            left_out.append(f"{count} {plural(kind, count)} {rest}".rstrip())
    if left_out:
        say(f"left out: {', '.join(left_out)}")
    if counts["packed"]:
        archives = f"{counts['packed']} {plural('archive', counts['packed'])}"
        complain(f"warning: {archives} (.zip or the like) not opened. Unpack what holds images, and run again.")
    for doubt in counts["doubts"]:
        complain(f"warning: {doubt['patient']}: {doubt['what']}.")
