"""A liver-mass model from a small cohort: it learns, goes on bit for bit, and learns nothing from shuffled labels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mass_toy import HU, PHASES, PLACES, grid, marked, points, volume, write_toy_cohort

from HCCAssistLib.cli.main import main
from HCCAssistLib.cohort.case import Case
from HCCAssistLib.errors import Cancelled
from HCCAssistLib.inference.study import Study
from HCCAssistLib.models.package import read_package
from HCCAssistLib.recipes.liver_mass.network import build, loss
from HCCAssistLib.recipes.liver_mass.recipe import LIVER_MASS
from HCCAssistLib.recipes.liver_mass.sampling import batch_maker, sample_case
from HCCAssistLib.results.files import read_result
from HCCAssistLib.training.loop import Fit, fit, outputs
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.samples import Samples, joined

pytestmark = pytest.mark.heavy

OPTIONS = LIVER_MASS.resolve({"width": 0.1, "copies": 8, "epochs": 5, "batch": 32, "dropout": 0.1, "sections": 2})


@pytest.fixture(scope="module")
def samples() -> Samples:
    parts = []
    for number in range(9):
        masses = tuple(zip(PLACES, map(str, np.roll(list(HU), number)), strict=True))
        volumes = {
            f"baseline/{name}": volume(grid((2.0, 2.0, 5.0)), phase, masses, noise=8.0, seed=number)
            for phase, name in enumerate(PHASES)
        }
        case = Case(f"case-{number}", f"p{number}", "train" if number < 6 else "validation", {}, Path())
        study = marked(Study(case.case_id, volumes), points(masses))
        parts.append(sample_case(study, case, OPTIONS, np.random.default_rng(0)))
    return joined(parts)


def trained(samples: Samples, checkpoint: Path | None = None, *, epochs: int = 5, stop_after: int = 0) -> Fit:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return bool(stop_after) and asked > stop_after

    return fit(
        lambda: build(OPTIONS),
        batch_maker(OPTIONS),
        loss,
        samples.of_split("train"),
        samples.of_split("validation"),
        Plan.of(OPTIONS, seed=3, epochs=epochs),
        key="toy",
        checkpoint=checkpoint,
        cancelled=cancelled,
    )


def balanced_accuracy(samples: Samples, found: Fit) -> float:
    network = build(OPTIONS)
    network.load_state_dict(found.weights)
    held_out = samples.of_split("validation")
    called = outputs(network, batch_maker(OPTIONS), held_out, device="cpu").argmax(axis=1)
    return float(np.mean([np.mean(called[held_out.labels == code] == code) for code in range(5)]))


@pytest.mark.slow
def test_it_learns_the_categories_and_nothing_from_shuffled_labels(samples: Samples) -> None:
    assert balanced_accuracy(samples, trained(samples)) > 0.8
    shuffled = samples.permuted(5)
    assert balanced_accuracy(shuffled, trained(shuffled)) < 0.5


def test_a_training_that_was_stopped_goes_on_to_the_same_weights_bit_for_bit(samples: Samples, tmp_path: Path) -> None:
    whole = trained(samples, epochs=2)
    path = tmp_path / "final.safetensors"
    batches = -(-60 * 8 // 32)
    with pytest.raises(Cancelled):
        trained(samples, path, epochs=2, stop_after=batches + 3)
    again = trained(samples, path, epochs=2)
    assert all(torch.equal(whole.weights[name], again.weights[name]) for name in whole.weights)
    assert whole.history == again.history


def test_an_epoch_shows_every_copy_of_every_picture_once(samples: Samples) -> None:
    seen: list[tuple[int, int]] = []
    make = batch_maker(OPTIONS)

    def noting(inputs, generator):  # type: ignore[no-untyped-def]
        if generator is not None:
            seen.extend(zip(inputs["key"].tolist(), inputs["copy"].tolist(), strict=True))
        return make(inputs, generator)

    part = samples.of_split("train")
    fit(lambda: build(OPTIONS), noting, loss, part, part, Plan.of(OPTIONS, seed=0, epochs=1), key="x")
    assert len(seen) == len(set(seen)) == 60 * 8
    assert {copy for _, copy in seen} == set(range(8))


def test_from_a_cohort_to_a_model_of_two_sessions_and_back_through_the_command(tmp_path: Path) -> None:
    cohort = write_toy_cohort(tmp_path / "cohort", ["train", "train", "validation", "test"])
    options = ("epochs=1", "width=0.05", "copies=2", "sections=1", "phases=arterial-delayed")
    settings = [text for one in options for text in ("--set", one)]
    out, results = tmp_path / "model", tmp_path / "results"
    assert main(["train", str(cohort), "--recipe", "liver-mass", "--out", str(out), "--repeats", "2", *settings]) == 0
    card = read_package(out, recipe="liver-mass").card
    assert len(card.members) == 2 and card.default_cutoff is None
    assert [member["seed"] for member in card.training["members"]] == [0, 1]
    assert card.training["seen"]["diameter_mm"] == [24.0, 24.0]
    assert set(card.training["seen"]["hu"]) == {"arterial", "delayed"}
    assert card.input["filter"].startswith("Lanczos")
    (cohort / "cases" / "case-3" / "baseline" / "unenhanced.nrrd").unlink()  # two phases are all that it sees
    assert main(["predict", str(cohort), "--model", str(out), "--out", str(results), "--no-pictures"]) == 0
    result = read_result(results / "case-3")
    assert [finding.label for finding in result.findings] == ["M1", "M2", "M3", "M4", "M5"]  # type: ignore[attr-defined]
    assert set(result.heatmaps) == {"baseline/arterial", "baseline/delayed"}
