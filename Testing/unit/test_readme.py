"""What README and docs say of the recipes is what the registry says."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.recipes.markdown import BEGIN, replaced
from HCCAssistLib.recipes.registry import RECIPES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("document", "sections"), [("README.md", ("recipes", "citations")), ("docs/options.md", ("options",))]
)
def test_tables_and_citations_come_from_the_registry(document: str, sections: tuple[str, ...]) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert all(BEGIN.format(name) in text for name in sections)
    assert replaced(text, RECIPES.values()) == text, f"run: hccassist recipes --markdown {document}"


def test_a_document_without_marks_stays_as_it_is() -> None:
    assert replaced("# Nothing\n", RECIPES.values()) == "# Nothing\n"


def test_every_link_to_a_file_in_the_documents_leads_somewhere() -> None:
    import re

    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    links = [
        (document, link)
        for document in documents
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    ]
    assert links
    assert [f"{d.name}: {link}" for d, link in links if not (d.parent / link).exists()] == []
