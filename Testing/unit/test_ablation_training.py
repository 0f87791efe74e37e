"""Members, signatures out of fold, trees and cut-offs; from a cohort to a model and back."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from ablation_toy import TINY, register, write_toy_cohort

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.errors import Cancelled
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.inference.loaded_model import load_model
from HCCAssistLib.inference.study import read_study
from HCCAssistLib.models.curves import curves_of
from HCCAssistLib.models.package import read_package
from HCCAssistLib.models.trees import TreeEnsemble
from HCCAssistLib.recipes.ablation import forests, training
from HCCAssistLib.recipes.ablation.clinical import COLUMNS
from HCCAssistLib.recipes.ablation.forests import fit_forest, variables_of
from HCCAssistLib.recipes.ablation.prediction import predict
from HCCAssistLib.recipes.ablation.recipe import ABLATION, SIGNATURE
from HCCAssistLib.recipes.ablation.sampling import input_spec
from HCCAssistLib.recipes.ablation.sections import STORED
from HCCAssistLib.recipes.ablation.signatures import Patient, parts_of, patients_of
from HCCAssistLib.recipes.ablation.training import area_of, assemble, fit_member
from HCCAssistLib.training.extra_trees import fit_extra_trees
from HCCAssistLib.training.job import Job
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.run import train
from HCCAssistLib.training.samples import Origin, Samples

pytestmark = pytest.mark.heavy

OPTIONS = ABLATION.resolve({**TINY, "epochs": 2, "batch": 4, "trees": 20, "learning_rate": 0.01})
SETTINGS = {"trees": 20, "max_depth": 4, "seed": 0}


def toy_samples(count: int = 8, seed: int = 0) -> Samples:
    """Early recurrences are brighter; the last patient has no MR after the ablation."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.uint8)
    shape = (count, 4, 3, STORED, STORED)
    pictures = [(rng.random(shape, dtype=np.float32) * 0.5 + 0.4 * labels[:, None, None, None, None]) for _ in range(2)]
    present = np.ones((count, 2), bool)
    present[-1, 1] = False
    clinical = rng.random((count, 5)) * 50
    clinical[0, 4] = np.nan
    return Samples(
        {
            "pre": pictures[0].astype(np.float16),
            "post": pictures[1].astype(np.float16),
            "present": present,
            "clinical": clinical,
            "size_mm": rng.uniform(10, 50, (count, 2)).astype(np.float32),
            "slice_mm": np.full((count, 2), 3, np.float32),
            "label": labels,
            "time": np.where(labels, 9.0, 40.0),
            "event": labels,
            "case": np.arange(count, dtype=np.int32),
        },
        tuple(Origin(f"case-{n}", f"p{n}", "train") for n in range(count)),
    )


def member(folder: Path, samples: Samples, **more: object) -> Member:
    pack = Pack(folder / "pack")
    pack.folder.mkdir(parents=True, exist_ok=True)
    samples.save(pack.samples_path)
    ids = [origin.case_id for origin in samples.origins]
    plan = MemberPlan(ABLATION.id, OPTIONS, 0, 2, 0, 5, tuple(ids[:4]), tuple(ids[4:]), samples.digest(), {})
    work = folder / "member"
    work.mkdir(exist_ok=True)
    return Member(plan, work, pack, **more)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def test_a_member_that_was_stopped_goes_on_to_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    samples = toy_samples()
    whole = fit_member(member(tmp_path / "whole", samples))
    for stop in (2, 3):  # within the first network, and within the second
        asked = 0

        def cancelled(stop: int = stop) -> bool:
            nonlocal asked
            asked += 1
            return asked == stop

        folder = tmp_path / f"stopped-{stop}"
        with pytest.raises(Cancelled):
            fit_member(member(folder, samples, cancelled=cancelled))
        again = fit_member(member(folder, samples))
        assert np.array_equal(again.outputs, whole.outputs) and again.facts == whole.facts
        for name in ("pre", "prepost"):
            assert all(torch.equal(again.weights[name][key], one) for key, one in whole.weights[name].items())
    assert whole.outputs.shape == (4, 2) and set(whole.fits) == {"pre", "prepost"}
    path = tmp_path / "result.safetensors"
    whole.save(path, "key")
    again_read = MemberResult.load(path, "key")
    assert again_read is not None and again_read.facts == json.loads(json.dumps(whole.facts))
    assert [row["case"] for row in whole.facts["held_out"]] == ["case-4", "case-5", "case-6", "case-7"]
    assert [row["post"] for row in whole.facts["held_out"]] == [True, True, True, False]
    assert whole.facts["train"][0]["clinical"][4] is None and whole.facts["train"][0]["event"] is False
    assert whole.facts["seen"]["pre slice_mm"] == [3, 3] and "hbv" in whole.facts["seen"]


