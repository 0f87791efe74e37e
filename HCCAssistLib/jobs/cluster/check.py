"""Whether a training can run on a cluster: everything that is missing, and requests that would wait for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from HCCAssistLib.errors import HCCAssistError, InputError, Problem
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.install import Source, check_python, is_whole
from HCCAssistLib.jobs.cluster.profile import Profile
from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles
from HCCAssistLib.jobs.cluster.slurm import options, refusal
from HCCAssistLib.wording import plural, rounded

LITTLE = 2_000_000_000
"""Bytes: less free than that is worth a warning."""
AWAY = ("down", "drain", "fail", "maint", "unk", "power")


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at.

    Attributes:
        what: in a word or two.
        found: where it is good.
        problems: where it is not.
    """

    what: str
    found: str = ""
    problems: tuple[Problem, ...] = ()


def check(connection: Connection) -> Iterator[Checked]:
    """Look at one thing after the other; the first that stops all others is the last.

    Nothing is left behind on the cluster but its folder.

    Raises:
        HCCAssistError: the connection failed in the middle of it.
        Cancelled: the person gave up.
    """
    connection.connect()
    profile = connection.profile
    yield Checked("connection", f"{connection.user} at {profile.host}")
    files = SftpFiles(connection)
    folder = _folder(files)
    yield folder
    slurm = connection.run(["sbatch", "--version"])
    if slurm.status:
        yield Checked("Slurm", problems=_problems(refusal(slurm, "sbatch"), "Slurm"))
    else:
        yield Checked("Slurm", slurm.out.strip().splitlines()[-1])
    try:
        yield Checked("Python", check_python(connection))
    except InputError as error:
        yield Checked("Python", problems=error.problems)
    if not folder.problems:
        yield _library(connection, files)
    if not slurm.status:
        yield Checked("request", *_request(connection))


def _folder(files: SftpFiles) -> Checked:
    probe = "probe"
    try:
        files.make_root()
        files.write(probe, b"x")
        files.remove(probe)
    except HCCAssistError as error:
        return Checked("folder", problems=_problems(error, files.root))
    free = files.free_bytes()
    if free is None:
        return Checked("folder", files.root)
    found = f"{files.root}, {rounded(free / 1e9, 1)} GB free"
    if free < LITTLE:
        return Checked("folder", problems=(Problem("WARN", found, remedy="a training may need more"),))
    return Checked("folder", found)


def _library(connection: Connection, files: SftpFiles) -> Checked:
    source = Source.of_this_library()
    if not files.exists(source.folder):
        return Checked("library", "will be installed with the first training (or: hccassist clusters install)")
    if not is_whole(connection, source, files.path(source.folder)):
        remedy = f"remove the folder {files.path(source.folder)} there, and install it again"
        return Checked("library", problems=(Problem("STOP", "it is damaged", "the library", remedy),))
    return Checked("library", f"this version ({source.digest[:8]})")


def _request(connection: Connection) -> tuple[str, tuple[Problem, ...]]:
    profile = connection.profile
    problems = waits_for_ever(connection)
    if problems:
        return "", problems
    asked = connection.run(["sbatch", "--test-only", *options(profile), "--wrap=true"])  # prints to stderr
    if asked.status:
        return "", _problems(refusal(asked, "sbatch"), "the request")
    begins = re.search(r"to start at (\S+)", asked.err)
    when = f", would start at {begins[1].replace('T', ' ')}" if begins else ""
    return f"{plural_of(profile.cpus, 'core')}, {profile.memory}, {profile.gres or 'no graphics card'}{when}", ()


def plural_of(number: int, unit: str) -> str:
    """``1 core``, ``4 cores``."""
    return f"{number} {plural(unit, number)}"


