"""A second rater's segments for a synthetic cohort that is there."""

from __future__ import annotations

from pathlib import Path

from HCCAssistLib.cohort.case import CASES, READINGS
from HCCAssistLib.cohort.segments import write_segments
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_folder, parse_json
from HCCAssistLib.phantoms.hepatectomy.cases import make_case, segment_of
from HCCAssistLib.phantoms.recurrence import wanted_early
from HCCAssistLib.recipes.hepatectomy.recipe import TUMOUR


def write_second_rater(cohort: Path, rater: str = "second") -> None:
    """Draw every case again: each is made anew from the seed in its truth.json.

    Args:
        cohort: of ``phantoms.cohort.write_cohort``.
        rater: name of the rater's folder.

    Raises:
        InputError: a case has no truth.json of these phantoms, or the rater is there already.
    """
    out = cohort / READINGS / rater
    if out.exists():
        raise InputError(f"there is a rater {rater} already", cohort.name, "choose another name")
    with atomic_folder(out) as part:
        for folder in sorted(path for path in (cohort / CASES).iterdir() if path.is_dir()):
            try:
                truth = parse_json((folder / "truth.json").read_text(encoding="utf-8"))
                first, second = (int(number) for number in truth["seed"])
                scanner = str(truth["scanner"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError("the case has no truth of these phantoms", f"case {folder.name}") from error
            made = make_case((first, second), early=wanted_early(first, second), scanner=scanner, second_rater=True)
            path = part / folder.name / f"{TUMOUR}.seg.nrrd"
            path.parent.mkdir(parents=True)
            write_segments([segment_of(made, second_rater=True)], path)
