"""A reader who is unsure of a category tells so; a detection has no such verdict."""

from __future__ import annotations

import pytest
from result_samples import classification, detection

from HCCAssistLib.results.classification import ClassificationResult
from HCCAssistLib.results.review import Review, Verdict


def test_unsure_is_kept_with_a_classification() -> None:
    result = classification()
    number = result.findings[0].number
    reviewed = result.reviewed(number, Review(Verdict.UNSURE, "R1", "too small"))
    again = ClassificationResult.from_json(reviewed.as_json())
    assert again.findings[0].review == Review(Verdict.UNSURE, "R1", "too small")


def test_unsure_names_no_category() -> None:
    with pytest.raises(ValueError, match="goes with the verdict 'other'"):
        Review(Verdict.UNSURE, "R1", category="B")


def test_a_detection_is_not_unsure() -> None:
    result = detection()
    with pytest.raises(ValueError, match="not unsure"):
        result.reviewed(result.candidates[0].number, Review(Verdict.UNSURE, "R1"))
