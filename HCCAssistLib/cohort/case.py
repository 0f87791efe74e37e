"""One case of a cohort: its row of the table, and where its images and annotations lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from HCCAssistLib.cohort import cells
from HCCAssistLib.cohort.spelling import plain, shown
from HCCAssistLib.errors import InputError

TABLE = "cohort.csv"
CASES = "cases"
READINGS = "readings"
"""Folder of a cohort with a folder for each reader: what he made of the cases, or drew in them."""
TIME_POINTS = ("baseline", "pre", "post")
PHASES = ("unenhanced", "arterial", "portal", "delayed")
SPLITS = ("train", "validation", "test")

VOLUME_SUFFIXES = (".nrrd", ".nii.gz", ".nii", ".nhdr", ".mha", ".mhd")
ANNOTATION_SUFFIXES = {
    "points": (".mrk.json", ".fcsv"),
    "segment": (".seg.nrrd", ".nrrd", ".nii.gz", ".nii"),
    "roi": (".mrk.json",),
}
TRANSFORM_SUFFIXES = (".tfm", ".h5")
"""As Slicer saves a transform node."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

AnnotationKind = Literal["points", "segment", "roi"]


def is_safe_name(name: str) -> bool:
    """Whether a case id can be a folder's name on every system: ASCII letters, digits, ``.``, ``_`` and ``-``."""
    return bool(_SAFE.fullmatch(name)) and not name.endswith(".") and not _RESERVED.fullmatch(name)


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the images and annotations of one patient around one treatment.

    Attributes:
        case_id: pseudonym, also the name of the case's folder.
        patient_id: pseudonym of the patient; cases of one patient share it and never fall in different splits.
        split: ``"train"``, ``"validation"``, ``"test"``, or ``""`` where none is set.
        values: the case's row of the table, as text.
        folder: ``cases/<case_id>``.
        files: volumes that lie elsewhere, by ``"<time point>/<phase>"``.
        decimal_comma: whether numbers in ``values`` may be written with a comma.

    Raises:
        InputError: a case id that is not a safe file name, or an unknown split.
    """

    case_id: str
    patient_id: str
    split: str
    values: Mapping[str, str]
    folder: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    decimal_comma: bool = False

    def __post_init__(self) -> None:
        if not is_safe_name(self.case_id):
            readable = (
                "; the codes are of letters that cannot be seen or look like others" if self._is_disguised else ""
            )
            raise InputError(
                f"{shown(self.case_id) if readable else repr(self.case_id)} cannot be a case id{readable}",
                remedy="use up to 64 letters, digits, '.', '_' and '-', such as case_017; no patient names",
            )
        if self.split not in ("", *SPLITS):
            raise InputError(f"{self.split!r} is not a split", self.case_id, f"write {', '.join(SPLITS)} or nothing")
        if not self.patient_id:
            raise InputError("the patient id is empty", self.case_id)
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))

    def __reduce__(self) -> tuple[type[Case], tuple[object, ...]]:
        """To go to another process: views of dictionaries do not."""
        values, files = dict(self.values), dict(self.files)
        return Case, (self.case_id, self.patient_id, self.split, values, self.folder, files, self.decimal_comma)

    def volume_path(self, time_point: str, phase: str) -> Path | None:
        """The file or the DICOM folder of a volume, None where the case has none.

        Raises:
            InputError: the volume is there in several forms.
        """
        if (given := self.files.get(f"{time_point}/{phase}")) is not None:
            return given
        found = self._find(time_point, phase, VOLUME_SUFFIXES)
        folder = self.time_point_folder(time_point) / phase
        if folder.is_dir():
            found.append(folder)
        return self._only(found, f"{time_point}/{phase}")

    def annotation_path(self, time_point: str, what: str, kind: AnnotationKind | None = None) -> Path | None:
        """The file of an annotation, None where the case has none.

        Args:
            time_point: ``"baseline"``, ``"pre"`` or ``"post"``.
            what: name of the annotation, such as ``"liver"``.
            kind: points or segment; where it is left open and both are there, the segment counts.

        Raises:
            InputError: the annotation is there in several forms of one kind.
        """
        for one in (kind,) if kind else ("segment", "points"):
            path = self._only(self._find(time_point, what, ANNOTATION_SUFFIXES[one]), f"{time_point}/{what}")
            if path is not None:
                return path
        return None

    def time_point_folder(self, time_point: str) -> Path:
        """Where the files of a time point lie: ``Post`` is as good as ``post``, as long as it is the only one."""
        folder = self.folder / time_point
        if folder.is_dir() or not self.folder.is_dir():
            return folder
        alike = [path for path in self.folder.iterdir() if plain(path.name) == time_point and path.is_dir()]
        return alike[0] if len(alike) == 1 else folder

    def transform_path(self, time_point: str, phase: str) -> Path | None:
        """The file of a transform that a person gave for a volume, None where there is none.

        Raises:
            InputError: it is there in several forms.
        """
        return self._only(self._find(time_point, phase, TRANSFORM_SUFFIXES), f"the transform of {time_point}/{phase}")

    def number(self, column: str) -> float | None:
        """The number in a column of the table, None where the cell is empty or ``NA``.

        Raises:
            InputError: the table has no such column, or the cell holds something else.
        """
        if column not in self.values:
            raise InputError(f"there is no column {column!r}", TABLE, f"its columns are {', '.join(self.values)}")
        where = f"{TABLE}, case {self.case_id}, column {column}"
        return cells.number(self.values[column], where, decimal_comma=self.decimal_comma)

    @property
    def _is_disguised(self) -> bool:
        return not self.case_id.isascii() and is_safe_name(plain(self.case_id))

    def _find(self, time_point: str, name: str, suffixes: tuple[str, ...]) -> list[Path]:
        # The folder is listed rather than asked for each name: Liver.seg.nrrd is as good as liver.seg.nrrd.
        wanted = {f"{name}{suffix}".lower() for suffix in suffixes}
        folder = self.time_point_folder(time_point)
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.name.lower() in wanted and path.is_file())

    def _only(self, found: list[Path], what: str) -> Path | None:
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise InputError(f"{what} is there more than once: {names}", f"case {self.case_id}", "keep one of them")
        return found[0] if found else None
