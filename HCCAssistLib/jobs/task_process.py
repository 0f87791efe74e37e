"""The process of one task: works in its folder, says in a file how far it is, and ends when standard input does."""

from __future__ import annotations

import _thread
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from HCCAssistLib.errors import HCCAssistError
from HCCAssistLib.files import disk_fault, keep_journal, remove_unfinished

TASK, EVENTS, ERRORS, JOURNAL = "task.json", "events.jsonl", "errors.txt", "unfinished.jsonl"

GRACE_SECONDS = 2.0
"""After nobody waits for the task any more, for it to stop by itself. In the middle of a long computation it does not
hear that it should; then what it had half written is removed all the same, and it is ended."""

PROGRESS_SECONDS = 0.1
ENDINGS = (signal.SIGINT, signal.SIGTERM)


def main(folder: Path) -> int:
    """Do the task that is described in the folder.

    Exit status 0 where its last word was said, which may be that it failed.
    """
    for ending in ENDINGS:  # a caller in the background had the first ignored
        signal.signal(ending, _interrupt)
    keep_journal(folder / JOURNAL)  # for the caller, in case this process is killed before it has cleaned up
    threading.Thread(target=_end_with_caller, args=(folder,), daemon=True).start()
    said = 0.0

    def say(event: str, **content: Any) -> None:
        with (folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **content}, allow_nan=False) + "\n")

    def progress(share: float) -> None:
        nonlocal said
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            say("progress", share=share)

    try:
        from HCCAssistLib.jobs.tasks import TASKS

        order = json.loads((folder / TASK).read_text(encoding="utf-8"))
        say("done", share=1.0, result=TASKS[order["task"]](progress, **order["arguments"]))
    except KeyboardInterrupt:
        remove_unfinished()
        _remove(folder)
        return 1
    except HCCAssistError as error:
        say("failed", message=str(error))
    except MemoryError:
        say("failed", message="There is not enough memory. Close other programs and try again.")
    except OSError as error:
        message = disk_fault(error)
        say("failed", message=message[:1].upper() + message[1:], details=_trace())
    except Exception as error:
        say("failed", message=f"This failed ({type(error).__name__}). Please report it.", details=_trace())
    return 0


def _interrupt(*_: object) -> None:
    """Once: what is removed on the way out must not be interrupted in its turn."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_caller(folder: Path) -> None:
    while os.read(0, 4096):  # sys.stdin would keep its lock when the process ends
        pass
    # As Ctrl+C does, so that half-written folders are removed on the way out.
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # ends a wait, too
    else:
        _thread.interrupt_main()
    time.sleep(GRACE_SECONDS)
    remove_unfinished()
    _remove(folder)
    os._exit(1)


def _remove(folder: Path) -> None:
    """The task's own folder, and that of its caller where it is gone and this was the last one in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def _trace() -> str:
    return traceback.format_exc()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
