"""Names for cases and patients in what leaves this computer; who they are is known here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from HCCAssistLib.training.members import MemberPlan
from HCCAssistLib.training.samples import Origin, Samples


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """``C0001`` and so on for cases, ``P0001`` for patients, by their own ids.

    Numbers follow the content of the samples. The order of a table or of names would tell whoever knows the list of
    patients who is who.

    >>> two = [Samples({"case": [0], "label": [n]}, (Origin(f"case_{n}", "Mx", "train"),)) for n in (0, 1)]
    >>> sorted(Pseudonyms.of(two).cases.values()), Pseudonyms.of(two).patients
    (['C0001', 'C0002'], {'Mx': 'P0001'})
    """

    cases: Mapping[str, str]
    patients: Mapping[str, str]

    @classmethod
    def of(cls, parts: Sequence[Samples]) -> Pseudonyms:
        """The pseudonyms of cases.

        Args:
            parts: the samples of one case each.
        """
        in_order = sorted(parts, key=lambda one: (_nameless(one).digest(), one.origins[0].case_id))
        origins = [part.origins[0] for part in in_order]
        patients = dict.fromkeys(origin.patient_id for origin in origins)
        return cls(
            {origin.case_id: f"C{number:04d}" for number, origin in enumerate(origins, 1)},
            {patient: f"P{number:04d}" for number, patient in enumerate(patients, 1)},
        )

    def samples(self, samples: Samples) -> Samples:
        """The same samples of cases that are known by pseudonym alone.

        Neither split nor digests of images go with them: the first a member has in its plan, the second tell an image
        from all others.
        """
        named = tuple(Origin(self.cases[one.case_id], self.patients[one.patient_id], "") for one in samples.origins)
        return replace(samples, origins=named)

    def plan(self, plan: MemberPlan, samples: str) -> MemberPlan:
        """The plan of a member with pseudonyms.

        Args:
            plan: with the cases' own ids.
            samples: digest of the samples with pseudonyms.
        """
        train, validation = (tuple(self.cases[name] for name in part) for part in (plan.train, plan.validation))
        return replace(plan, train=train, validation=validation, samples=samples)

    def as_json(self) -> dict[str, Any]:
        """Both, for a file that stays here."""
        return asdict(self)


def _nameless(samples: Samples) -> Samples:
    return replace(samples, origins=(Origin("", "", ""),) * len(samples.origins))
