"""Places of a recipe's inputs in a radiologist's words."""

from __future__ import annotations

from slicer.i18n import tr as _

from HCCAssistLib.recipes.roles import modalities_of
from HCCAssistLib.recipes.spec import Recipe

_TIMES = {"baseline": "{modality} at diagnosis", "pre": "{modality} before treatment", "post": "follow-up {modality}"}
_PHASES = {"unenhanced": "unenhanced", "arterial": "arterial", "portal": "portal venous", "delayed": "delayed"}


def phase_words(phase: str) -> str:
    """``portal venous phase`` for ``portal``."""
    return _("{phase} phase").format(phase=_(_PHASES.get(phase, phase)))


def time_words(time_point: str, modality: str) -> str:
    """``follow-up CT`` for ``post``."""
    return str(_(_TIMES.get(time_point, time_point)).format(modality=modality))


def place_words(place: str, modality: str = "") -> str:
    """``arterial phase, follow-up CT`` for ``post/arterial``, ``liver, follow-up CT`` for ``post/liver``.

    Without a modality, it is what the methods ask for at that place: ``unenhanced phase, MR before treatment``.
    """
    time_point, _slash, name = place.partition("/")
    what = phase_words(name) if name in _PHASES else name.replace("_", " ")
    asked = modality or _(" or ").join(modalities_of(place))
    return f"{what}, {time_words(time_point, asked)}"


def recipe_words(recipe: Recipe, place: str) -> str:
    """``place_words`` with the modality that a recipe asks for at that time point."""
    time_point = place.partition("/")[0]
    asked = (spec.modality for spec in recipe.volumes() if spec.time_point == time_point)
    return place_words(place, next(asked, ""))
