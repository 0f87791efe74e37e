"""The folder of one training on this computer: what was asked for, what was prepared, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.jobs.runs.runs import run_key
from HCCAssistLib.jobs.runs.training_file import TRAININGS

PREPARED, OUTCOME, SEEN, PACKAGE, REPORT = "prepared.json", "outcome.json", "seen.json", "package", "report"


@dataclass(frozen=True)
class PlannedMember:
    """A member of a training.

    Attributes:
        name: such as ``fold-0-repeat-0``.
        key: of its run.
        plan: content of ``member.json``.
    """

    name: str
    key: str
    plan: dict[str, Any]


@dataclass(frozen=True)
class TrainingFolder:
    """A folder below ``trainings``."""

    path: Path

    @property
    def below_root(self) -> str:
        """Its path below the ROOT."""
        return f"{TRAININGS}/{self.path.name}"

    @property
    def package(self) -> Path:
        """Of the trained model."""
        return self.path / PACKAGE

    @cached_property
    def prepared(self) -> dict[str, Any] | None:
        """What ``training.preparing.Prepared`` wrote, None before the cohort has been read."""
        return self._read(PREPARED)

    @property
    def digest(self) -> str:
        """Of the pack, ``""`` before the cohort has been read."""
        return self.prepared["digest"] if self.prepared else ""

    @cached_property
    def members(self) -> tuple[PlannedMember, ...]:
        """None before the cohort has been read."""
        return tuple(
            PlannedMember(f"fold-{plan['fold']}-repeat-{plan['repeat']}", run_key(plan, self.digest), plan)
            for plan in (self.prepared["plans"] if self.prepared else ())
        )

    @property
    def outcome(self) -> dict[str, Any] | None:
        """What came of it: ``report``, the page below the folder, and ``note``, why there is none."""
        return self._read(OUTCOME)

    @property
    def seen(self) -> dict[str, Any]:
        """What was last seen of an engine that is elsewhere; see ``elsewhere``."""
        return self._read(SEEN) or {}

    def write(self, name: str, data: Any) -> None:
        """Write one of its files, whole or not at all."""
        write_json(self.path / name, data)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = parse_json((self.path / name).read_bytes())
        except (OSError, ValueError):  # not there yet, or being written anew
            return None
        return found if isinstance(found, dict) else None
