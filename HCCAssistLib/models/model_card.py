"""What model.json says of a model: checked when it is read, sealed when it is written.

The entry "seal" is the sha256 of everything else in model.json, so that a cut-off, a figure or a name that was changed
afterwards is noticed. A seal is no signature: it tells a package that was damaged or edited by hand, not who wrote it,
and whoever can edit the file can seal it anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.results.cutoff import CutOff

FORMAT = "hccassist-model/3"
OLDER_FORMATS = ("hccassist-model/1", "hccassist-model/2")

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
PART_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Of a network or a cut-off."""

WEIGHTS_NAME = re.compile(r"weights-(0|[1-9][0-9]{0,2})(?:-([a-z][a-z0-9_]{0,39}))?\.safetensors")
EXTRA_NAME = re.compile(r"(?:trees|curves|values)(?:-[a-z0-9_]{1,40}){0,2}\.(?:safetensors|json)")
"""Decision trees, reference curves, and values that were fitted, such as the medians that stand for missing ones."""

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What model.json says.

    Attributes:
        name: pseudonymous, a safe file name.
        recipe: id of the recipe.
        options: the recipe's options it was trained with.
        input: windows, patch and spacing the weights expect.
        training: cohort digest, numbers of cases, digests of the images it has seen, course of the loss.
        software: versions that trained it.
        files: name to sha256: the weights of each member's networks, and what else was fitted.
        cutoffs: by name: ``{"patch": CutOff(...), "candidate": CutOff(...)}``; empty where nothing is cut off.
        default_name: the cut-off that a prediction begins with, ``""`` where there is none.
        categories: code to name, in the order of the outputs; empty where the model tells no classes.
        preset: of the recipe, ``""`` for its defaults.
        metrics: figures with intervals, n and unit, as the evaluation wrote them.
        licence: of the weights.
        seal: sha256 of all of this as it stands in model.json; empty before it is written.

    Raises:
        ValueError: something that no model.json may say.
    """

    name: str
    recipe: str
    options: dict[str, Value]
    input: dict[str, Any]
    training: dict[str, Any]
    software: dict[str, str]
    files: dict[str, str]
    cutoffs: dict[str, CutOff] = field(default_factory=dict)
    default_name: str = ""
    categories: dict[str, str] = field(default_factory=dict)
    preset: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = "not stated"
    seal: str = ""

    def __post_init__(self) -> None:
        if not SAFE_NAME.fullmatch(self.name):
            raise ValueError("the model's name is not a safe file name")
        for name, value in self.options.items():
            if not isinstance(value, bool | int | float | str):
                raise ValueError(f"the option {name[:50]!r} has no value")
        for name, cutoff in self.cutoffs.items():
            if not PART_NAME.fullmatch(name):
                raise ValueError(f"a cut-off cannot be called {name[:50]!r}")
            if not 0.0 <= cutoff.value <= 1.0:
                raise ValueError(f"a cut-off lies between 0 and 1, not at {cutoff.value}")
            if not cutoff.source.isprintable():  # it is printed with every result
                raise ValueError(f"the source of the cut-off {name} holds characters that cannot be printed")
        if self.default_name not in (self.cutoffs or ("",)):
            known = ", ".join(self.cutoffs) or "no cut-offs"
            raise ValueError(f"the default cut-off {self.default_name[:50]!r} is not among {known}")
        for text in (*self.categories, *self.categories.values()):
            if not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
                raise ValueError(f"a category cannot be called {text[:50]!r}")
        self._check_files()
        _check_training(self.training)

    def _check_files(self) -> None:
        for name, sha in self.files.items():
            if not (WEIGHTS_NAME.fullmatch(name) or EXTRA_NAME.fullmatch(name)):
                raise ValueError(f"the package names a file that is none of its own: {name[:90]!r}")
            if not re.fullmatch("[0-9a-f]{64}", sha):
                raise ValueError(f"the sha256 of {name} is none")
        members = self.members
        if not members:
            raise ValueError("the package has no weights")
        if any(member.keys() != members[0].keys() for member in members):
            raise ValueError("the members of the model do not have the same networks")
        if sum(len(member) for member in members) < sum(name.startswith("weights-") for name in self.files):
            raise ValueError("the members of the model are not numbered from 0 on")

    @property
    def members(self) -> tuple[dict[str, str], ...]:
        """Names of the weights files of each member by the name of the network, which is empty for the only one."""
        found: dict[int, dict[str, str]] = {}
        for name in sorted(self.files):
            if parts := WEIGHTS_NAME.fullmatch(name):
                found.setdefault(int(parts[1]), {})[parts[2] or ""] = name
        return tuple(found[number] for number in range(len(found)) if number in found)

    @property
    def default_cutoff(self) -> CutOff | None:
        """The cut-off that a prediction begins with: what every command, panel and report calls the model's own."""
        return self.cutoffs.get(self.default_name)

    def cutoff(self, name: str = "") -> CutOff:
        """A cut-off by its name, or the default one.

        Raises:
            InputError: the model has none of that name.
        """
        found = self.cutoffs.get(name or self.default_name)
        if found is None:
            what = f"no cut-off called {name!r}" if name else "no cut-off"
            raise InputError(f"the model has {what}", f"model {self.name}", "train the model again")
        return found

    def check_recipe(self, recipe: Recipe) -> None:
        """Refuse a card that does not fit its recipe.

        Raises:
            InputError: other options, categories or presets than the recipe knows, or a detector without a cut-off.
        """
        where = f"model {self.name}"
        recipe.resolve(self.options)
        if self.preset and self.preset not in recipe.presets:
            raise InputError(f"the recipe {recipe.id} has no preset {self.preset!r}", where, "update HCCAssist")
        codes = recipe.label.codes if isinstance(recipe.label, Classes) else ()
        if tuple(self.categories) != codes:
            own, known = (", ".join(names) or "none" for names in (self.categories, codes))
            what = f"the model has the categories {own}, the recipe {recipe.id} {known}"
            raise InputError(what, where, "train the model again")
        if recipe.task == "detection":
            self.cutoff()

    def as_json(self) -> dict[str, Any]:
        """The content of model.json."""
        return {
            "format": FORMAT,
            "research_use_only": True,
            "name": self.name,
            "recipe": self.recipe,
            "options": self.options,
            "preset": self.preset,
            # a list, since the seal does not cover the order of an object's entries
            "categories": [{"code": code, "name": name} for code, name in self.categories.items()],
            "cutoffs": {name: cutoff.as_json() for name, cutoff in self.cutoffs.items()},
            "default_cutoff": self.default_name,
            "input": self.input,
            "metrics": self.metrics,
            "training": self.training,
            "software": self.software,
            "licence": self.licence,
            "files": self.files,
            **({"seal": self.seal} if self.seal else {}),
        }

    @classmethod
    def from_json(cls, data: Any) -> ModelCard:
        """Read what ``as_json`` wrote and ``sealed`` sealed.

        Raises:
            InputError: another format, or a broken seal.
            ValueError, KeyError, TypeError, AttributeError: anything else that is wrong.
        """
        found = data.get("format") if isinstance(data, dict) else None
        if found in OLDER_FORMATS:
            what = f"the model is of an older format ({found}) that is not read any more"
            raise InputError(what, "model.json", "train it again, or ask whoever made it for a new package")
        if found != FORMAT:
            raise InputError("model.json is of an unknown format", remedy="update HCCAssist or the model")
        if data != sealed(data):
            raise InputError("model.json was changed after the model was written: its seal is broken")
        return cls(
            name=str(data["name"]),
            recipe=str(data["recipe"]),
            options=dict(data["options"]),
            preset=str(data["preset"]),
            categories={str(one["code"]): str(one["name"]) for one in data["categories"]},
            cutoffs={str(name): CutOff.from_json(one) for name, one in data["cutoffs"].items()},
            default_name=str(data["default_cutoff"]),
            input=dict(data["input"]),
            metrics=dict(data["metrics"]),
            training=dict(data["training"]),
            software={str(name): str(version) for name, version in data["software"].items()},
            licence=str(data["licence"]),
            files={str(name): str(sha) for name, sha in data["files"].items()},
            seal=str(data["seal"]),
        )


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of model.json with the seal that belongs to it.

    The seal is the sha256 of the JSON with sorted keys, without spaces, as ASCII: it rests on the content, and not
    on how a line is wrapped.

    Raises:
        ValueError: a number that is not finite.
    """
    plain = {**json.loads(json.dumps(content, allow_nan=False)), "format": FORMAT}
    plain.pop("seal", None)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return {**plain, "seal": hashlib.sha256(text.encode()).hexdigest()}


def _check_training(training: Mapping[str, Any]) -> None:
    """What others rest on: counts of cases, of patients and synthetic ones apart, of samples; images it has seen."""
    per_class = training.get("samples_per_class", {})
    for counts in (training.get("trained_on", {}), training.get("cases", {}), *per_class.values()):
        for name, n in counts.items():
            if type(n) is not int or n < 0:
                raise ValueError(f"the number of {name[:50]!r} is {n!r}")
    if type(training.get("seed", 0)) is not int:
        raise ValueError("the seed is no whole number")
    for name, kind in (("image_digests", str), ("image_fingerprints", list | tuple)):
        seen = training.get(name, [])
        if not isinstance(seen, list | tuple) or not all(isinstance(one, kind) for one in seen):
            raise ValueError(f"{name} is no list of what it has seen")
