"""The page of a report: one self-contained file without scripts that prints well; everything is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from HCCAssistLib.evaluation.checklist import Item
from HCCAssistLib.evaluation.display import NOT_GIVEN, estimate_text, interval_text, p_value
from HCCAssistLib.evaluation.report_blocks import (
    Block,
    EstimateTable,
    Heading,
    Picture,
    Table,
    TestTable,
    Text,
    Warnings,
)
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.results.cutoff import cutoff_value
from HCCAssistLib.wording import plural, rounded

RESEARCH_USE_ONLY = (
    "Research use only. This software is not a medical device and this report supports no decision about a patient."
)

LONG_TABLE = 16
"""Rows from which on a table may break across printed pages; its head is repeated there."""

_CSS = """
:root { --ink: #1b1f24; --soft: #57606a; --rule: #c9ced6; --strong: #1b1f24; --accent: #0b4f8a; }
* { box-sizing: border-box; }
html { font-size: 16px; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.5;
  font-family: "Source Serif 4", Charter, "Bitstream Charter", "Liberation Serif", Georgia, Cambria, serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1, h2, th, figcaption b, .notice, caption, .units, nav {
  font-family: "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .35rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--rule);
  color: var(--accent); }
p { margin: .6rem 0; }
.subtitle { color: var(--soft); font-size: 1.05rem; margin: 0 0 1.2rem; }
.notice { border-left: 4px solid #b42318; background: #fdf3f2; padding: .6rem .9rem; font-size: .88rem;
  margin: 1rem 0; }
.warnings { border-left: 4px solid #b76e00; background: #fff8ec; padding: .5rem .9rem; margin: 1rem 0;
  font-size: .92rem; }
.warnings ul { margin: .2rem 0; padding-left: 1.1rem; }
table { border-collapse: collapse; width: 100%; margin: 1.2rem 0 .3rem; font-size: .88rem;
  font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .45rem; font-size: .92rem; }
thead th { border-top: 1.5px solid var(--strong); border-bottom: 1px solid var(--strong); text-align: left;
  font-weight: 600; padding: .38rem .6rem .38rem 0; vertical-align: bottom; font-size: .82rem; }
tbody td, tbody th { padding: .3rem .6rem .3rem 0; vertical-align: top; text-align: left; font-weight: 400;
  border-bottom: 1px solid #eceff2; }
tbody th { font-family: inherit; }
tbody tr:last-child > * { border-bottom: 1.5px solid var(--strong); }
.number { white-space: nowrap; }
sup { font-size: .7em; line-height: 0; }
.footnotes { font-size: .8rem; color: var(--soft); margin: .3rem 0 1.4rem; line-height: 1.4; }
.footnotes div { margin: .1rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.4rem 1.6rem;
  align-items: start; margin: 1.4rem 0; }
figure { margin: 0; break-inside: avoid; }
figure.wide { grid-column: 1 / -1; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { font-size: .82rem; line-height: 1.4; margin-top: .5rem; }
.provenance td { font-family: "SFMono-Regular", Consolas, "Liberation Mono", monospace; font-size: .78rem;
  overflow-wrap: anywhere; }
@page { margin: 18mm 16mm; }
@media print {
  html { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
  .table:not(.long), .notice, .warnings { break-inside: avoid; }
  thead { display: table-header-group; }
  .figures { grid-template-columns: 1fr 1fr; }
  .notice, .warnings { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""


class _Footnotes:
    """Letters for what would not fit into a cell; the same note gets the same letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, *notes: str) -> str:
        letters = []
        for note in filter(None, notes):
            number = len(self._letters)
            letter = chr(97 + number % 26) * (1 + number // 26)
            letters.append(self._letters.setdefault(note, letter))
        return f"<sup>{','.join(letters)}</sup>" if letters else ""

    def html(self, *others: str) -> str:
        lines = [f"<div><sup>{letter}</sup> {escape(note)}.</div>" for note, letter in self._letters.items()]
        lines += [f"<div>{escape(other)}</div>" for other in others if other]
        return f'<div class="footnotes">{"".join(lines)}</div>' if lines else ""


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], css: str = "") -> str:
    """A table from cells that are already HTML; the first cell of a row is its header."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    attribute = f' class="{css}"' if css else ""
    header = f"<thead><tr>{head}</tr></thead>" if columns else ""
    return f"<table{attribute}>{caption}{header}<tbody>{body}</tbody></table>"


def _with_notes(table: str, notes: str) -> str:
    """Keep a table and its footnotes on one page, unless it is so long that the page before would stay empty."""
    css = "table long" if table.count("<tr>") > LONG_TABLE else "table"
    return f'<div class="{css}">{table}{notes}</div>'


def _interval_note(interval: Interval) -> str:
    if interval.low is None:
        return f"{interval.method}: {interval.reason}" if interval.method != "none" else interval.reason
    dropped = f"; {interval.dropped} undefined draws dropped" if interval.dropped else ""
    seed = f", seed {interval.seed}" if interval.seed is not None else ""
    return f"{interval.method}{seed}{dropped}"


def _interval_cell(interval: Interval | None, notes: _Footnotes, *, digits: int, percent: bool) -> str:
    if interval is None:
        return NOT_GIVEN
    text = escape(interval_text(interval, digits, percent=percent))
    return f'<span class="number">{text}</span>{notes.mark(_interval_note(interval))}'


def _estimate_row(estimate: Estimate, notes: _Footnotes, *, digits: int, with_clustered: bool) -> list[str]:
    percent = estimate.successes is not None
    digits = 1 if percent else digits
    name = estimate.name[:1].upper() + estimate.name[1:] + (" (%)" if percent else "")
    excluded = f"{estimate.excluded} {plural(estimate.unit, estimate.excluded)} without a score left out"
    remarks = [estimate.note, excluded if estimate.excluded else ""]
    value = escape(estimate_text(estimate, digits, percent=percent))
    row = [
        escape(name) + notes.mark(*remarks),
        f"{estimate.n} {escape(plural(estimate.unit, estimate.n))}",
        f'<span class="number">{value}</span>',
    ]
    intervals: list[Interval | None] = [estimate.interval]
    if with_clustered:
        resampled_only = estimate.clustered is None and estimate.interval.draws is not None
        intervals = [None, estimate.interval] if resampled_only else [estimate.interval, estimate.clustered]
    return row + [_interval_cell(interval, notes, digits=digits, percent=percent) for interval in intervals]


def _estimates(block: EstimateTable) -> str:
    notes = _Footnotes()
    with_clustered = any(estimate.clustered for estimate in block.estimates)
    rows = [
        _estimate_row(estimate, notes, digits=block.digits, with_clustered=with_clustered)
        for estimate in block.estimates
    ]
    levels = {estimate.interval.level for estimate in block.estimates} or {0.95}
    level = f"{100 * levels.pop():g} %" if len(levels) == 1 else "Confidence"
    columns = ["Measure", "n", "Estimate", f"{level} CI"]
    if with_clustered:
        columns.append(f"{level} CI, patients resampled")
    clusters = sorted({estimate.clusters for estimate in block.estimates if estimate.clusters})
    patients = f"Patients: {', '.join(map(str, clusters))}." if clusters else ""
    cutoffs: dict[str, dict[str, None]] = {}
    for estimate in block.estimates:
        if estimate.cutoff:
            cutoffs.setdefault(estimate.cutoff.source, {})[cutoff_value(estimate.cutoff)] = None
    lines = [
        f"Cut-off{'s' if len(values) > 1 else ''} \N{GREATER-THAN OR EQUAL TO} {', '.join(values)} ({source})."
        for source, values in cutoffs.items()
    ]
    return _with_notes(_table(block.title, columns, rows), notes.html(patients, *lines))


def _tests(block: TestTable) -> str:
    notes = _Footnotes()
    rows = []
    for comparison, test in block.tests:
        statistic = ""
        if test.statistic is not None:
            freedom = f", df {test.degrees_of_freedom:.4g}" if test.degrees_of_freedom is not None else ""
            statistic = f"{test.statistic_name} {rounded(test.statistic, 3)}{freedom}"
        rows.append(
            [
                escape(comparison),
                escape(f"{test.name}, {test.alternative}") + notes.mark(test.note),
                f"{test.n} {escape(plural(test.unit, test.n))}",
                f'<span class="number">{escape(statistic) or NOT_GIVEN}</span>',
                f'<span class="number">{escape(p_value(test.p))}</span>{notes.mark(test.reason)}',
            ]
        )
    columns = ["Comparison", "Test", "n", "Statistic", "P&nbsp;value"]
    return _with_notes(_table(block.title, columns, rows), notes.html())


def _free_table(block: Table) -> str:
    rows = [[escape(cell) for cell in row] for row in block.rows]
    table = _table(block.title, [escape(column) for column in block.columns], rows)
    return _with_notes(table, _Footnotes().html(block.note))


def _warnings(block: Warnings) -> str:
    items = "".join(f"<li>{escape(str(problem))}</li>" for problem in block.problems)
    return f'<div class="warnings"><strong>Read this first</strong><ul>{items}</ul></div>'


def _figure(block: Picture, number: int) -> str:
    kind, content = ("svg+xml", block.svg) if block.svg else ("png", block.png)
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    css = ' class="wide"' if block.wide else ""
    return (
        f'<figure{css}><img alt="{escape(block.caption)}" src="{source}">'
        f"<figcaption><b>Figure {number}.</b> {escape(block.legend)}</figcaption></figure>"
    )


def _body(blocks: Iterable[Block]) -> str:
    parts: list[str] = []
    figures: list[str] = []
    count = 0

    def lay_figures() -> None:
        if figures:
            parts.append(f'<div class="figures">{"".join(figures)}</div>')
            figures.clear()

    for block in blocks:
        if isinstance(block, Picture):
            count += 1
            figures.append(_figure(block, count))
            continue
        lay_figures()
        match block:
            case Heading():
                parts.append(f"<h2>{escape(block.text)}</h2>")
            case Text():
                parts.append(f"<p>{escape(block.text)}</p>")
            case Warnings():
                parts.append(_warnings(block))
            case EstimateTable():
                parts.append(_estimates(block))
            case TestTable():
                parts.append(_tests(block))
            case Table():
                parts.append(_free_table(block))
    lay_figures()
    return "".join(parts)


def page(
    title: str,
    subtitle: str,
    blocks: Iterable[Block],
    *,
    methods: str,
    missing: Sequence[Item],
    provenance: Mapping[str, str],
) -> str:
    """The whole page."""
    below = f'<p class="subtitle">{escape(subtitle)}</p>' if subtitle else ""
    absent = _table(
        "",
        ["Item", "TRIPOD+AI", "CLAIM"],
        [[escape(i.name), i.tripod_ai or NOT_GIVEN, i.claim or NOT_GIVEN] for i in missing],
    )
    origin = _table("", [], [[escape(name), escape(value)] for name, value in provenance.items()], "provenance")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{below}"
        f'<div class="notice">{escape(RESEARCH_USE_ONLY)}</div>'
        f"{_body(blocks)}"
        f"<h2>Statistical methods</h2><p>{escape(methods)}</p>"
        "<h2>What this report does not contain</h2>"
        "<p>Items of the reporting guidelines TRIPOD+AI (BMJ 2024;385:e078378) and CLAIM (Radiol Artif Intell "
        "2020;2:e200029) that a manuscript must add.</p>"
        f"{absent if missing else '<p>Every item is covered.</p>'}"
        f"<h2>Provenance</h2>{origin}"
        "</main></body></html>\n"
    )
