"""The report of a single case: what was found in it, and with which model."""

from __future__ import annotations

from HCCAssistLib.evaluation.report import Report


class CaseReport(Report):
    """Of one case; what a study must report does not apply to it."""

    @property
    def missing(self) -> None:
        """No items of the reporting guidelines."""
        return
