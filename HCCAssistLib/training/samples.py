"""Training samples: patches that know where they came from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import written_whole

FORMAT = "hccassist-samples/1"


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """Patches of a cohort.

    Attributes:
        voxels: ``(n, *patch)`` int16; CT in Hounsfield units, windows are applied when a batch is made.
        labels: ``(n,)`` class of each patch.
        case: ``(n,)`` index into the three lists below.
        lesion: ``(n,)`` which lesion of its case a patch shows, -1 for none.
        center_lps: ``(n, 3)`` mm, the paper's dictionary of centres.
        case_ids, patient_ids, splits, image_digests: one entry per case.
    """

    voxels: npt.NDArray[np.int16]
    labels: npt.NDArray[np.uint8]
    case: npt.NDArray[np.int32]
    lesion: npt.NDArray[np.int32]
    center_lps: npt.NDArray[np.float32]
    case_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    splits: tuple[str, ...]
    image_digests: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.voxels)
        if any(len(column) != count for column in (self.labels, self.case, self.lesion, self.center_lps)):
            raise ValueError("every patch needs a label, a case, a lesion and a centre")
        if not len(self.case_ids) == len(self.patient_ids) == len(self.splits) == len(self.image_digests):
            raise ValueError("every case needs a patient, a split and a digest")

    def __len__(self) -> int:
        return len(self.voxels)

    @property
    def patients(self) -> npt.NDArray[np.str_]:
        """``(n,)`` patient of each patch: the unit that splits and intervals must respect."""
        return np.array(self.patient_ids)[self.case]

    def of_split(self, split: str) -> Samples:
        """The patches of the cases in one split."""
        inside = np.array([name == split for name in self.splits], dtype=bool)
        return self.select(inside[self.case]) if len(self.splits) else self

    def select(self, wanted: npt.NDArray[Any]) -> Samples:
        """The patches that a mask or an index picks; the list of cases stays whole."""
        return replace(
            self,
            voxels=self.voxels[wanted],
            labels=self.labels[wanted],
            case=self.case[wanted],
            lesion=self.lesion[wanted],
            center_lps=self.center_lps[wanted],
        )

    def permuted(self, seed: int) -> Samples:
        """Labels shuffled between groups of patches that belong together, over all splits.

        The patches of one lesion keep one common label, and so do the background patches of one case. A model
        trained and tested on such labels must score at chance; if patches of one patient had leaked into both
        sides it would score above.
        """
        groups, group = np.unique(np.stack([self.case, self.lesion]), axis=1, return_inverse=True)
        first = np.array([np.flatnonzero(group == g)[0] for g in range(groups.shape[1])])
        shuffled = np.random.default_rng(seed).permutation(self.labels[first])
        return replace(self, labels=shuffled[group.ravel()])

    def digest(self) -> str:
        """sha256 over everything; equal samples have equal digests."""
        sha = hashlib.sha256(json.dumps(self._header(), sort_keys=True).encode())
        for array in (self.voxels, self.labels, self.case, self.lesion, self.center_lps):
            sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()

    def _header(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "case_ids": list(self.case_ids),
            "patient_ids": list(self.patient_ids),
            "splits": list(self.splits),
            "image_digests": list(self.image_digests),
        }

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all."""
        from safetensors.numpy import save

        arrays = {
            name: np.ascontiguousarray(getattr(self, name))
            for name in ("voxels", "labels", "case", "lesion", "center_lps")
        }
        with written_whole(path) as part:
            part.write_bytes(save(arrays, metadata={"header": json.dumps(self._header())}))

    @classmethod
    def load(cls, path: Path) -> Samples:
        """Read what ``save`` wrote.

        Raises:
            InputError: the file is damaged or of another format.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {}).get("header", "{}"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            if header.pop("format", None) != FORMAT:
                raise InputError("the samples are of an unknown format", path.name)
            lists: dict[str, Any] = {name: tuple(values) for name, values in header.items()}
            return cls(**arrays, **lists)
        except (SafetensorError, OSError, TypeError, ValueError) as error:
            raise InputError(f"the samples cannot be read ({error})", path.name, "sample the cohort again") from error


def joined(parts: list[Samples]) -> Samples:
    """Samples of several cases as one.

    Raises:
        InputError: there are none.
    """
    if not parts:
        raise InputError("the cohort gives no training samples", remedy="add cases with images and annotations")
    offsets = np.cumsum([0, *(len(part.case_ids) for part in parts[:-1])])
    return Samples(
        voxels=np.concatenate([part.voxels for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        case=np.concatenate([part.case + offset for part, offset in zip(parts, offsets, strict=True)]).astype(np.int32),
        lesion=np.concatenate([part.lesion for part in parts]),
        center_lps=np.concatenate([part.center_lps for part in parts]),
        case_ids=tuple(name for part in parts for name in part.case_ids),
        patient_ids=tuple(name for part in parts for name in part.patient_ids),
        splits=tuple(name for part in parts for name in part.splits),
        image_digests=tuple(name for part in parts for name in part.image_digests),
    )
