"""The pictures of HCC Training, made on the desk with a small synthetic cohort, as on a laptop.

    python Testing/desk/training_pictures.py [OUT]

The pictures go to ``Resources/Screenshots``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from training_reading import MODULE, ROOT, choose_cohort, cohort, ended, fill_small, running, stored_training
from window_picture import save

from HCCAssistLib.scene.rendering import rendering_available

SIZE, PANEL = (1366, 900), 450
"""Of the window, and of the panel in it."""


def take(out: Path, folder: Path) -> None:
    """Ask for a training, watch it, compare what came of it, edit a cluster."""
    from slicer_desk.desktop import start

    desk = start()
    desk.window.resize(*SIZE)
    desk._scroll.setFixedWidth(PANEL)
    past(folder)
    widget = desk.open(MODULE)
    ui = widget.ui

    def picture(name: str, place: Any = None) -> None:
        ui.cohortFolder._edit.setText("/data/livers")  # not the folder of whoever makes the pictures
        desk.process_events()
        if place is not None:
            desk._scroll.ensureWidgetVisible(place)
        save(desk, out / f"training-panel-{name}.jpg")

    choose_cohort(desk, widget, cohort(folder / "livers"))
    ui.jobsSection.collapsed = True
    picture("1-form")
    ui.casesSection.collapsed = False
    desk.wait_until(lambda: not widget.panel.cases.busy, 30)
    picture("2-cases")
    ui.casesSection.collapsed = True
    fill_small(desk, widget, epochs="many")
    picture("3-fault")
    fill_small(desk, widget, epochs="12")
    desk.click(ui.trainingStartButton)
    ui.trainingSection.collapsed, ui.jobsSection.collapsed = True, False
    running(desk, widget)
    desk.wait_until(lambda: ui.trainingPlot.visible and widget.panel.watch.last.chosen.members[0].run.epoch >= 4, 120)
    picture("4-watching")
    ended(desk, widget, 120)
    picture("5-done")
    desk.click(ui.compareButton)
    desk.wait_until(lambda: not ui.compareProgress.visible, 120)
    picture("6-compared", ui.harvestLabel)
    ui.jobsSection.collapsed, ui.clusterSection.collapsed = True, False
    desk.type(ui.clusterName, "institute")
    fields = widget.panel.clusters.form.widgets
    for name, text in {"host": "login.example.org", "user": "ada", "gres": "gpu:1", "time_limit": "soon"}.items():
        desk.type(fields[name], text)
    picture("7-cluster")
    ask(widget)
    desk.wait_until(lambda: ui.ClusterPrompts.visible, 10)
    picture("8-host", ui.ClusterPrompts)
    desk.click(ui.promptNoButton)
    desk.close_module()


def past(folder: Path) -> None:
    """Earlier trainings, and the model that one of them brought."""
    from ltp_blob import blob_network, blob_package

    from HCCAssistLib.models.store import ModelStore

    for number, kind in enumerate(("done", "cancelled", "", "failed")):
        name = f"livers-{number + 1}"
        stored_training(folder / "training", f"a{number}", kind=kind, name=name, created=1.7e9 + number)
    training = {"patients": 58, "trained_on": {"synthetic": 58, "patients": 0}, "cases": {"train": 48}}
    package = blob_package(folder / "package", blob_network(), training=training, name="livers-1")
    ModelStore(folder / "models").install(package.folder)


def ask(widget: Any) -> None:
    """An unknown host asks in a thread, as a connection does."""
    from HCCAssistLib.errors import Cancelled
    from HCCAssistLib.jobs.cluster.prompts import UnknownHost

    host = UnknownHost("login.example.org", "ssh-ed25519", "SHA256:LHDhK3oGRvkiefQnx7OOczTY5Tic/wZ6HcMOc/gm/MM")

    def work() -> None:
        with suppress(Cancelled):
            widget.panel.prompts.confirm_host(host)

    threading.Thread(target=work, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", nargs="?", default=ROOT / "Resources" / "Screenshots")
    arguments = parser.parse_args()
    problem = rendering_available()
    if problem is not None:
        raise SystemExit(str(problem))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("models", "training", "profiles"):
            os.environ[f"HCCASSIST_{name.upper()}"] = str(Path(folder) / name)
        take(arguments.out, Path(folder))


if __name__ == "__main__":
    main()
