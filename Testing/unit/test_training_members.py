"""Members are trained by themselves, from a folder and a pack alone, and come to the same weights wherever that is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_method import TOY

from HCCAssistLib.cohort.case import Case
from HCCAssistLib.cohort.cohort import Cohort
from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.recipes import registry
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.member import Member, run_member
from HCCAssistLib.training.member_result import RESULT
from HCCAssistLib.training.members import MemberPlan, members
from HCCAssistLib.training.pack import Pack
from HCCAssistLib.training.samples import Origin, Samples, joined

CODES = TOY.label.codes
OPTIONS = TOY.resolve({})


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "RECIPES", {"toy": TOY})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def of_patient(number: int, label: int, split: str, *, signal: float = 5.0) -> Samples:
    """Six noisy vectors that show the patient's class, and the patient."""
    rng = np.random.default_rng([7, number])
    vector = rng.normal(size=24) * 1.5 + rng.normal(size=(6, 24)) * 0.3
    vector[:, label] += signal
    name = f"case-{number:03d}"
    arrays = {
        "case": np.zeros(6, np.int32),
        "label": np.full(6, label, np.uint8),
        "vector": vector.astype(np.float32),
    }
    return Samples(arrays, (Origin(name, f"patient-{number:03d}", split),))


def make(patients: int = 40) -> tuple[Cohort, Samples]:
    parts, cases = [], []
    for number in range(patients):
        split, label = ("validation" if number % 4 == 3 else "train"), number // 2 % 5
        parts.append(of_patient(number, label, split))
        origin = parts[-1].origins[0]
        cases.append(Case(origin.case_id, origin.patient_id, split, {"category": CODES[label]}, Path()))
    return Cohort(None, tuple(cases)), joined(parts)


