"""How a member of an LTP model is trained: a first short fit, its hard negatives, the fit that counts, and its scans.

The paper fits once on random patches; with the option ``hard_negatives`` of 0 so does this. Cut-offs are two: of single
patches as in the paper, and of the candidates of a scan, of which a reader is shown few false ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from HCCAssistLib.evaluation.binary import binary_evaluation
from HCCAssistLib.evaluation.cutoffs import mean_cutoff
from HCCAssistLib.evaluation.discrimination import average_precision
from HCCAssistLib.evaluation.lesion_matching import VolumeFindings
from HCCAssistLib.recipes.ltp.mining import hard_negative_starts
from HCCAssistLib.recipes.ltp.operating_point import candidate_cutoff, scan_findings
from HCCAssistLib.recipes.ltp.prediction import probabilities
from HCCAssistLib.recipes.ltp.sampling import patches_at
from HCCAssistLib.recipes.options import Value
from HCCAssistLib.training.assembled import Assembled
from HCCAssistLib.training.loop import Logits
from HCCAssistLib.training.member import Member
from HCCAssistLib.training.member_result import MemberResult
from HCCAssistLib.training.samples import Samples, joined

if TYPE_CHECKING:
    from HCCAssistLib.training.loop import Fit

ROUGH_EPOCHS = 3
"""Epochs of the first fit, of which only its false positives are wanted."""


def studies_kept(options: Mapping[str, Value]) -> frozenset[str]:
    """The splits whose volumes are looked at again: those of validation are scanned, those of training mined."""
    return frozenset({"train", "validation"} if _with_hard_negatives(options) else {"validation"})


def selection_metric(validation: Samples, logits: Logits) -> float:
    """What decides which epoch is kept: the average precision, which rests on the negatives with the highest scores.

    Those are the false positives of a scan. On phantoms the loss chose early epochs, before the network told vessels
    from nodules: it weighs most how sure a later network is of the few patches where it is wrong.
    """
    return float(average_precision(validation.labels, logits, unit="patch").value or 0.0)


def fit_member(member: Member) -> MemberResult:
    """Train one network, and scan the cases that it is validated on."""
    options, train, validation = member.plan.options, member.train, member.validation
    mined = {}
    if _with_hard_negatives(options):
        rough = member.fit("rough", train, validation, metric=selection_metric, epochs=ROUGH_EPOCHS, span=(0.0, 0.2))
        hard = _hard_negatives(member, rough, train, "train", (0.2, 0.35))
        hard_validation = _hard_negatives(member, rough, validation, "validation", (0.35, 0.4))
        mined = {"train": len(hard), "validation": len(hard_validation)}
        train, validation = joined([train, hard]), joined([validation, hard_validation])
    found = member.fit("final", train, validation, metric=selection_metric, span=(0.4 if mined else 0.0, 0.9))
    network = member.network(found)
    logits = member.outputs(network, validation)
    cases, scans = validation.cases(), []
    for number, (case_id, origin) in enumerate(cases.items()):
        member.stop_if_cancelled()
        member.progress("scanning the cases of validation", 0.9 + 0.1 * number / len(cases))
        scan = scan_findings(member.study(case_id), network, origin.patient_id, device=member.device)  # type: ignore[arg-type]
        scans.append(_scan_json(scan))
    return MemberResult.of({"": found}, validation, logits, {"hard_negatives": mined, "scans": scans})


def assemble(results: Sequence[MemberResult], *, chosen_on: str) -> Assembled:
    """Cut-offs and figures of all members together, each on the samples and scans that it was not trained on.

    Args:
        results: of the members.
        chosen_on: these samples, in words.
    """
    scores = np.concatenate([probabilities(result.outputs) for result in results])
    truth = np.concatenate([result.validation.labels for result in results])
    patients = np.concatenate([result.validation.patients for result in results])
    # the maximum of the mean of sensitivity and specificity, as in the paper
    patch = mean_cutoff(truth, scores, chosen_on=f"{chosen_on} of patches")
    of_patches = binary_evaluation(truth, scores, patients, unit="patch", cutoff=patch).estimates
    scans = [_scan(data) for result in results for data in result.facts["scans"]]
    candidate, of_scans = candidate_cutoff(scans, chosen_on=chosen_on)
    return Assembled(
        cutoffs={"patch": patch, "candidate": candidate},
        default_cutoff="candidate",
        estimates=[*(of_patches[name] for name in ("AUC", "sensitivity", "specificity")), *of_scans],
        facts={"hard_negatives": [result.facts["hard_negatives"] for result in results]},
    )


def _with_hard_negatives(options: Mapping[str, Value]) -> bool:
    """Whether hard negatives are looked for; shuffled labels have none."""
    return bool(options["hard_negatives"]) and not options["permute_labels"]


def _hard_negatives(member: Member, rough: Fit, samples: Samples, use: str, span: tuple[float, float]) -> Samples:
    """Hard negatives of the cases behind some samples."""
    options = member.plan.options
    network = member.network(rough)

    def mine() -> Samples:
        wanted = samples.cases()
        parts = []
        for number, (case_id, origin) in enumerate(wanted.items()):
            member.stop_if_cancelled()
            image, starts = hard_negative_starts(member.study(case_id), options, [network], device=member.device)  # type: ignore[list-item]
            parts.append(patches_at(image, starts, [0] * len(starts), [-1] * len(starts), origin))
            member.progress("looking for false positives", span[0] + (span[1] - span[0]) * (number + 1) / len(wanted))
        return joined(parts)

    return member.kept(f"hard-{use}-{_digest(rough)}", mine)


def _digest(found: Fit) -> str:
    """Tells the weights of one fit from those of another."""
    sha = hashlib.sha256()
    for name, tensor in sorted(found.weights.items()):
        sha.update(name.encode() + tensor.numpy().tobytes())
    return sha.hexdigest()[:16]


def _scan_json(found: VolumeFindings) -> dict[str, Any]:
    return {
        "patient": found.patient,
        "candidates": found.candidates.tolist(),
        "scores": found.scores.tolist(),
        "lesions": found.lesions.tolist(),
    }


def _scan(data: Mapping[str, Any]) -> VolumeFindings:
    candidates, lesions = (np.array(data[name], np.float64).reshape(-1, 3) for name in ("candidates", "lesions"))
    return VolumeFindings(
        data["patient"], candidates, np.array(data["scores"], np.float64), lesions, np.zeros(len(lesions))
    )
