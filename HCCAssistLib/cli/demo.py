"""``hccassist demo``: the main job, start to end, on this machine: phantoms, training, evaluation, detection."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, table, warn
from HCCAssistLib.cli.view import PAGE
from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import locked
from HCCAssistLib.recipes.registry import RECIPES, cohort_spec, get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.phantoms.demo import Demo
    from HCCAssistLib.phantoms.liver.implant import Background
    from HCCAssistLib.results.result import Result

MOST_CASES = 10_000
SEED = 7
UNSEEN_SEED = 90210

COHORT, MODEL, UNSEEN, RESULT, LOCK = "cohort", "model", "unseen", "result", ".lock"

STOPPED = "Run the same command again to go on."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "demo", help="the main job on synthetic cases: train, evaluate, detect, draw"
    )
    parser.add_argument("--recipe", choices=RECIPES, default=next(iter(RECIPES)), help="which method to show")
    parser.add_argument("--out", type=checks.folder, default="demo", metavar="DIR", help="where everything is written")
    parser.add_argument("--background", type=Path, metavar="CT", help="detect in this real CT with implanted lesions")
    parser.add_argument("--cases", type=int, metavar="N", help="phantoms in the cohort")
    parser.add_argument("--epochs", type=int, metavar="E", help="epochs of training at most")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Do everything and say where to look; a second run in the same folder uses what is there."""
    from HCCAssistLib.evaluation.optional import check_reports
    from HCCAssistLib.phantoms.demo import demo_of

    demo = demo_of(get_recipe(args.recipe).package)
    args.cases = demo.cases if args.cases is None else args.cases
    args.epochs = int(demo.training["epochs"]) if args.epochs is None else args.epochs
    checks.number(args.cases, demo.least_cases, MOST_CASES, "option --cases")
    checks.number(args.epochs, 1, 1000, "option --epochs")
    checks.device(args.device)
    check_reports()
    checks.output_folder(args.out, apart_from=filter(None, [args.background]), accept=_is_demo)
    _check_what_is_there(args)
    background = _background(args)
    args.out.mkdir(parents=True, exist_ok=True)
    with locked(args.out / LOCK, "demo"):
        _demo(args, demo, background)


def _is_demo(folder: Path) -> bool:
    """Whether a folder holds nothing but what a demo writes."""
    names = {COHORT, MODEL, f"{MODEL}.training", UNSEEN, RESULT, LOCK}
    return all(path.name in names or path.suffix == ".part" for path in folder.iterdir())


def _check_what_is_there(args: argparse.Namespace) -> None:
    """Refuse to go on with a demo of another size.

    Raises:
        InputError: the folder holds one.
    """
    where, remedy = f"option --out {args.out.name}", "choose a new folder"
    if (args.out / COHORT).exists():
        there = len(read_cohort(args.out / COHORT).cases)
        if there != args.cases:
            raise InputError(f"this is a demo of {there} cases, not of {args.cases}", where, remedy)
    if (args.out / MODEL).exists():
        from HCCAssistLib.models.package import read_package

        epochs = read_package(args.out / MODEL, recipe=args.recipe).card.options["epochs"]
        if epochs != args.epochs:
            raise InputError(f"this is a demo of {epochs} epochs, not of {args.epochs}", where, remedy)


def _background(args: argparse.Namespace) -> Background | None:
    """The real CT to implant lesions into, or None; it is prepared here, so that an unsuitable one is told at once.

    Raises:
        InputError: not a CT with a liver, or another one than in an earlier run in the same folder.
    """
    found = None
    if args.background:
        from HCCAssistLib.dicom.volume import read_volume
        from HCCAssistLib.phantoms.cohort import phantoms_of
        from HCCAssistLib.phantoms.liver.implant import Background

        phantoms_of(get_recipe(args.recipe).package).check_background()
        found = Background(read_volume(args.background, name="background"))
    if (args.out / UNSEEN).exists():
        before = read_cohort(args.out / UNSEEN).cases[0].values.get("background", "")
        if before != (found.label if found else ""):
            raise InputError(
                "this is a demo with another background", f"option --out {args.out.name}", "choose a new folder"
            )
    return found


