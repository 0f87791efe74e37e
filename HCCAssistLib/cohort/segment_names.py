"""Which segments of a file are the one that is looked for, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from HCCAssistLib.cohort.segments import Segment
from HCCAssistLib.errors import InputError, Problem

WORDS = {
    "ablation": ("ablat", "ablac", "ablaz", "zone", "necro", "nekro", "coagul", "koagul", "rfa", "mwa", "cryo", "kryo"),
    "liver": ("liver", "leber", "foie", "hepar", "higado", "hígado", "fegato"),
}
"""Beginnings of the words that name a structure in a reader's language."""

OTHERS = (
    *("tumo", "lesion", "läsion", "metasta", "cyst", "zyst", "vessel", "gefäss", "gefäß", "vein", "vene", "arter"),
    *("margin", "needle", "nadel", "probe", "applicator", "electrode", "planned", "without", "outside", "not", "non"),
)
"""Beginnings of words that make a name another structure: "liver tumour", "ablation margin"."""

ORGANS = (
    *WORDS["liver"],
    *("vessel", "gefäss", "gefäß", "vein", "vena", "vene", "veine", "portal", "aort", "arter", "cava", "spleen"),
    *("milz", "kidney", "niere", "gallbladder", "gallenblase", "stomach", "magen", "pancreas", "pankreas", "lung"),
    *("bone", "spine", "vertebra", "rib", "body", "skin", "background", "parenchyma", "healthy", "normal"),
)
"""Beginnings of the words that name what is no lesion, unless a word for a lesion stands beside them."""

LESIONS = (
    *("tumo", "lesion", "läsion", "lésion", "mass", "hcc", "metasta", "nodul", "knoten", "cyst", "zyst", "haemangiom"),
    *("hemangiom", "target", "recur", "rezidiv", "viable", "enhanc", "thromb"),
)
"""Beginnings of the words that name a lesion: "liver tumour", "portal vein tumour thrombus"."""

_UNNAMED = re.compile(r"(segment|label|mask|roi|region|untitled)?[ _-]?\d*", re.IGNORECASE)
_REPEATED = re.compile(r" \(\d+\)$")


def choose(segments: Sequence[Segment], name: str) -> tuple[tuple[Segment, ...], tuple[Problem, ...]]:
    """The painted segments that are the one looked for, and what should be said about the choice.

    Those of that very name (upper and lower case are equal) come first, together where there are several. Otherwise
    it is the one whose name says the same in other words, or the only one there is.

    Args:
        segments: of one file.
        name: what is looked for, for example ``"liver"``.

    Raises:
        InputError: nothing is painted, or the names do not tell which segment is meant.
    """
    painted, left_out = all_painted(segments)
    chosen, doubts = _chosen(painted, name)
    return chosen, (*left_out, *doubts)


def all_painted(segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], tuple[Problem, ...]]:
    """The painted segments, whatever they are called, and a warning of each empty one.

    Raises:
        InputError: nothing is painted.
    """
    paint = "paint it, or delete it"
    painted = tuple(segment for segment in segments if not segment.is_empty)
    if not painted:
        raise InputError("no segment is painted", remedy=paint)
    empty = [segment for segment in segments if segment.is_empty]
    return painted, tuple(Problem("WARN", "the segment is empty", f"segment {s.name!r}", paint) for s in empty)


def painted_lesions(segments: Sequence[Segment]) -> tuple[tuple[Segment, ...], tuple[Problem, ...]]:
    """The painted segments of a file of lesions, without those that are called an organ or a vessel.

    A segmentation of a whole liver is often chosen for the tumours in it.

    Raises:
        InputError: nothing is painted, or nothing but organs.
    """
    painted, problems = all_painted(segments)
    organs = [segment for segment in painted if names_organ(segment.name)]
    if not organs:
        return painted, problems
    if len(organs) == len(painted):
        what = f"no segment is a lesion: {_listed(organs)}"
        raise InputError(what, remedy="draw one for each lesion, or name those that are lesions as such")
    remedy = "name one as a lesion if it is one"
    left_out = Problem("WARN", f"{_listed(organs)} are no lesions by their names, and left out", "", remedy)
    return tuple(segment for segment in painted if segment not in organs), (*problems, left_out)


