"""How a member is trained, and what becomes of all members: two networks each, then trees, and a cut-off for each.

Kong 2025 feeds the trees with signatures of the very patients that its network had learnt, and chooses cut-offs on its
tuning set. Here the signature of a patient is the mean of the members that he was held out of, the trees are scored
on patients that they were fitted without, and every cut-off is chosen on such scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from HCCAssistLib.errors import InputError
from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.cutoffs import youden_cutoff
from HCCAssistLib.evaluation.discrimination import auc
from HCCAssistLib.evaluation.result import Estimate, Interval
from HCCAssistLib.models.curves import CURVES, ReferenceCurve, curves_as_json
from HCCAssistLib.recipes.ablation.clinical import COLUMNS
from HCCAssistLib.recipes.ablation.forests import Forest, fit_forest
from HCCAssistLib.recipes.ablation.recipe import ABLATION, FULLEST_FIRST, NETWORKS, PRE, TIME_POINTS
from HCCAssistLib.recipes.ablation.signatures import OF_POST, Patient, parts_of, patients_of, rows_of
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.results.cutoff import CutOff
from HCCAssistLib.training.assembled import Assembled
from HCCAssistLib.training.held_out_scores import HeldOutScores, reference_curve
from HCCAssistLib.training.loop import Logits, SelectionMetric
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples

MEASURED = ("size_mm", "slice_mm")
"""What is measured at each time point."""


def studies_kept(options: Mapping[str, Value]) -> frozenset[str]:
    """None: the slices are all that is looked at."""
    return frozenset()


def fit_member(member: Member) -> MemberResult:
    """Train both networks; of each the epoch with the highest AUC of the held-out part is kept.

    The facts hold what trees need of every patient, since no member knows all scores.
    """
    fits, logits = {}, []
    for number, name in enumerate(NETWORKS):
        span = (0.98 * number / len(NETWORKS), 0.98 * (number + 1) / len(NETWORKS))
        found = member.fit(name, member.train, member.validation, metric=area_of(name), network=name, span=span)
        fits[name] = found
        logits.append(member.outputs(member.network(found, name), member.held_out))
    options = member.plan.options
    facts = {
        "train": rows_of(member.train),
        "held_out": rows_of(member.held_out),
        "seen": _seen(member.train),
        "trees": {"trees": int(options["trees"]), "max_depth": int(options["tree_depth"]), "seed": member.plan.seed},
    }
    return MemberResult.of(fits, member.held_out, np.stack(logits, axis=1), facts)


def area_of(network: str) -> SelectionMetric:
    """The AUC of a network on samples; of one that looks at two time points, on those that have both."""

    def metric(samples: Samples, logits: Logits) -> float:
        counted = samples["present"][:, OF_POST] if network == "prepost" else np.ones(len(samples), dtype=bool)
        found = auc(samples.labels[counted], logits[counted], unit="patient").value if counted.any() else None
        return 0.5 if found is None else float(found)

    return metric


@dataclass(frozen=True, slots=True)
class _Scored:
    """A model's held-out scores, by case."""

    name: str
    scores: Mapping[str, float]
    scored_by: str


def assemble(results: Sequence[MemberResult], *, chosen_on: str) -> Assembled:
    """Trees, cut-offs, figures and the survival of the risk groups, all on held-out scores.

    Patients who were lost before the outcome could be told count in the survival alone.

    Args:
        results: of the members.
        chosen_on: what was held out, in words.
    """
    patients, parts = patients_of(results), parts_of(results)
    networks = [_of_network(patients, name) for name in NETWORKS]
    chosen = _better(patients, networks)
    settings = {**results[0].facts["trees"], "seed": min(result.facts["trees"]["seed"] for result in results)}
    forests, caveats = _forests(patients, parts, settings, chosen)
    by_trees = [_Scored(name, one.scores, "trees that were fitted without him") for name, one in forests.items()]
    scored = {one.name: one for one in (*networks, *by_trees)}
    cutoffs: dict[str, CutOff] = {}
    curves: dict[str, ReferenceCurve] = {}
    estimates: list[Estimate] = []
    for name in (name for name in FULLEST_FIRST if name in scored):
        one = scored[name]
        truth, scores, persons = _rows(patients, one.scores)
        if len(set(truth)) < 2:
            caveats.append(
                f"the model {ABLATION.printed(name)} has no cut-off: its held-out patients do not show both outcomes"
            )
            continue
        source = f"{chosen_on}, each patient scored by {one.scored_by}"
        cutoffs[name] = youden_cutoff(truth, scores, chosen_on=source)
        alike = f"{source}; the cut-off was chosen on the same patients"
        followed = _followed(patients, one.scores)
        curves[name] = reference_curve(followed, cutoffs[name], event="recurrence", source=alike)
        found = binary_evaluation(truth, scores, persons, unit="patient", cutoff=cutoffs[name]).estimates
        estimates += [
            replace(found[n], name=f"{ABLATION.printed(name)}: {n}") for n in ("AUC", "sensitivity", "specificity")
        ]
    return Assembled(
        cutoffs=cutoffs,
        default_cutoff=next((name for name in FULLEST_FIRST if name in cutoffs), ""),
        estimates=estimates,
        descriptions=[one for name, forest in forests.items() for one in _importances(name, forest)],
        facts={
            "seen": _joined([result.facts["seen"] for result in results]),
            "signature_of": chosen if "dl_clinical" in forests else "",
            "caveats": caveats,
        },
        extras={
            **{f"trees-{name}.safetensors": forest.trees.as_arrays() for name, forest in forests.items()},
            **({CURVES: curves_as_json(curves)} if curves else {}),
        },
    )


