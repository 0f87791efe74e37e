"""Training samples: named arrays that know which case each of their rows came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import atomic_file
from HCCAssistLib.labels import Label, TimeToEvent

FORMAT = "hccassist-samples/2"

TARGETS = ("label", "time", "event")
"""Arrays that a network learns to tell: class, months of follow-up, and whether they ended with the event."""

PLACES = ("case", "lesion", "center_lps")
"""Arrays that say where a sample came from; all others but the targets are what a network may be given."""


class Origin(NamedTuple):
    """A case that samples were taken from; ``image_digests`` are those of its volumes."""

    case_id: str
    patient_id: str
    split: str
    image_digests: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """Samples of a cohort, one per row of every array.

    >>> arrays = {"case": [0, 0], "voxels": np.zeros((2, 8, 8)), "label": [0, 1]}
    >>> two = Samples(arrays, (Origin("case_017", "patient_9", "train"),))
    >>> len(two), two.counts(), two.patients.tolist()
    (2, {0: 1, 1: 1}, ['patient_9', 'patient_9'])

    Attributes:
        arrays: by name, each ``(n, ...)`` of numbers or truth values. ``case`` is there always: ``(n,)`` index into
            ``origins``. Known names: ``label`` class, an index into the recipe's classes; ``time`` in months and
            ``event`` 0 or 1; ``lesion`` which lesion of its case a sample shows, -1 for none; ``center_lps`` ``(n, 3)``
            mm. All others are a recipe's own (``voxels``, ``mask``, ``present`` for the time points that are there).
        origins: the cases.

    Raises:
        ValueError: no ``case``, arrays of different lengths or without numbers, or a case that is not listed.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    origins: tuple[Origin, ...]

    def __post_init__(self) -> None:
        # a strided view would be written as the memory it stands in
        arrays = {name: np.ascontiguousarray(array) for name, array in sorted(self.arrays.items())}
        if "case" not in arrays:
            raise ValueError("every sample needs its case")
        if len({len(array) for array in arrays.values()}) > 1:
            raise ValueError(f"the arrays differ in length: { ({n: len(a) for n, a in arrays.items()}) }")
        if odd := [name for name, array in arrays.items() if array.dtype.kind not in "biuf"]:
            raise ValueError(f"{', '.join(odd)} holds no numbers")
        if len(arrays["case"]) and not 0 <= arrays["case"].min() <= arrays["case"].max() < len(self.origins):
            raise ValueError("a sample is of a case that is not listed")
        object.__setattr__(self, "arrays", MappingProxyType(arrays))

    def __len__(self) -> int:
        return len(self.arrays["case"])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    @property
    def labels(self) -> npt.NDArray[Any]:
        """``(n,)`` class of each sample."""
        return self.arrays["label"]

    @property
    def inputs(self) -> dict[str, npt.NDArray[Any]]:
        """What a network may be given."""
        return {name: array for name, array in self.arrays.items() if name not in (*TARGETS, *PLACES)}

    @property
    def targets(self) -> dict[str, npt.NDArray[Any]]:
        """What a network learns to tell."""
        return {name: self.arrays[name] for name in TARGETS if name in self.arrays}

    @property
    def patients(self) -> npt.NDArray[np.str_]:
        """``(n,)`` patient of each sample: the unit that splits and intervals must respect."""
        return np.array([origin.patient_id for origin in self.origins], dtype=str)[self.arrays["case"]]

    def counts(self) -> dict[int, int]:
        """Samples of each class that occurs."""
        classes, counts = np.unique(self.labels, return_counts=True)
        return {int(one): int(count) for one, count in zip(classes, counts, strict=True)}

    def cases(self) -> dict[str, Origin]:
        """The cases that have samples, by id."""
        return {self.origins[number].case_id: self.origins[number] for number in np.unique(self.arrays["case"])}

    def of_split(self, split: str) -> Samples:
        """The samples of the cases in one split."""
        return self.of_cases({origin.case_id for origin in self.origins if origin.split == split})

    def of_cases(self, wanted: Collection[str]) -> Samples:
        """The samples of some cases, by their ids."""
        inside = np.array([origin.case_id in wanted for origin in self.origins], dtype=bool)
        return self.select(inside[self.arrays["case"]]) if len(inside) else self

    def select(self, wanted: npt.NDArray[Any]) -> Samples:
        """The samples that a mask or an index picks; the list of cases stays whole."""
        return replace(self, arrays={name: array[wanted] for name, array in self.arrays.items()})

    def of_known(self, label: Label) -> Samples:
        """The samples of whom the label can be told: all but those who were lost before an early event could be.

        The others hold a ``label`` that is of no meaning; they are scored, and nothing is learnt or chosen on them.
        """
        if not isinstance(label, TimeToEvent) or "time" not in self:
            return self
        pairs = zip(self["time"].tolist(), self["event"].tolist(), strict=True)
        return self.select(np.array([label.early(time, bool(event)) is not None for time, event in pairs], dtype=bool))

    def without_inputs(self) -> Samples:
        """The same samples without what a network is given: all that figures need."""
        return replace(self, arrays={n: a for n, a in self.arrays.items() if n in (*TARGETS, *PLACES)})

    def permuted(self, seed: int) -> Samples:
        """Targets shuffled between groups of samples that belong together, over all splits.

        The samples of one lesion keep one common target, and so do those of one case that show no lesion. A model
        trained and tested on such targets must score at chance; if samples of one patient had leaked into both sides
        it would score above.
        """
        case = self.arrays["case"]
        lesion = self.arrays.get("lesion", np.full(len(self), -1))
        groups, group = np.unique(np.stack([case, lesion]), axis=1, return_inverse=True)
        first = np.array([np.flatnonzero(group == g)[0] for g in range(groups.shape[1])])
        shuffled = np.random.default_rng(seed).permutation(first)[group.ravel()]
        return replace(self, arrays={**self.arrays, **{name: array[shuffled] for name, array in self.targets.items()}})

    def digest(self) -> str:
        """sha256 over everything; equal samples have equal digests."""
        described = {name: [str(array.dtype), list(array.shape)] for name, array in self.arrays.items()}
        sha = hashlib.sha256(json.dumps([self.origins, described], sort_keys=True).encode())
        for array in self.arrays.values():
            sha.update(array.reshape(-1).view(np.uint8).data)
        return sha.hexdigest()

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all."""
        from safetensors.numpy import save

        header = json.dumps({"format": FORMAT, "origins": self.origins})
        with atomic_file(path) as part:
            part.write_bytes(save(dict(self.arrays), metadata={"header": header}))

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
            if header.get("format") != FORMAT:
                raise InputError("the samples are of an unknown format", path.name)
            return cls(arrays, origins_from_json(header["origins"]))
        except InputError:
            raise
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"the samples cannot be read ({error})", path.name, "sample the cohort again") from error


def origins_from_json(data: Iterable[Sequence[Any]]) -> tuple[Origin, ...]:
    """The cases of samples, from JSON: one list per case."""
    return tuple(
        Origin(str(case), str(patient), str(split), tuple(map(str, digests))) for case, patient, split, digests in data
    )


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples of several cases as one.

    Raises:
        InputError: there are none.
        ValueError: parts with different arrays.
    """
    if not parts:
        raise InputError("the cohort gives no training samples", remedy="add cases with images and annotations")
    names = set(parts[0].arrays)
    if any(set(part.arrays) != names for part in parts):
        raise ValueError(f"samples with other arrays than {', '.join(sorted(names))} cannot be joined to them")
    offsets = np.cumsum([0, *(len(part.origins) for part in parts[:-1])])
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in names - {"case"}}
    case = [part.arrays["case"] + offset for part, offset in zip(parts, offsets, strict=True)]
    origins = tuple(origin for part in parts for origin in part.origins)
    return Samples({**arrays, "case": np.concatenate(case).astype(np.int32)}, origins)
