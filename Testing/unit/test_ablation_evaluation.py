"""A package of four models on patients that it has not seen: each model, and the fullest that decides."""

import json
from pathlib import Path

import pytest
from ablation_toy import model, register, write_toy_cohort

from HCCAssistLib.cohort.cohort import read_cohort
from HCCAssistLib.recipes.ablation.comparison import compare
from HCCAssistLib.recipes.ablation.evaluation import evaluate
from HCCAssistLib.recipes.ablation.report import report

pytestmark = pytest.mark.heavy


@pytest.mark.slow
def test_a_cohort_is_evaluated_by_all_models_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    outcomes = [(8.0, 1), (40.0, 0), (12.0, 1), (30.0, 0), (6.0, 0)]
    folder = write_toy_cohort(tmp_path / "toy", outcomes, post=(0, 1, 2, 3, 4))
    loaded = model(tmp_path / "model")
    cohort = read_cohort(folder, tolerant=True)
    found = evaluate(cohort, loaded, {}, folder=tmp_path / "kept")
    again = evaluate(cohort, loaded, {}, folder=tmp_path / "kept")
    assert json.dumps(again.as_json()) == json.dumps(found.as_json())
    assert set(found.models) == {"pre", "prepost", "clinical", "dl_clinical"} and found.censored == 1
    assert {one.done.result.decides for one in found.cases} == {"dl_clinical"} and found.name == "dl_clinical"
    assert [one.name for one in found.beside] == ["clinical"]
    assert all(one.at_cutoff.n == 4 and one.groups.concordance.n == 5 for one in found.models.values())
    report(found, loaded).write(tmp_path / "report")
    text = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for words in ("Each model", "PrePost", "DL_Clinical minus Clinical", "Recurrence-free survival by Pre<", "case-4"):
        assert words in text, words
    shown = text[text.index("<body>") :].split("data:image")  # without the file names of the model's trees
    assert not any(
        word in part for part in shown for word in ("Dl_clinical", ">dl_clinical", " dl_clinical ", ">prepost")
    )
    contents = text[text.index("<nav>") : text.index("</nav>")]
    assert "Each model" in contents and "survival by" not in contents
    (section,), _ = compare({"one": found, "other": again})
    assert section.differences[0].value == 0.0
