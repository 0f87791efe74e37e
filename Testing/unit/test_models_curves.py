"""Reference curves of a model package: what is written is read again, and nothing else is."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hepatectomy_toy import model, register

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import write_json
from HCCAssistLib.models.curves import CURVES, GroupCurve, ReferenceCurve, curve_name, curves_as_json, curves_of
from HCCAssistLib.models.model_card import sealed
from HCCAssistLib.models.package import ModelPackage, read_package
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.held_out_scores import HeldOutScores, reference_curve

NAME = "early_recurrence"


def curve(months: list[float], events: list[int], scores: list[float], cutoff: float = 0.5) -> ReferenceCurve:
    patients = tuple(f"p{n}" for n in range(len(months)))
    held_out = HeldOutScores(patients, np.array(months, float), np.array(events, bool), np.array(scores, float))
    return reference_curve(held_out, CutOff(cutoff, "chosen before"), event="recurrence", source="held-out parts")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    months = [2, 6, 6, 12, 20, 30, 9, 30, 40, 50]
    events = [1, 1, 0, 1, 0, 0, 1, 0, 0, 0]
    scores = [0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.4, 0.3, 0.2, 0.1]
    content: dict[str, Any] = json.loads(json.dumps(curves_as_json({NAME: curve(months, events, scores)})))
    return content


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], ModelPackage]:
    """A package with some content as its curves.json, as a hostile person could seal it."""
    register(monkeypatch)
    folder = model(tmp_path).package.folder

    def make(content: Any) -> ModelPackage:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / CURVES).write_text(text, encoding="utf-8")
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        card.pop("seal")
        card["files"][CURVES] = hashlib.sha256(text.encode()).hexdigest()
        write_json(folder / "model.json", sealed(card))
        return read_package(folder)

    return make


def test_curves_are_read_as_they_were_written(written: dict[str, Any], packaged: Callable[[Any], ModelPackage]) -> None:
    package = packaged(written)
    found = curves_of(package)[NAME]
    assert curve_name(package, NAME) == NAME and curve_name(package, "pre") == ""
    assert curves_as_json({NAME: found}) == written
    high, low = found.groups["high"], found.groups["low"]
    assert (high.n, low.n, found.n) == (6, 4, 10) and found.event == "recurrence"
    assert high.survival_at(6) == pytest.approx(4 / 6) and high.survival_at(0) == 1.0
    assert high.survival_at(12) == pytest.approx(4 / 6 * 2 / 3) and high.survival_at(31) is None
    assert [high.number_at_risk(month) for month in (0, 6, 7, 30, 31)] == [6, 5, 3, 1, 0]
    assert high.censored.tolist() == [6, 20, 30] and low.censored.tolist() == [30, 40, 50]
    assert high.median == 12.0 and low.median is None
    times, shares = high.steps
    assert times[0] == 0 and shares[0] == 1 and len(times) == len(high.months) + 1
    assert np.isfinite(high.low).any() and found.log_rank_p is not None and 0 < found.log_rank_p < 1


def test_one_group_no_event_and_two_patients_are_curves_too() -> None:
    alone = curve([5, 8], [1, 1], [0.9, 0.8])
    assert list(alone.groups) == ["high"] and alone.log_rank_p is None and alone.groups["high"].survival[-1] == 0
    lost = curve([5, 8, 9], [0, 0, 0], [0.9, 0.1, 0.1])
    assert lost.log_rank_p is None and lost.groups["low"].survival.tolist() == [1, 1]
    assert np.isnan(lost.groups["low"].low).all()
    at_once = curve([0, 0, 0], [1, 0, 1], [0.5, 0.5, 0.5])
    assert at_once.groups["high"].n == 3 and at_once.groups["high"].survival.tolist() == pytest.approx([1 / 3])
    for one in (alone, lost, at_once):
        json.dumps(curves_as_json({"dl_clinical": one}), allow_nan=False)


def test_a_model_without_curves_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    package = model(tmp_path).package
    assert curves_of(package) == {} and curve_name(package, NAME) == ""


def put(value: Any, *path: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        inner: Any = content
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = value

    return change


IN_CURVE = ("curves", NAME)
IN_GROUP = (*IN_CURVE, "groups", "high")
HOSTILE: dict[str, Callable[[dict[str, Any]], None]] = {
    "another format": put("hccassist-curves/9", "format"),
    "no curves": put({}, "curves"),
    "a list of curves": put([1], "curves"),
    "too many curves": lambda c: c["curves"].update({f"a{n}": c["curves"][NAME] for n in range(20)}),
    "a name that is a path": lambda c: c["curves"].update({"../../etc": c["curves"][NAME]}),
    "no groups": put({}, *IN_CURVE, "groups"),
    "a third group": lambda c: c["curves"][NAME]["groups"].update(middle=c["curves"][NAME]["groups"]["high"]),
    "survival that rises": put([0.5, 0.9, 0.9, 0.9, 0.9], *IN_GROUP, "survival"),
    "survival above 1": put([1.5] * 5, *IN_GROUP, "survival"),
    "survival that the counts do not give": put([1.0] * 5, *IN_GROUP, "survival"),
    "a truth value": put([True, 0.5, 0.4, 0.4, 0.4], *IN_GROUP, "survival"),
    "a text": put("0123456789", *IN_GROUP, "months"),
    "a text among numbers": put([2, "6", 12, 20, 30], *IN_GROUP, "months"),
    "nothing among numbers": put([2, None, 12, 20, 30], *IN_GROUP, "months"),
    "months that fall": put([2, 12, 6, 20, 30], *IN_GROUP, "months"),
    "months before 0": put([-2, 6, 12, 20, 30], *IN_GROUP, "months"),
    "months without end": put([2, 6, 12, 20, 1e300], *IN_GROUP, "months"),
    "a number too large for a float": put([2, 6, 12, 20, 10**400], *IN_GROUP, "months"),
    "fewer at risk than events": put([6, 0, 0, 0, 0], *IN_GROUP, "at_risk"),
    "more at risk later on": put([6, 7, 8, 9, 10], *IN_GROUP, "at_risk"),
    "half a patient": put([6, 4.5, 3, 2, 1], *IN_GROUP, "at_risk"),
    "a negative count": put([1, -1, 1, 0, 0], *IN_GROUP, "events"),
    "a count without end": put([2**70, 5, 3, 2, 1], *IN_GROUP, "at_risk"),
    "lists of different lengths": put([1, 1], *IN_GROUP, "events"),
    "empty lists": lambda c: c["curves"][NAME]["groups"].update(
        high={**{key: [] for key in ("months", "survival", "low", "high", "at_risk", "events")}, "n": 0}
    ),
    "limits that cross": put([1.0] * 5, *IN_GROUP, "low"),
    "one limit alone": put([None] * 5, *IN_GROUP, "low"),
    "another number of patients": put(7, *IN_GROUP, "n"),
    "a list that is a number": put(3, *IN_GROUP, "months"),
    "a group that is a list": put([], *IN_GROUP),
    "a cut-off above 1": put(3.0, *IN_CURVE, "cutoff", "value"),
    "a cut-off that is no number": put("much", *IN_CURVE, "cutoff", "value"),
    "a P value above 1": put(3.0, *IN_CURVE, "log_rank_p"),
    "a level of 95": put(95, *IN_CURVE, "level"),
    "an endless text": put("a" * 100_000, *IN_CURVE, "source"),
    "a text that is a number": put(3, *IN_CURVE, "event"),
    "a text of several lines": put("recurrence\n\x1b[31m", *IN_CURVE, "event"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_in_words(
    what: str, written: dict[str, Any], packaged: Callable[[Any], ModelPackage]
) -> None:
    content = copy.deepcopy(written)
    HOSTILE[what](content)
    with pytest.raises(InputError, match=r"curves.json is damaged .*Install the model again"):
        curves_of(packaged(content))


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", '{"format": "hccassist-curves/1"}', '{"a": NaN}', "[" * 50_000]
)
def test_what_is_no_such_json_is_refused(text: str, packaged: Callable[[Any], ModelPackage]) -> None:
    with pytest.raises(InputError, match=r"curves\.json"):
        curves_of(packaged(text))


def test_a_file_that_was_changed_is_refused(written: dict[str, Any], packaged: Callable[[Any], ModelPackage]) -> None:
    package = packaged(written)
    (package.folder / CURVES).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="changed, damaged or cut short"):
        curves_of(package)


@pytest.mark.parametrize("months", [[1.0, np.nan], [np.inf, 2.0]])
def test_a_curve_is_not_made_of_numbers_that_are_none(months: list[float]) -> None:
    with pytest.raises(ValueError, match=r"missing|finite"):
        GroupCurve(months, [1.0, 1.0], [None, None], [None, None], [2, 1], [0, 0])  # type: ignore[arg-type]
