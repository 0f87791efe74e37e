"""What only the person can answer while a cluster is connected to, asked in the panel; the window stays free."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import qt
from slicer.i18n import tr as _

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.jobs.cluster.prompts import UnknownHost
from HCCAssistLib.panels.ui_files import load, tell

LISTEN_S = 0.2
"""Between two looks of a thread whether the person is still there."""


@dataclass(eq=False)
class _Question:
    """One question of a thread that waits for the answer.

    Attributes:
        text: of the question.
        hidden: whether the answer may be seen while it is typed; None where it is yes or no.
        answered: set once there is an answer.
        answer: None where the person gave up.
        given_up: nobody waits for the answer any more.
    """

    text: str
    hidden: bool | None
    answered: threading.Event = field(default_factory=threading.Event)
    answer: str | None = None
    given_up: bool = False


class ClusterPrompts:
    """Answers ``jobs.cluster.prompts.Prompts`` for whatever thread connects. Answers are neither kept nor logged.

    Args:
        place: layout to be added to.
    """

    def __init__(self, place: Any) -> None:
        self._asked: queue.Queue[_Question] = queue.Queue()
        self._shown: _Question | None = None
        self._attended = threading.Event()  # whether somebody sees the panel
        self.ui = ui = load("cluster_prompts", place)
        ui.promptYesButton.connect("clicked(bool)", lambda _checked: self._answer(str(ui.promptEdit.text)))
        ui.promptNoButton.connect("clicked(bool)", lambda _checked: self._answer(None))
        ui.promptEdit.connect("returnPressed()", lambda: self._answer(str(ui.promptEdit.text)))
        ui.ClusterPrompts.visible = False

    # ------------------------------------------------------------------------------------ in the thread that connects

    def confirm_host(self, host: UnknownHost) -> bool:
        """Whether this is the right host."""
        text = _(
            "The cluster {host} is not known yet. Is this the fingerprint that your computing centre publishes for it?"
            "\n\n{fingerprint}\n({kind})"
        )
        self._ask(_Question(text.format(host=host.host, fingerprint=host.fingerprint, kind=host.kind), None))
        return True

    def secret(self, question: str) -> str:
        """A password or passphrase."""
        return self._ask(_Question(question.strip(), True))

    def answers(self, title: str, instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        """Answers to the questions of a server, one after the other."""
        above = "\n".join(filter(None, (title.strip(), instructions.strip())))
        return [self._ask(_Question(f"{above}\n{text.strip()}".strip(), not shown)) for text, shown in questions]

    def _ask(self, question: _Question) -> str:
        asked = False
        while not question.answered.wait(0.0 if not asked else LISTEN_S):
            if not self._attended.is_set():
                question.given_up = True
                raise Cancelled(_("The cluster asks for something, and nobody is there: open HCC Training, connect."))
            if not asked:
                self._asked.put(question)
                asked = True
        if question.answer is None:
            raise Cancelled(_("The connection was given up; nothing was sent."))
        return question.answer

    # ----------------------------------------------------------------------------------------------- in the window

    def attend(self, there: bool) -> None:
        """The panel is opened, or left; who leaves it gives up what is being asked."""
        if there:
            self._attended.set()
            return
        self._attended.clear()
        self._answer(None)

    def poll(self) -> None:
        """Show the next question."""
        if self._shown is not None or self._asked.empty():
            return
        asked = self._asked.get()
        if asked.given_up:
            return
        self._shown = asked
        ui = self.ui
        tell(ui.promptLabel, asked.text, "warn")
        ui.promptEdit.text = ""
        ui.promptEdit.visible = asked.hidden is not None
        ui.promptEdit.setEchoMode(qt.QLineEdit.Password if asked.hidden else qt.QLineEdit.Normal)
        ui.promptYesButton.text = _("It is the same") if asked.hidden is None else _("OK")
        ui.promptNoButton.text = _("It is not") if asked.hidden is None else _("Give up")
        ui.ClusterPrompts.visible = True
        if asked.hidden is not None:
            ui.promptEdit.setFocus()

    def _answer(self, answer: str | None) -> None:
        asked, self._shown = self._shown, None
        self.ui.promptEdit.text = ""
        self.ui.ClusterPrompts.visible = False
        if asked is not None:
            asked.answer = answer
            asked.answered.set()
