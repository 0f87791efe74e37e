"""Members of a model: one network, or set of networks, per fold and repeat, each trained by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from HCCAssistLib.cohort.case import TABLE
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.cohort.splits import folds as patient_folds
from HCCAssistLib.cohort.strata import strata
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.recipes.registry import cohort_spec, get_recipe
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.training.plan import HOW_LONG
from HCCAssistLib.training.samples import Samples

FORMAT = "hccassist-member/1"
PLAN = "member.json"


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """All that tells one member from every other training, as its file ``member.json`` holds it.

    Attributes:
        recipe: id.
        options: of the recipe, resolved.
        fold, folds: which part of the cases it is validated on, and of how many.
        repeat: of the same parts with another seed, counted from 0.
        seed: of its weights, order and augmentation.
        train, validation: ids of the cases.
        samples: digest of the samples of the whole cohort.
        software: versions that sampled.
    """

    recipe: str
    options: dict[str, Value]
    fold: int
    folds: int
    repeat: int
    seed: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    samples: str
    software: dict[str, str]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"fold-{self.fold}-repeat-{self.repeat}"

    def key(self, *parts: Any) -> str:
        """sha256 of what decides its weights but for how long it is trained, and of ``parts`` besides."""
        facts = asdict(self)
        facts["options"] = {name: value for name, value in self.options.items() if name not in HOW_LONG}
        return hashlib.sha256(json.dumps([facts, *parts], sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """As its file holds it."""
        return {"format": FORMAT, **asdict(self)}

    def write(self, folder: Path) -> None:
        """Write it into a member's folder."""
        write_json(folder / PLAN, self.as_json())

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> MemberPlan:
        """The plan of such fields.

        Raises:
            KeyError, TypeError, ValueError: not a plan, or of another format.
        """
        fields = dict(data)
        if fields.pop("format") != FORMAT:
            raise ValueError("unknown format")
        return cls(**{**fields, "train": tuple(fields["train"]), "validation": tuple(fields["validation"])})

    @classmethod
    def read(cls, folder: Path) -> MemberPlan:
        """The plan in a member's folder.

        Raises:
            InputError: none there, damaged, of another format, or of a recipe or options that there are not.
        """
        try:
            plan = cls.from_json(parse_json((folder / PLAN).read_text(encoding="utf-8")))
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{PLAN} cannot be read ({error})", folder.name, "start the training again") from error
        get_recipe(plan.recipe).resolve(plan.options)
        return plan


def members(
    cohort: Cohort,
    samples: Samples,
    recipe: Recipe,
    options: dict[str, Value],
    *,
    seed: int,
    folds: int,
    repeats: int,
    software: dict[str, str],
) -> tuple[MemberPlan, ...]:
    """The plans of all members, never with a patient on both sides.

    Args:
        cohort: its cases have splits, and none is for testing.
        samples: of all of them.
        recipe: which method.
        options: resolved.
        seed: of the first member; every other one has its own.
        folds: 1 for the cohort's own split into training and validation.
        repeats: members per fold.
        software: versions that train.

    Raises:
        InputError: a part that lacks a class, or a patient on both sides.
    """
    digest = samples.digest()
    plans = []
    for fold, (train, validation) in enumerate(_parts(cohort, samples, recipe, folds, seed)):
        _check(samples, recipe, train, validation)
        for repeat in range(repeats):
            plan = MemberPlan(
                recipe=recipe.id,
                options=options,
                fold=fold,
                folds=folds,
                repeat=repeat,
                seed=seed + fold + folds * repeat,
                train=train,
                validation=validation,
                samples=digest,
                software=software,
            )
            plans.append(plan)
    return tuple(sorted(plans, key=lambda plan: (plan.repeat, plan.fold)))


def _parts(
    cohort: Cohort, samples: Samples, recipe: Recipe, folds: int, seed: int
) -> Sequence[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Ids of the cases to train and to validate on, for each fold."""
    there = samples.cases()
    if folds == 1:
        train, validation = (
            tuple(name for name, origin in there.items() if origin.split == use) for use in ("train", "validation")
        )
        return [(train, validation)]
    held_out = patient_folds(cohort, folds, strata(cohort, cohort_spec(recipe)), seed=seed)
    return [
        (tuple(n for n in there if held_out[n] != fold), tuple(n for n in there if held_out[n] == fold))
        for fold in range(folds)
    ]


def _check(samples: Samples, recipe: Recipe, train: Sequence[str], validation: Sequence[str]) -> None:
    """Refuse parts that lack a class or share a patient."""
    patients = []
    for names, use in ((train, "training"), (validation, "validation")):
        part = samples.of_cases(names)
        patients.append(set(part.patients))
        lacking = _lacking(part.of_known(recipe.label), recipe)
        if lacking:
            raise InputError(
                f"no sample of the cases for {use} shows {' or '.join(lacking)}",
                TABLE,
                "add cases, or change the column split so that every class occurs in each part",
            )
    if shared := patients[0] & patients[1]:
        raise InputError(f"patients on both sides of the split: {', '.join(sorted(shared))}", TABLE)


def _lacking(part: Samples, recipe: Recipe) -> list[str]:
    """The classes that a part has no sample of, in words."""
    if "label" not in part:
        return [] if len(part) else ["anything"]
    if isinstance(recipe.label, Classes):
        names = [f"class {code} ({name})" for code, name in recipe.label.names.items()]
    else:
        names = ["a case without early event", "a case with early event"]
    there = part.counts()
    return [name for number, name in enumerate(names) if not there.get(number)]
