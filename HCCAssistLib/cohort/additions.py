"""A case added to a cohort on disk; the first case makes the cohort."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from HCCAssistLib.cohort.case import CASES, TABLE, Case
from HCCAssistLib.cohort.case_content import Content, case_files, write_files
from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.cohort import read_cohort, write_cohort_table
from HCCAssistLib.cohort.points import PointList
from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.cohort.spelling import same_ids, shown
from HCCAssistLib.cohort.table import put_row
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import atomic_folder, disk_fault, parse_json, remove_leftovers, write_json
from HCCAssistLib.imaging.geometry import FloatArray
from HCCAssistLib.imaging.image import Image
from HCCAssistLib.locks import locked

_WORD = re.compile(r"[^\W\d_]{3,}|\d{4,}")
_LOCK = ".writing"
_ROW = ".row.json"
"""In a case's folder until its row stands in the table: whoever comes next writes the row."""
_GENERAL = frozenset({"case", "patient", "phantom", "study", "subject", "synthetic"})


def add_case(
    cohort: Path,
    case_id: str,
    *,
    volumes: Mapping[str, Image],
    points: Mapping[str, PointList],
    masks: Mapping[str, Image],
    values: Mapping[str, str],
    segments: Mapping[str, Sequence[Segment]] = MappingProxyType({}),
    transforms: Mapping[str, FloatArray] = MappingProxyType({}),
    patient_id: str = "",
    replace: bool = False,
) -> Case:
    """Write a case into a cohort's folder and its table, whole or not at all.

    Args:
        cohort: folder of a cohort, an empty one, or one that is not there yet.
        case_id: pseudonym.
        volumes: by ``"<time point>/<phase>"``.
        points: by ``"<time point>/<name>"``; empty lists are left out.
        masks: by ``"<time point>/<name>"``; empty masks are left out.
        values: further columns of the case's row.
        segments: by ``"<time point>/<name>"``, several in one file with their names and tags, instead of the mask
            there; empty ones are left out.
        transforms: of volumes that a person laid on others, by the same names; see ``write_transform``.
        patient_id: pseudonym of the patient, who may have several cases; where it is empty, that of the case that is
            replaced, or the case's own id.
        replace: overwrite a case of that id. Its row keeps what ``values`` does not name, its patient and its split.

    Raises:
        InputError: an id that is no safe pseudonym, is taken or reads like another, a folder that is something else,
            a damaged table, or a case to replace that holds files that the new one would not.
        HCCAssistError: the disk is full or not writable.
    """
    files = case_files(volumes=volumes, points=points, masks=masks, segments=segments, transforms=transforms)
    replaced = (*files, *(f"{key}.mrk.json" for key in points))
    return put_case(cohort, case_id, files, values, patient_id=patient_id, replace=replace, replaced=replaced)


def put_case(
    cohort: Path,
    case_id: str,
    files: Mapping[str, Content],
    values: Mapping[str, str],
    *,
    patient_id: str = "",
    replace: bool = False,
    replaced: Collection[str] | None = None,
    carried: Collection[str] = (),
) -> Case:
    """Write a case's files and its row, whole or not at all.

    Args:
        cohort, case_id, values, patient_id, replace: as for ``add_case``.
        files: by their paths in the case's folder.
        replaced: files that may go where a case is replaced; any where None is given, since somebody kept them.
        carried: files of a case that is replaced, which stay as they are.

    Raises:
        InputError, HCCAssistError: as for ``add_case``.
    """
    with alone(cohort):
        return _put(cohort, case_id, files, values, patient_id, replace, replaced, carried)


