"""The page of a report in a real browser: a threshold moved by hand, rows clicked, a telephone, paper, no script."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import chromium
import numpy as np
import pytest

from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.explorer import Scale, binary_scale
from HCCAssistLib.evaluation.report import Report
from HCCAssistLib.evaluation.report_blocks import CasePages, CaseRow
from HCCAssistLib.evaluation.slice_view import SliceView, slice_figure, thumbnail
from HCCAssistLib.imaging.windows import Window
from HCCAssistLib.results.cutoff import CutOff

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.found() is None, reason="THERE IS NO CHROMIUM: the page of a report is not tested"),
]

OWN = CutOff(0.5, "largest Youden index on the validation set")
SCREEN = (1400, 900)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    one = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


def scale_of(labels: list[bool], scores: list[float]) -> Scale:
    names = [f"p{n}" for n in range(len(labels))]
    return binary_scale("Score", labels, scores, names, unit="patient", level="Patients", cutoff=OWN)


def write_report(folder: Path, cases: int, *, noisy: bool = False) -> tuple[Path, Scale, list[bool], list[float]]:
    """A report with pictures of every case, as the recipes write it; every page of a case says which it is."""
    from HCCAssistLib.evaluation import figures

    rng = np.random.default_rng(0)
    labels = (rng.random(cases) < 0.4).tolist()
    scores = np.clip(rng.normal(0.4 + 0.2 * np.array(labels), 0.2), 0.001, 0.999).round(3).tolist()
    scale = scale_of(labels, scores)
    report = Report("A report", subtitle="model toy, unseen cases")
    report.add_heading("Key results")
    evaluated = binary_evaluation(labels, scores, None, unit="patient", cutoff=OWN, draws=200)
    report.add_key_results(["cohort"], [("Patients found", [evaluated.estimates["sensitivity"]])])
    report.add_heading("Cases")
    grey = rng.normal(60, 20, (512, 512)).astype(np.float32) if noisy else np.zeros((160, 200), np.float32)
    view = SliceView(grey, (1.0, 1.0), 3, 12, (4.0, 4.0), (), np.zeros((1, 2)), Window(level=60, width=400))
    small, large = thumbnail(view), figures.as_jpeg(slice_figure(view))
    large = large.ljust(70_000 if noisy else 0, b"\0")  # as large as those of a CT
    rows = [
        CaseRow((f"case-{n}", "yes" if label else "no", f"{score:.3f}", row[0].cells[0]), small, f"slice-of-case-{n}")
        for n, (label, score, row) in enumerate(zip(labels, scores, scale.rows, strict=True))
    ]
    own = [[step for step in row if step.start <= scale.own][-1].cells[0] for row in scale.rows]
    rows = [CaseRow((*row.cells[:3], text), row.thumbnail, row.picture) for row, text in zip(rows, own, strict=True)]
    columns = ("Case", "Truth", "Highest score", "Outcome")
    report.add_case_table("Cases", columns, rows, note="A note.", scales=[scale], follows=["Outcome"])
    report.add_binary_evaluation("Patient level", evaluated)
    for n in range(cases):
        report.add_image(f"slice-of-case-{n}", large, f"Case {n}", wide=True)
    report.add_table("Wide", [f"column {n}" for n in range(30)], [["a long cell"] * 30])
    report.link_cases(CasePages({f"case-{n}": f"cases/case-{n}/view.html" for n in range(cases)}, 30 * cases))
    for n in range(cases):
        (folder / "cases" / f"case-{n}").mkdir(parents=True)
        (folder / "cases" / f"case-{n}" / "view.html").write_text(f"<title>page of case-{n}</title>", encoding="utf-8")
    return report.write(folder), scale, labels, scores


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scale, list[bool], list[float]]:
    return write_report(tmp_path_factory.mktemp("report"), 20)


@pytest.fixture
def page(browser: chromium.Chromium, written: tuple[Path, Scale, list[bool], list[float]]) -> chromium.Chromium:
    browser.resize(*SCREEN)
    browser.open(written[0])
    return browser


def move(browser: chromium.Chromium, position: int) -> None:
    browser.run(
        "(() => { const s = document.querySelector('.explorer input');"
        f" s.value = {position}; s.dispatchEvent(new Event('input')); }})()"
    )
    browser.drawn()


def texts(browser: chromium.Chromium, selector: str) -> list[str]:
    return browser.run(f"[...document.querySelectorAll('{selector}')].map((one) => one.innerText.trim())")


def outcomes(browser: chromium.Chromium) -> dict[str, str]:
    """What is seen in the last cell of each row that is seen, by case."""
    found = browser.run(
        "[...document.querySelectorAll('.cases tbody tr')].filter((row) => row.offsetHeight)"
        ".map((row) => [row.cells[0].innerText.split(' ')[0], row.cells[4].innerText.trim()])"
    )
    return dict(found)


def test_numbers_and_cases_follow_the_threshold_and_the_button_leads_back(page, written) -> None:
    _, scale, labels, scores = written
    before = texts(page, ".figure span")
    assert texts(page, ".explorer output") == ["0.5000"]
    assert OWN.source in texts(page, ".said")[0] and page.run("document.querySelector('.back').disabled")
    for position in (0, 5, len(scale.thresholds) - 1):
        move(page, position)
        value = scale.thresholds[position]
        assert float(texts(page, ".explorer output")[0]) == pytest.approx(value, abs=1e-9)
        there = binary_evaluation(labels, scores, None, unit="patient", cutoff=CutOff(value, "x"), draws=20)
        sensitivity = there.estimates["sensitivity"]
        name, shown, interval, count = texts(page, ".figure span")[:4]
        assert (name, shown) == ("Sensitivity", f"{100 * (sensitivity.value or 0):.1f} %")
        assert count == f"{sensitivity.successes} of {sensitivity.n} patients"
        assert sensitivity.interval.low is not None and f"{100 * sensitivity.interval.low:.1f}" in interval
        words = {(True, True): "true positive", (True, False): "missed",
                 (False, True): "false positive", (False, False): "true negative"}  # fmt: skip
        told = {f"case-{n}": words[label, s >= value] for n, (label, s) in enumerate(zip(labels, scores, strict=True))}
        assert outcomes(page) == told
        assert "flatters" in texts(page, ".said")[0]
    page.run("document.querySelector('.back').click()")
    assert texts(page, ".figure span") == before and texts(page, ".explorer output") == ["0.5000"]
    assert page.complaints() == []
    assert [address for address in page.addresses() if not address.startswith("file:")] == []


def test_the_keyboard_moves_the_threshold_by_one_score(page, written) -> None:
    page.run("document.querySelector('.explorer input').focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", windowsVirtualKeyCode=39)
    page.call("Input.dispatchKeyEvent", type="keyUp", key="ArrowRight", windowsVirtualKeyCode=39)
    scale = written[1]
    assert float(texts(page, ".explorer output")[0]) == pytest.approx(scale.thresholds[scale.own + 1])


def test_cases_are_filtered_and_sorted(page, written) -> None:
    _, _, labels, scores = written
    missed = {f"case-{n}" for n, (label, s) in enumerate(zip(labels, scores, strict=True)) if label and s < 0.5}
    false = {f"case-{n}" for n, (label, s) in enumerate(zip(labels, scores, strict=True)) if not label and s >= 0.5}
    assert missed and false
    for button, expected in ((1, missed), (2, false), (3, missed | false)):
        page.run(f"document.querySelectorAll('.filters button')[{button}].click()")
        assert set(outcomes(page)) == expected
        assert texts(page, ".filters button")[button].endswith(f"({len(expected)})")
    page.run("document.querySelectorAll('.filters button')[0].click()")
    page.run("document.querySelectorAll('.cases .sort')[2].click()")
    order = texts(page, ".cases tbody tr td:nth-child(4)")
    assert order == [f"{score:.3f}" for score in sorted(scores)]
    page.run("document.querySelectorAll('.cases .sort')[2].click()")
    assert texts(page, ".cases tbody tr td:nth-child(4)") == order[::-1]
    page.run("document.querySelectorAll('.cases .sort')[0].click()")
    assert [text.split()[0] for text in texts(page, ".cases tbody th")] == [f"case-{n}" for n in range(20)]


def test_a_click_on_a_row_opens_the_page_of_its_case(page, written) -> None:
    page.run("document.querySelectorAll('.cases tbody tr')[7].scrollIntoView()")
    page.drawn()
    x, y = page.run(
        "(() => { const r = document.querySelectorAll('.cases tbody tr')[7].cells[2].getBoundingClientRect();"
        " return [r.x + 4, r.y + 4]; })()"
    )
    page.leave_by_click(x, y)
    page.wait("document.title === 'page of case-7'", 10)


@pytest.mark.parametrize("width", [390, 700])
def test_nothing_is_wider_than_a_telephone_but_tables_in_their_boxes(page, width: int) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=True)
    page.drawn()
    assert page.run("document.documentElement.scrollWidth") <= width
    wide = page.run("(() => { const one = [...document.querySelectorAll('.table')].at(-3);"
                    " return [one.scrollWidth > one.clientWidth, getComputedStyle(one).overflowX]; })()")  # fmt: skip
    assert wide == [True, "auto"]
    assert page.run("document.querySelector('.explorer input').getBoundingClientRect().width") > width / 2


def test_on_paper_stands_the_models_own_cutoff_whatever_is_on_the_screen(page) -> None:
    before = outcomes(page)
    move(page, 0)
    page.run("document.querySelectorAll('.filters button')[2].click()")
    assert outcomes(page) != before
    page.call("Emulation.setEmulatedMedia", media="print")
    page.drawn()
    assert outcomes(page) == before
    seen = page.run("document.body.innerText")
    assert "flatters" not in seen and "SVG" not in seen and "Show" not in seen
    assert page.run("[...document.querySelectorAll('a.images, nav')].every((one) => !one.offsetHeight)")
    colours = page.run("[...new Set([...document.querySelectorAll('h1, h2, p, th, td, a')]"
                       ".map((one) => getComputedStyle(one).color))]")  # fmt: skip
    assert all(max(map(int, re.findall(r"\d+", colour)[:3])) <= 0x33 for colour in colours), colours
    assert page.run("getComputedStyle(document.querySelector('.cases tbody tr')).breakInside") == "avoid"
    assert page.run("getComputedStyle(document.querySelector('figure')).breakInside") == "avoid"
    page.call("Emulation.setEmulatedMedia", media="")
    pdf = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000


def test_without_scripts_all_is_there_but_the_threshold(browser, written) -> None:
    browser.resize(*SCREEN)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(written[0])
        seen = browser.run("document.body.innerText")
        assert seen.count("case-") >= 20 and "true positive" in seen and "Provenance" in seen
        assert browser.run("[...document.querySelectorAll('.explorer, .filters')].every((one) => !one.offsetHeight)")
        assert browser.run("document.images[5].naturalWidth") > 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_drawings_show_their_text_under_the_policy_of_the_page(page) -> None:
    drawn = "document.querySelector('figure img[src^=\"data:image/svg\"]')"
    page.run(f"{drawn}.decode()")
    assert page.run(f"{drawn}.naturalWidth") > 200
    dark = page.run(
        f"(() => {{ const i = {drawn}, c = document.createElement('canvas'); c.width = i.naturalWidth;"
        " c.height = i.naturalHeight; const x = c.getContext('2d'); x.drawImage(i, 0, 0);"
        " const d = x.getImageData(0, 0, c.width, c.height).data; let n = 0;"
        " for (let p = 0; p < d.length; p += 4) n += d[p] < 100 && d[p + 3] > 100; return n; })()"
    )
    assert dark > 300


def test_five_hundred_cases_can_be_used_at_once(browser, tmp_path, capsys) -> None:
    path, scale, _, _ = write_report(tmp_path, 500, noisy=True)
    browser.resize(*SCREEN)
    browser.open(path)
    loaded = browser.run("performance.getEntriesByType('navigation')[0].domInteractive")
    ready = browser.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    moved = browser.run(
        "(async () => { const s = document.querySelector('.explorer input'), times = [];"
        f" for (const at of [3, 60, {len(scale.thresholds) - 1}, 90]) {{ const t = performance.now(); s.value = at;"
        " s.dispatchEvent(new Event('input'));"
        " await new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)));"
        " times.push(performance.now() - t); } return Math.min(...times); })()"
    )
    with capsys.disabled():
        size = path.stat().st_size / 1e6
        print(f"\n500 cases: {size:.0f} MB, read {loaded:.0f} ms, usable {ready:.0f} ms, threshold {moved:.0f} ms")
    assert ready <= 10_000
    assert moved <= 300
