"""Items worked on side by side: their order, one thread each, what is left out, and the same bits however many."""

import threading
import time
from contextlib import closing

import pytest
import torch

from HCCAssistLib.inference.threads import in_threads


@pytest.fixture(params=[1, 3])
def threads(request):
    """How many threads torch may use meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(threads):
    assert list(in_threads(lambda n: (time.sleep(0.02 / n), n)[1], range(1, 9))) == list(range(1, 9))


def test_items_are_worked_on_at_the_same_time_each_by_one_thread(threads):
    together = threading.Barrier(threads)

    def work(_: int) -> int:
        together.wait(timeout=10)  # breaks where fewer items are under way
        return torch.get_num_threads()

    assert list(in_threads(work, range(2 * threads))) == [1] * 2 * threads
    assert torch.get_num_threads() == threads
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [threads]


def test_a_fault_comes_through_and_nothing_more_is_begun(threads):
    begun = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 2:
            raise ValueError("the third")
        return n

    with pytest.raises(ValueError, match="the third"):
        list(in_threads(work, range(100)))
    assert len(begun) <= 3 + 2 * threads
    assert torch.get_num_threads() == threads


def test_one_that_is_closed_leaves_out_the_rest(threads):
    begun = []
    with closing(in_threads(begun.append, range(100))) as found:
        next(found)
    assert len(begun) <= 1 + 2 * threads
    assert torch.get_num_threads() == threads


def test_nothing_gives_nothing(threads):
    assert list(in_threads(len, [])) == []


def test_sums_end_in_the_same_bits(threads):
    torch.manual_seed(0)
    items = list(torch.randn(6, 1, 16, 24, 24))
    weight = torch.randn(8, 16, 3, 3)
    torch.set_num_threads(1)
    one_by_one = [torch.nn.functional.conv2d(item, weight).sum() for item in items]
    torch.set_num_threads(threads)
    found = list(in_threads(lambda item: torch.nn.functional.conv2d(item, weight).sum(), items))
    assert torch.equal(torch.stack(found), torch.stack(one_by_one))
