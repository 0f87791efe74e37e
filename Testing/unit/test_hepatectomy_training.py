"""Seven versions of each VOI, and a training that goes on bit for bit; from a cohort to a model and back."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hepatectomy_toy import TINY, register, write_toy_cohort
from torch import Tensor

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.models.curves import CURVES, curves_of
from HCCAssistLib.models.package import read_package
from HCCAssistLib.recipes.hepatectomy.augmentation import versions
from HCCAssistLib.recipes.hepatectomy.explanation import early
from HCCAssistLib.recipes.hepatectomy.network import build, loss
from HCCAssistLib.recipes.hepatectomy.prediction import predict
from HCCAssistLib.recipes.hepatectomy.recipe import EARLY_RECURRENCE, HEPATECTOMY, OUTCOME, SHIFT, VERSIONS, VOI_SHAPE
from HCCAssistLib.recipes.hepatectomy.sampling import batch_maker, input_spec
from HCCAssistLib.recipes.hepatectomy.training import assemble, settled
from HCCAssistLib.training.held_out_scores import held_out_scores
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.loop import Fit, fit
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.plan import Plan
from HCCAssistLib.training.run import train
from HCCAssistLib.training.samples import Origin, Samples

pytestmark = pytest.mark.heavy

OPTIONS = HEPATECTOMY.resolve({**TINY, "epochs": 2, "batch": 4, "copies": 2, "learning_rate": 0.003})
STORED = (VOI_SHAPE[0], VOI_SHAPE[1] + 2 * SHIFT, VOI_SHAPE[2] + 2 * SHIFT)


def stored_vois(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-100, 241, (count, *STORED), dtype=np.int16)


def made(vois: np.ndarray, copies: list[int] | None, seed: int | None = 0) -> np.ndarray:
    """Hounsfield units of what the network is given."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    inputs: Mapping[str, Tensor] = {"voi": torch.from_numpy(vois)}
    if copies is not None:
        inputs = {**inputs, "copy": torch.tensor(copies)}
    x = batch_maker(OPTIONS)(inputs, generator)
    assert isinstance(x, Tensor) and x.shape == (len(vois), 1, *VOI_SHAPE) and x.dtype == torch.float32
    return np.rint(x[:, 0].numpy() * 340 - 100).astype(int)


def test_the_versions_are_the_seven_of_the_paper_and_move_pixels_alone() -> None:
    (one,) = stored_vois(1)
    plain = one[:, SHIFT:-SHIFT, SHIFT:-SHIFT]
    found = made(np.stack([one] * 7), list(range(7)))
    by_name = dict(zip(VERSIONS, found, strict=True))
    wanted = {
        "original": plain,
        "up-down": plain[:, ::-1],
        "left-right": plain[:, :, ::-1],
        "90": np.rot90(plain, 1, (1, 2)),
        "180": plain[:, ::-1, ::-1],
        "270": np.rot90(plain, -1, (1, 2)),
    }
    for name, version in wanted.items():
        assert np.array_equal(by_name[name], version), name
    assert len({version.tobytes() for version in found}) == 7
    assert HEPATECTOMY.resolve({})["copies"] == 7, "178 x 7 = 1246 VOIs in an epoch of the paper"


def test_translations_show_the_patient_up_to_ten_pixels_away_in_every_direction() -> None:
    side = 24
    numbered = torch.arange((side + 2 * SHIFT) ** 2).reshape(1, 1, side + 2 * SHIFT, -1).expand(600, 3, -1, -1)
    which = torch.full((600,), VERSIONS.index("translated"))
    moved = versions(numbered, which, torch.Generator().manual_seed(0))
    assert moved.shape == (600, 3, side, side)
    row, column = moved[:, 0, 0, 0] // (side + 2 * SHIFT), moved[:, 0, 0, 0] % (side + 2 * SHIFT)
    for one, first_row, first_column in zip(moved, row, column, strict=True):
        part = numbered[0, :, first_row : first_row + side, first_column : first_column + side]
        assert torch.equal(one, part), "all slices move together"
    for shifts in (SHIFT - row, SHIFT - column):
        assert set(shifts.tolist()) == set(range(-SHIFT, SHIFT + 1))
        assert abs(shifts.float().mean()) < 1.0


