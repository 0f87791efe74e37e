"""``hccassist demo``: the demonstration model of each method, and what it says of a phantom that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import demo_case
from HCCAssistLib.cli.console import Progress, as_argument, own_command, say
from HCCAssistLib.cli.demo_training import RESULT, UNSEEN
from HCCAssistLib.models.store import DEMONSTRATION, ModelStore, default_store
from HCCAssistLib.recipes.registry import get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background


def run(demos: Mapping[Path, Demo], device: str, background: Background | None) -> None:
    """Look at one case of each method, and write everything that is known of it.

    Args:
        demos: by the folder of each, which is called as its recipe.
        device: to run on.
        background: a real CT to put the lesions into.
    """
    for number, (folder, demo) in enumerate(demos.items(), 1):
        say()
        say(get_recipe(folder.name).title)
        _look(folder, demo, device, background, Progress(f"{number}/{len(demos)} {folder.name}"))


def _look(folder: Path, demo: Demo, device: str, background: Background | None, progress: Progress) -> None:
    from HCCAssistLib.evaluation.case_report import CaseReport
    from HCCAssistLib.files import atomic_folder
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.training.evaluation_report import add_model

    recipe = get_recipe(folder.name)
    package = ModelStore(default_store()).get(DEMONSTRATION.format(recipe=recipe.id))
    progress("synthetic case", 0.0)
    if (folder / UNSEEN).exists():
        say(f"reused    {folder / UNSEEN}, the case of an earlier run; its result is made anew")
    case = demo_case.unseen_case(recipe, demo, folder / UNSEEN, background)
    model = load_model(package, device=choose_device(device))
    shown = demo_case.show(case, model, demo, progress=lambda done: progress("computing", 0.2 + 0.5 * done))
    progress("pictures", 0.7)
    pages = CaseReport(recipe.title, subtitle=f"model {package.card.name}, unseen synthetic case {case.case_id}")
    pages.add_warnings(shown.result.warnings)
    pages.add_text(f"{shown.sentence[:1].upper()}{shown.sentence[1:]}.")
    with atomic_folder(folder / RESULT) as part:
        demo_case.add_to_report(pages, shown, demo_case.write(shown, part))
        add_model(pages, model)
        pages.write(part)
    progress("done", 1.0)
    shown.say()
    demo_case.say_files(folder / RESULT)


def say_more(recipes: Iterable[str], out: Path) -> None:
    """What takes longer, and is left to the person; in the same folder, wherever that is."""
    say()
    say("What can follow, and takes minutes: phantoms, training, evaluation on those that were held out, report")
    for recipe in recipes:
        say(f"  {own_command()} demo --train --recipe {recipe} --out {as_argument(out)}")
