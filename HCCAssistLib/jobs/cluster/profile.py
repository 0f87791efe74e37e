"""The profile of a cluster: a JSON file that says where it is and what to ask of it; it never holds a password."""

from __future__ import annotations

import difflib
import json
import posixpath
import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json, write_json
from HCCAssistLib.places import data_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
WORD = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
USER = r"[A-Za-z_][A-Za-z0-9_.-]*"
HOST = r"[A-Za-z0-9][A-Za-z0-9_.:-]*"
FOLDER = r"(~|/|~?(/[A-Za-z0-9_+@.-]+)+)/?"
TIME = r"(\d{1,3}-)?\d{1,3}:[0-5]\d:[0-5]\d"
SECRETS = ("password", "passwd", "pwd", "passphrase", "secret", "token", "pin", "otp")


def _key(default: Any, help_: str, form: str = "", example: str = "") -> Any:
    return field(default=default, metadata={"help": help_, "form": form, "example": example})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A cluster; each field is a key of the file, with its form and its line in docs/clusters.md.

    A form is a regular expression for the whole text: nothing that a shell reads in its own way passes any of them.
    """

    host: str = _key(MISSING, "address of the login node, or its name in `~/.ssh/config`", HOST, "login.example.org")
    port: int = _key(0, "of its SSH server; 0 for what `~/.ssh/config` says, or 22", example="22")
    user: str = _key("", "on the cluster; empty for what `~/.ssh/config` says, or the own name here", USER, "ada")
    key: str = _key("", "file of the private key; empty for those of `~/.ssh/config`, the agent and `~/.ssh`")
    known_hosts: str = _key("", "one more file of known host keys, beside `~/.ssh/known_hosts`")
    ssh_config: bool = _key(True, "whether `~/.ssh/config` is read")
    jump: str = _key("", "hosts to go through, as in ProxyJump", rf"({USER}@)?{HOST}(,({USER}@)?{HOST})*", "ada@gate")
    root: str = _key("~/hccassist", "folder on the cluster for packs, runs and code; its nodes must see it", FOLDER)
    partition: str = _key("", "of Slurm; empty for the cluster's default", WORD, "gpu")
    account: str = _key("", "that the time is charged to", WORD)
    qos: str = _key("", "quality of service", WORD)
    gres: str = _key("", "graphics cards and the like", r"[a-z]+(:[A-Za-z0-9_.-]+)?(:\d{1,3})?", "gpu:1")
    constraint: str = _key("", "features that a node must have", r"[A-Za-z0-9_.-]+([&|][A-Za-z0-9_.-]+)*", "a100")
    cpus: int = _key(4, "cores of a job, and threads that it computes with")
    memory: str = _key("16G", "of a job", r"\d{1,6}[KMGT]", "16G")
    time_limit: str = _key("24:00:00", "hours:minutes:seconds of a job, with days before: `1-00:00:00`", TIME)
    warning_s: int = _key(120, "seconds before the limit at which a job writes its state, to go on in the next one")
    modules: tuple[str, ...] = _key((), "for `module load` before Python starts", rf"{WORD}(/{WORD})*", "python/3.11")
    venv: str = _key("", "folder of a virtual environment on the cluster", FOLDER, "~/venvs/hcc")
    python: str = _key("python3", "where there is no venv: the Python to run", rf"({FOLDER}|{WORD})")

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(one.name, getattr(self, one.name), one.metadata["form"])
        if 2 * self.warning_s > self.limit_s:
            what = f"{self.warning_s} s before the end are more than half of the time limit"
            raise InputError(f"warning_s: {what}", remedy="write a longer time_limit or a shorter warning_s")

    @classmethod
    def from_json(cls, data: Any, where: str = "profile") -> Profile:
        """The profile of such keys.

        Raises:
            InputError: not an object, a key that there is not, or a value of another form.
        """
        if not isinstance(data, Mapping):
            raise InputError("a profile is one JSON object", where, "see docs/clusters.md")
        known = {one.name: one for one in fields(cls)}
        for name in data:
            if any(word in str(name).lower() for word in SECRETS):
                what = f"{name!r}: a profile holds no passwords"
                raise InputError(what, where, "remove the line; a password is asked for when it is needed")
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1, 0.5)
                remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise InputError(f"there is no key {name!r}", where, remedy)
        if not data.get("host"):
            raise InputError("the key 'host' is missing", where, "write the address of the cluster's login node")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        try:
            return cls(**given)
        except InputError as error:
            raise InputError([replace(problem, where=where) for problem in error.problems]) from error

    def as_json(self) -> dict[str, Any]:
        """Its keys, as far as they differ from their defaults."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            one.name: list(value) if isinstance(value := values[one.name], tuple) else value
            for one in fields(self)
            if values[one.name] != one.default
        }

    def remote(self, path: str, home: str) -> str:
        """A path on the cluster, with ``~`` for what it stands for."""
        return posixpath.normpath(home + path[1:] if path.startswith("~") else path)

    def interpreter(self, home: str) -> str:
        """The Python on the cluster."""
        if self.venv:
            return posixpath.join(self.remote(self.venv, home), "bin", "python")
        return self.remote(self.python, home) if "/" in self.python else self.python

    @property
    def limit_s(self) -> int:
        """Seconds of a job."""
        days, _, clock = self.time_limit.rpartition("-")
        hours, minutes, seconds = map(int, clock.split(":"))
        return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


