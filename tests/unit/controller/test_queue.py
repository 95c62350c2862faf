"""The queue: each key once, never twice at a time, the earliest time wins."""

import asyncio

import pytest

from gitops.controller.queue import Queue


async def drained(queue: Queue[str]) -> list[str]:
    keys = []
    while len(queue):
        keys.append(await queue.get())
    return keys


async def test_a_key_that_is_added_twice_is_handed_out_once() -> None:
    queue: Queue[str] = Queue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert await drained(queue) == ["a", "b"]


async def test_a_key_added_while_it_is_worked_on_comes_back_when_that_work_is_done() -> None:
    queue: Queue[str] = Queue()
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    assert len(queue) == 0
    queue.done(key)
    assert await drained(queue) == ["a"]


async def test_the_earlier_of_two_times_stands() -> None:
    queue: Queue[str] = Queue()
    queue.add("a", delay=30)
    queue.add("a", delay=0.02)
    queue.add("a", delay=60)
    async with asyncio.timeout(1):
        assert await queue.get() == "a"


async def test_work_that_is_due_now_replaces_the_timer() -> None:
    queue: Queue[str] = Queue()
    queue.add("a", delay=0.05)
    queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    await asyncio.sleep(0.1)
    assert len(queue) == 0


async def test_a_dropped_key_does_not_come_back() -> None:
    queue: Queue[str] = Queue()
    queue.add("a", delay=0.02)
    queue.add("b")
    queue.drop("a")
    queue.drop("b")
    await asyncio.sleep(0.05)
    assert len(queue) == 0


async def test_waiting_ends_as_soon_as_a_key_arrives() -> None:
    waited: list[float] = []
    queue: Queue[str] = Queue(waited.append)
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0.01)
    queue.add("a")
    async with asyncio.timeout(1):
        assert await getting == "a"
    assert waited == [pytest.approx(0, abs=0.5)]
