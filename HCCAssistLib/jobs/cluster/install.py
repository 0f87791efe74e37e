"""The library on the cluster: its source as a folder named by its content, beside a Python that has the packages."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import shlex
import tarfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import HCCAssistLib
from HCCAssistLib.errors import HCCAssistError, InputError
from HCCAssistLib.files import temporary_folder
from HCCAssistLib.jobs.cluster.connection import Completed, Connection
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles

CODE = "code"
PACKAGES = ("torch", "safetensors", "numpy", "scipy", "SimpleITK", "pydicom", "sklearn")
"""That training imports; scikit-learn and pydicom by those of the recipes that use them."""
PIP_NAMES = {"sklearn": "scikit-learn"}
PYTHON = (3, 11)

LOOK = """\
import importlib.util as u, json, sys
print(json.dumps({"version": sys.version_info[:3], "missing": [n for n in sys.argv[1:] if u.find_spec(n) is None]}))
"""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of the library.

    Attributes:
        digest: sha256 of all files and their names.
        files: by their path below the folder that Python imports from.
    """

    digest: str
    files: dict[str, bytes]

    @classmethod
    def of_this_library(cls) -> Source:
        """As it runs here, without panels, which need Slicer."""
        above = Path(HCCAssistLib.__file__).parents[1]
        library = above / "HCCAssistLib"
        files = {
            path.relative_to(above).as_posix(): path.read_bytes()
            for path in sorted(library.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts and not _has_window(path.relative_to(library))
        }
        facts = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]
        return cls(hashlib.sha256(json.dumps(facts).encode()).hexdigest(), files)

    @property
    def folder(self) -> str:
        """Below the ROOT."""
        return f"{CODE}/{self.digest[:16]}"

    def archive(self) -> bytes:
        """All files; the same bytes for the same files."""
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            for name, data in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        return out.getvalue()


def _has_window(path: Path) -> bool:
    return path.parts[0] in ("panels", "scene") or path.suffix in (".ui", ".txt")


def install(connection: Connection, files: SftpFiles, progress: Callable[[float], None] = lambda share: None) -> str:
    """Bring the library there, if this very version is not there yet; the folder that Python imports it from.

    Raises:
        HCCAssistError: it does not arrive whole.
    """
    source = Source.of_this_library()
    place = files.path(source.folder)
    if files.exists(source.folder):
        return place
    with temporary_folder() as folder:
        path = folder / "library.tar.gz"
        size = path.write_bytes(source.archive())
        files.put(path, f"{source.folder}.tar.gz", lambda done: progress(0.9 * done / size))
    part = f"{place}.{uuid.uuid4().hex[:8]}.part"
    for command in (
        ["mkdir", "-p", "--", part],
        ["tar", "--extract", "--gzip", "--no-same-owner", "--file", f"{place}.tar.gz", "--directory", part],
    ):
        _must(connection.run(command))
    if not is_whole(connection, source, part):
        raise HCCAssistError("the library did not arrive whole on the cluster. Try again.")
    moved = connection.run(["mv", "-T", "--", part, place])
    connection.run(["rm", "-rf", "--", part, f"{place}.tar.gz"])
    if not files.exists(source.folder):  # nobody else has brought it in the meantime either
        _must(moved)
    progress(1.0)
    return place


def is_whole(connection: Connection, source: Source, place: str) -> bool:
    """Whether each file of the library is on the cluster as it is here."""
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {posixpath.join(place, name)}\n" for name, data in source.files.items()
    )
    return connection.run(["sha256sum", "--check", "--status"], sums.encode()).status == 0


def _must(done: Completed) -> None:
    if done.status:
        raise HCCAssistError(f"the library cannot be installed on the cluster: {done.err.strip()}.")


def python_command(profile: Profile, home: str, arguments: Sequence[str]) -> list[str]:
    """How the Python of a profile is run on the login node."""
    command = [profile.interpreter(home), *arguments]
    if not profile.modules:
        return command
    return ["bash", "-l", "-c", f"module load {shlex.join(profile.modules)} && exec {shlex.join(command)}"]


def check_python(connection: Connection) -> str:
    """The version of the Python on the cluster, if training can run with it.

    Raises:
        InputError: it is not there, too old, or lacks packages; the remedy is one line to type.
    """
    profile, home = connection.profile, connection.home
    name = "venv" if profile.venv else "python"
    done = connection.run(python_command(profile, home, ["-", *PACKAGES]), LOOK.encode())
    try:
        found = json.loads(done.out.splitlines()[-1])
    except (IndexError, ValueError) as error:
        reason = done.err.strip().splitlines()[-1:] or [f"status {done.status}"]
        raise InputError(
            f"there is no Python that runs ({reason[0]})", f"{name} in the profile", _make_venv(profile)
        ) from error
    version = ".".join(map(str, found["version"]))
    if tuple(found["version"][:2]) < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        raise InputError(
            f"Python {version} is too old", f"{name} in the profile", f"name one of version {wanted} or later"
        )
    if found["missing"]:
        names = [PIP_NAMES.get(one, one) for one in found["missing"]]
        line = f"{shlex.quote(profile.interpreter(home))} -m pip install {shlex.join(names)}"
        raise InputError(
            f"its Python lacks {', '.join(names)}",
            profile.host,
            f"run there: {line}" if profile.venv else _make_venv(profile, names),
        )
    return version


def _make_venv(profile: Profile, names: Sequence[str] = ()) -> str:
    packages = shlex.join(names or [PIP_NAMES.get(one, one) for one in PACKAGES])
    load = f"module load {shlex.join(profile.modules)} && " if profile.modules else ""
    venv = profile.venv or "~/venvs/hccassist"
    same = "" if profile.venv else f', and write "venv": "{venv}" into the profile'
    return f"run there: {load}python3 -m venv {venv} && {venv}/bin/python -m pip install {packages}{same}"
