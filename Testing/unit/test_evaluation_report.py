"""The report: what every figure carries, what the page may contain, how it is written."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from HCCAssistLib.errors import InputError, Problem
from HCCAssistLib.evaluation.baseline_table import baseline_table
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.checklist import ITEMS
from HCCAssistLib.evaluation.decision import net_benefit
from HCCAssistLib.evaluation.display import interval_text, p_value
from HCCAssistLib.evaluation.froc import froc, lesion_operating_point
from HCCAssistLib.evaluation.group_tests import chi_square
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.evaluation.survival import kaplan_meier, log_rank
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.wording import plural

pytest.importorskip("matplotlib", reason="SKIPPED: matplotlib is not installed")

from HCCAssistLib.evaluation import figures, figures_risk

pytestmark = pytest.mark.heavy

CUTOFF = CutOff(0.5, "largest Youden index on the validation set")


def full_report() -> Report:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 8)
    labels = np.tile([1, 1, 0, 0, 0, 0, 1, 0], 12)
    scores = np.clip(0.35 * labels + rng.beta(2, 3, 96), 0, 1)
    scores[5] = np.nan
    report = Report("Test <b>report</b>", subtitle="A & B", provenance={"Seed": "0"}, covered=("metrics",))
    report.add_text("A paragraph with <script>alert(1)</script>.")
    report.add_warnings([Problem("WARN", "the phase may be <wrong>", "case 7", "look at it")])
    report.add_binary_evaluation(
        "Patch level", binary_evaluation(labels, scores, groups, unit="patch", cutoff=CUTOFF, draws=200)
    )
    volumes = [
        VolumeFindings(str(p), rng.uniform(0, 50, (5, 3)), rng.random(5), rng.uniform(0, 50, (2, 3)), np.full(2, 15.0))
        for p in range(6)
    ]
    curve = froc(volumes, draws=200)
    report.add_heading("Lesion level")
    report.add_estimates("Detection", lesion_operating_point(volumes, CUTOFF, draws=200))
    report.add_estimates("FROC", [*curve.at_rates, curve.cpm])
    report.add_figure(
        "froc", figures.froc_figure([("", curve)]), "FROC", n=curve.lesions, unit="lesion", estimates=[curve.cpm],
        data=curve.as_json(),
    )  # fmt: skip
    decision = net_benefit(labels, scores, unit="patch")
    report.add_figure(
        "decision", figures_risk.decision_figure([("", decision)]), "Decision curve", n=decision.n, unit="patch"
    )
    one, two = ([3, 5, 7, 9, 12], [1, 1, 0, 1, 0]), ([2, 3, 3, 6, 8], [1, 1, 1, 0, 1])
    curves = [kaplan_meier(*one, name="low risk"), kaplan_meier(*two, name="high risk")]
    report.add_figure(
        "km",
        figures_risk.kaplan_meier_figure(curves),
        "Survival",
        n=10,
        unit="patient",
        estimates=[c.median for c in curves],
    )
    report.add_tests("Tests", [("risk groups", log_rank([one, two])), ("sex", chi_square([[3, 9], [8, 4]]))])
    table = baseline_table({"a": {"age": [50, 60, 70]}, "b": {"age": [40, 61, 90]}})
    report.add_table("Characteristics", table.columns, table.printed, note=table.note)
    return report


@pytest.fixture(scope="module")
def report() -> Report:
    return full_report()


@pytest.fixture(scope="module")
def written(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert report.write(folder) == folder / "report.html"
    return folder


def walk(value: Any) -> list[dict[str, Any]]:
    """Every object of a JSON document."""
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in walk(inner))]
    return [found for inner in value for found in walk(inner)] if isinstance(value, list) else []


def test_no_figure_lacks_its_n_unit_interval_method_and_cutoff_source(written: Path) -> None:
    data = json.loads((written / "report.json").read_text(encoding="utf-8"))
    estimates = [one for one in walk(data) if "interval" in one and "value" in one and "unit" in one]
    assert len(estimates) > 25
    for one in estimates:
        assert isinstance(one["n"], int) and one["unit"], one
        for interval in filter(None, (one["interval"], one["clustered_interval"])):
            assert interval["method"] and 0 < interval["level"] < 1
            assert interval["low"] is not None or interval["reason"], one["name"]
        if one["name"] in ("accuracy", "sensitivity", "specificity", "PPV", "NPV", "F1", "lesion-level sensitivity"):
            assert one["cutoff"]["source"] == CUTOFF.source and one["cutoff"]["rule"] == ">="
    for test in (one for one in walk(data) if "p" in one):
        assert test["name"] and test["n"] > 0 and test["unit"] and (test["p"] is not None or test["reason"])
    pictures = [one for one in walk(data) if one.get("kind") == "figure"]
    assert len(pictures) == 6
    for picture in pictures:
        assert picture["n"] > 0 and picture["unit"]
        assert f"n = {picture['n']}" in picture["legend"]
        assert picture["estimates"] or "No intervals are shown" in picture["legend"]
        for file in picture["files"]:
            assert (written / file).stat().st_size > 1000
    assert {one["name"]: one["cutoff"] for one in pictures}["patch-level-roc"]["source"] == CUTOFF.source


def test_the_page_shows_what_json_keeps_at_full_precision(written: Path) -> None:
    data = json.loads((written / "report.json").read_text(encoding="utf-8"))
    page = (written / "report.html").read_text(encoding="utf-8")
    area = next(one for one in walk(data) if one.get("name") == "AUC" and "value" in one)
    assert len(str(area["value"])) > 8
    assert f'<span class="number">{area["value"]:.3f}</span>' in page
    assert area["excluded"] == 1 and "1 patch without a score left out" in page
    assert f": {CUTOFF.source}." in page, "no brackets within brackets"


def test_the_page_is_one_file_without_scripts_and_escapes_everything(written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.links: list[str] = []
            self.anchors: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            self.links += [value or "" for name, value in attrs if name in ("src", "href")]
            self.anchors |= {f"#{value}" for name, value in attrs if name == "id"}

    reader = Reader()
    reader.feed(page)
    assert "script" not in reader.tags and "b" in reader.tags
    assert "&lt;script&gt;alert(1)" in page and "Test &lt;b&gt;report" in page and "&lt;wrong&gt;" in page
    elsewhere = [link for link in reader.links if link not in reader.anchors]
    files = [link for link in elsewhere if not link.startswith("data:image/")]
    assert len(elsewhere) == 12 and len(files) == 6 and all((written / link).is_file() for link in files)
    assert "Research use only" in page
    assert "http://" not in page and "https://" not in page


def test_the_methods_paragraph_names_exactly_what_was_used(report: Report) -> None:
    methods = " ".join(report.methods)
    for name in ("Clopper-Pearson", "Mercaldo logit", "DeLong", "percentile bootstrap", "log-rank test",
                 "Pearson chi-square test without continuity correction"):  # fmt: skip
        assert name in methods
    assert "Steel" not in methods and "Cox" not in methods
    assert "DeLong" not in " ".join(Report("Empty").methods)


def test_what_is_not_covered_is_listed_as_missing(written: Path) -> None:
    data = json.loads((written / "report.json").read_text(encoding="utf-8"))
    keys = {item["key"] for item in data["missing_items"]}
    assert "ethics" in keys and {item.key for item in ITEMS} - keys == {"metrics", "cutoff", "software"}
    assert "Ethical approval" in (written / "report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="metricks"):
        Report("x", covered=["metricks"])


def test_writing_again_gives_the_same_bytes_and_leaves_other_files_alone(written: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    again = full_report()
    again.write(tmp_path)
    again.write(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"
    for name in ("report.html", "report.json", "figures/froc.svg", "figures/km.png"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name
    assert not list(tmp_path.rglob("*.part"))


def test_no_figure_or_table_of_an_earlier_report_stays_beside_another_one(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    kept = [tmp_path / "figures" / "mine.svg", tmp_path / "mine.csv", tmp_path.parent / "outside.csv"]
    for path in kept:
        path.write_text("keep")
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(told["files"]) == {f"figures/{path.name}" for path in (tmp_path / "figures").iterdir()} - {
        "figures/mine.svg"
    }
    (tmp_path / "rows.csv").write_text("of the earlier report")
    hostile = ["rows.csv", "../outside.csv", "figures/../mine.csv", 7, str(kept[2])]
    (tmp_path / "report.json").write_text(json.dumps(told | {"files": [*told["files"], *hostile]}), encoding="utf-8")
    Report("Another model on other cases").write(tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]
    assert all(path.is_file() for path in kept) and not (tmp_path / "rows.csv").exists()
    for damaged in ("", "[]", '{"files": 3}'):
        (tmp_path / "report.json").write_text(damaged)
        Report("Once more").write(tmp_path)


def test_drawings_have_the_width_of_a_column_or_page_and_text_that_stays_text(written: Path) -> None:
    found = sorted((written / "figures").glob("*.svg"))
    assert len(found) == 6
    for path in found:
        content = path.read_text(encoding="utf-8")
        drawing = ElementTree.fromstring(content)  # noqa: S314 - our own file
        millimetres = float(drawing.attrib["width"].removesuffix("pt")) / 72 * 25.4
        assert round(millimetres, 1) in (89.0, 183.0), path.name
        texts = [one for one in drawing.iter() if one.tag.endswith("}text")]
        assert len(texts) > 5 and not any(one.tag.endswith("}image") for one in drawing.iter()), path.name
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*([\d.]+)px", content)]
        assert sizes and min(sizes) >= 6, path.name
        colours = {colour.upper() for colour in re.findall(r"#[0-9a-fA-F]{6}", content)}
        grey = {colour for colour in colours if colour[1:3] == colour[3:5] == colour[5:7]}
        blues = {colour for colour in colours - grey if path.name.endswith("confusion.svg")}  # shades of one colour
        assert colours - grey - blues <= set(figures.COLOURS), path.name


def test_a_failed_write_leaves_the_old_page(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report.write(tmp_path)
    before = (tmp_path / "report.html").read_bytes()
    monkeypatch.setattr("HCCAssistLib.evaluation.report_pages.page", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == before
    assert not list(tmp_path.rglob("*.part"))


def test_names_that_cannot_be_files_and_ragged_tables_are_refused() -> None:
    report = Report("x")
    drawing = figures_risk.importance_figure({"AFP": 0.7, "size": 0.3})
    for name in ("../evil", "a b", ""):
        with pytest.raises(InputError, match="name of a file"):
            report.add_figure(name, drawing, "x", n=1, unit="patient")
    report.add_figure("twice", drawing, "x", n=1, unit="patient")
    with pytest.raises(InputError, match="two figures"):
        report.add_figure("twice", drawing, "x", n=1, unit="patient")
    with pytest.raises(InputError, match="3 cells"):
        report.add_table("t", ("a", "b", "c"), [("1", "2")])
    with pytest.raises(InputError, match="not a PNG or a JPEG"):
        report.add_image("case", b"GIF89a", "x")


def test_every_drawing_renders_and_the_roc_goes_through_its_points() -> None:
    from HCCAssistLib.evaluation.confusion import ConfusionMatrix
    from HCCAssistLib.evaluation.discrimination import auc, roc

    labels, scores = [0, 0, 1, 1, 1], [0.1, 0.6, 0.5, 0.8, 0.9]
    drawing = figures.roc_figure(
        [("net", roc(labels, scores), auc(labels, scores, unit="x"))], operating_point=(0.5, 1)
    )
    drawn = drawing.axes[0].lines[1].get_xydata()
    assert {tuple(point) for point in np.asarray(drawn).round(3)} >= {(0.0, 0.667), (0.5, 0.667), (0.5, 1.0)}
    assert figures.as_png(drawing).startswith(b"\x89PNG")
    matrix = ConfusionMatrix(("A", "B", "C"), ((5, 1, 0), (2, 7, 0), (0, 0, 0)))
    svg = figures.as_svg(figures.confusion_figure(matrix))
    assert b"<svg" in svg and not re.search(rb"\d{4}-\d\d-\d\dT", svg), "no date in the file"


def test_numbers_are_printed_as_journals_print_them() -> None:
    assert [p_value(p) for p in (0.0004, 0.04949, 0.0485, 0.9996, None)] == [
        "< .001", ".049", ".049", "> .999", "\N{EM DASH}",
    ]  # fmt: skip
    assert [plural(unit, n) for unit, n in (("patch", 2), ("patch", 1), ("lesion", 0))] == [
        "patches",
        "patch",
        "lesions",
    ]
    assert interval_text(Interval(0.92858, 0.98977, "x"), 1, percent=True) == "92.9, 99.0"


def test_results_that_make_no_sense_cannot_be_born() -> None:
    good = Interval(0.1, 0.2, "x")
    for broken in (
        lambda: Interval(0.3, 0.2, "x"),
        lambda: Interval(0.3, None, "x"),
        lambda: Interval(None, None, "x"),
        lambda: Interval(0.1, 0.2, "x", reason="why"),
        lambda: Interval(0.1, 0.2, "x", level=95),
        lambda: Estimate("", 0.5, 3, "patch", good),
        lambda: Estimate("a", None, 3, "patch", Interval.missing("x")),
        lambda: Estimate("a", float("nan"), 3, "patch", good),
        lambda: HypothesisTest("t", None, 3, "patch"),
        lambda: HypothesisTest("t", 1.2, 3, "patch"),
    ):
        with pytest.raises(ValueError):
            broken()


def test_the_contents_list_sections_and_not_their_parts(tmp_path: Path) -> None:
    pages = Report("A report")
    with pages.section("Each model"):
        for name in ("one", "other"):
            pages.add_heading(f"Survival by {name}")
    pages.add_heading("Cases")
    html = pages.write(tmp_path).read_text(encoding="utf-8")
    contents = html[html.index("<nav>") : html.index("</nav>")]
    assert "Each model" in contents and "Cases" in contents and "Survival by" not in contents
    assert html.count("<h3 ") == 2 and all(f'">{name}</h2>' in html for name in ("Each model", "Cases"))
    levels = [block["level"] for block in pages.as_json()["blocks"]]
    assert levels == [1, 2, 2, 1]
