"""A private Slurm for the tests of this folder; without it they are skipped, with the reason."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from private_cluster import PrivateCluster, unavailable

from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.recipes import registry

sys.path.append(str(Path(__file__).parents[1] / "unit"))

import toy_method
from cluster_person import Answers
from cluster_toy import Toy


@pytest.fixture(scope="session")
def private_cluster() -> Iterator[PrivateCluster]:
    if reason := unavailable():
        pytest.skip(f"SKIPPED: {reason}")
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


@pytest.fixture
def toy(private_cluster: PrivateCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    monkeypatch.setattr(registry, "RECIPES", {**registry.RECIPES, "toy": toy_method.TOY})
    made = Toy(private_cluster.folder / "site")
    yield made
    made.go_on()