def _put(
    cohort: Path,
    case_id: str,
    files: Mapping[str, Content],
    values: Mapping[str, str],
    patient_id: str,
    replace: bool,
    replaced: Collection[str] | None,
    carried: Collection[str],
) -> Case:
    case = Case(case_id, patient_id or case_id, "", {}, cohort / CASES / case_id)
    _finish(cohort)
    cases = _cases(cohort, values)
    old = next((one for one in cases if one.case_id.lower() == case_id.lower()), None)
    if old is not None:
        case = Case(old.case_id, patient_id or old.patient_id, "", {}, cohort / CASES / old.case_id)
    _refuse_misspelt(case, [one for one in cases if one is not old])
    if not replace and (old is not None or case.folder.exists()):
        raise InputError(f"there is a case {case.case_id} already", cohort.name, "choose another id, or replace it")
    if case.folder.exists() and replaced is not None:
        _refuse_loss(case, replaced)
    row = {**values, "case_id": case.case_id}
    if not cases or case.patient_id != (old.patient_id if old else case.case_id) or "patient_id" in cases[0].values:
        row["patient_id"] = case.patient_id
    try:
        case.folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(case.folder.parent)
        with atomic_folder(case.folder) as part:
            write_files(files, part)
            for name in carried:
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(case.folder / name, part / name)
            write_json(part / _ROW, row)
        _write_row(cohort, case.folder)
    except OSError as error:
        raise HCCAssistError(f"The case could not be written: {error.strerror or 'the disk is full'}.") from error
    return case


def put_values(cohort: Path, case_id: str, values: Mapping[str, str], *, replace: bool = False) -> None:
    """Write values into the row of a case that is in a cohort already; all else in the table stays as it is.

    Args:
        cohort: folder of a cohort.
        case_id: of the case.
        values: by column; columns that are missing are added.
        replace: overwrite other values that stand there.

    Raises:
        InputError: no such cohort or case, or another value stands there.
        HCCAssistError: the disk is full or not writable.
    """
    cases = _cases(cohort, values)
    case = next((one for one in cases if one.case_id.lower() == case_id.lower()), None)
    if case is None:
        raise InputError(f"there is no case {case_id}", cohort.name, "add the case first, or correct its id")
    for column, value in values.items():
        there = case.values.get(column, "")
        if not (replace or is_missing(there) or there == value):
            what = f"{column} is {there!r} already and would become {value!r}"
            raise InputError(what, f"case {case.case_id}", "keep it, or replace it")
    try:
        with alone(cohort):
            put_row(cohort / TABLE, "case_id", {**values, "case_id": case.case_id})
    except OSError as error:
        raise HCCAssistError(f"The table could not be written: {error.strerror or 'the disk is full'}.") from error


class _Busy(HCCAssistError):
    """Somebody else is writing into the cohort."""


@contextmanager
def alone(cohort: Path) -> Iterator[None]:
    """Hold the cohort's table while a block changes it: two who add a case at once would lose a row.

    Raises:
        HCCAssistError: somebody else is writing.
    """
    with ExitStack() as stack:
        if cohort.is_dir():
            try:
                stack.enter_context(locked(cohort / _LOCK, "export"))
            except HCCAssistError as error:
                what = "Somebody else is writing into this cohort. Wait a moment, and try again."
                raise _Busy(what) from error
            except OSError as error:
                raise HCCAssistError(f"The case could not be written: {disk_fault(error)}") from error
        yield


def finish_interrupted(cohort: Path) -> None:
    """Finish what a killed writer had whole: the change of a case's folder, its row; not while another one writes.

    Raises:
        InputError: a damaged table.
        HCCAssistError: the disk is full or not writable.
    """
    if _moved_aside(cohort) or _rows_to_write(cohort):
        with suppress(_Busy), alone(cohort):
            _finish(cohort)


def _finish(cohort: Path) -> None:
    for place, whole in _moved_aside(cohort).items():
        whole.rename(place)
    for folder in _rows_to_write(cohort):
        try:
            _write_row(cohort, folder)
        except OSError as error:
            raise HCCAssistError(f"The table could not be written: {error.strerror or 'the disk is full'}.") from error


def _moved_aside(cohort: Path) -> dict[Path, Path]:
    """Where folders of cases lack, since their writer was killed between two renames, and what belongs there."""
    found = {}
    for old in sorted((cohort / CASES).glob("*.old.part")):
        new = old.with_name(f"{old.name.removesuffix('.old.part')}.part")  # whole, or the old one had not been moved
        place = old.with_name(new.stem.rpartition(".")[0])
        if not place.exists():
            found[place] = new if new.exists() else old
    return found


