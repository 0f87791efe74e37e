"""Commands that are printed to be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from HCCAssistLib.cli.console import as_argument, own_command


@pytest.mark.parametrize(
    ("called", "known", "printed"),
    [
        ("/home/x/.venv/bin/hccassist", "/usr/bin/hccassist", "hccassist"),
        (".venv/bin/hccassist", None, ".venv/bin/hccassist"),
        ("my tools/hccassist", None, "'my tools/hccassist'"),
        ("HCCAssistLib/cli/main.py", None, "hccassist"),
    ],
)
def test_a_command_to_be_copied_is_one_that_the_shell_finds(
    called: str, known: str | None, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.name", "posix")
    monkeypatch.setattr("sys.argv", [called])
    monkeypatch.setattr("shutil.which", lambda name: known)
    assert own_command() == printed


def test_a_path_with_blanks_is_one_argument() -> None:
    assert as_argument(Path("my cohort")) in ("'my cohort'", '"my cohort"')
