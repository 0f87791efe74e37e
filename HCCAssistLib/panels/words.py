"""Places of a recipe's inputs in a radiologist's words."""

from __future__ import annotations

from slicer.i18n import tr as _

_TIMES = {"baseline": "CT at diagnosis", "pre": "CT before treatment", "post": "follow-up CT"}
_PHASES = {"unenhanced": "unenhanced", "arterial": "arterial", "portal": "portal venous", "delayed": "delayed"}


def phase_words(phase: str) -> str:
    """``portal venous phase`` for ``portal``."""
    return _("{phase} phase").format(phase=_(_PHASES.get(phase, phase)))


def time_words(time_point: str) -> str:
    """``follow-up CT`` for ``post``."""
    return _(_TIMES.get(time_point, time_point))


def place_words(place: str) -> str:
    """``arterial phase, follow-up CT`` for ``post/arterial``, ``liver, follow-up CT`` for ``post/liver``."""
    time_point, _slash, name = place.partition("/")
    what = phase_words(name) if name in _PHASES else name.replace("_", " ")
    return f"{what}, {time_words(time_point)}"