def names_organ(title: str) -> bool:
    """Whether a segment's title says that it is no lesion but an organ or a vessel.

    >>> [names_organ(title) for title in ("Liver", "Portal vein", "liver tumour", "T1", "Segment_1")]
    [True, True, False, False, False]
    """
    words = re.findall(r"[^\W\d_]+", title.casefold())

    def has(beginnings: Sequence[str]) -> bool:
        return any(word.startswith(beginning) for word in words for beginning in beginnings)

    return has(ORGANS) and not has(LESIONS)


def _chosen(painted: Sequence[Segment], name: str) -> tuple[tuple[Segment, ...], tuple[Problem, ...]]:
    wanted = name.casefold()
    remedy = f"name the right one {name!r}, or keep it alone in the file"
    exact = [s for s in painted if _REPEATED.sub("", s.name).casefold().strip() in (wanted, wanted.replace("_", " "))]
    if len(exact) > 1:
        what = f"{_listed(exact)} count as {name} together"
        return tuple(exact), (Problem("WARN", what, "", f"name one {name!r} if that is wrong"),)
    if exact:
        return tuple(exact), ()
    fitting = [segment for segment in painted if _names(segment.name, name)]
    if len(fitting) > 1:
        raise InputError(f"{_listed(fitting)} may all be the {name}", remedy=remedy)
    if fitting and len(painted) == 1:
        return tuple(fitting), ()
    if fitting:
        others = _listed([segment for segment in painted if segment is not fitting[0]])
        what = f"of the file's segments {fitting[0].name!r} counts as {name}, {others} not"
        return tuple(fitting), (Problem("WARN", what, "", f"name another one {name!r} if that is wrong"),)
    if len(painted) > 1 and all(_UNNAMED.fullmatch(segment.name) for segment in painted):
        what = f"the file holds {len(painted)} segments without names ({_listed(painted)}), so {name} cannot be told"
        raise InputError(what, remedy=remedy)
    if len(painted) > 1:
        raise InputError(f"none of the file's segments is called {name!r}: {_listed(painted)}", remedy=remedy)
    (only,) = painted
    if any(_names(only.name, other) for other in WORDS if other != wanted):
        raise InputError(f"the file's only painted segment is called {only.name!r}, not {name!r}", remedy=remedy)
    if _UNNAMED.fullmatch(only.name):
        return (only,), ()
    what = f"the file's only segment, {only.name!r}, counts as {name}"
    return (only,), (Problem("WARN", what, "", f"name it {name!r} if that is right"),)


def _names(title: str, name: str) -> bool:
    """Whether a segment's title names the structure."""
    words = re.findall(r"[^\W\d_]+", title.casefold())

    def has(beginnings: Sequence[str]) -> bool:
        return any(word.startswith(beginning) for word in words for beginning in beginnings)

    known = WORDS.get(name.casefold(), tuple(re.findall(r"[^\W\d_]+", name.casefold())))
    # "liver ablation" is the ablation
    stronger = WORDS["ablation"] if name.casefold() == "liver" else ()
    return has(known) and not has((*OTHERS, *stronger))


def _listed(segments: Sequence[Segment], most: int = 5) -> str:
    names = ", ".join(repr(segment.name) for segment in segments[:most])
    return names + (f" and {len(segments) - most} more" if len(segments) > most else "")


def likeliest(titles: Sequence[str], name: str) -> int | None:
    """Which of several segments' titles names a structure: the very name first, else the only one that says it.

    >>> likeliest(["vessels", "Leber", "tumour"], "liver")
    1

    Args:
        titles: of the segments.
        name: what is looked for, for example ``"liver"``.

    Returns:
        Its index; None where no title or more than one says it.
    """
    exact = [n for n, title in enumerate(titles) if title.casefold().strip() == name.casefold().replace("_", " ")]
    fitting = exact or [n for n, title in enumerate(titles) if _names(title, name)]
    return fitting[0] if len(fitting) == 1 else None