def waits_for_ever(connection: Connection) -> tuple[Problem, ...]:
    """Why a job of this profile would never start, though Slurm takes it without a word.

    Raises:
        HCCAssistError: Slurm does not answer.
    """
    profile = connection.profile
    shown = connection.run(["scontrol", "show", "partition", "--oneliner"])
    if shown.status:
        raise refusal(shown, "scontrol")
    partitions = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in shown.out.splitlines() if "=" in line]
    name = profile.partition
    chosen = next((p for p in partitions if (p["PartitionName"] == name if name else p.get("Default") == "YES")), None)
    if chosen is None:
        known = ", ".join(p["PartitionName"] for p in partitions)
        what = f"there is no partition {name}" if name else "the cluster has no default partition"
        return (Problem("STOP", what, "partition in the profile", f"known are {known}"),)
    name = chosen["PartitionName"]
    found = []
    if chosen.get("State") != "UP":
        what = f"the partition {name} is closed ({chosen.get('State', 'unknown').lower()}): a job would wait"
        found.append(Problem("STOP", what, "partition in the profile", "choose another one, or try again later"))
    limit = seconds(chosen.get("MaxTime", "UNLIMITED"))
    if limit is not None and profile.limit_s > limit:
        what = f"{profile.time_limit} is longer than the {chosen['MaxTime']} of the partition {name}: a job would wait"
        remedy = "write a shorter one; a training goes on in the next job"
        found.append(Problem("STOP", what, "time_limit in the profile", remedy))
    return (*found, *_nodes(connection, profile, name))


def _nodes(connection: Connection, profile: Profile, partition: str) -> list[Problem]:
    shown = connection.run(["sinfo", "--noheader", f"--partition={partition}", "--format=%D|%c|%m|%G|%T"])
    if shown.status:
        raise refusal(shown, "sinfo")
    nodes = [line.split("|") for line in shown.out.splitlines() if line.count("|") == 4]
    if not nodes:
        return []
    found = []
    most = max(_number(cpus) for _, cpus, _, _, _ in nodes)
    if profile.cpus > most:
        what = f"no node of {partition} has {profile.cpus} cores (at most {most}): a job would wait"
        found.append(Problem("STOP", what, "cpus in the profile"))
    most = max(_number(memory) for _, _, memory, _, _ in nodes)
    if megabytes(profile.memory) > most:
        what = f"no node of {partition} has {profile.memory} of memory (at most {most}M)"
        found.append(Problem("STOP", what, "memory in the profile"))
    if profile.gres and not any(_has(gres, profile.gres) for _, _, _, gres, _ in nodes):
        there = ", ".join(sorted({gres for _, _, _, gres, _ in nodes if gres != "(null)"})) or "none"
        found.append(Problem("STOP", f"no node of {partition} has {profile.gres} (there: {there})", "gres"))
    if all(any(word in state for word in AWAY) for *_, state in nodes):
        found.append(
            Problem("WARN", f"no node of {partition} works at the moment", remedy="a job waits until one does")
        )
    return found


def _number(text: str) -> int:
    """Of sinfo: ``64`` or ``64+``."""
    return int(re.sub(r"\D.*", "", text) or 0)


def _has(there: str, asked: str) -> bool:
    """Whether a node has a resource.

    >>> _has("gpu:a100:4(S:0-1),shard:8", "gpu:2"), _has("gpu:a100:4", "gpu:v100:1")
    (True, False)
    """
    name, kind, number = _resource(asked)
    parts = [_resource(part) for part in re.sub(r"\([^)]*\)", "", there).split(",") if part]
    return sum(n for other, of, n in parts if other == name and kind in ("", of)) >= number


def _resource(text: str) -> tuple[str, str, int]:
    """Name, kind and number of ``gpu``, ``gpu:2``, ``gpu:a100`` or ``gpu:a100:2``."""
    name, *rest = text.split(":")
    number = int(rest.pop()) if rest and rest[-1].isdigit() else 1
    return name, rest[0] if rest else "", number


def megabytes(text: str) -> int:
    """Of an amount of memory as Slurm takes it.

    >>> megabytes("16G"), megabytes("500K")
    (16384, 0)
    """
    return int(int(text[:-1]) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[text[-1]])


def seconds(text: str) -> int | None:
    """Of a time as Slurm writes it; None where there is no limit.

    >>> seconds("1-12:00:00"), seconds("30:00"), seconds("UNLIMITED")
    (129600, 1800, None)
    """
    if not re.fullmatch(r"[\d:-]+", text):
        return None
    days, _, clock = text.rpartition("-")
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total + int(days or 0) * 86400


def _problems(error: HCCAssistError, where: str) -> tuple[Problem, ...]:
    if isinstance(error, InputError):
        return error.problems
    return (Problem("STOP", str(error).rstrip("."), where),)
