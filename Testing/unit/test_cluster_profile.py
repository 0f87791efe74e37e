"""Profiles of clusters: what they take and refuse, and that no shell reads anything of them in its own way."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from HCCAssistLib.cli.main import main
from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.cluster.check import megabytes, seconds
from HCCAssistLib.jobs.cluster.connection import Completed, ConnectionLost
from HCCAssistLib.jobs.cluster.profile import (
    DEFAULTS,
    Profile,
    documented,
    keep_profile,
    profile_names,
    read_profile,
)
from HCCAssistLib.jobs.cluster.slurm import options, refusal
from HCCAssistLib.jobs.cluster.target import jump_target, target_of, way_to

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "clusters.md"
FULL = {
    "host": "login.example.org",
    "port": 2222,
    "user": "ada",
    "root": "/data/ada/hcc",
    "partition": "gpu",
    "account": "p-17",
    "qos": "long",
    "gres": "gpu:a100:2",
    "constraint": "a100|h100",
    "cpus": 8,
    "memory": "32G",
    "time_limit": "1-12:00:00",
    "modules": ["python/3.11", "cuda/12.4"],
    "venv": "~/venvs/hcc",
}


@pytest.fixture(autouse=True)
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HCCASSIST_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_profile_is_read_as_it_was_kept() -> None:
    profile = Profile.from_json(FULL)
    assert profile.as_json() == FULL
    assert profile.limit_s == 36 * 3600
    assert profile.interpreter("/home/ada") == "/home/ada/venvs/hcc/bin/python"
    keep_profile("ward", profile)
    assert read_profile("ward") == profile
    assert profile_names() == ("ward",)
    assert options(profile) == [
        "--nodes=1",
        "--ntasks=1",
        "--partition=gpu",
        "--account=p-17",
        "--qos=long",
        "--gres=gpu:a100:2",
        "--constraint=a100|h100",
        "--cpus-per-task=8",
        "--mem=32G",
        "--time=1-12:00:00",
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "'host' is missing"),
        ([], "one JSON object"),
        ({"host": "a", "partiton": "gpu"}, "Did you mean 'partition'"),
        ({"host": "a", "quantum": 1}, "known are host, port"),
        ({"host": "a", "password": "x"}, "holds no passwords"),
        ({"host": "a", "key_passphrase": "x"}, "holds no passwords"),
        ({"host": "a", "cpus": "4"}, "a number from 1 to 1024"),
        ({"host": "a", "cpus": True}, "a number from 1 to 1024"),
        ({"host": "a", "port": 70000}, "0 to 65535"),
        ({"host": "a", "ssh_config": "no"}, "true or false"),
        ({"host": "a", "time_limit": "90"}, "as in '24:00:00'"),  # Slurm would take minutes
        ({"host": "a", "time_limit": ""}, "time_limit is empty"),
        ({"host": "a", "time_limit": "00:03:00"}, "warning_s: 120 s before the end"),
        ({"host": "a", "memory": "16"}, "as in '16G'"),
        ({"host": "a", "root": "hcc"}, "as in '~/hccassist'"),
        ({"host": "a", "root": "/data/../etc"}, "as in"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(data: Any, says: str) -> None:
    with pytest.raises(InputError) as caught:
        Profile.from_json(data)
    assert says.lower() in str(caught.value).lower()


@pytest.mark.parametrize("name", [one.name for one in fields(Profile) if one.name not in ("key", "known_hosts")])
@pytest.mark.parametrize(
    "text", ["$(id)", "a;b", "a b", "`id`", "a\nb", "a|b>c", "-oProxyCommand=x", "--wrap=id", "a'b", "a,b=c"]
)
def test_no_value_has_anything_that_a_shell_or_slurm_reads_in_its_own_way(name: str, text: str) -> None:
    given = {"host": "a", name: [text] if isinstance(DEFAULTS[name], tuple) else text}
    with pytest.raises(InputError):
        Profile.from_json(given)


def test_every_option_is_the_same_for_a_shell_as_it_stands() -> None:
    for option in options(Profile.from_json({**FULL, "constraint": ""})):
        assert shlex.quote(option) == option


def test_the_document_says_what_the_code_takes() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert documented(text) == text, "run: python -m HCCAssistLib.jobs.cluster.profile docs/clusters.md"


def test_a_profile_that_is_not_there_names_the_nearest() -> None:
    keep_profile("institute", Profile.from_json({"host": "a"}))
    with pytest.raises(InputError, match="'institute'"):
        read_profile("institut")
    with pytest.raises(InputError, match="cannot be the name"):
        read_profile("../institute")


def test_the_ssh_config_completes_a_profile(own_profiles: Path) -> None:
    pytest.importorskip("paramiko")
    (own_profiles / ".ssh").mkdir()
    (own_profiles / ".ssh" / "config").write_text(
        "Host ward\n  HostName login.example.org\n  User ada\n  Port 2222\n  ProxyJump bob@gate:99,inner\n"
        "  IdentityFile ~/.ssh/ward\n  IdentitiesOnly yes\n  UserKnownHostsFile ~/known\nHost inner\n  User eve\n"
    )
    profile = Profile.from_json({"host": "ward"})
    target = target_of(profile)
    assert (target.host, target.user, target.port) == ("login.example.org", "ada", 2222)
    assert target.known_as == "[login.example.org]:2222"
    assert target.keys == (own_profiles / ".ssh" / "ward",)
    assert target.known_hosts[0] == own_profiles / "known"
    assert not target.agent
    assert target.jumps == ("bob@gate:99", "inner")
    gate, inner = (jump_target(jump, profile) for jump in target.jumps)
    assert (gate.host, gate.user, gate.port) == ("gate", "bob", 99)
    assert (inner.user, inner.known_as) == ("eve", "inner")
    own = target_of(Profile.from_json({"host": "ward", "user": "kim", "port": 22, "ssh_config": False}))
    assert (own.host, own.user, own.known_as, own.jumps) == ("ward", "kim", "ward", ())


def test_a_host_on_the_way_has_its_own_way(own_profiles: Path) -> None:
    pytest.importorskip("paramiko")
    config = own_profiles / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text(
        "Host ward\n  ProxyJump gate,inner\nHost gate\n  ProxyJump ada@door:99\nHost inner\n  ProxyJump elsewhere\n"
    )
    assert [host.known_as for host in way_to(Profile.from_json({"host": "ward"}))] == [
        "[door]:99", "gate", "inner", "ward",
    ]  # fmt: skip
    assert [host.host for host in way_to(Profile.from_json({"host": "ward", "jump": "inner"}))] == [
        "elsewhere", "inner", "ward",
    ]  # fmt: skip
    config.write_text("Host ward\n  ProxyJump gate\nHost gate\n  ProxyJump ward\n")
    with pytest.raises(InputError, match="leads through ward again"):
        way_to(Profile.from_json({"host": "ward"}))


def test_files_that_the_ssh_config_includes_count(own_profiles: Path) -> None:
    pytest.importorskip("paramiko")
    ssh = own_profiles / ".ssh"
    (ssh / "more").mkdir(parents=True)
    (ssh / "config").write_text(
        "Include more/*\nUser everywhere\nHost ward\n  include=ports # of ours\n  Compression yes\n"
    )
    (ssh / "more" / "a").write_text("Host ward\n  HostName login.example.org\nHost other\n  User of-another\n")
    (ssh / "more" / "b").write_text("Include more/deep/one\n")
    (ssh / "more" / "deep").mkdir()
    (ssh / "more" / "deep" / "one").write_text("Host ward\n  ProxyJump gate\n")
    (ssh / "ports").write_text("Port 2222\n")
    target = target_of(Profile.from_json({"host": "ward"}))
    assert (target.host, target.port, target.user, target.jumps) == ("login.example.org", 2222, "everywhere", ("gate",))
    assert target_of(Profile.from_json({"host": "third"})).port == 22  # the ports are those of the block
    (ssh / "ports").write_text("Host ward\n  Port 2222\n")
    with pytest.raises(InputError, match="Put this Include before the first Host"):
        target_of(Profile.from_json({"host": "ward"}))
    (ssh / "more" / "b").write_text("Include ~/.ssh/config\n")
    with pytest.raises(InputError, match="include each other"):
        target_of(Profile.from_json({"host": "ward"}))


def test_whoever_asks_a_cluster_needs_neither_torch_nor_numpy_nor_simpleitk() -> None:
    code = "import sys, HCCAssistLib.jobs.cluster.slurm, HCCAssistLib.jobs.cluster.check; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "numpy", "SimpleITK", "scipy", "safetensors"} & set(done.stdout.split())


def test_amounts_as_slurm_writes_them() -> None:
    assert [megabytes(text) for text in ("2G", "500M", "1T")] == [2048, 500, 1 << 20]
    assert [seconds(text) for text in ("30", "30:00", "2:00:00", "1-00:00:00", "UNLIMITED", "n/a")] == [
        30, 1800, 7200, 86400, None, None,
    ]  # fmt: skip


def test_what_slurm_says_becomes_a_sentence_and_the_unknown_stays_as_it_is() -> None:
    told = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"
    assert "Check account" in str(refusal(Completed(1, "", told), "sbatch"))
    assert str(refusal(Completed(1, "", "sbatch: error: the moon is full"), "sbatch")).endswith(": the moon is full.")
    silent = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    assert isinstance(refusal(Completed(1, "", silent), "squeue"), ConnectionLost)
    assert "status 7" in str(refusal(Completed(7, "", ""), "sbatch"))


def test_the_command_keeps_lists_and_removes_profiles(own_profiles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = own_profiles / "new.json"
    path.write_text(json.dumps(FULL))
    assert main(["clusters", "add", "ward", str(path)]) == 0
    assert main(["clusters", "list", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out[out.index("{") :])["clusters"] == {"ward": FULL}
    path.write_text('{"host": "a", "cpu": 3}')
    assert main(["clusters", "add", "other", str(path)]) == 2
    assert "Did you mean 'cpus'?" in capsys.readouterr().err
    assert main(["clusters", "remove", "ward"]) == 0
    assert main(["clusters", "remove", "ward"]) == 2
    assert main(["clusters", "test"]) == 2
    assert main(["train", "x", "--recipe", "ltp", "--engine", "slurm", "--name", "m"]) == 2