def _of_network(patients: Mapping[str, Patient], name: str) -> _Scored:
    signatures = {case: one.signature(name) for case, one in patients.items()}
    known = {case: score for case, score in signatures.items() if score is not None}
    return _Scored(name, known, "networks that were not trained on him")


def _better(patients: Mapping[str, Patient], networks: Sequence[_Scored]) -> str:
    """The network with the larger AUC on the held-out patients that all of them have scored, the fuller one of two."""
    shared = {case: one for case, one in patients.items() if all(case in network.scores for network in networks)}
    areas = {}
    for one in networks:
        truth, scores, _ = _rows(shared, one.scores)
        if len(set(truth)) < 2:
            return PRE
        areas[one.name] = auc(truth, scores, unit="patient").value
    return max(reversed(NETWORKS), key=lambda name: areas[name] or 0.0)


def _forests(
    patients: Mapping[str, Patient], parts: Sequence[frozenset[str]], settings: Mapping[str, Any], network: str
) -> tuple[dict[str, Forest], list[str]]:
    """The trees by name, and why some are lacking."""
    forests: dict[str, Forest] = {}
    caveats: list[str] = []
    try:
        forests["clinical"] = fit_forest(patients, parts, settings)
    except InputError as error:
        caveats.append(f"the models Clinical and DL_Clinical are absent: {error.problems[0].what}")
        return forests, caveats
    if any(not one.scores[network] for one in patients.values()):
        caveats.append(
            "the model DL_Clinical is absent: with a single split the networks have learnt the patients that its trees "
            "would learn from; train with folds"
        )
        return forests, caveats
    signed = {case: one for case, one in patients.items() if one.signature(network) is not None}
    try:
        forests["dl_clinical"] = fit_forest(signed, parts, settings, network=network)
    except InputError as error:
        caveats.append(f"the model DL_Clinical is absent: {error.problems[0].what}")
    return forests, caveats


def _rows(patients: Mapping[str, Patient], scores: Mapping[str, float]) -> tuple[list[bool], list[float], list[str]]:
    """Outcome, score and name of those of whom the outcome is known."""
    known = {case: one for case, one in patients.items() if case in scores and one.early is not None}
    return (
        [bool(one.early) for one in known.values()],
        [scores[case] for case in known],
        [one.patient_id for one in known.values()],
    )


def _followed(patients: Mapping[str, Patient], scores: Mapping[str, float]) -> HeldOutScores:
    scored = {case: one for case, one in patients.items() if case in scores}
    return HeldOutScores(
        patients=tuple(one.patient_id for one in scored.values()),
        months=np.array([one.months for one in scored.values()], dtype=np.float64),
        events=np.array([one.event for one in scored.values()], dtype=np.bool_),
        scores=np.array([scores[case] for case in scored], dtype=np.float64),
    )


def _importances(name: str, forest: Forest) -> list[Estimate]:
    none = Interval.missing("it describes these trees, and estimates nothing")
    return [
        Estimate(
            f"{ABLATION.printed(name)}: mean decrease in impurity, {variable}", value, forest.patients, "patient", none
        )
        for variable, value in forest.importances.items()
    ]


def _seen(samples: Samples) -> dict[str, Any]:
    """Lowest and highest value of all that is measured, by time point, and of the clinical values by column."""
    measured = {
        f"{time_point} {name}": _range(samples[name][:, number])
        for name in MEASURED
        for number, time_point in enumerate(TIME_POINTS)
    }
    clinical = {column: _range(samples["clinical"][:, number]) for number, column in enumerate(COLUMNS)}
    return {name: limits for name, limits in {**measured, **clinical}.items() if limits}


def _range(values: Any) -> list[float]:
    known = values[~np.isnan(values)]
    return [round(float(known.min()), 3), round(float(known.max()), 3)] if len(known) else []


def _joined(seen: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for one in seen for name in one)
    limits = {name: [one[name] for one in seen if name in one] for name in names}
    return {name: [min(low for low, _ in of), max(high for _, high in of)] for name, of in limits.items()}
