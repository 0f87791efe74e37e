"""How a training stands, in words."""

from __future__ import annotations

import html

from slicer.i18n import tr as _

from HCCAssistLib.jobs.runs.trainings import MemberStatus, TrainingStatus, TrainingSummary
from HCCAssistLib.recipes.registry import RECIPES
from HCCAssistLib.wording import duration

_STATES = {
    "waiting": "waiting",
    "queued": "in the queue",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "lost": "interrupted",
}


def state_words(state: str) -> str:
    """``in the queue`` for ``queued``."""
    return str(_(_STATES.get(state, state)))


def row(summary: TrainingSummary) -> tuple[str, ...]:
    """Name, method, state, progress, time left, engine: a row of the table."""
    training = summary.training
    recipe = RECIPES.get(training.recipe)
    left = "" if summary.remaining_s is None or summary.state != "running" else duration(summary.remaining_s)
    share = f"{round(100 * summary.share)} %"
    engine = training.profile or _("here")
    return training.name, recipe.id if recipe else training.recipe, state_words(summary.state), share, left, engine


def about(status: TrainingStatus, connected: bool) -> str:
    """What a training is doing, and why it stopped, as HTML.

    Args:
        status: of the training.
        connected: whether its cluster, if it has one, is being asked.
    """
    summary, training = status.summary, status.summary.training
    words = f"<b>{html.escape(training.name)}: {html.escape(state_words(summary.state))}</b>"
    lines = [words + (f", {html.escape(summary.what)}" if summary.what and summary.state == "running" else "")]
    if summary.remaining_s is not None and summary.state == "running":
        lines[0] += _(", {time} left").format(time=duration(summary.remaining_s))
    if summary.message:
        lines.append(html.escape(summary.message))
    if summary.state == "lost":
        lines.append(_("Nothing that was trained is lost: press Go on."))
    if training.profile and not connected and summary.state in ("waiting", "queued", "running"):
        text = _("This is how it stood when the cluster {name} was last asked. Connect to it below.")
        lines.append(html.escape(text.format(name=training.profile)))
    if len(status.members) > 1:
        lines.append(html.escape(_members(status.members)))
    lines += [html.escape(problem) for problem in status.problems[:3]]
    if len(status.problems) > 3:
        lines.append(_("{n} more warnings stand in the report.").format(n=len(status.problems) - 3))
    return "<br>".join(lines)


def _members(members: tuple[MemberStatus, ...]) -> str:
    """``Networks: 2 done, 1 running, 3 waiting``."""
    counts: dict[str, int] = {}
    for member in members:
        counts[member.run.state] = counts.get(member.run.state, 0) + 1
    return str(_("Networks: {each}.")).format(
        each=", ".join(f"{n} {state_words(state)}" for state, n in counts.items())
    )


def member_words(name: str) -> str:
    """A network as a person counts them.

    >>> member_words("fold-0-repeat-1"), member_words("fold-2-repeat-0"), member_words("fold-0-repeat-0")
    ('fold 1, repeat 2', 'fold 3', 'fold 1')
    """
    words = name.split("-")
    if len(words) != 4 or not (words[1].isdigit() and words[3].isdigit()):
        return name
    fold = str(_("fold {n}").format(n=int(words[1]) + 1))
    return fold if words[3] == "0" else str(_("{fold}, repeat {n}").format(fold=fold, n=int(words[3]) + 1))