def test_the_epoch_is_chosen_by_the_auc_of_those_whom_a_network_can_see() -> None:
    samples = toy_samples(4)
    logits = np.array([-1.0, 2.0, 1.0, -3.0], np.float32)
    assert area_of("pre")(samples, logits) == 0.5
    assert area_of("prepost")(samples, logits) == 1.0, "the last one has no second time point"
    assert area_of("pre")(samples.select(np.array([0, 2])), logits[[0, 2]]) == 0.5, "one class alone tells nothing"


def row(number: int, *, early: bool | None, post: bool = True, clinical: Sequence[float | None] = ()) -> dict:
    known = list(clinical) or [float(number), 1.0, 0.0, 70.0, 10.0]
    months = {True: 9.0, False: 40.0, None: 12.0}[early]
    followed = {"months": months, "event": early is True}
    return {"case": f"case-{number}", "patient": f"p{number}", **followed, "post": post, "clinical": known}


def result_of(
    held_out: Sequence[dict], scores: Sequence[tuple[float, float]], learnt: Sequence[dict], seed: int = 0
) -> MemberResult:
    """Of a member that some patients were held out of, with its probabilities by Pre and PrePost."""
    p = np.array(scores)
    samples = Samples(
        {
            "label": np.array([one["event"] for one in held_out], np.uint8),
            "case": np.arange(len(held_out), dtype=np.int32),
        },
        tuple(Origin(one["case"], one["patient"], "train") for one in held_out),
    )
    seen = {"pre size_mm": [10.0 + seed, 50.0]}
    facts = {"train": list(learnt), "held_out": list(held_out), "seen": seen, "trees": {**SETTINGS, "seed": seed}}
    return MemberResult({}, {}, samples, np.log(p / (1 - p)).astype(np.float32), facts)


ROWS = [row(n, early=bool(n % 2)) for n in range(8)]


def crossed(scored: np.ndarray, repeats: int = 1) -> list[MemberResult]:
    """Two folds, each repeated; a member's scores of the patients that it was trained on are never asked for."""
    return [
        result_of(ROWS[part], scored[repeat, part], ROWS[other], seed=2 * repeat + fold)
        for repeat in range(repeats)
        for fold, (part, other) in enumerate([(slice(0, 4), slice(4, 8)), (slice(4, 8), slice(0, 4))])
    ]


def test_a_signature_is_the_mean_of_the_members_that_the_patient_was_held_out_of() -> None:
    scores = np.random.default_rng(1).uniform(0.1, 0.9, (3, 8, 2))
    found = patients_of(crossed(scores, repeats=3))
    assert list(found) == [f"case-{n}" for n in range(8)]
    for n in range(8):
        for number, name in enumerate(("pre", "prepost")):
            assert found[f"case-{n}"].signature(name) == pytest.approx(scores[:, n, number].mean(), abs=1e-6)
    assert parts_of(crossed(scores, 3)) == [frozenset(f"case-{n}" for n in part) for part in (range(4), range(4, 8))]
    without = Patient("c", "p", 9.0, True, False, (1.0,) * 5, {"pre": [0.3], "prepost": [0.9]})
    assert without.signature("pre") == 0.3 and without.signature("prepost") is None


