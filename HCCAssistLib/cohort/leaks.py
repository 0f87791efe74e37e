"""Scans that stand in a cohort more than once, under whatever name and however stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.case_files import CaseFiles
from HCCAssistLib.cohort.fingerprints import Fingerprint, same_scan
from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import Problem

_Scan = tuple[Case, InputSpec, Fingerprint]


def find_copies(checked: Sequence[tuple[Case, CaseFiles]]) -> Iterator[Problem]:
    """Each scan that is the same as an earlier one: a STOP where it would be tested on what it was trained on."""
    firsts: list[tuple[_Scan, list[_Scan]]] = []
    for case, files in checked:
        for need, fingerprint in files.fingerprints.items():
            scan = (case, need, fingerprint)
            for first, copies in firsts:
                if same_scan(first[2], fingerprint):
                    copies.append(scan)
                    break
            else:
                firsts.append((scan, []))
    for first, copies in firsts:
        harmless = []
        for copy in copies:
            if copy[0] is first[0]:
                what = f"this is the same scan as {first[1]}"
                yield Problem("WARN", what, _where(copy), "check which file is which", copy[0].case_id)
            elif _is_leak(copy[0], first[0]):
                what = f"{_same(first)}: it would be tested on what it was trained on"
                remedy = "remove one, or give both the same patient_id"
                yield Problem("STOP", what, _where(copy), remedy)  # of two cases, so of neither alone
            else:
                harmless.append(copy)
        if harmless:
            others = [scan[0].case_id for scan in harmless[1:]]
            more = f"; so are cases {', '.join(others[:5])}{' and more' if len(others) > 5 else ''}" if others else ""
            yield Problem("WARN", _same(first) + more, _where(harmless[0]), "remove one of the cases")


def _is_leak(one: Case, other: Case) -> bool:
    return one.patient_id != other.patient_id and not (one.split and one.split == other.split)


def _same(first: _Scan) -> str:
    return f"this is the same scan as {first[1]} of case {first[0].case_id}"


def _where(scan: _Scan) -> str:
    return f"case {scan[0].case_id}, {scan[1]}"
