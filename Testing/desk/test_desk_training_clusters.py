"""A cluster's profile on the desk, with a real sshd and Slurm on loopback: host key, password, second factor, tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from studying import STALL_S, heartbeat
from training_reading import MODULE, ROOT, looked

sys.path.append(str(ROOT / "Testing" / "slurm"))

from private_cluster import PASSWORD, PrivateCluster, unavailable

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_view")]


@pytest.fixture(scope="module")
def cluster():
    if reason := unavailable():
        pytest.skip(f"SKIPPED: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="hcc-slurm-"))  # short: a socket's path has at most 107 characters
    made = PrivateCluster(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def panel(desk, tmp_path, monkeypatch):
    """The panel of somebody without any SSH, at its section of clusters."""
    import slicer

    for name in ("TRAINING", "MODELS", "PROFILES"):
        monkeypatch.setenv(f"HCCASSIST_{name}", str(tmp_path / name.lower()))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    slicer.app.settings().clear()
    widget = desk.open(MODULE)
    looked(desk, widget)
    widget.ui.trainingSection.collapsed = widget.ui.jobsSection.collapsed = True
    widget.ui.clusterSection.collapsed = False
    desk.process_events()
    return widget


def fill(desk, widget, **keys):
    """Write keys of the profile into their fields."""
    if not widget.ui.clusterFrame.visible:
        desk.click(widget.ui.clusterEditButton)
    if not widget.ui.clusterMoreButton.checked:
        desk.click(widget.ui.clusterMoreButton)
    for name, value in keys.items():
        field = widget.panel.clusters.form.widgets[name]
        if isinstance(value, bool):
            field.checked = value
        else:
            desk.type(field, str(value))
    desk.process_events()


def save(desk, widget, name, **keys):
    desk.choose(widget.ui.clusterBox, "new cluster ...")
    desk.type(widget.ui.clusterName, name)
    fill(desk, widget, **keys)
    desk.click(widget.ui.clusterSaveButton)
    desk.process_events()


def asked(desk, widget):
    """Wait for a question; its text."""
    desk.wait_until(lambda: widget.ui.ClusterPrompts.visible, 20)
    return widget.ui.promptLabel.text


def done(desk, widget, seconds=40):
    """Wait until nothing is being done with a cluster; what is told then."""
    desk.wait_until(lambda: not widget.panel.connections.busy, seconds)
    desk.process_events()
    return widget.ui.clusterLabel.text


def test_faults_of_a_profile_stand_below_their_fields_and_nothing_is_saved(desk, panel, tmp_path):
    ui, form = panel.ui, panel.panel.clusters.form
    assert not ui.clusterSaveButton.enabled
    assert not any(fault.visible for fault in form._faults.values())
    wrong = {
        "host": "a host",
        "cpus": "many",
        "memory": "16",
        "time_limit": "soon",
        "gres": "gpu; rm -rf",
        "port": "70000",
    }
    fill(desk, panel, **wrong)
    for name in wrong:
        assert form._faults[name].visible, name
        assert "is not possible" in form._faults[name].text, name
    assert not (ui.clusterSaveButton.enabled or ui.clusterTestButton.enabled)
    right = {"host": "login.example.org", "cpus": "8", "memory": "32G", "time_limit": "12:00:00", "gres": "gpu:1"}
    fill(desk, panel, **right, port="22", modules="python/3.11 cuda/12")
    assert not any(fault.visible for fault in form._faults.values())
    for name in ("", "a b", "../x"):
        ui.clusterName.text = name
        assert not ui.clusterSaveButton.enabled
    desk.type(ui.clusterName, "institute")
    desk.click(ui.clusterSaveButton)
    from HCCAssistLib.jobs.cluster.profile import read_profile

    kept = read_profile("institute")
    assert (kept.cpus, kept.gres, kept.modules) == (8, "gpu:1", ("python/3.11", "cuda/12"))
    assert [ui.trainingEngine.itemText(n) for n in range(ui.trainingEngine.count)] == [
        "this computer",
        "cluster institute",
    ]
    with desk.answering("Cancel"):
        desk.click(ui.clusterEditButton)
        desk.click(ui.clusterRemoveButton)
    assert read_profile("institute") == kept
    with desk.answering("OK"):
        desk.click(ui.clusterRemoveButton)
    assert ui.clusterBox.count == 1
    assert ui.trainingEngine.count == 1


def test_an_unknown_host_is_shown_with_its_fingerprint_and_only_then_a_password_is_asked(
    desk, panel, cluster, tmp_path
):
    ui = panel.ui
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(cluster.folder / "ssh" / "host_ed25519.pub")],
        capture_output=True,
        text=True,
        check=True,
    )
    keys = {**cluster.profile, "port": cluster.ports["password"], "key": "", "known_hosts": ""}
    save(desk, panel, "private", **keys)
    with heartbeat(desk) as gaps:
        desk.click(ui.clusterTestButton)
        assert told.stdout.split()[1] in asked(desk, panel)
    assert max(gaps) < STALL_S
    assert not ui.promptEdit.visible
    desk.click(ui.promptNoButton)
    assert "nothing was sent" in done(desk, panel)
    desk.click(ui.clusterTestButton)
    asked(desk, panel)
    desk.click(ui.promptYesButton)
    assert "assword" in asked(desk, panel)
    assert ui.promptEdit.echoMode == ui.promptEdit.EchoMode.Password
    desk.type(ui.promptEdit, "wrong")
    desk.click(ui.promptYesButton)
    asked(desk, panel)
    desk.type(ui.promptEdit, PASSWORD)
    desk.press(ui.promptEdit, "Key_Return")
    found = done(desk, panel)
    assert "A training can run there." in found
    assert "Slurm: slurm" in found
    assert ui.promptEdit.text == ""
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert PASSWORD not in written


def test_a_second_factor_is_asked_for_and_leaving_the_panel_gives_it_up(desk, panel, cluster):
    ui = panel.ui
    codes = cluster.folder / "pam" / "codes"
    codes.write_text("314159\n")
    save(desk, panel, "private", **{**cluster.profile, "port": cluster.ports["factor"]})
    desk.click(ui.clusterConnectButton)
    asked(desk, panel)
    assert ui.promptEdit.visible
    desk.panel.exit()
    desk.panel.enter()
    done(desk, panel)
    assert not ui.ClusterPrompts.visible
    assert panel.panel.connections.executor("private") is None
    desk.click(ui.clusterConnectButton)
    asked(desk, panel)
    desk.type(ui.promptEdit, "314159")
    desk.click(ui.promptYesButton)
    assert done(desk, panel) == "Connected to private."
    assert ui.clusterConnectButton.text == "Connected"
    assert not ui.clusterConnectButton.enabled
    codes.write_text("")


def test_what_the_cluster_lacks_is_told_and_the_runner_is_installed(desk, panel, cluster):
    ui = panel.ui
    save(desk, panel, "private", **{**cluster.profile, "partition": "gpus", "cpus": 500})
    desk.click(ui.clusterTestButton)
    found = done(desk, panel)
    assert "no partition gpus" in found
    assert "A training can run there" not in found
    fill(desk, panel, partition="normal", cpus="1")
    desk.click(ui.clusterInstallButton)
    assert "The runner of this version is in" in done(desk, panel)
    folder = ui.clusterLabel.text.rsplit(" ", 1)[1].rstrip(".")
    assert (Path(folder) / "HCCAssistLib" / "jobs" / "runs").is_dir()
    assert not (Path(folder) / "HCCAssistLib" / "panels").exists()


def test_a_host_that_is_not_there_is_told(desk, panel):
    save(desk, panel, "nowhere", host="127.0.0.1", port="9")
    desk.click(panel.ui.clusterConnectButton)
    assert "cannot be reached" in done(desk, panel)
    assert panel.ui.clusterConnectButton.enabled


def test_without_paramiko_the_panel_says_where_to_get_it(desk, panel, monkeypatch):
    monkeypatch.setattr("HCCAssistLib.panels.cluster_profile.installed_version", lambda name: None)
    save(desk, panel, "institute", host="login.example.org")
    ui = panel.ui
    assert "press For clusters in the module HCC Study" in ui.clusterLabel.text
    assert not (ui.clusterConnectButton.enabled or ui.clusterTestButton.enabled or ui.clusterInstallButton.enabled)
