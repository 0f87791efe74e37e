"""A training on an engine elsewhere is looked after by one process of this computer at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from HCCAssistLib.jobs.runs.elsewhere import ATTENDED, attend
from HCCAssistLib.jobs.runs.training_folder import TrainingFolder
from HCCAssistLib.locks import locked


class Asked(Exception):
    """Something was looked at."""


class Folder(TrainingFolder):
    """A folder that tells when it is looked at."""

    @property
    def digest(self) -> str:
        raise Asked


def test_while_another_process_sends_the_same_data_nothing_is_sent(tmp_path: Path) -> None:
    nobody = cast(Any, None)
    with locked(tmp_path / ATTENDED, "training"):
        attend(nobody, Folder(tmp_path), nobody, nobody)
    with pytest.raises(Asked):
        attend(nobody, Folder(tmp_path), nobody, nobody)
    assert list(tmp_path.iterdir()) == []
