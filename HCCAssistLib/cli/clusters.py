"""``hccassist clusters``: the clusters that trainings can be sent to."""

from __future__ import annotations

import argparse
from pathlib import Path

from HCCAssistLib.cli.arguments import add_json
from HCCAssistLib.cli.console import Progress, complain, say, say_json, table
from HCCAssistLib.errors import InputError
from HCCAssistLib.jobs.cluster.check import Checked, check
from HCCAssistLib.jobs.cluster.connection import Connection
from HCCAssistLib.jobs.cluster.install import check_python, install
from HCCAssistLib.jobs.cluster.profile import Profile, keep_profile, profile_names, read_profile, remove_profile
from HCCAssistLib.jobs.cluster.prompts import ConsolePrompts
from HCCAssistLib.jobs.cluster.sftp_files import SftpFiles


def add(subcommands: argparse._SubParsersAction) -> argparse.ArgumentParser:
    """Define the subcommand."""
    parser: argparse.ArgumentParser = subcommands.add_parser(
        "clusters", help="list, add, test or remove clusters with Slurm, and install the library there"
    )
    parser.add_argument("action", choices=("list", "add", "test", "install", "remove"))
    parser.add_argument("name", nargs="?", help="of a cluster; for test and install a file with a profile, too")
    parser.add_argument("file", nargs="?", type=Path, help="for add: the profile, see docs/clusters.md")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do one thing with the clusters; the status is 1 where a test found something that is missing."""
    if args.action == "list":
        if args.name:
            raise InputError("clusters list takes no name", remedy=f"write clusters test {args.name}")
        _list(as_json=args.json)
        return 0
    if not args.name:
        raise InputError(f"clusters {args.action} needs the name of a cluster")
    if (args.action == "add") != (args.file is not None):
        raise InputError("a file belongs to clusters add alone", remedy="write clusters add NAME FILE")
    if args.action == "add":
        path = keep_profile(args.name, read_profile(str(args.file)))
        _tell(f"kept {args.name}; try it: hccassist clusters test {args.name}", {"kept": str(path)}, args)
        return 0
    if args.action == "remove":
        remove_profile(args.name)
        _tell(f"removed {args.name}; nothing was deleted on the cluster", {"removed": args.name}, args)
        return 0
    profile = read_profile(args.name)
    return _test(profile, args) if args.action == "test" else _install(profile, args)


def _list(*, as_json: bool) -> None:
    good: dict[str, Profile] = {}
    bad: dict[str, str] = {}
    for name in profile_names():
        try:
            good[name] = read_profile(name)
        except InputError as error:
            bad[name] = str(error)
    if as_json:
        say_json({"clusters": {name: one.as_json() for name, one in good.items()}, "refused": bad})
        return
    rows = [(n, one.host, one.partition or "default", one.gres or "none", one.time_limit) for n, one in good.items()]
    say(table(("name", "host", "partition", "cards", "time limit"), rows) if rows else "no clusters are known")
    for name, reason in bad.items():
        say(f"{name} cannot be used: {reason}")


def _test(profile: Profile, args: argparse.Namespace) -> int:
    found: list[Checked] = []
    with Connection(profile, ConsolePrompts()) as connection:
        for one in check(connection):
            found.append(one)
            if not args.json:
                _say_checked(one)
    bad = any(problem.level == "STOP" for one in found for problem in one.problems)
    if args.json:
        checks = [{"what": o.what, "found": o.found, "problems": [str(p) for p in o.problems]} for o in found]
        say_json({"ready": not bad, "checks": checks})
    elif not bad:
        say("A training can run there.")
    return 1 if bad else 0


def _say_checked(one: Checked) -> None:
    if one.found or not one.problems:
        say(f"{one.what}: {one.found}")
    for problem in one.problems:
        complain(f"{one.what}: {problem}")


def _install(profile: Profile, args: argparse.Namespace) -> int:
    with Connection(profile, ConsolePrompts()) as connection:
        files = SftpFiles(connection)
        version = check_python(connection)
        place = install(connection, files, Progress("install", quiet=args.json).part)
    _tell(f"the library is in {place}, for Python {version}", {"folder": place, "python": version}, args)
    return 0


def _tell(text: str, data: dict[str, str], args: argparse.Namespace) -> None:
    if args.json:
        say_json(data)
    else:
        say(text)