def planned(folds: int = 1, repeats: int = 1, **options: object) -> tuple[Samples, tuple[MemberPlan, ...]]:
    cohort, samples = make()
    chosen = TOY.resolve(options)  # type: ignore[arg-type]
    return samples, members(cohort, samples, TOY, chosen, seed=5, folds=folds, repeats=repeats, software={})


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Folder of a member and of the pack, as they are sent to a cluster."""
    samples, (plan,) = planned()
    pack, member = Pack(tmp_path / "pack"), tmp_path / "member"
    for folder in (pack.folder, member):
        folder.mkdir()
    samples.save(pack.samples_path)
    plan.write(member)
    return member, pack.folder


def test_folds_times_repeats_are_members_of_their_own(tmp_path: Path) -> None:
    samples, plans = planned(folds=4, repeats=3)
    assert len(plans) == len({plan.name for plan in plans}) == len({plan.seed for plan in plans}) == 12
    for plan in plans:
        parts = samples.of_cases(plan.train), samples.of_cases(plan.validation)
        assert not set(parts[0].patients) & set(parts[1].patients)
        assert len(parts[0]) + len(parts[1]) == len(samples)
        assert set(parts[1].counts()) == set(range(5))
    for repeat in range(3):
        held_out = [name for plan in plans if plan.repeat == repeat for name in plan.validation]
        assert sorted(held_out) == sorted(samples.cases())
    plans[5].write(tmp_path)
    assert MemberPlan.read(tmp_path) == plans[5]


def test_a_member_needs_nothing_but_its_folder_and_the_pack(folders: tuple[Path, Path], tmp_path: Path) -> None:
    member, pack = folders
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(pack, elsewhere / "p")
    shutil.copytree(member, elsewhere / "m")
    here = run_member(Member(MemberPlan.read(member), member, Pack(pack)))
    run_member(Member(MemberPlan.read(elsewhere / "m"), elsewhere / "m", Pack(elsewhere / "p")))
    assert (elsewhere / "m" / RESULT).read_bytes() == (member / RESULT).read_bytes()
    assert here.facts == {"cases": 10}
    assert here.outputs.shape == (60, 5)
    accuracy = (here.outputs.argmax(1) == here.validation.labels).mean()
    assert accuracy > 0.4, "chance is 0.2"
    assert "vector" not in here.validation


def test_a_finished_member_does_nothing_and_one_with_more_epochs_goes_on(folders: tuple[Path, Path]) -> None:
    member, pack = folders
    plan = MemberPlan.read(member)
    run_member(Member(plan, member, Pack(pack)))
    told: list[str] = []
    run_member(Member(plan, member, Pack(Path("gone")), progress=lambda what, done: told.append(what)))
    assert told == []
    longer = replace(plan, options={**plan.options, "epochs": 6})
    found = run_member(Member(longer, member, Pack(pack), progress=lambda what, done: told.append(what)))
    assert [what.split(":")[0] for what in told] == ["epoch 5", "epoch 6"]
    assert len(found.fits[""]["history"]) == 6


def test_a_member_that_was_cancelled_comes_to_the_same_result(folders: tuple[Path, Path], tmp_path: Path) -> None:
    member, pack = folders
    plan = MemberPlan.read(member)
    (tmp_path / "whole").mkdir()
    run_member(Member(plan, tmp_path / "whole", Pack(pack)))
    batches = iter(range(1000))
    with pytest.raises(Cancelled):
        run_member(Member(plan, member, Pack(pack), cancelled=lambda: next(batches) == 25))  # within the third epoch
    assert not (member / RESULT).exists()
    run_member(Member(plan, member, Pack(pack)))
    assert (member / RESULT).read_bytes() == (tmp_path / "whole" / RESULT).read_bytes()


def test_what_does_not_belong_together_is_refused(folders: tuple[Path, Path]) -> None:
    member, pack = folders
    plan = MemberPlan.read(member)
    Pack(pack).samples(plan.samples).permuted(1).save(Pack(pack).samples_path)
    with pytest.raises(InputError, match="not the samples that the member was planned for"):
        run_member(Member(plan, member, Pack(pack)))
    (member / "member.json").write_text("{}")
    with pytest.raises(InputError, match=r"member\.json cannot be read"):
        MemberPlan.read(member)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_class_that_a_part_lacks_is_named(split: str) -> None:
    cohort, samples = make()
    use = {"train": "training", "validation": "validation"}[split]
    lacking = [n for n, c in enumerate(cohort.cases) if c.split != split or c.values["category"] != "D"]
    few = samples.of_cases({cohort.cases[n].case_id for n in lacking})
    with pytest.raises(InputError, match=rf"no sample of the cases for {use} shows class D \(kind D\)"):
        members(cohort, few, TOY, OPTIONS, seed=0, folds=1, repeats=1, software={})


def two_kinds(seed: int) -> Samples:
    parts = [of_patient(1000 * seed + n, n % 2, "train" if n < 60 else "validation", signal=3.0) for n in range(90)]
    return joined(parts)


def interval(train: Samples, validation: Samples, tmp_path: Path) -> tuple[float, float]:
    """Of the AUC on the validation samples, over patients."""
    plan = planned(epochs=12, patience=12)[1][0]
    member = Member(plan, tmp_path, Pack(tmp_path))
    found = member.fit("final", train, validation)
    logits = member.outputs(member.network(found), validation)
    evaluation = binary_evaluation(
        validation.labels, logits[:, 1] - logits[:, 0], validation.patients, unit="patch", cutoff=CutOff(0.0, "test")
    )
    found_auc = evaluation.estimates["AUC"]
    limits = found_auc.clustered
    assert limits is not None and found_auc.value is not None
    if limits.low is None or limits.high is None:  # every draw is the same: all pairs are in order
        return found_auc.value, found_auc.value
    return limits.low, limits.high


def test_shuffled_labels_give_chance_and_a_leak_of_patients_does_not(tmp_path: Path) -> None:
    """The check for leaks finds one: samples of a patient on both sides are recognised, whatever their label is."""
    for name in ("true", "shuffled", "leaked"):
        (tmp_path / name).mkdir()
    true = two_kinds(1)
    shuffled = true.permuted(seed=3)
    low, _ = interval(true.of_split("train"), true.of_split("validation"), tmp_path / "true")
    assert low > 0.7, "what can be learnt is learnt"
    low, high = interval(shuffled.of_split("train"), shuffled.of_split("validation"), tmp_path / "shuffled")
    assert low < 0.5 < high
    odd = np.arange(len(shuffled)) % 2 == 1
    low, _ = interval(shuffled.select(odd), shuffled.select(~odd), tmp_path / "leaked")
    assert low > 0.7
