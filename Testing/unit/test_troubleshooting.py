"""The messages that docs/troubleshooting.md explains are those that the code says, word for word."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


def explained() -> list[str]:
    """The first cells of the tables; ``...`` as one character stands for what varies."""
    return re.findall(r"^\| `(.+?)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def said() -> str:
    """Every text of the library, one a line, with one character for what varies."""

    def text(node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(text(part) or "\N{HORIZONTAL ELLIPSIS}" for part in node.values)
        return None

    found = set()
    for path in sorted((ROOT / "HCCAssistLib").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        comments = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings are told to nobody
        found |= {" ".join(words.split()) for node in nodes if id(node) not in comments and (words := text(node))}
    return "\n".join(sorted(found))


def lacking(messages: list[str]) -> list[str]:
    return [one for one in messages if joined(one) not in joined(said())]


def joined(message: str) -> str:
    """Two gaps beside each other are one."""
    return re.sub("\N{HORIZONTAL ELLIPSIS}+", "\N{HORIZONTAL ELLIPSIS}", message)


def test_every_message_that_is_explained_is_still_said() -> None:
    messages = explained()
    assert len(messages) >= 40 and len(set(messages)) == len(messages)
    assert lacking(messages) == [], "the message has changed: mend docs/troubleshooting.md"
    words = [len(re.findall(r"[a-z]{2,}", one)) for one in messages]
    assert min(words) >= 2, "too few words to be found again"


def test_a_message_that_nobody_says_any_more_is_noticed() -> None:
    messages = explained()
    changed = [one.replace(" the ", " this ", 1) for one in messages if " the " in one]
    assert len(changed) >= 20 and len(lacking(changed)) == len(changed)


def test_each_row_tells_what_it_means_and_what_to_do() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert all(len(line.strip("|").rsplit(" | ", 2)) == 3 and line.rstrip().endswith(". |") for line in rows)