RANGES = {"port": (0, 65535), "cpus": (1, 1024), "warning_s": (10, 3600)}


def _check(name: str, value: Any, form: str) -> None:
    """Refuse a value of another kind or form than its key takes.

    Raises:
        InputError: with the key and what is possible.
    """
    default = DEFAULTS.get(name)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{name}: {value!r} is not possible", remedy="write true or false")
    elif isinstance(default, int):
        low, high = RANGES[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{name}: {value!r} is not possible", remedy=f"write a number from {low} to {high}")
    elif isinstance(default, tuple):
        if not isinstance(value, tuple) or not all(_fits(one, form) for one in value):
            raise InputError(f"{name}: {value!r} is not possible", remedy='write a list such as ["python/3.11"]')
    elif not isinstance(value, str):
        raise InputError(f"{name}: {value!r} is not possible", remedy="write a text in quotation marks")
    elif name in ("key", "known_hosts"):
        return  # paths of this computer, which no command line is made of
    elif (value or name == "host") and (not _fits(value, form) or ".." in value.split("/")):
        example = EXAMPLES.get(name) or default
        raise InputError(f"{name}: {value!r} is not possible", remedy=f"write it as in {example!r}, without spaces")
    if name == "time_limit" and not value:
        raise InputError("time_limit is empty", remedy="write hours:minutes:seconds")


def _fits(value: Any, form: str) -> bool:
    return isinstance(value, str) and re.fullmatch(form, value, re.ASCII) is not None


DEFAULTS = {one.name: one.default for one in fields(Profile)}
EXAMPLES = {one.name: one.metadata["example"] for one in fields(Profile)}


def profiles_folder() -> Path:
    """Where the profiles of this person lie."""
    return data_folder("profiles")


def profile_names() -> tuple[str, ...]:
    """Those that ``--profile`` finds by name."""
    folder = profiles_folder()
    return tuple(sorted(path.stem for path in folder.glob("*.json"))) if folder.is_dir() else ()


def check_profile_name(name: str) -> str:
    """A name that can be a file's.

    Raises:
        InputError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a profile", remedy="take letters, digits, - and _")
    return name


def read_profile(name_or_file: str) -> Profile:
    """A profile by its name, or of a file.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    path = Path(name_or_file)
    if path.suffix != ".json" and not path.is_file():
        path = profiles_folder() / f"{check_profile_name(name_or_file)}.json"
    if not path.is_file():
        names = profile_names()
        near = difflib.get_close_matches(path.stem, names, 1, 0.5)
        known = f"known are {', '.join(names)}" if names else "hccassist clusters add NAME FILE keeps one"
        raise InputError(
            f"there is no profile {name_or_file!r}",
            "option --profile",
            f"did you mean {near[0]!r}?" if near else known,
        )
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as JSON ({error})", path.name, "see docs/clusters.md") from error
    return Profile.from_json(data, path.name)


def keep_profile(name: str, profile: Profile) -> Path:
    """Keep a profile under a name; the file.

    Raises:
        InputError: the name cannot be one.
    """
    folder = profiles_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{check_profile_name(name)}.json"
    write_json(path, profile.as_json())
    return path


def remove_profile(name: str) -> None:
    """Forget a profile.

    Raises:
        InputError: there is none of this name.
    """
    path = profiles_folder() / f"{check_profile_name(name)}.json"
    if not path.is_file():
        raise InputError(f"there is no profile {name!r}", remedy=f"known are {', '.join(profile_names()) or 'none'}")
    path.unlink()


BEGIN, END = "<!-- profile: python -m HCCAssistLib.jobs.cluster.profile docs/clusters.md -->", "<!-- end of profile -->"
"""Marks of the table in docs/clusters.md."""


def documented(text: str) -> str:
    """A document with the table of all keys between the marks written anew."""
    lines = ["| key | default | example | meaning |", "|---|---|---|---|"]
    for one in fields(Profile):
        default = "must be given" if one.default is MISSING else f"`{json.dumps(one.default)}`"
        example = f"`{one.metadata['example']}`" if one.metadata["example"] else ""
        lines.append(f"| `{one.name}` | {default} | {example} | {one.metadata['help']} |")
    before, rest = text.split(BEGIN, 1)
    return "\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{rest.split(END, 1)[1]}"])


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(documented(document.read_text(encoding="utf-8")), encoding="utf-8")
