"""What type-checkers know about tasks, their jobs, and flows."""

import datetime
from typing import Any, assert_type

import attrs

from photon_tasks import (
    EnqueuedFlow,
    EnqueuedJob,
    Flow,
    Job,
    Task,
    current_job,
    group,
    pipeline,
    provided,
    step,
    task,
)


@attrs.frozen
class Receipt:
    """What a payment is confirmed by."""

    order: int


@task
def charge(order: int, note: str = "", job: Job = provided) -> Receipt:
    """Take the money."""
    assert_type(job.step("total", total_of, Receipt(order)), float)
    job.step("total", total_of, order)  # type: ignore[arg-type]
    return Receipt(order)


@task(queue="mail", retries=5, unique=True)
def send_receipt(receipt: Receipt, subject: str = "Thank you") -> int:
    """Send a mail."""
    return len(subject)


@task
def archive(receipts: list[Receipt]) -> None:
    """Note the receipts."""


@task
def clean_up() -> None:
    """Remove what is old."""


@task
def send_any(receipt: Receipt | None) -> bool:
    """Take more than a receipt."""
    return receipt is not None


def total_of(receipt: Receipt) -> float:
    """Compute."""
    return receipt.order * 1.5


def enqueueing(now: datetime.datetime) -> None:
    """Keep the signature of the function."""
    assert_type(charge(1), Receipt)
    assert_type(charge.enqueue(1), EnqueuedJob[Receipt])
    assert_type(charge.enqueue(1, note="soon").result(timeout=1), Receipt)
    assert_type(charge.enqueue_in(5, 1, note="soon"), EnqueuedJob[Receipt])
    assert_type(charge.enqueue_at(now, order=1), EnqueuedJob[Receipt])
    assert_type(charge.with_options(priority=1).enqueue(1), EnqueuedJob[Receipt])
    assert_type(send_receipt.enqueue(Receipt(1)).result(), int)
    charge.enqueue("1")  # type: ignore[arg-type]
    charge.enqueue()  # type: ignore[call-arg]
    charge.enqueue(1, remark="x")  # type: ignore[call-arg]
    charge.enqueue_in(1)  # type: ignore[call-arg]
    charge.enqueue_in("1", 1)  # type: ignore[arg-type]
    charge.enqueue_at(5, 1)  # type: ignore[arg-type]
    send_receipt.enqueue(1)  # type: ignore[arg-type]
    assert_type(step("total", total_of, Receipt(1)), float)
    assert_type(current_job(), Job)


def flows() -> None:
    """Pass results to tasks that take them."""
    assert_type(charge.call(1), Flow[Receipt])
    assert_type(charge.call(1).then(send_receipt, subject="Hello"), Flow[int])
    assert_type(charge.call(1).then(send_any), Flow[bool])
    assert_type(charge.call(1) | send_receipt, Flow[int])
    assert_type(charge.call(1) | clean_up.call(), Flow[None])
    assert_type(group(charge.call(each) for each in range(3)), Flow[list[Receipt]])
    assert_type(group([charge.call(1)]).then(archive), Flow[None])
    assert_type(charge.call(1) | group([send_receipt, send_receipt]), Flow[list[int]])
    assert_type(pipeline(charge.call(1), send_receipt), Flow[Any])
    assert_type(charge.call(1).enqueue(), EnqueuedFlow[Receipt])
    assert_type((charge.call(1) | send_receipt).enqueue().result(timeout=5), int)
    charge.call("1")  # type: ignore[arg-type]
    charge.call(1).then(archive)  # type: ignore[arg-type]
    charge.call(1).then(send_receipt, 5)  # type: ignore[arg-type]
    charge.call(1).then(clean_up)  # type: ignore[arg-type]
    charge.call(1) | archive  # type: ignore[operator]
    group([charge.call(1)]).then(send_receipt)  # type: ignore[arg-type]


def tasks(each: Task[[int], str]) -> None:
    """Name a task by its parameters and its result."""
    assert_type(each.enqueue(1).result(), str)
    each.enqueue("1")  # type: ignore[arg-type]
