"""A private Slurm for the tests of this folder; without it they are skipped, with the reason."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from private_cluster import PrivateCluster, unavailable

from HCCAssistLib.errors import Cancelled
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.prompts import UnknownHost
from HCCAssistLib.recipes import registry

UNIT = Path(__file__).parents[1] / "unit"
sys.path.append(str(UNIT))

import toy_method  # noqa: E402
from runs_toy import KNOWN, SLOW  # noqa: E402


class Answers:
    """A person with prepared answers, who gives up when they are used up."""

    def __init__(self, *answers: str, trusts: bool = False) -> None:
        self.answers_left = list(answers)
        self.trusts = trusts
        self.asked: list[str] = []

    def confirm_host(self, host: UnknownHost) -> bool:
        self.asked.append(str(host))
        return self.trusts

    def secret(self, question: str) -> str:
        self.asked.append(question)
        if not self.answers_left:
            raise Cancelled("given up.")
        return self.answers_left.pop(0)

    def answers(self, title: str, instructions: str, questions: Sequence[tuple[str, bool]]) -> list[str]:
        return [self.secret(question) for question, _ in questions]


@pytest.fixture(scope="session")
def private_cluster() -> Iterator[PrivateCluster]:
    if reason := unavailable():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="hcc-slurm-"))  # short: a socket's path has at most 107 characters
    cluster = PrivateCluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any SSH of the person who runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HCCASSIST_PROFILES", str(home / "profiles"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return home


@pytest.fixture
def profile(private_cluster: PrivateCluster) -> Profile:
    return Profile.from_json(private_cluster.profile)


@pytest.fixture
def own_root(private_cluster: PrivateCluster, profile: Profile, tmp_path: Path) -> Profile:
    """The profile with an empty folder of its own."""
    return replace(profile, root=str(tmp_path / "root"))


@pytest.fixture
def connection(own_root: Profile) -> Iterator[Connection]:
    with Connection(own_root, Answers()) as made:
        yield made


TOY = """
import json, os, sys, time
from pathlib import Path

here = Path(__file__).parent
sys.path.append({unit!r})
os.environ.update(json.loads((here / "environment.json").read_text()))
"""

HELD = """
    from toy_method import sampling
    unheld, made = sampling.batch_maker, [0]
    def batch_maker(options):
        make = unheld(options)
        def held(inputs, generator):
            made[0] += 1
            while made[0] > 20 and (here / "hold").exists():
                time.sleep(0.05)
            return make(inputs, generator)
        return held
    sampling.batch_maker = batch_maker
"""
"""From its second epoch on a training waits where the test says so, until it lets it go on."""


class Toy:
    """The toy method on the cluster: how fast it trains, and when it waits."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self.batches_take(0.0)
        self.go_on()
        (site / "sitecustomize.py").write_text(TOY.format(unit=str(UNIT)) + KNOWN + SLOW + HELD, encoding="utf-8")

    def batches_take(self, seconds: float) -> None:
        (self._site / "environment.json").write_text(json.dumps({"TOY_SECONDS": str(seconds)}))

    def hold(self) -> None:
        (self._site / "hold").touch()

    def go_on(self) -> None:
        (self._site / "hold").unlink(missing_ok=True)


@pytest.fixture
def toy(private_cluster: PrivateCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    monkeypatch.setattr(registry, "RECIPES", {**registry.RECIPES, "toy": toy_method.TOY})
    made = Toy(private_cluster.folder / "site")
    yield made
    made.go_on()
