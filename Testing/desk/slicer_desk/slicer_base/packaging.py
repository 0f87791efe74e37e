"""slicer.packaging: what is installed is looked up; as in Slicer's testing mode, nothing is ever installed."""

from __future__ import annotations

import logging
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

REQUESTED: list[str] = []
"""Requirements that would have been installed."""


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = [line.split("#")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line]


def pip_check(requirement: str | Requirement) -> bool:
    wanted = Requirement(str(requirement))
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def pip_ensure(
    requirements: list[str | Requirement],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    requester: str | None = None,
) -> None:
    missing = [str(requirement) for requirement in requirements if not pip_check(requirement)]
    REQUESTED.extend(missing)
    if missing:
        logging.info("%s would install %s", requester, ", ".join(missing))
