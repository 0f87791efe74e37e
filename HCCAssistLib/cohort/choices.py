"""How people write yes and no into a table."""

from __future__ import annotations

from HCCAssistLib.cohort.cells import is_missing
from HCCAssistLib.cohort.spelling import plain
from HCCAssistLib.labels import Variable

_WORDS = {
    "yes": ("y", "pos", "pos.", "positive", "positiv", "+", "++", "(+)", "true", "present", "ja", "oui", "si"),
    "no": ("n", "neg", "neg.", "negative", "negativ", "false", "absent", "nein", "non"),
}
"""How people write the choices yes and no."""

DASHES = frozenset({"-", "--", "\N{EN DASH}", "\N{EM DASH}", "(-)"})
"""No beside +, or no value: nobody can tell."""


def has_no_value(cell: str, variable: Variable) -> bool:
    """Whether a cell holds no value; a dash where there are choices may be one."""
    return is_missing(cell) and not (variable.choices and plain(cell) in DASHES)


def choice_meant(cell: str, variable: Variable) -> float | None:
    """The choice that a word stands for."""
    word = plain(cell)
    return next((v for v, title in variable.choices.items() if word in (plain(title), *_WORDS.get(title, ()))), None)
