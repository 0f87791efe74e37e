"""Results of every kind: refused at birth where they are wrong, and the same again from their folder."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from result_samples import ALL, OBLIQUE, WARNING, classification, detection, finding, heat, risk

from HCCAssistLib.errors import InputError
from HCCAssistLib.results.files import read_result, write_result
from HCCAssistLib.results.result import Result, findings_reviewed
from HCCAssistLib.results.review import PENDING, Review, Verdict
from HCCAssistLib.results.risk import ClinicalValue, RiskResult
from HCCAssistLib.results.tables import SUMMARY_COLUMNS, TABLES, findings_table, summary, write_findings

COMMENTS = [
    "first line\nsecond line",
    "a\r\nb",
    'quotes " and ; and ,',
    "\N{GREEK SMALL LETTER MU}m, \u00fc",
    "a\rb",
    " ",
]


@pytest.mark.parametrize("make", ALL)
def test_a_result_survives_its_folder(make: Any, tmp_path: Path) -> None:
    before: Result = make()
    write_result(before, tmp_path)
    again = read_result(tmp_path)
    assert type(again) is type(before)
    assert again.as_json() == before.as_json()
    assert again.geometry.matches(before.geometry)
    assert again.heatmaps.keys() == before.heatmaps.keys()
    for name, image in before.heatmaps.items():
        np.testing.assert_array_equal(again.heatmaps[name].array, image.array)
        assert again.heatmaps[name].geometry.matches(image.geometry)
    said = json.loads((tmp_path / "result.json").read_text())
    assert {"kind", "run", "warnings"} <= said.keys()
    assert said["format"] == "hccassist-result/2"
    assert said["warnings"] == [{"what": WARNING.what, "where": WARNING.where, "remedy": WARNING.remedy}]


@pytest.mark.parametrize("make", ALL)
def test_a_result_of_the_older_format_is_refused_with_what_to_do(make: Any, tmp_path: Path) -> None:
    write_result(make(), tmp_path)
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": "hccassist-result/1"}))
    with pytest.raises(InputError, match=r"older format \(hccassist-result/1\).*Run the model on the case again"):
        read_result(tmp_path)


def broken(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of JSON data with one entry replaced."""
    copy = json.loads(json.dumps(data))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("make", "path", "value"),
    [
        (detection, ("kind",), "horoscope"),
        (detection, ("kind",), ["risk"]),
        (detection, ("kind",), "risk"),
        (detection, ("format",), "hccassist-result/99"),
        (detection, ("format",), ["hccassist-result/2"]),
        (detection, ("heatmaps",), "pre/arterial"),
        (detection, ("heatmaps",), [3]),
        (detection, ("candidates", 0, "probability"), float("nan")),
        (detection, ("candidates", 0, "probability"), 1.01),
        (detection, ("candidates", 0, "number"), 2),
        (detection, ("candidates", 0, "verdict"), "maybe"),
        (detection, ("candidates", 0, "verdict"), "accepted"),
        (detection, ("candidates", 0, "comment"), "nobody's"),
        (detection, ("candidates", 0, "comment"), 7),
        (detection, ("candidates",), {"a": 1}),
        (detection, ("candidates", 0, "number"), 1.5),
        (detection, ("candidates", 0, "number"), True),
        (detection, ("candidates", 0, "number"), 0),
        (detection, ("candidates", 0, "slice"), -1),
        (detection, ("candidates", 0, "slices"), [2.0, 4]),
        (detection, ("candidates", 0, "slices"), [2]),
        (detection, ("candidates", 0, "rectangle_lps"), [[0, 0, 0]] * 3),
        (detection, ("candidates", 0, "rectangle_lps", 0), [0, 0]),
        (detection, ("candidates", 0, "rectangle_lps", 0), [0, 0, float("inf")]),
        (detection, ("candidates", 0, "distance_to_ablation_mm"), float("nan")),
        (detection, ("candidates", 0, "distance_to_ablation_mm"), "far"),
        (detection, ("candidates", 0, "diameter_mm"), -1),
        (detection, ("threshold",), "0.5"),
        (detection, ("threshold_source",), 5),
        (detection, ("searched", "volume_ml"), float("nan")),
        (detection, ("searched", "patches"), 0.5),
        (detection, ("searched", "region"), None),
        (detection, ("run", "inputs"), ["a"]),
        (detection, ("run", "inputs"), {"a": 1}),
        (detection, ("run", "weights_sha256"), [1]),
        (detection, ("run", "seconds"), float("nan")),
        (detection, ("warnings",), [{"what": 1, "where": "", "remedy": ""}]),
        (classification, ("findings", 0, "label"), 7),
        (classification, ("findings", 0, "target"), "yes"),
        (classification, ("categories", "CR"), 1),
        (risk, ("curve",), 3),
        (detection, ("geometry",), []),
        (detection, ("run",), []),
        (detection, ("run", "surprise"), 1),
        (detection, ("warnings",), [1]),
        (classification, ("findings", 0, "probabilities", "CR"), float("inf")),
        (classification, ("findings", 0, "probabilities", "CR"), 0.9),
        (classification, ("findings", 0, "probabilities"), {"CR": 1.0}),
        (classification, ("findings", 0, "probabilities"), [1.0]),
        (classification, ("findings", 0, "by_network", 0), {"CR": 1.0}),
        (classification, ("findings", 0, "center_lps"), [1, 2]),
        (classification, ("findings", 0, "center_lps"), [1, 2, float("nan")]),
        (classification, ("findings", 0, "number"), 3),
        (classification, ("findings", 0, "slice"), -1),
        (classification, ("findings", 0, "diameter_mm"), 0),
        (classification, ("findings", 0, "box", "size_mm"), [0, 1, 1]),
        (classification, ("findings", 0, "category"), "PR"),
        (classification, ("categories",), {"CR": "complete"}),
        (classification, ("groups",), {"label": ["CR"]}),
        (classification, ("groups",), {"all": ["CR", "PR", "SD", "PD"]}),
        (classification, ("groups",), {"other": ["XX"]}),
        (classification, ("patient", "probabilities"), {"CR": 1.0}),
        (classification, ("volumes",), {}),
        (classification, ("volumes",), ["pre/arterial"]),
        (classification, ("volumes",), {"pre/unenhanced": OBLIQUE.as_json()}),
        (risk, ("probabilities", "signature"), -0.1),
        (risk, ("probabilities", "signature"), "high"),
        (risk, ("decides",), "stars"),
        (risk, ("cutoff", "value"), 1.5),
        (risk, ("cutoff", "value"), "infinity"),
        (risk, ("cutoff", "value"), float("nan")),
        (risk, ("cutoff", "source"), " "),
        (risk, ("clinical", "hbv", "used"), float("nan")),
        (risk, ("clinical", "afp_ng_per_ml", "used"), 7.0),
        (risk, ("contributions", "hbv"), float("inf")),
        (risk, ("boxes", "pre/tumour", "axes_lps"), [[1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        (risk, ("volumes",), {}),
    ],
)
def test_a_wrong_result_json_is_refused(make: Any, path: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    write_result(make(), tmp_path)
    file = tmp_path / "result.json"
    file.write_text(json.dumps(broken(json.loads(file.read_text()), path, value)))
    with pytest.raises(InputError) as caught:
        read_result(tmp_path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("make", ALL)
def test_text_that_is_no_result_is_refused(make: Any, tmp_path: Path) -> None:
    for text in ("", "[]", "3", "null", '"hccassist-result/2"', "{", "[" * 100_000, make().run.as_json()):
        (tmp_path / "result.json").write_text(text if isinstance(text, str) else json.dumps(text))
        with pytest.raises(InputError):
            read_result(tmp_path)


def test_what_is_drawn_into_no_heat_map_is_no_volume_of_the_result() -> None:
    for make in (classification, risk):
        with pytest.raises(ValueError, match="was not looked at"):
            replace(make(), heatmaps={"post/unenhanced": heat(1.0)})


def test_heat_maps_lie_beside_the_result_one_for_each_volume_and_old_ones_go(tmp_path: Path) -> None:
    write_result(risk(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "result.json",
        "heatmap-pre-delayed.nrrd",
        "heatmap-post-delayed.nrrd",
    }
    (tmp_path / "heatmap-post-delayed.nrrd").unlink()
    assert list(read_result(tmp_path).heatmaps) == ["pre/delayed"]
    write_result(detection(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "heatmap.nrrd"}
    write_result(replace(detection(), heatmap=None), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"result.json"}


@pytest.mark.parametrize("volume", ["../../evil", "/etc/passwd", "a/../b", "..\\b", ""])
def test_a_damaged_result_names_no_heat_map_outside_its_folder(volume: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "result"
    write_result(replace(detection(), heatmap=None), folder)
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "heatmaps": [volume, "pre/arterial"]}))
    for outside in (tmp_path / "evil.nrrd", tmp_path / "deep" / "b.nrrd"):
        outside.write_bytes(b"not to be read")
    assert read_result(folder).as_json()["heatmaps"] == []


def test_a_review_names_its_reader() -> None:
    assert Review() == PENDING and PENDING.reader == ""
    for wrong in ({"verdict": Verdict.ACCEPTED}, {"comment": "a vessel"}, {"verdict": Verdict.OTHER, "reader": " "}):
        with pytest.raises(ValueError, match="needs the name of its reader"):
            Review(**wrong)
    with pytest.raises(ValueError, match="goes with the verdict 'other'"):
        Review(Verdict.ACCEPTED, "R1", "", "PR")
    with pytest.raises(ValueError, match="no category"):
        detection().reviewed(1, Review(Verdict.OTHER, "R1", "", "PR"))


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.UNSURE])  # of a category alone
def test_a_verdict_makes_a_new_result_and_survives_it(verdict: Verdict, tmp_path: Path) -> None:
    before = detection()
    after = before.reviewed(2, Review(verdict, "R1", "seen"))
    assert before.candidates[1].review == PENDING
    write_result(after, tmp_path)
    again = read_result(tmp_path)
    assert again.findings[1].review == Review(verdict, "R1", "seen")
    assert again.findings[0].review == PENDING
    assert [one.number for one in findings_reviewed(again)] == [2]
    said = json.loads((tmp_path / "result.json").read_text())["candidates"][1]
    assert (said["verdict"], said["reader"], said["comment"]) == (verdict.value, "R1", "seen")
    with pytest.raises(KeyError):
        after.reviewed(99, PENDING)


def test_another_category_is_one_that_there_is_and_not_the_predicted_one(tmp_path: Path) -> None:
    found = classification()
    assert found.findings[0].predicted == "PR"
    for category in ("", "PR"):
        with pytest.raises(ValueError, match="another category than the predicted one"):
            found.reviewed(1, Review(Verdict.OTHER, "R1", "", category))
    with pytest.raises(ValueError, match="none of the categories"):
        found.reviewed(1, Review(Verdict.OTHER, "R1", "", "XX"))
    with pytest.raises(KeyError):
        found.reviewed(2, Review(Verdict.ACCEPTED, "R1"))
    write_result(found.reviewed(3, Review(Verdict.OTHER, "R1", "grew", "PD")), tmp_path)
    assert read_result(tmp_path).findings[1].review == Review(Verdict.OTHER, "R1", "grew", "PD")
    with pytest.raises(KeyError):
        risk().reviewed(1, Review(Verdict.ACCEPTED, "R1"))


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("make", [detection, classification])
def test_comments_survive_json_and_table_whatever_is_typed(make: Any, comment: str, tmp_path: Path) -> None:
    after = make().reviewed(1, Review(Verdict.REJECTED, "R1", comment))
    write_result(after, tmp_path)
    assert read_result(tmp_path).findings[0].review.comment == comment
    write_findings(after, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        first, *others = csv.DictReader(file)
    assert (first["verdict"], first["reader"], first["comment"]) == ("rejected", "R1", comment)
    assert len(others) == len(findings_table(after)[1]) - 1
    assert None not in first
    assert int(first["slice"]) == after.as_json()[TABLES[after.kind][:-4]][0]["slice"] + 1, "slices count from 1"


def test_a_classification_gives_the_mean_the_spread_and_the_groups() -> None:
    found = classification()
    one = found.findings[0]
    assert one.spread == {"CR": (0.1, 0.3), "PR": (0.3, 0.5), "SD": (0.2, 0.4), "PD": (0.0, 0.2)}
    assert found.grouped(one.probabilities) == {"objective_response": pytest.approx(0.6)}
    said = found.as_json()
    assert said["findings"][0]["predicted"] == "PR"
    assert said["findings"][0]["objective_response"] == pytest.approx(0.6)
    assert said["patient"]["objective_response"] == pytest.approx(0.6) and said["patient"]["predicted"] == "PR"
    assert {"number", "label", "center_lps", "probabilities", "predicted", "slice", "box"} <= said["findings"][0].keys()
    single = replace(found, findings=(finding(by_network=()),), patient=None, groups={}, heatmaps={})
    assert single.findings[0].spread == {} and single.as_json()["patient"] is None


def test_the_order_of_the_categories_is_that_of_the_network_and_survives(tmp_path: Path) -> None:
    write_result(classification(), tmp_path)
    assert list(read_result(tmp_path).as_json()["categories"]) == ["CR", "PR", "SD", "PD"]


def test_a_risk_group_is_a_view_of_the_probability_that_decides() -> None:
    found = risk()
    assert (found.probability, found.group) == (0.61, "high")
    assert found.group_at(0.61) == "high" and found.group_at(0.62) == "low"
    assert replace(found, decides="signature").group == "low"
    none = replace(found, cutoff=None)
    assert none.group is None and none.as_json()["cutoff"] is None and none.as_json()["group"] is None
    assert found.as_json()["cutoff"] == {**found.cutoff.as_json(), "name": "early_recurrence"}  # type: ignore[union-attr]


def test_a_missing_clinical_value_is_said_to_be_missing_or_imputed(tmp_path: Path) -> None:
    values = (ClinicalValue("a", 1.0, 1.0), ClinicalValue("b", None, 2.0), ClinicalValue("c", None, None))
    found = replace(risk(), clinical=values)
    assert [value.state for value in values] == ["given", "imputed", "missing"]
    write_result(found, tmp_path)
    again = read_result(tmp_path)
    assert isinstance(again, RiskResult) and again.clinical == values
    notes = {row["name"]: row["note"] for row in findings_table(found)[1]}
    assert (notes["a"], notes["b"], notes["c"]) == ("", "imputed", "missing")
    with pytest.raises(ValueError, match="twice"):
        replace(found, clinical=(values[0], values[0]))


@pytest.mark.parametrize("make", ALL)
def test_the_summary_fills_the_columns_of_its_kind(make: Any) -> None:
    found = make()
    assert tuple(summary(found)) == SUMMARY_COLUMNS[found.kind]
    assert all(value != "" for value in summary(found).values())