def test_trees_score_nobody_that_they_were_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who scores whom is written down: each fit and each scoring by the patient's own number."""
    record: list[tuple[str, frozenset[int]]] = []

    def fit(values: np.ndarray, events: object, variables: object, **settings: object) -> TreeEnsemble:
        record.append(("fit", frozenset(np.asarray(values)[:, 0].astype(int).tolist())))
        return fit_extra_trees(values, events, variables, **settings)  # type: ignore[arg-type]

    asked = TreeEnsemble.probabilities

    def probabilities(self: TreeEnsemble, values: np.ndarray) -> np.ndarray:
        record.append(("score", frozenset(np.asarray(values)[:, 0].astype(int).tolist())))
        return asked(self, values)

    monkeypatch.setattr(forests, "fit_extra_trees", fit)
    monkeypatch.setattr(TreeEnsemble, "probabilities", probabilities)
    results = crossed(np.random.default_rng(2).uniform(0.2, 0.8, (1, 8, 2)))
    for network in ("", "pre"):
        record.clear()
        found = fit_forest(patients_of(results), parts_of(results), SETTINGS, network=network)
        assert record[0] == ("fit", frozenset(range(8))), "what is kept is fitted on all"
        for (kind, fitted), (scoring, scored) in zip(record[1::2], record[2::2], strict=True):
            assert (kind, scoring) == ("fit", "score") and not fitted & scored and fitted | scored == set(range(8))
        assert set(found.scores) == {f"case-{n}" for n in range(8)} and found.patients == 8
        assert found.trees.variables == variables_of(network)
        assert list(found.importances) == list(found.trees.variables)


def test_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(0)
    rows = [
        row(n, early=bool(rng.random() < 0.4), clinical=[*rng.normal(30, 9, 4).tolist(), None if n % 5 == 0 else n])
        for n in range(60)
    ]
    scores = [(float(p), 0.5) for p in rng.uniform(0.05, 0.95, 60)]
    results = [result_of(rows[:30], scores[:30], rows[30:]), result_of(rows[30:], scores[30:], rows[:30])]
    patients = patients_of(results)
    table = np.array([[*one.clinical, one.signature("pre")] for one in patients.values()], dtype=float)
    events = [one.early for one in patients.values()]
    theirs = ExtraTreesClassifier(20, max_depth=4, random_state=0).fit(table, events)
    ours = fit_forest(patients, parts_of(results), SETTINGS, network="pre")
    assert np.array_equal(ours.trees.probabilities(table), theirs.predict_proba(table)[:, 1]), "to the bit"
    assert np.isnan(table).any()
    assert list(ours.importances.values()) == pytest.approx(theirs.feature_importances_.tolist(), abs=1e-12)


def test_a_signature_of_shuffled_labels_tells_nothing_and_a_leaked_one_would() -> None:
    """Networks that learnt shuffled labels by heart score held-out patients at chance, and learnt ones right."""
    rng = np.random.default_rng(3)
    count = 160
    rows = [row(n, early=bool(rng.random() < 0.4), clinical=rng.random(5).tolist()) for n in range(count)]
    parts = [rows[part::4] for part in range(4)]
    out_of_fold, leaked = [], []
    for number, part in enumerate(parts):
        others = [one for other in range(4) if other != number for one in parts[other]]
        chance = [(float(p), float(p)) for p in rng.uniform(0.1, 0.9, len(part))]
        by_heart = [(0.9 if one["event"] else 0.1,) * 2 for one in part]
        out_of_fold.append(result_of(part, chance, others))
        leaked.append(result_of(part, by_heart, others))
    honest, dishonest = (
        {one.name: one.value for one in assemble(results, chosen_on="parts").estimates}
        for results in (out_of_fold, leaked)
    )
    assert abs(honest["DL_Clinical: AUC"] - 0.5) < 0.13 and abs(honest["Clinical: AUC"] - 0.5) < 0.13
    assert dishonest["DL_Clinical: AUC"] > 0.95, "so a leak would show"