def _demo(args: argparse.Namespace, demo: Demo, background: Background | None) -> None:
    from HCCAssistLib.cli.evaluate import row, summary
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.inference.study import read_study
    from HCCAssistLib.phantoms.cohort import phantoms_of, write_cohort
    from HCCAssistLib.results.files import write_result
    from HCCAssistLib.results.tables import TABLES, write_findings
    from HCCAssistLib.training.job import Job
    from HCCAssistLib.training.run import train
    from HCCAssistLib.viewer.page import write_page

    recipe = get_recipe(args.recipe)
    phantoms = phantoms_of(recipe.package)
    out, device = args.out, choose_device(args.device)
    say("HCCAssist demo. Everything here is synthetic and says nothing about patients. Research use only.")

    cohort_folder = out / COHORT
    if not cohort_folder.exists():
        progress, workers = Progress("1/4 phantoms"), os.cpu_count() or 1
        write_cohort(
            phantoms, cohort_folder, cases=args.cases, seed=SEED, field="liver", workers=workers, progress=progress.part
        )
    cohort = read_cohort(cohort_folder)

    model_folder = out / MODEL
    if not model_folder.exists():
        options = recipe.resolve({**demo.training, "epochs": args.epochs})
        job = Job(recipe, options, model_folder, name=f"{recipe.id}-demo", seed=SEED, folds=demo.folds, device=device)
        package, _ = train(cohort, job, progress=Progress("2/4 training"))
    else:
        from HCCAssistLib.models.package import read_package

        package = read_package(model_folder, recipe=recipe.id)
    model = load_model(package, device=device)

    progress = Progress("3/4 evaluation")
    found = recipe.module("evaluation").evaluate(cohort, model, {}, progress=progress)
    pages = recipe.module("report").report(found, model, title=demo.title)
    rows = [*summary(found), *(row(*one) for one in demo.evidence(pages, cohort, model, found))]
    progress("done", 1.0)

    case_folder = out / UNSEEN
    if not case_folder.exists():
        real = background.image if background else None
        write_cohort(phantoms, case_folder, cases=demo.unseen, seed=UNSEEN_SEED, background=real)
    case = demo.choose(read_cohort(case_folder))
    progress = Progress(f"4/4 {recipe.task}")
    options = model.package.card.options
    study = read_study(case, recipe, options=options, classes=cohort_spec(recipe, options).finding_classes)
    result = recipe.module("prediction").predict(study, model, demo.run, progress=progress.part)
    result_folder = out / RESULT
    write_result(result, result_folder)
    write_findings(result, result_folder / TABLES[result.kind])
    write_page(result, study.volumes, result_folder / PAGE, case_id=study.case_id, synthetic=True)
    pictures = _draw(result, study, result_folder)
    sentence, columns, listed = demo.describe(result, study)
    pages.add_heading(f"Unseen case {study.case_id}")
    pages.add_text(f"One more synthetic case, in no split of the cohort, with other settings of the run: {sentence}.")
    pages.add_table("What was found in it", columns, [[str(cell) for cell in row] for row in listed])
    for picture in pictures:
        caption = _caption(picture.stem, study.case_id, result)
        pages.add_image(picture.stem.replace(".", "-"), picture.read_bytes(), caption)
    page = pages.write(result_folder)

    say()
    say(table(("level", "figure", "estimate", "95 % interval", "n"), rows))
    say()
    say(f"Unseen case {study.case_id}: {sentence}")
    say(table(columns, listed))
    warn(result.warnings)
    say(f"report    {page}")
    say(f"images    {result_folder / PAGE} (open it in a browser)")
    for picture in pictures:
        say(f"picture   {picture}")
    scene = result_folder / "case.mrb"
    if scene.exists():
        say(f"scene     {scene} (open it in 3D Slicer)")
    say(f"result    {result_folder / 'result.json'}")
    say(f"model     {model_folder} (install it with: hccassist models install {model_folder})")


def _caption(stem: str, case_id: str, result: Result) -> str:
    """What a picture of the scene shows."""
    is_risk = result.kind == "risk"
    shown = "box, what the networks saw" if is_risk else "boxes, what was found, with number and score"
    if stem.startswith("three-d"):
        of = f", {stem.removeprefix('three-d-')}" if stem != "three-d" else ""
        return f"Synthetic case {case_id}{of} in 3-D, from in front, patient's left on the right; {shown}"
    return (
        f"Synthetic case {case_id}, {stem.replace('-', ' ')}: axial slice, patient's left on the right; {shown}; "
        "colours, Grad-CAM, where the network looked; outlines, segments"
    )


def _draw(result: Result, study: Study, folder: Path) -> tuple[Path, ...]:
    """Pictures and the scene; where they cannot be made the reason is printed and the rest goes on."""
    from HCCAssistLib.scene.rendering import rendering_available, scene_available

    missing = scene_available()
    if missing is None:
        from HCCAssistLib.scene.pictures import save_case

        save_case(result, study.volumes, study.masks, folder / "case.mrb", synthetic=True)
        missing = rendering_available()
    if missing is not None:
        warn([missing])
        return ()
    from HCCAssistLib.scene.pictures import render_case

    return render_case(result, study.volumes, folder, masks=study.masks, synthetic=True)
