"""Ctrl-C and SIGTERM end a command within three seconds, with one line, no process and no half-written file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from ltp_blob import blob_image, blob_model, straight_grid

from HCCAssistLib.imaging.files import write_image

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.platform == "win32", reason="no such signals between processes"),
]

STOP_S = 3.0
COMMAND = [sys.executable, "-c", "import sys; from HCCAssistLib.cli.main import main; sys.exit(main())"]


def stopped(
    command: Sequence[str], folder: Path, begun: Callable[[], bool], signals: Sequence[int]
) -> tuple[int, list[str]]:
    """Exit status and last words of a command that got signals once it had begun; nothing of it may be left."""
    with (folder / "err").open("w") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=err)
        try:
            deadline = time.monotonic() + 60
            while not begun():
                assert process.poll() is None, (folder / "err").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            children = psutil.Process(process.pid).children(recursive=True)
            began = time.monotonic()
            for number in signals:
                process.send_signal(number)
                time.sleep(0.05)
            status = process.wait(30)
            assert time.monotonic() - began < STOP_S
            assert not living(children, 1)
        finally:
            process.kill()
    said = (folder / "err").read_text().splitlines()
    (folder / "err").unlink()
    return status, [line for line in said if "%" not in line]


def living(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still work after a while; an orphan can stay a zombie for as long as nobody asks how it ended."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 3, [signal.SIGINT, signal.SIGTERM]])
def test_while_torch_is_being_imported(tmp_path: Path, signals: list[int]) -> None:
    place = tmp_path / "place"
    place.mkdir()
    blob_model(place)
    write_image(blob_image(straight_grid()), place / "scan.nrrd")
    (tmp_path / "here").mkdir()
    command = [*COMMAND, "predict", str(place / "scan.nrrd"), "--model", str(place / "blobs"), "--out", "out"]

    def begun() -> bool:
        return "0 %" in (tmp_path / "here" / "err").read_text()

    status, said = stopped(command, tmp_path / "here", begun, signals)
    assert status == 1
    assert said == ["hccassist predict: stopped. Run the same command again to go on with the next case."]
    assert list((tmp_path / "here").iterdir()) == []


IGNORED = """
import os, signal, time, weakref
from HCCAssistLib.cli.stopping import stoppable

class Thing: pass

def callback(_): os.kill(os.getpid(), signal.SIGINT); time.sleep(0)

with stoppable(lambda: print("ended by force")):
    thing = Thing()
    watched = weakref.ref(thing, callback)
    try:
        del thing
        print("goes on")
        time.sleep(20)
    except KeyboardInterrupt:
        print("unwinds")
"""


def test_an_interrupt_that_python_ignores_comes_once_more(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["unwinds"], done.stdout
    assert done.stderr == ""


SWALLOWED = """
import os, signal, sys, time
from HCCAssistLib.cli import main, recipes

def run(args):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)
    except KeyboardInterrupt:
        raise ImportError("no module named so") from None  # as VTK does in an import

recipes.run = run
sys.exit(main.main(["recipes"]))
"""


def test_an_interrupt_that_a_library_makes_another_error_of_is_one_still() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["hccassist recipes: stopped. Nothing half-written was left."]


POOL = (
    "import sys, time\n"
    "from contextlib import closing\n"
    "from functools import partial\n"
    "from HCCAssistLib.cli import main, phantom\n"
    "from HCCAssistLib.files import atomic_folder\n"
    "from HCCAssistLib.parallel import side_by_side\n"
    "def run(args):\n"
    "    with atomic_folder(args.out) as part:\n"
    "        with closing(side_by_side(partial(write, part), range(2), 2)) as made:\n"
    "            list(made)\n"
    "def write(part, number):\n"
    "    (part / str(number)).mkdir()\n"
    "    for n in range(10_000):\n"
    "        (part / str(number) / str(n)).write_text('file')\n"
    "        time.sleep(0.01)\n"
    "if __name__ == '__main__':\n"
    "    phantom.run = run\n"
    "    sys.exit(main.main())\n"
)


@pytest.fixture
def pool(tmp_path: Path) -> tuple[list[str], Path, Callable[[], bool]]:
    """A command whose two processes go on writing, its folder, and whether both have begun."""
    (tmp_path / "pool.py").write_text(POOL)
    here = tmp_path / "here"
    here.mkdir()
    command = [sys.executable, str(tmp_path / "pool.py"), "phantom", "ltp", "out", "--cases", "8"]
    return command, here, lambda: len(list(here.glob("out.*.part/*/3"))) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_processes_of_a_pool_write(pool, number: int) -> None:
    command, here, begun = pool
    status, said = stopped(command, here, begun, [number])
    assert status == 1
    assert said == ["hccassist phantom: stopped. Nothing was written. Run the same command again to start anew."]
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 3])
def test_in_the_middle_of_a_computation_outside_of_python(tmp_path: Path, signals: list[int]) -> None:
    """The main thread does not hear of the signal for a minute; what it has half written goes all the same."""
    code = (
        "import hashlib, pathlib, sys\n"
        "from HCCAssistLib.cli import main, recipes\n"
        "from HCCAssistLib.files import atomic_folder, temporary_folder\n"
        "def run(args):\n"
        "    with atomic_folder(pathlib.Path('out').absolute()) as part, temporary_folder(part) as other:\n"
        "        (part / 'half').write_text('half')\n"
        "        (other / 'half').write_text('half')\n"
        "        hashlib.pbkdf2_hmac('sha256', b'a', b'b', 100_000_000)\n"
        "recipes.run = run\n"
        "sys.exit(main.main())\n"
    )

    def begun() -> bool:
        return len(list(tmp_path.rglob("half"))) == 2

    status, said = stopped([sys.executable, "-c", code, "recipes"], tmp_path, begun, signals)
    assert (status, said) == (1, ["hccassist recipes: stopped. Nothing half-written was left."])
    assert list(tmp_path.iterdir()) == []


def test_the_processes_of_a_pool_do_not_outlive_one_that_was_killed(pool) -> None:
    command, here, begun = pool
    process = subprocess.Popen(command, cwd=here, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not begun():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
    finally:
        process.kill()
        process.wait()
    assert not living(children, 5)
