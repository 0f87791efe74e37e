"""``hccassist demo``: the main job, start to end, on this machine: phantoms, training, evaluation, detection."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.cli import checks
from HCCAssistLib.cli.console import Progress, say, table, warn
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort, read_cohort
from HCCAssistLib.errors import InputError
from HCCAssistLib.locks import locked
from HCCAssistLib.recipes.registry import get_recipe

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study
    from HCCAssistLib.phantoms.liver.implant import Background
    from HCCAssistLib.results.detection import DetectionResult

CASES = 144
"""Phantoms of the demo's cohort. The paper's 74 patients are too few here: the network then learns bright spots, which
a threshold finds as well."""

LEAST_CASES, MOST_CASES = 6, 10_000
"""With fewer, training, validation or test would lack patients with or without progression."""

EPOCHS = 6
SEED = 7
UNSEEN_SEED = 90210
PLAIN_MM = 10.0

COHORT, MODEL, UNSEEN, RESULT, LOCK = "cohort", "model", "unseen", "result", ".lock"

STOPPED = "Run the same command again to go on."


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "demo", help="the main job on synthetic cases: train, evaluate, detect, draw"
    )
    parser.add_argument("--out", type=checks.folder, default="demo", metavar="DIR", help="where everything is written")
    parser.add_argument("--background", type=Path, metavar="CT", help="detect in this real CT with implanted lesions")
    parser.add_argument("--cases", type=int, default=CASES, metavar="N", help="phantoms in the cohort")
    parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="E", help="epochs of training at most")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def run(args: argparse.Namespace) -> None:
    """Do everything and say where to look; a second run in the same folder uses what is there."""
    from HCCAssistLib.evaluation.optional import check_reports

    checks.number(args.cases, LEAST_CASES, MOST_CASES, "option --cases")
    checks.number(args.epochs, 1, 1000, "option --epochs")
    checks.device(args.device)
    check_reports()
    checks.output_folder(args.out, apart_from=filter(None, [args.background]), accept=_is_demo)
    _check_what_is_there(args)
    background = _background(args)
    args.out.mkdir(parents=True, exist_ok=True)
    with locked(args.out / LOCK, "demo"):
        _demo(args, background)


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

        epochs = read_package(args.out / MODEL).card.options["epochs"]
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
        from HCCAssistLib.phantoms.liver.implant import Background

        found = Background(read_volume(args.background, name="background"))
    if (args.out / UNSEEN).exists():
        before = read_cohort(args.out / UNSEEN).cases[0].values.get("background", "")
        if before != (found.label if found else ""):
            raise InputError(
                "this is a demo with another background", f"option --out {args.out.name}", "choose a new folder"
            )
    return found


def _demo(args: argparse.Namespace, background: Background | None) -> None:
    from HCCAssistLib.cli.evaluate import row, summary
    from HCCAssistLib.inference.loaded_model import choose_device, load_model
    from HCCAssistLib.inference.study import read_study
    from HCCAssistLib.phantoms.ltp.cases import write_cohort
    from HCCAssistLib.phantoms.ltp.evidence import add_evidence
    from HCCAssistLib.recipes.ltp import evaluation, prediction
    from HCCAssistLib.recipes.ltp.report import report
    from HCCAssistLib.results.files import write_result
    from HCCAssistLib.results.tables import TABLES, write_findings
    from HCCAssistLib.training.run import Job, train

    recipe = get_recipe("ltp")
    out, device = args.out, choose_device(args.device)
    say("HCCAssist demo. Everything here is synthetic and says nothing about patients. Research use only.")

    cohort_folder = out / COHORT
    if not cohort_folder.exists():
        progress = Progress("1/4 phantoms")
        workers = os.cpu_count() or 1
        write_cohort(cohort_folder, cases=args.cases, seed=SEED, field="liver", workers=workers, progress=progress.part)
    cohort = read_cohort(cohort_folder)

    model_folder = out / MODEL
    if not model_folder.exists():
        options = recipe.resolve({"epochs": args.epochs})
        job = Job(recipe, options, model_folder, name="ltp-demo", seed=SEED, device=device)
        package, _ = train(cohort, job, say=Progress("2/4 training"))
    else:
        from HCCAssistLib.models.package import read_package

        package = read_package(model_folder, recipe=recipe.id)
    model = load_model(package, device=device)

    progress = Progress("3/4 evaluation")
    found = evaluation.evaluate(cohort, model, {}, progress=progress)
    pages = report(found, model, title="LTP detection on held-out phantoms")
    rows = summary(found)
    if found.froc is not None:
        baseline = add_evidence(pages, cohort, model.networks[0], found.froc)
        rows += [row("lesion, HU threshold", one) for one in (*baseline.at_rates[3:5], baseline.cpm)]
    progress("done", 1.0)

    case_folder = out / UNSEEN
    if not case_folder.exists():
        real = background.image if background else None
        write_cohort(case_folder, cases=4, seed=UNSEEN_SEED, background=real)
    case = _with_lesion(read_cohort(case_folder))
    progress = Progress("4/4 detection")
    study = read_study(case, recipe)
    result = prediction.predict(study, model, {"stride": "fine"}, progress=progress.part)
    result_folder = out / RESULT
    write_result(result, result_folder)
    write_findings(result, result_folder / TABLES[result.kind])
    pictures = _draw(result, study, result_folder)
    for picture in pictures:
        pages.add_image(
            picture.stem.replace(".", "-"), picture.read_bytes(), f"Unseen case {study.case_id}: {picture.stem}"
        )
    page = pages.write(result_folder)

    say()
    say(table(("level", "figure", "estimate", "95 % interval", "n"), rows))
    say()
    say(
        f"Unseen case {study.case_id}: {len(result.shown)} candidates at or above {result.threshold:.4f}, "
        f"{_hits(result, study)}"
    )
    say(
        table(
            ("number", "score", "slice", "centre LPS mm", "mm to the ablation zone"),
            [
                (
                    c.number,
                    f"{c.probability:.4f}",
                    c.slice,
                    " ".join(f"{v:.0f}" for v in c.box.center),
                    "-" if c.distance_to_ablation_mm is None else f"{c.distance_to_ablation_mm:.0f}",
                )
                for c in result.shown
            ],
        )
    )
    warn(result.warnings)
    say(f"report    {page}")
    for picture in pictures:
        say(f"picture   {picture}")
    scene = result_folder / "case.mrb"
    if scene.exists():
        say(f"scene     {scene} (open it in 3D Slicer)")
    say(f"result    {result_folder / 'result.json'}")
    say(f"model     {model_folder} (install it with: hccassist models install {model_folder})")


def _with_lesion(cohort: Cohort) -> Case:
    """The first case with a lesion of the usual size and contrast, or with any; the evaluation has all kinds."""

    def plain(case: Case) -> bool:
        lesions = json.loads((case.folder / "truth.json").read_text(encoding="utf-8"))["lesions"]
        return any(lesion["diameter_mm"] >= PLAIN_MM and lesion["pattern"] != "faint" for lesion in lesions)

    lesions = [case for case in cohort.cases if case.values.get("ltp") == "1"]
    if not lesions:
        raise InputError("none of the cases holds a lesion", "cohort.csv")
    return next(filter(plain, lesions), lesions[0])


def _draw(result: DetectionResult, study: Study, folder: Path) -> tuple[Path, ...]:
    """Pictures and the scene; where they cannot be made the reason is said and the rest goes on."""
    from HCCAssistLib.scene.rendering import rendering_available, scene_available

    image = study.volumes["post/arterial"]
    masks = {name.split("/")[1]: mask for name, mask in study.masks.items()}
    missing = scene_available()
    if missing is None:
        from HCCAssistLib.scene.pictures import save_case

        save_case(result, image, masks, folder / "case.mrb", synthetic=True)
        missing = rendering_available()
    if missing is not None:
        warn([missing])
        return ()
    from HCCAssistLib.scene.pictures import render_case

    return render_case(result, image, folder, masks=masks)


def _hits(result: DetectionResult, study: Study) -> str:
    import numpy as np

    from HCCAssistLib.recipes.ltp.operating_point import TOLERANCE_MM

    lesions = study.points["post/ltp"].positions
    centers = np.array([candidate.box.center for candidate in result.shown]).reshape(-1, 3)
    away = np.linalg.norm(lesions[:, None] - centers[None], axis=2)
    found = int((away <= TOLERANCE_MM).any(axis=1).sum())
    return f"{found} of {len(lesions)} planted lesions found (a centre within {TOLERANCE_MM:g} mm)"
