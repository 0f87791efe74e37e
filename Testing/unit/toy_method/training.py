"""One fit, and no cut-off: the highest of five probabilities decides."""

from HCCAssistLib.training.assembled import Assembled
from HCCAssistLib.training.member_result import MemberResult


def studies_kept(options):
    return frozenset()


def fit_member(member):
    found = member.fit("final", member.train, member.validation)
    outputs = member.outputs(member.network(found), member.validation)
    return MemberResult.of({"": found}, member.validation, outputs, {"cases": len(member.plan.validation)})


def assemble(results, *, chosen_on):
    return Assembled(facts={"cases": [result.facts["cases"] for result in results]})
