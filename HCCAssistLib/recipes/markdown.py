"""The registry as the tables of README and docs: ``hccassist recipes --markdown``."""

from __future__ import annotations

from collections.abc import Iterable

from HCCAssistLib.labels import Classes
from HCCAssistLib.recipes.options import Option
from HCCAssistLib.recipes.spec import Recipe
from HCCAssistLib.wording import listed

BEGIN, END = "<!-- {}: written by hccassist recipes --markdown -->", "<!-- end of {} -->"


def section(name: str, recipes: Iterable[Recipe]) -> str:
    """One section with its marks, as it stands in a document.

    Args:
        name: ``"recipes"``, ``"options"``, ``"citations"`` or ``"methods"``.
        recipes: of the registry.
    """
    writers = {"recipes": _table, "options": _options, "citations": _citations, "methods": _methods}
    return "\n".join([BEGIN.format(name), "", *writers[name](tuple(recipes)), "", END.format(name)])


def replaced(text: str, recipes: Iterable[Recipe]) -> str:
    """A document with every section in it that has marks written anew."""
    listed = tuple(recipes)
    for name in ("recipes", "options", "citations", "methods"):
        begin, end = BEGIN.format(name), END.format(name)
        if begin in text and end in text:
            before, rest = text.split(begin, 1)
            text = before + section(name, listed) + rest.split(end, 1)[1]
    return text


def _table(recipes: tuple[Recipe, ...]) -> list[str]:
    lines = ["| recipe | result | images | annotations | learns from |", "|---|---|---|---|---|"]
    for recipe in recipes:
        volumes = ", ".join(f"{one.time_point} {one.name} {one.modality}" for one in recipe.volumes())
        places: dict[str, list[str]] = {}
        for one in recipe.inputs:
            if one.kind != "volume":
                places.setdefault(f"{one.name}{'' if one.required else ' (optional)'}", []).append(one.kind)
        marks = ", ".join(f"{name}: {' or '.join(dict.fromkeys(kinds))}" for name, kinds in places.items())
        label = recipe.label
        if isinstance(label, Classes):
            learns = f"{label.column}: {', '.join(label.codes)}"
        else:
            learns = f"{label.time}, {label.event} (early: {label.horizon_months:g} months)"
        lines.append(f"| `{recipe.id}` | {recipe.title} ({recipe.task}) | {volumes} | {marks} | {learns} |")
    return lines


def _options(recipes: tuple[Recipe, ...]) -> list[str]:
    lines: list[str] = []
    for recipe in recipes:
        for title, options in (("training", recipe.options), ("prediction", recipe.run_options)):
            if options:
                lines += [f"**`{recipe.id}`, {title}** (`--set name=value`)", ""]
                lines += ["| option | default | values | meaning |", "|---|---|---|---|"]
                lines += [f"| `{o.name}` | {o.default} | {_values(o)} | {o.help} |" for o in options]
                lines.append("")
        for name, values in recipe.presets.items():
            given = ", ".join(f"`{option}={value}`" for option, value in values.items())
            lines.append(f"* `--preset {name}`: {given or 'the defaults above'}")
        lines.append("")
    return lines[:-1]


def _values(option: Option) -> str:
    if option.choices:
        return ", ".join(map(str, option.choices))
    return f"{option.bounds[0]:g} to {option.bounds[1]:g}" if option.bounds else ""


def _citations(recipes: tuple[Recipe, ...]) -> list[str]:
    return [f"* `{recipe.id}`: {recipe.paper}" for recipe in recipes]


def _methods(recipes: tuple[Recipe, ...]) -> list[str]:
    """A paragraph for a paper of each recipe, by the texts of its reports; in brackets, what only the author knows."""
    lines: list[str] = []
    for recipe in recipes:
        texts, options = recipe.module("methods"), recipe.resolve({}, preset="paper")
        told = {name: value for name, value in options.items() if value != "" and name != "permute_labels"}
        split = ":".join(map(str, recipe.split))
        lines += [
            f"### `{recipe.id}`: {recipe.title}",
            "",
            f"> {texts.described(options)} It was trained on [N patients], split by patient into training, validation "
            f"and test set ([ratio; the paper has {split}]), with these settings: {listed(told, ', ')}. [N] cases, "
            f"none of them among the training images, were evaluated. {texts.DECISION}",
            "",
            f"Method: {recipe.paper} {_doi(recipe)}",
            "",
        ]
    return lines[:-1]


def _doi(recipe: Recipe) -> str:
    return (
        f"[doi:{recipe.doi}](https://doi.org/{recipe.doi})" if recipe.doi else "(DOI: look it up; none is known here)"
    )