def test_what_is_assembled_has_a_cut_off_for_each_model_and_says_where_it_comes_from() -> None:
    good, bad = [(0.2, 0.4), (0.8, 0.6)], [(0.6, 0.3), (0.4, 0.7)]
    scores = np.array([[*good, *good, *bad, *good]])
    found = assemble(crossed(scores), chosen_on="held-out parts of 2 folds")
    assert (
        list(found.cutoffs) == ["dl_clinical", "prepost", "pre", "clinical"] and found.default_cutoff == "dl_clinical"
    )
    truth = [one["event"] for one in ROWS]
    for number, name in enumerate(("pre", "prepost")):
        assert found.cutoffs[name].value == pytest.approx(
            youden_cutoff(truth, scores[0, :, number], chosen_on="x").value
        )
        assert found.cutoffs[name].source.startswith(
            "largest Youden index on the held-out parts of 2 folds, each patient scored by networks that were not "
            "trained on him (n = 8)"
        )
    assert "trees that were fitted without him" in found.cutoffs["clinical"].source
    assert found.facts["signature_of"] == "prepost", "its held-out AUC is 1.00, that of Pre 0.88"
    assert not found.facts["caveats"] and found.facts["seen"] == {"pre size_mm": [10.0, 50.0]}
    curves = found.extras.pop("curves.json")
    assert set(curves["curves"]) == set(found.cutoffs)
    trees = {name: TreeEnsemble.from_arrays(arrays) for name, arrays in found.extras.items()}
    assert set(trees) == {"trees-clinical.safetensors", "trees-dl_clinical.safetensors"}
    assert trees["trees-dl_clinical.safetensors"].variables == (*COLUMNS, SIGNATURE)
    described = {one.name: one.value for one in found.descriptions}
    importance = described["DL_Clinical: mean decrease in impurity, signature"]
    assert importance == trees["trees-dl_clinical.safetensors"].importances()[-1] and importance > 0.1


def test_the_better_network_gives_the_signature_by_held_out_patients_alone() -> None:
    scores = np.full((1, 8, 2), 0.5)
    scores[0, :, 0] = [0.9 if one["event"] else 0.1 for one in ROWS]
    assert assemble(crossed(scores), chosen_on="x").facts["signature_of"] == "pre"
    assert assemble(crossed(scores[..., ::-1]), chosen_on="x").facts["signature_of"] == "prepost"
    same = np.repeat(scores[..., :1], 2, axis=2)
    assert assemble(crossed(same), chosen_on="x").facts["signature_of"] == "prepost", "the fuller one of equals"


def test_a_single_split_gives_no_trees_with_a_signature_and_says_why() -> None:
    (one,) = [result_of(ROWS[:4], [(0.2, 0.3), (0.7, 0.9), (0.4, 0.1), (0.6, 0.8)], ROWS[4:])]
    found = assemble([one], chosen_on="validation set")
    assert list(found.cutoffs) == ["prepost", "pre", "clinical"]
    assert list(found.extras) == ["trees-clinical.safetensors", "curves.json"]
    (why,) = found.facts["caveats"]
    assert why.startswith("the model DL_Clinical is absent: with a single split") and "train with folds" in why
    trees = TreeEnsemble.from_arrays(found.extras["trees-clinical.safetensors"])
    assert trees.samples[trees.starts].tolist() == [4] * 20, "fitted on the training patients, scored on the others"


