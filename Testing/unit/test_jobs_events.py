"""One vocabulary for all jobs: an event crosses as a line of JSON, every error ends in a sentence, and ends once."""

from __future__ import annotations

import errno
import json

import pytest

from HCCAssistLib.errors import Cancelled, InputError
from HCCAssistLib.jobs.events import NO_MEMORY, Event, OpenJobs, event_of

EVENTS = [
    Event(0, "ready"),
    Event(3, "progress", 0.25, 12.5),
    Event(3, "done", 1.0, 0.0, result={"torch": None, "names": ["a"]}),
    Event(3, "failed", message="The disk is full.", details="a trace"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_crosses_as_a_line_of_json_without_loss(event):
    line = json.dumps(event.as_json())
    assert Event.from_json(json.loads(line)).as_json() == event.as_json()
    assert all(getattr(Event.from_json(json.loads(line)), name) == getattr(event, name) for name in Event.__slots__)


@pytest.mark.parametrize("data", [{}, {"job": 1}, {"job": 1, "kind": "heard"}, {"job": 1, "kind": "done", "x": 1}])
def test_what_is_no_event_is_refused(data):
    with pytest.raises((TypeError, ValueError)):
        Event.from_json(data)


@pytest.mark.parametrize(
    ("error", "message", "for_the_log"),
    [
        (InputError("7 voxels are NaN", "CT"), "CT: 7 voxels are NaN.", False),
        (MemoryError(), NO_MEMORY, False),
        (RuntimeError("sizes do not match"), "This failed (RuntimeError). Please report it.", True),
        (OSError(errno.ENOSPC, "No space left", "/home/Jane Doe/a.json"), "The disk is full (a.json). Free", True),
    ],
)
def test_an_error_ends_a_job_in_a_sentence_that_says_what_to_do(error, message, for_the_log):
    event = event_of(3, error)
    assert (event.job, event.kind) == (3, "failed")
    assert event.message.startswith(message)
    assert "Jane" not in event.message
    assert bool(event.details) == for_the_log


def test_a_job_that_stops_because_it_was_told_to_is_cancelled():
    assert event_of(3, Cancelled()).kind == "cancelled"


def test_a_job_has_one_last_event_which_comes_after_it_is_cleaned_up():
    jobs, cleaned = OpenJobs(), []
    job = jobs.open()
    jobs.put(Event(job, "progress", 0.5))
    jobs.end(Event(job, "done"), lambda: cleaned.append(len(jobs.poll())))
    assert cleaned == [1]
    assert job not in jobs
    jobs.put(Event(job, "progress", 0.6))
    assert not jobs.end(Event(job, "failed"), lambda: cleaned.append(0))
    assert [event.kind for event in jobs.poll()] == ["done"]
    assert cleaned == [1]
    assert not jobs.cancel(job)


@pytest.mark.parametrize("kind", ["done", "failed", "cancelled"])
def test_what_was_cancelled_ends_as_cancelled_whatever_came_of_it(kind):
    jobs = OpenJobs()
    job, other = jobs.open(), jobs.open()
    assert job != other
    assert jobs.cancel(job)
    assert not jobs.cancel(job)
    jobs.put(Event(job, "progress", 0.6))
    jobs.put(Event(other, "progress", 0.7))
    assert jobs.end(Event(job, kind, message="too late"))
    assert [(event.job, event.kind, event.message) for event in jobs.poll()] == [
        (other, "progress", ""),
        (job, "cancelled", ""),
    ]