def test_nothing_is_moved_where_nothing_is_learnt() -> None:
    vois = stored_vois(3)
    plain = vois[:, :, SHIFT:-SHIFT, SHIFT:-SHIFT]
    assert np.array_equal(made(vois, [1, 4, 5], seed=None), plain)
    assert np.array_equal(made(vois, None), plain)
    assert np.array_equal(made(vois, [0, 0, 0]), plain)


def test_what_is_clipped_runs_from_0_to_1() -> None:
    voi = np.full((1, *STORED), -1024, np.int16)
    voi[..., SHIFT, SHIFT : SHIFT + 5] = [-1024, -100, 70, 240, 3000]
    x = batch_maker(OPTIONS)({"voi": torch.from_numpy(voi)}, None)
    assert isinstance(x, Tensor) and x[0, 0, 0, 0, :6].tolist() == pytest.approx([0, 0, 0.5, 1, 1, 0])
    with pytest.raises(InputError, match="ends at -200 HU before it begins at -100 HU"):
        settled({**OPTIONS, "clip_high": -200.0})


def toy_samples(count: int = 6) -> Samples:
    labels = (np.arange(count) % 2).astype(np.uint8)
    vois = stored_vois(count) + (100 * labels)[:, None, None, None].astype(np.int16)
    origins = tuple(Origin(f"case-{n}", f"p{n}", "train") for n in range(count))
    return Samples({"voi": vois, "label": labels, "case": np.arange(count, dtype=np.int32)}, origins)


def trained(samples: Samples, **more: object) -> Fit:
    return fit(
        lambda: build(OPTIONS), batch_maker(OPTIONS), loss, samples, samples, Plan.of(OPTIONS, seed=3), key="t", **more
    )  # type: ignore[arg-type]


def test_a_training_that_was_stopped_goes_on_to_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    samples, asked = toy_samples(), 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4  # in the middle of the second epoch: 6 samples, 2 versions, batches of 4

    path = tmp_path / "final.safetensors"
    with pytest.raises(Cancelled):
        trained(samples, checkpoint=path, cancelled=cancelled)
    again, whole = trained(samples, checkpoint=path), trained(samples)
    assert len(whole.history) == 2 and again.history == whole.history
    assert all(torch.equal(again.weights[name], whole.weights[name]) for name in whole.weights)
    torch.manual_seed(3)
    start = build(OPTIONS).state_dict()
    assert any(not torch.equal(start[name], whole.weights[name]) for name in start)


def test_patients_who_were_lost_early_change_no_weight() -> None:
    samples = toy_samples()
    arrays = {name: np.insert(array, 2, array[0], axis=0) for name, array in samples.arrays.items()}
    months = np.where(arrays["label"] == 1, 8.0, 40.0)
    months[2] = 3.0
    event = arrays["label"].copy()
    event[2] = 0
    more = Samples({**arrays, "time": months, "event": event}, samples.origins)
    known = more.of_known(OUTCOME)
    assert len(more) == 7 and len(known) == 6
    plain, beside = trained(samples), trained(known)
    assert all(torch.equal(plain.weights[name], beside.weights[name]) for name in plain.weights)


def result_of(scores: list[float], first: int, labels: list[int], lost: int = -1) -> MemberResult:
    """Of a member that cases from a number on were held out of, one of which may have been lost early."""
    months = [12.0 if label else 36.0 for label in labels]
    if lost >= 0:
        months[lost] = 6.0
    odds = np.log(np.array(scores) / (1 - np.array(scores)))
    logits = np.stack([np.zeros_like(odds), odds], axis=1).astype(np.float32)
    held_out = Samples(
        {
            "label": np.array(labels, np.uint8),
            "time": np.array(months),
            "event": np.array(labels, np.uint8),
            "case": np.arange(len(labels), dtype=np.int32),
        },
        tuple(Origin(f"case-{first + n}", f"p{first + n}", "train") for n in range(len(labels))),
    )
    seen = {"size_mm": [10.0 + first, 50.0], "hu": [30.0, 60.0 + first], "slice_mm": [1.0, 5.0]}
    return MemberResult({}, {}, held_out, logits, {"seen": seen, "baselines": {}})


