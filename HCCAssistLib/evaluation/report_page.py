"""The page of a report: blocks become rows and figures here, and HTML in ``templates/report.html.j2``.

Needs Jinja2 (the extra ``reports``). Every text is escaped by the template; only what ``report_markup`` makes is not.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.evaluation.checklist import GUIDELINES, Item
from HCCAssistLib.evaluation.display import NOT_GIVEN, estimate_text, interval_text, key_interval, key_texts, p_value
from HCCAssistLib.evaluation.report_blocks import (
    Block,
    CasePages,
    CaseTable,
    EstimateTable,
    Heading,
    KeyResults,
    Picture,
    Table,
    TestTable,
    Text,
    Warnings,
)
from HCCAssistLib.evaluation.report_explorer import explorer_json
from HCCAssistLib.evaluation.report_markup import Footnotes, data_url, literal, markup
from HCCAssistLib.evaluation.result import Estimate, HypothesisTest, Interval
from HCCAssistLib.results.cutoff import cutoff_value
from HCCAssistLib.wording import plural, rounded

RESEARCH_USE_ONLY = (
    "Research use only. This software is not a medical device and this report supports no decision about a patient."
)

_NUMBER = '<span class="number">{}</span>{}'
_OWN_SECTIONS = (("methods", "Methods"), ("missing", "Not in this report"), ("provenance", "Provenance"))


def page(
    title: str,
    subtitle: str,
    blocks: Sequence[Block],
    *,
    methods: Sequence[str],
    missing: Iterable[Item] | None,
    provenance: Iterable[tuple[str, str]],
    cases: CasePages | None = None,
    has_files: bool = False,
) -> str:
    """The whole page.

    Args:
        title: of the page.
        subtitle: under it.
        blocks: in their order.
        methods: paragraphs.
        missing: items of the guidelines that are not covered; None where they do not apply, to one patient.
        provenance: name and value.
        cases: pages with the images of the cases, beside this page.
        has_files: whether the drawings lie beside this page, in ``figures/``.

    Raises:
        HCCAssistError: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise HCCAssistError("reports need Jinja2: install it with pip install 'HCCAssistLib[reports]'") from error
    environment = Environment(
        loader=PackageLoader("HCCAssistLib.evaluation"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    parts = list(_parts(blocks, cases or CasePages(), has_files))
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    moves = any(part.get("css") == "cases" for part in parts)
    contents = [(part["anchor"], part["text"]) for part in parts if part["kind"] == "heading" and not part["is_part"]]
    return environment.get_template("report.html.j2").render(
        title=title,
        subtitle=subtitle,
        notice=RESEARCH_USE_ONLY,
        policy=content_policy(style, script if moves else ""),
        style=literal(style),
        script=literal(script) if moves else "",
        contents=[*contents, *(own for own in _OWN_SECTIONS if missing is not None or own[0] != "missing")],
        parts=parts,
        methods=methods,
        guidelines=GUIDELINES,
        missing=None
        if missing is None
        else [(item.name, item.tripod_ai or NOT_GIVEN, item.claim_text or NOT_GIVEN) for item in missing],
        provenance=provenance,
    )


def content_policy(style: str, script: str) -> str:
    """What a browser may do with the page: its own style and programme, pictures in it, and nothing else."""
    allowed = [f"style-src '{_hash(style)}'", *([f"script-src '{_hash(script)}'"] if script else [])]
    return "; ".join(["default-src 'none'", "img-src data:", *allowed, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _asset(name: str) -> str:
    return (files("HCCAssistLib.evaluation") / "templates" / name).read_text(encoding="utf-8")


def _parts(blocks: Iterable[Block], pages: CasePages, has_files: bool) -> Iterator[dict[str, Any]]:
    """What the template lays out; pictures that follow one another stand side by side."""
    figures: list[dict[str, Any]] = []
    count = 0
    for number, block in enumerate(blocks):
        if isinstance(block, Picture):
            count += 1
            figures.append(_figure(block, count, has_files))
            continue
        if figures:
            yield {"kind": "figures", "figures": figures}
            figures = []
        match block:
            case Heading():
                anchor = f"s{number}-{re.sub(r'[^a-z0-9]+', '-', block.text.lower()).strip('-')}"
                yield {"kind": "heading", "text": block.text, "anchor": anchor, "is_part": block.is_part}
            case Text():
                yield {"kind": "text", "text": block.text}
            case Warnings():
                yield {"kind": "warnings", "lines": [str(problem) for problem in block.problems]}
            case KeyResults():
                yield _key_results(block)
            case EstimateTable():
                yield _estimates(block)
            case TestTable():
                yield _tests(block)
            case Table():
                yield _table(block.title, block.columns, block.rows, [("", block.note)] if block.note else [])
            case CaseTable():
                yield _cases(block, pages, number)
    if figures:
        yield {"kind": "figures", "figures": figures}


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Sequence[tuple[str, str]], css: str = ""
) -> dict[str, Any]:
    return {"kind": "table", "title": title, "columns": columns, "rows": list(rows), "notes": notes, "css": css}


def _figure(block: Picture, number: int, has_files: bool) -> dict[str, Any]:
    name, content = next(iter(block.contents.items()))
    return {
        "anchor": f"figure-{block.name}",
        "number": number,
        "wide": block.wide,
        "alt": block.caption,
        "legend": block.legend,
        "source": data_url("image/svg+xml" if block.svg else "", content),
        "file": name if has_files and block.svg else "",
    }


def _cases(block: CaseTable, pages: CasePages, number: int) -> dict[str, Any]:
    rows = []
    for row in block.rows:
        cells: list[str] = list(row.cells)
        if row.picture:
            cells[0] = markup('<a href="#figure-{}">{}</a>', row.picture, cells[0])
        if path := pages.paths.get(row.cells[0]):
            cells[0] = markup('{} <a class="images" href="{}">images</a>', cells[0], quote(path))
        image = ""
        if row.thumbnail:
            image = markup(
                '<img alt="Case {}" loading="lazy" decoding="async" src="{}">',
                row.cells[0],
                data_url("", row.thumbnail),
            )
            if row.picture:
                image = markup('<a href="#figure-{}">{}</a>', row.picture, image)
        rows.append([cells[0], image, *cells[1:]])
    columns = [block.columns[0], "", *block.columns[1:]]
    notes = [("", note) for note in (block.note, pages.note) if note]
    content = explorer_json(block.scales, [place + 1 for place in block.follows])
    more = {"number": number, "explorer": literal(content)}
    return _table(block.title, columns, rows, notes, "cases") | more


def _key_results(block: KeyResults) -> dict[str, Any]:
    notes = Footnotes()
    rows = [[question, *(_key_cell(one, notes) for one in found)] for question, found in block.rows]
    columns = ["", *block.columns] if len(block.columns) > 1 else []
    return _table("", columns, rows, notes.lines(*_cutoffs(block.estimates)), "key")


def _key_cell(estimate: Estimate | None, notes: Footnotes) -> str:
    """``80.0 % (12/15)``, its interval and what it was counted on; of patients resampled where there is such."""
    if estimate is None:
        return NOT_GIVEN
    value, detail, limits = key_texts(estimate)
    if estimate.value is None:
        return markup("<b>{}</b>{} {}", value, notes.mark(estimate.note), detail)
    marked = markup(_NUMBER, limits, notes.mark(_interval_note(key_interval(estimate))))
    return markup("<b>{}</b><br>{}<br>{}", value, marked, markup(_NUMBER, detail, ""))


def _cutoffs(estimates: Iterable[Estimate]) -> list[str]:
    values: dict[str, dict[str, None]] = {}
    for estimate in estimates:
        if estimate.cutoff:
            values.setdefault(estimate.cutoff.source, {})[cutoff_value(estimate.cutoff)] = None
    return [
        f"Cut-off{'s' if len(found) > 1 else ''} \N{GREATER-THAN OR EQUAL TO} {', '.join(found)}: {source}."
        for source, found in values.items()
    ]


def _interval_note(interval: Interval) -> str:
    if interval.low is None:
        return f"{interval.method}: {interval.reason}" if interval.method != "none" else interval.reason
    dropped = f"; {interval.dropped} undefined draws dropped" if interval.dropped else ""
    seed = f", seed {interval.seed}" if interval.seed is not None else ""
    return f"{interval.method}{seed}{dropped}"


def _estimates(block: EstimateTable) -> dict[str, Any]:
    notes = Footnotes()
    with_clustered = any(estimate.clustered for estimate in block.estimates)
    rows = [_estimate_row(one, notes, digits=block.digits, with_clustered=with_clustered) for one in block.estimates]
    levels = {estimate.interval.level for estimate in block.estimates} or {0.95}
    level = f"{100 * levels.pop():g} %" if len(levels) == 1 else "Confidence"
    columns = ["Measure", "n", "Estimate", f"{level} CI"]
    if with_clustered:
        columns.append(f"{level} CI, patients resampled")
    clusters = {estimate.clusters for estimate in block.estimates if estimate.clusters}
    patients = f"Patients: {clusters.pop()}." if len(clusters) == 1 else ""
    return _table(block.title, columns, rows, notes.lines(patients, *_cutoffs(block.estimates)))


def _estimate_row(estimate: Estimate, notes: Footnotes, *, digits: int, with_clustered: bool) -> list[str]:
    percent = estimate.successes is not None
    digits = 1 if percent else digits
    name = estimate.name[:1].upper() + estimate.name[1:] + (" (%)" if percent else "")
    excluded = f"{estimate.excluded} {plural(estimate.unit, estimate.excluded)} without a score left out"
    intervals: list[Interval | None] = [estimate.interval]
    if with_clustered:
        resampled_only = estimate.clustered is None and estimate.interval.draws is not None
        intervals = [None, estimate.interval] if resampled_only else [estimate.interval, estimate.clustered]
    cells = [
        markup(_NUMBER, interval_text(one, digits, percent=percent), notes.mark(_interval_note(one)))
        if one
        else NOT_GIVEN
        for one in intervals
    ]
    return [
        markup("{}{}", name, notes.mark(estimate.note, excluded if estimate.excluded else "")),
        markup(_NUMBER, f"{estimate.n} {plural(estimate.unit, estimate.n)}", ""),
        markup(_NUMBER, estimate_text(estimate, digits, percent=percent), ""),
        *cells,
    ]


def _tests(block: TestTable) -> dict[str, Any]:
    notes = Footnotes()
    rows = [
        [
            comparison,
            markup("{}{}", f"{test.name}, {test.alternative}", notes.mark(test.note)),
            markup(_NUMBER, f"{test.n} {plural(test.unit, test.n)}", ""),
            markup(_NUMBER, _statistic(test) or NOT_GIVEN, ""),
            markup(_NUMBER, p_value(test.p), notes.mark(test.reason)),
        ]
        for comparison, test in block.tests
    ]
    return _table(
        block.title, ("Comparison", "Test", "n", "Statistic", "P\N{NO-BREAK SPACE}value"), rows, notes.lines()
    )


def _statistic(test: HypothesisTest) -> str:
    if test.statistic is None:
        return ""
    freedom = f", df {test.degrees_of_freedom:.4g}" if test.degrees_of_freedom is not None else ""
    digits = 0 if isinstance(test.statistic, int) else 3  # a count stays one
    return f"{test.statistic_name} {rounded(test.statistic, digits)}{freedom}"
