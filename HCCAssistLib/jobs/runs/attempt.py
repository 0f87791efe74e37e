"""One attempt to train a member, on whatever machine: the only program that an engine runs.

    python -m HCCAssistLib.jobs.runs.attempt ROOT KEY

It reads ``ROOT/runs/KEY`` and the pack that its ``run.json`` names, and writes into that folder alone. One that was
ended goes on from its last epoch when the same line is run again; one that is finished does nothing. The exit status is
0 done, 1 failed, 65 the pack is damaged or another one, 74 the disk is full, 75 a newer attempt owns the run, 143
cancelled or ended by the engine.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from HCCAssistLib import __version__
from HCCAssistLib.errors import InputError
from HCCAssistLib.files import parse_json
from HCCAssistLib.jobs.runs.events import Kind
from HCCAssistLib.jobs.runs.owner import Owner, end_group
from HCCAssistLib.jobs.runs.runs import PACKS, PLAN, RESULT, RUNS, SETTINGS, run_key
from HCCAssistLib.training.manifest import BadPack, verified


@dataclass
class _Told:
    """What a member says of itself, as events of its attempt."""

    owner: Owner
    what: str = ""
    share: float = 0.0

    def progress(self, what: str, share: float) -> None:
        self.what, self.share = what, share
        self.owner.progress(what, share)

    def epoch_done(self, stage: str, epoch: int, epochs: int, losses: Mapping[str, float]) -> None:
        self.owner.say(
            "epoch",
            stage=stage,
            epoch=epoch,
            epochs=epochs,
            losses={name: value for name, value in losses.items() if math.isfinite(value)},
            what=self.what,
            share=round(self.share, 4),
            remaining_s=self.owner.remaining_s(self.share),
        )


def main(arguments: list[str], *, listen: bool = False) -> int:
    """Train a member; the exit status."""
    root, key = Path(arguments[0]), arguments[1]
    return Owner(root / RUNS / key).run(partial(_train, root, key), listen=listen)


def _train(root: Path, key: str, owner: Owner) -> Kind:
    if (owner.folder / RESULT).exists():
        return "already_done"
    digest, device, threads = _settings(owner.folder, key)
    manifest = verified(root / PACKS / digest, digest)
    owner.check()
    owner.say("progress", what="loading PyTorch")

    import torch

    from HCCAssistLib.inference.loaded_model import choose_device
    from HCCAssistLib.training.member import Member, run_member
    from HCCAssistLib.training.members import MemberPlan
    from HCCAssistLib.training.pack import Pack

    if threads:
        torch.set_num_threads(threads)
    plan = MemberPlan.read(owner.folder)
    if plan.recipe != manifest.recipe:
        raise BadPack(f"are of the recipe {manifest.recipe}, and the plan is of {plan.recipe}")
    owner.check()
    told = _Told(owner)
    member = Member(
        plan,
        owner.folder,
        Pack(root / PACKS / digest),
        choose_device(device),
        told.progress,
        owner.stop_wanted,
        told.epoch_done,
        owner.may_write,
    )
    run_member(member)
    return "done"


def _settings(folder: Path, key: str) -> tuple[str, str, int]:
    """Digest of the pack, device and threads of a run.

    Raises:
        InputError: the folder is damaged, or was written by another version.
    """
    try:
        settings = parse_json((folder / SETTINGS).read_bytes())
        digest, device, threads = str(settings["pack"]), str(settings["device"]), int(settings["threads"])
        plan = parse_json((folder / PLAN).read_bytes())
        if len(digest) != hashlib.sha256().digest_size * 2 or not digest.isalnum():
            raise ValueError("not a digest")
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError("the plan of the run cannot be read", key[:12], "submit it again") from error
    if run_key(plan, digest) != key:
        raise InputError(
            f"this run was planned by another version than {__version__}, or changed since",
            key[:12],
            "install the same version of HCCAssist there, and begin the training again",
        )
    return digest, device, threads


if __name__ == "__main__":
    status = main(sys.argv[1:], listen=True)
    sys.stdout.flush()
    sys.stderr.flush()
    end_group()
    import os

    os._exit(status)  # to take PyTorch down can last seconds
