"""The pack of a training: the samples of its cohort, and the studies that a recipe's own stages look at again.

    PACK/manifest.json                what the others hold, and their digests (see ``manifest``)
    PACK/samples.safetensors          every sample, with the case that it came from
    PACK/studies/<case>.safetensors

It is all that a member reads, so it is what a cluster is sent: pseudonyms (see ``pseudonyms``), voxels, annotations and
the clinical values that the recipe reads, no DICOM, no other column, no text of a reader, no date, no path. The same
cohort and options give the same bytes, and the digest of the manifest is the pack's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from HCCAssistLib.errors import InputError
from HCCAssistLib.training.samples import Samples

if TYPE_CHECKING:
    from HCCAssistLib.inference.study import Study

SAMPLES = "samples.safetensors"
STUDIES = "studies"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack on disk."""

    folder: Path

    @property
    def samples_path(self) -> Path:
        """Of all samples."""
        return self.folder / SAMPLES

    def study_path(self, case: str) -> Path:
        """Of one case, by its pseudonym."""
        return self.folder / STUDIES / f"{case}.safetensors"

    def samples(self, digest: str) -> Samples:
        """The samples, if they are those that a member was planned for.

        Raises:
            InputError: not there, damaged, or others.
        """
        found = Samples.load(self.samples_path)
        if found.digest() != digest:
            raise InputError("these are not the samples that the member was planned for", SAMPLES, "train again")
        return found

    def study(self, case: str) -> Study:
        """A case as it was packed; see ``inference.study_files``.

        Raises:
            InputError: the pack does not hold it.
        """
        from HCCAssistLib.inference.study_files import read_study_file  # all that reads a cohort comes with it

        return read_study_file(self.study_path(case))