def test_the_cut_off_is_chosen_on_the_mean_scores_of_held_out_patients() -> None:
    first = result_of([0.2, 0.9, 0.4, 0.55], 0, [0, 1, 0, 1])
    again = result_of([0.4, 0.7, 0.2, 0.65], 0, [0, 1, 0, 1])
    other = result_of([0.1, 0.7, 0.99], 4, [0, 1, 0], lost=2)
    held_out = held_out_scores([first, again, other], early)
    assert held_out.scores == pytest.approx([0.3, 0.8, 0.3, 0.6, 0.1, 0.7, 0.99], abs=1e-6)
    patients, truth, scores = held_out.known(OUTCOME)
    assert patients == [f"p{n}" for n in range(6)] and truth.tolist() == [False, True] * 3
    assert scores == pytest.approx([0.3, 0.8, 0.3, 0.6, 0.1, 0.7], abs=1e-6)
    found = assemble([first, again, other], chosen_on="held-out parts of 2 folds")
    cutoff = found.cutoffs[found.default_cutoff]
    assert found.default_cutoff == EARLY_RECURRENCE and cutoff.value == pytest.approx(0.6, abs=1e-6)
    assert cutoff.value == youden_cutoff(truth, scores, chosen_on="x").value
    assert cutoff.source == (
        "largest Youden index on the held-out parts of 2 folds, each patient scored by networks that were not trained "
        "on it (n = 6)"
    )
    assert {e.name: e.value for e in found.estimates} == {"AUC": 1.0, "sensitivity": 1.0, "specificity": 1.0}
    assert found.facts["seen"] == {"size_mm": [10.0, 50.0], "hu": [30.0, 64.0], "slice_mm": [1.0, 5.0]}
    high, low = found.extras[CURVES]["curves"][EARLY_RECURRENCE]["groups"].values()
    assert (high["n"], low["n"]) == (4, 3), "who was lost early counts in the survival alone"
    assert (high["months"], high["at_risk"], high["events"]) == ([6.0, 12.0], [4, 3], [0, 3])
    assert (low["months"], low["survival"]) == ([36.0], [1.0])


def test_from_a_cohort_to_a_model_of_two_folds_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    outcomes = [(8, 1), (40, 0), (12, 1), (30, 1), (20, 1), (50, 0), (6, 0), (26, 0)]
    folder = write_toy_cohort(tmp_path / "cohort", outcomes)
    options = HEPATECTOMY.resolve({**TINY, "epochs": 1, "copies": 1})
    job = Job(recipe=HEPATECTOMY, options=options, out=tmp_path / "toy", name="toy", seed=0, folds=2)
    package, problems = train(read_cohort(folder, tolerant=True), job)
    assert any("1 of 8 cases were followed for 24 months or less" in problem.what for problem in problems)
    card = read_package(package.folder, recipe=HEPATECTOMY.id).card
    assert len(card.members) == 2 and card.input == input_spec(options)
    assert card.default_cutoff is not None and "held-out parts of 2 folds" in card.default_cutoff.source
    assert card.training["seen"]["slice_mm"] == [5.0, 5.0]
    case = next(case for case in read_cohort(folder).cases if case.case_id == "case-0")
    result = predict(read_study(case, HEPATECTOMY, options=card.options), load_model(package), {})
    assert 0 < result.probability < 1 and result.group in ("high", "low")
    curve = curves_of(package)[result.curve]
    known = card.training["trained_on"]["synthetic"]
    assert curve.n == sum(card.training["cases"][part] for part in ("train", "validation"))
    assert curve.n == known + 1 and card.training["patients"] == known, "who was lost early is not learnt from"
    assert curve.cutoff.value == card.default_cutoff.value
    assert "synthetic cases only" in "\n".join(map(str, result.warnings))