def test_patients_who_were_lost_early_count_in_the_survival_alone() -> None:
    scores = np.random.default_rng(4).uniform(0.1, 0.9, (1, 8, 2))
    plain = assemble(crossed(scores), chosen_on="x")
    lost = row(8, early=None)
    _, second = crossed(scores)
    with_lost = result_of([*ROWS[:4], lost], [*map(tuple, scores[0, :4]), (0.99, 0.01)], ROWS[4:])
    found = assemble([with_lost, second], chosen_on="x")
    assert {name: one.value for name, one in found.cutoffs.items()} == {
        name: one.value for name, one in plain.cutoffs.items()
    }
    assert [one.value for one in found.estimates] == [one.value for one in plain.estimates]
    for name in ("trees-clinical.safetensors", "trees-dl_clinical.safetensors"):
        assert all(np.array_equal(found.extras[name][key], one) for key, one in plain.extras[name].items())
    curves, before = (one.extras["curves.json"]["curves"] for one in (found, plain))
    for name in curves:
        counts = [sum(group["at_risk"][0] for group in one[name]["groups"].values()) for one in (curves, before)]
        assert counts == [9, 8], name


def test_without_a_second_time_point_there_is_no_model_of_both() -> None:
    rows = [{**one, "post": False} for one in ROWS]
    halves = [(slice(0, 4), slice(4, 8)), (slice(4, 8), slice(0, 4))]
    scores = [(0.8, 0.5) if one["event"] else (0.2, 0.5) for one in rows]
    found = assemble([result_of(rows[a], scores[a], rows[b]) for a, b in halves], chosen_on="x")
    assert list(found.cutoffs) == ["dl_clinical", "pre", "clinical"] and found.facts["signature_of"] == "pre"
    assert any("the model PrePost has no cut-off" in why for why in found.facts["caveats"])


def test_from_a_cohort_to_a_model_of_two_folds_and_back(tmp_path: Path) -> None:
    outcomes = [(8, 1), (40, 0), (12, 1), (30, 1), (20, 1), (50, 0), (6, 0), (26, 0), (10, 1), (44, 0)]
    folder = write_toy_cohort(tmp_path / "cohort", outcomes, post=[0, 1, 2, 3, 4, 5, 6, 7, 8])
    options = ABLATION.resolve({**TINY, "epochs": 1, "trees": 20})
    job = Job(recipe=ABLATION, options=options, out=tmp_path / "toy", name="toy", seed=0, folds=2)
    package, problems = train(read_cohort(folder, tolerant=True), job)
    assert any("1 of 10 cases were followed for 24 months or less" in problem.what for problem in problems)
    card = read_package(package.folder, recipe=ABLATION.id).card
    assert [set(one) for one in card.members] == [{"pre", "prepost"}] * 2 and card.input == input_spec(options)
    assert "Clinical: mean decrease in impurity, hbv" in card.metrics and "DL_Clinical: AUC" in card.metrics
    assert "trees-dl_clinical.safetensors" in card.files and card.default_name == "dl_clinical"
    assert card.training["seen"]["tumour_size_mm"][0] >= 20
    curves = curves_of(package)
    assert set(curves) == set(card.cutoffs)
    assert sum(group.n for group in curves["clinical"].groups.values()) == 8, "two are for testing"
    model = load_model(package)
    assert model.trees["clinical"].unknown.tolist() == [0, 0, 1, 0, 0]
    cases = {case.case_id: case for case in read_cohort(folder).cases}
    result = predict(read_study(cases["case-0"], ABLATION, options=card.options), model, {})
    assert result.decides == "dl_clinical" and set(result.heatmaps) <= {"pre/delayed", "post/delayed"}
    assert result.curve == "dl_clinical" and 0 <= result.probability <= 1 and result.group in ("high", "low")
    alone = predict(read_study(cases["case-9"], ABLATION, options=card.options), model, {})
    assert "post/delayed" not in alone.volumes and "synthetic cases only" in "\n".join(map(str, alone.warnings))


def test_nothing_of_the_volumes_is_kept_for_the_members() -> None:
    assert training.studies_kept(OPTIONS) == frozenset()
