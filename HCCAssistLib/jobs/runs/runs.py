"""Runs: members that are trained by an engine. Written against files and engine alone, so the same for all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from HCCAssistLib import __version__
from HCCAssistLib.jobs.runs.events import EVENTS, Cursor, RunEvent, read_events, write_event
from HCCAssistLib.jobs.runs.executor import Executor
from HCCAssistLib.jobs.runs.files import Files
from HCCAssistLib.jobs.runs.state import run_state

PACKS, RUNS = "packs", "runs"
MANIFEST, PLAN, SETTINGS, LEASE, CANCEL, RESULT = (
    "manifest.json",
    "member.json",
    "run.json",
    "lease",
    "cancel",
    "result.safetensors",
)
MOST_ATTEMPTS = 3
"""That may be lost one after the other before somebody has to look."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run is computed, which does not decide what comes of it.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for a CUDA card where there is one.
        threads: of the processor; 0 for as many as the machine gives.
    """

    device: str = "auto"
    threads: int = 0


def run_folder(key: str) -> str:
    """Of a run, below its ROOT."""
    return f"{RUNS}/{key}"


def send_pack(files: Files, pack_folder: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """Copy a pack to a ROOT, where it is not there yet; its digest.

    The manifest goes last, so that a pack with a manifest is whole.

    Args:
        files: of the ROOT.
        pack_folder: on this computer.
        progress: called with the bytes that are there, and all of them.
    """
    manifest = (pack_folder / MANIFEST).read_bytes()
    digest = hashlib.sha256(manifest).hexdigest()
    target = f"{PACKS}/{digest}"
    if files.exists(f"{target}/{MANIFEST}"):
        return digest
    sizes = {name: int(one["size"]) for name, one in sorted(json.loads(manifest)["files"].items())}
    total, sent = sum(sizes.values()), 0
    for name, size in sizes.items():
        path = f"{target}/{name}"
        if files.size(path) != size:
            begun = sent
            files.put(pack_folder / name, path, lambda done, begun=begun: progress and progress(begun + done, total))  # type: ignore[misc]
        sent += size
        if progress:
            progress(sent, total)
    files.write(f"{target}/{MANIFEST}", manifest)
    return digest


def run_key(plan: Mapping[str, Any], digest: str) -> str:
    """The name of the run of a plan: sha256 of pack, plan and version of the code.

    Args:
        plan: content of ``member.json``, with options and seed.
        digest: of the pack.
    """
    facts = json.dumps([digest, plan, __version__], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def submit(executor: Executor, plan: Mapping[str, Any], digest: str, settings: RunSettings) -> str:
    """Have a member trained; its key. One that is queued or runs is attached to, one that is finished stays as it is.

    Args:
        executor: that trains it.
        plan: content of ``member.json`` (``MemberPlan.as_json``).
        digest: of its pack, which has been sent.
        settings: device and threads.
    """
    key = run_key(plan, digest)
    files, folder = executor.files, run_folder(key)
    if not files.exists(f"{folder}/{PLAN}"):
        files.write(f"{folder}/{PLAN}", _json(plan))
        files.write(f"{folder}/{SETTINGS}", _json({"v": 1, "pack": digest, **asdict(settings)}))
    _start(executor, key)
    return key


def resume(executor: Executor, key: str) -> bool:
    """Go on with a run that was cancelled, failed or is lost, because somebody asked; False where it is at work."""
    return _start(executor, key)


def retry(executor: Executor, key: str) -> bool:
    """Go on with a run that is lost, by itself; False where it is at work, or has been lost too often."""
    events, _ = poll(executor.files, key)
    if run_state(events, "ended").unfinished >= MOST_ATTEMPTS:
        return False
    return _start(executor, key)


def _start(executor: Executor, key: str) -> bool:
    files, folder = executor.files, run_folder(key)
    if files.exists(f"{folder}/{RESULT}") or executor.engine_states([key])[key] in ("queued", "running"):
        return False
    files.remove(f"{folder}/{CANCEL}")
    executor.start(key)
    return True


def poll(files: Files, key: str, cursor: Cursor | None = None) -> tuple[list[RunEvent], dict[str, int]]:
    """What a run said since the last look, and the cursor for the next one."""
    return read_events(files, run_folder(key), cursor)


def cancel(executor: Executor, key: str) -> None:
    """End a run; its checkpoints stay, so that it can go on.

    One that has not begun cannot say so itself: then it is said here.
    """
    files, folder = executor.files, run_folder(key)
    files.write(f"{folder}/{CANCEL}", b"")
    executor.kill(key)
    state = run_state(poll(files, key)[0], executor.engine_states([key])[key]).state
    if state in ("waiting", "lost", "cancelled"):
        write_event(files, folder, "cancelled")


def fetch(files: Files, key: str, folder: Path) -> None:
    """Bring the result and the events of a finished run into a folder of this computer.

    Raises:
        FileNotFoundError: there is no result.
    """
    source = run_folder(key)
    for name in files.names(f"{source}/{EVENTS}"):
        files.get(f"{source}/{EVENTS}/{name}", folder / EVENTS / name)
    files.get(f"{source}/{RESULT}", folder / RESULT)


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=2, allow_nan=False) + "\n").encode()