def _rows_to_write(cohort: Path) -> list[Path]:
    """Folders of cases that are whole and bring a row along; a half-written one is no case, and its row not true."""
    folders = sorted(path.parent for path in (cohort / CASES).glob(f"*/{_ROW}"))
    return [folder for folder in folders if folder.suffix != ".part"]


def _write_row(cohort: Path, folder: Path) -> None:
    """Put the row that a case's folder brings along into the table."""
    row = {str(column): str(cell) for column, cell in parse_json((folder / _ROW).read_bytes()).items()}
    if (cohort / TABLE).is_file():
        put_row(cohort / TABLE, "case_id", row)
    else:
        write_cohort_table(cohort, [{"case_id": "", "patient_id": "", "split": "", **row}])
    (folder / _ROW).unlink()


def next_case_id(cohort: Path, cases: Sequence[Case] | None = None) -> str:
    """The pseudonym to suggest for a new case: ``case-001``, and then the next number that is free.

    Args:
        cohort: folder of the cohort.
        cases: of its table, which is read where None is given.
    """
    folder = cohort / CASES
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return _next("case", [*(case.case_id for case in (_known(cohort) if cases is None else cases)), *there])


def next_patient_id(cohort: Path) -> str:
    """The pseudonym of a new patient: ``patient-001``, and then the next number that is free."""
    return _next("patient", [case.patient_id for case in _known(cohort)])


def _next(word: str, names: Iterable[str]) -> str:
    found = (re.fullmatch(rf"{word}-(\d{{1,9}})", name, re.IGNORECASE) for name in names)
    return f"{word}-{max((int(one[1]) for one in found if one), default=0) + 1:03d}"


def _known(cohort: Path) -> tuple[Case, ...]:
    try:
        return _cases(cohort)
    except InputError:
        return ()


def check_pseudonym(name: str, identifiers: Iterable[str]) -> None:
    """Refuse a case's or patient's id that tells who the patient is.

    Args:
        name: the id.
        identifiers: what the patient is called: names and numbers, as they stand in the scene or in DICOM.

    Raises:
        InputError: a word of at least three letters, or a number of at least four digits, stands in the id.
    """
    for identifier in identifiers:
        for word in _WORD.findall(identifier.lower()):
            if word in name.lower() and word not in _GENERAL:
                raise InputError(
                    f"{name!r} holds a part of the patient's name or number", remedy="use a pseudonym such as case-001"
                )


def _cases(cohort: Path, known: Iterable[str] = ()) -> tuple[Case, ...]:
    """The cases of a cohort, whose table may hold columns of a method; none where the cohort is still to be made."""
    if (cohort / TABLE).is_file():
        return read_cohort(cohort, known=tuple(known)).cases
    if cohort.exists() and (not cohort.is_dir() or any(path.name[:1] != "." for path in cohort.iterdir())):
        raise InputError(
            f"the folder is not empty and holds no {TABLE}", cohort.name, "choose a cohort's folder or an empty one"
        )
    return ()


def _refuse_misspelt(case: Case, others: Sequence[Case]) -> None:
    """Refuse an id that a person would take for another one of the cohort."""
    for kind, name, known in (
        ("case", case.case_id, [other.case_id for other in others]),
        ("patient", case.patient_id, [other.patient_id for other in others]),
    ):
        for one, other, how in same_ids([name, *known]):
            if name in (one, other):
                what = f"the {kind} ids {shown(one)} and {shown(other)} {how}"
                raise InputError(
                    what, f"case {case.case_id}", "write the id as it stands in the table, or choose another"
                )


def _refuse_loss(case: Case, written: Iterable[str]) -> None:
    """Refuse to replace a case that holds other files than those written anew."""
    there = {path.relative_to(case.folder).as_posix() for path in case.folder.rglob("*") if path.is_file()}
    lost = sorted(there - set(written))
    if lost:
        raise InputError(
            f"replacing the case would delete {', '.join(lost[:3])}", f"case {case.case_id}", "choose another id"
        )
