"""What is ready before a run, what is doubtful and what is missing: green, amber and red."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slicer.i18n import tr as _

from HCCAssistLib.cohort.input_spec import InputSpec
from HCCAssistLib.errors import InputError
from HCCAssistLib.models.caveats import model_warnings
from HCCAssistLib.panels.ui_files import load
from HCCAssistLib.panels.words import place_words
from HCCAssistLib.recipes.roles import guess_role, may_be
from HCCAssistLib.scene.inputs import geometry_of_volume
from HCCAssistLib.scene.modality import may_be_of, modality_of
from HCCAssistLib.scene.roles import is_settled, role_of
from HCCAssistLib.scene.run_inputs import ChosenInputs

MANY = 3
"""Phases that were confirmed, from above which on their lines become one."""

_DOTS = {"stop": "#c62828", "warn": "#e08a00", "ok": "#2e7d32"}


@dataclass(frozen=True, slots=True)
class Light:
    """One line of the readiness.

    Attributes:
        level: ``"stop"`` keeps the run from starting, ``"warn"`` goes with its result.
        text: what, and what to do.
    """

    level: Literal["stop", "warn", "ok"]
    text: str


class Readiness:
    """The lights in the panel.

    Args:
        place: layout to be added to.
    """

    def __init__(self, place: Any) -> None:
        self.ui = load("readiness", place)

    def show(self, lights: Iterable[Light]) -> str:
        """Show the lights; what keeps the run from starting, empty where nothing does."""
        listed = list(lights)
        lines = [
            f"<span style='color:{_DOTS[one.level]}'>\N{BLACK CIRCLE}</span> {html.escape(one.text)}" for one in listed
        ]
        self.ui.readinessLabel.text = "<br>".join(lines)
        return next((one.text for one in listed if one.level == "stop"), "")


def input_lights(inputs: Sequence[InputSpec], needed: Collection[InputSpec], chosen: ChosenInputs) -> Iterator[Light]:
    """What there is to say of scans and marks before they are used.

    Args:
        inputs: of the method.
        needed: those that the chosen model asks for.
        chosen: by the reader, of what is needed.
    """
    volumes = [spec for spec in inputs if spec in needed and spec.kind == "volume"]
    lights = [light for spec in volumes for light in volume_lights(spec, chosen.volumes.get(str(spec)))]
    confirmed = [light for light in lights if light.level == "ok"]
    if len(confirmed) > MANY:
        yield Light("ok", _("{count} phases confirmed.").format(count=len(confirmed)))
    yield from (light for light in lights if light not in confirmed or len(confirmed) <= MANY)
    yield from same_lights(chosen.volumes)
    yield from mark_lights(inputs, chosen.places)


def volume_lights(spec: InputSpec, node: Any | None) -> Iterator[Light]:
    """What there is to say of a scan before it is used.

    Args:
        spec: what the method asks for.
        node: the chosen volume node, or None.
    """
    wanted = place_words(str(spec), spec.modality)
    if node is None:
        if spec.required:
            yield Light("stop", _("Load a scan and choose it: {wanted}.").format(wanted=wanted))
        return
    if not may_be_of(node, spec.modality):
        text = _("This scan seems to be {modality}. This method needs: {wanted}.")
        yield Light("warn", text.format(modality=modality_of(node), wanted=wanted))
    yield _phase_light(str(spec), wanted, node)
    try:
        geometry = geometry_of_volume(node)
    except InputError as error:
        yield Light("stop", str(error))
        return
    if spec.spacing_mm is not None:
        in_plane, between = spec.spacing_mm
        across = int(max(range(3), key=lambda axis: abs(geometry.directions[2, axis])))
        for axis, (low, high) in ((a, between if a == across else in_plane) for a in range(3)):
            if not low * 0.999 <= geometry.spacing[axis] <= high * 1.001:
                size = " x ".join(f"{step:.3g}" for step in geometry.spacing)
                yield Light("warn", _("Voxels of {size} mm: the scan is resampled for the network.").format(size=size))
                return


def same_lights(volumes: Mapping[str, Any]) -> Iterator[Light]:
    """Scans that are chosen twice: one of the two places is wrong."""
    for place, node in volumes.items():
        first = next(other for other, one in volumes.items() if one is node)
        if first != place:
            text = _("The same scan is chosen twice: as {one} and as {other}.")
            modality = modality_of(node)
            yield Light("stop", text.format(one=place_words(first, modality), other=place_words(place, modality)))


def model_lights(card: Any | None) -> Iterator[Light]:
    """What is doubtful about a model, before it is used."""
    if card is not None:
        for warning in model_warnings(card):
            yield Light("warn", f"{warning.what[:1].upper()}{warning.what[1:]}.")


def mark_lights(inputs: Iterable[InputSpec], chosen: Collection[str]) -> Iterator[Light]:
    """What has to be marked for a run and is not; one of several ways is enough.

    Args:
        inputs: of the method.
        chosen: the places where something is.
    """
    marks = dict.fromkeys(str(spec) for spec in inputs if spec.required and spec.kind != "volume")
    for place in (place for place in marks if place not in chosen):
        name = place.rsplit("/", 1)[-1].replace("_", " ")
        text = _("Mark the {name}: with points, a segmentation or a box, in the inputs above.")
        yield Light("stop", text.format(name=name))


def absence_lights(absent: Mapping[str, str], chosen: Iterable[str]) -> Iterator[Light]:
    """What it means that optional inputs are not chosen.

    Args:
        absent: by place, what it means that nothing is chosen there.
        chosen: the places where something is.
    """
    there = set(chosen)
    for place, text in absent.items():
        if place not in there:
            yield Light("warn", text)


def _phase_light(role: str, wanted: str, node: Any) -> Light:
    confirmed = role_of(node)
    if confirmed == role:
        return Light("ok", _("Phase confirmed: {wanted}.").format(wanted=wanted))
    if is_settled(node):
        marked = place_words(confirmed, modality_of(node)) if confirmed else _("a scan that no method uses")
        text = _("In HCC Study this scan is marked as {marked}. This method needs: {wanted}.")
        return Light("warn", text.format(marked=marked, wanted=wanted))
    guess = guess_role(node.GetName() or "")
    if may_be(guess, role):
        text = _("Phase not confirmed; by its name it is: {wanted}. Look, and confirm it in HCC Study.")
        return Light("warn", text.format(wanted=wanted))
    if guess.role is not None:
        text = _("By its name this scan is: {guessed}. This method needs: {wanted}.")
        return Light("warn", text.format(guessed=place_words(guess.role, modality_of(node)), wanted=wanted))
    return Light(
        "warn", _("Phase not known. This method needs: {wanted}. Confirm it in HCC Study.").format(wanted=wanted)
    )
