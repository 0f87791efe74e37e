"""What README and docs say of the recipes is what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from HCCAssistLib.recipes.markdown import BEGIN, replaced
from HCCAssistLib.recipes.registry import RECIPES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("document", "sections"),
    [
        ("README.md", ("recipes", "citations")),
        ("docs/options.md", ("options",)),
        ("docs/methods.md", ("methods",)),
    ],
)
def test_tables_and_citations_come_from_the_registry(document: str, sections: tuple[str, ...]) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert all(BEGIN.format(name) in text for name in sections)
    assert replaced(text, RECIPES.values()) == text, f"run: hccassist recipes --markdown {document}"


def test_the_statistics_for_a_paper_are_those_that_the_evaluation_names() -> None:
    from HCCAssistLib.evaluation import intervals, survival

    text = " ".join((ROOT / "docs" / "methods.md").read_text(encoding="utf-8").replace(">", " ").split())
    assert intervals.METHOD_TITLES["clopper-pearson"] in text and intervals.MERCALDO in text
    assert survival.LOG_LOG in text
    told, references = text.split("## Statistics")[1].split("### References")
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", told) if int(number) < 15}
    listed = [int(number) for number in re.findall(r"(?:^|\s)(\d+)\. [A-Z]", references)]
    assert sorted(cited) == listed == list(range(1, len(listed) + 1))
    assert references.count("doi:10.") == len(listed)


def test_a_document_without_marks_stays_as_it_is() -> None:
    assert replaced("# Nothing\n", RECIPES.values()) == "# Nothing\n"


def test_every_link_to_a_file_in_the_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    links = [
        (document, link)
        for document in documents
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    ]
    assert links
    assert [f"{d.name}: {link}" for d, link in links if not (d.parent / link).exists()] == []
