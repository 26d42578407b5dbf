"""Cancellation: a tree of scopes, and the rule that applies it to tasks.

Theory of operation. Every task runs inside a chain of scopes: those it entered itself
(``deadline``, ``shield``, ``scope``), its own root scope, and above it the scope it was spawned
into. Cancelling a scope applies to every task below it, unless a shielded scope is in between. It
takes effect at the task's next wait, or at once if the task already waits: the wait raises
``Cancelled``, which refers to the outermost cancelled scope, the one that catches the exception
when it has unwound that far. Until the scope ends, every further wait raises again, so clean-up
that must wait does so under ``shield()``.

A task that has been woken for a reason (a lock was handed to it, an item arrived) is no longer
waiting: its wait succeeds, and the cancellation takes effect at its next wait. Nothing is lost
between the two.
"""

from __future__ import annotations

from typing import Protocol


class Cancellable(Protocol):
    """The part of a task that a scope uses."""

    def cancellation_changed(self) -> None:
        """Check the scopes again: whether a cancellation applies to the task may have changed."""


class CancelScope:
    """One node of the tree of scopes.

    Attributes:
        parent: The scope around this one; ``None`` at the top.
        is_cancelled: True after `cancel` was called.
        is_shielded: True if cancellations of outer scopes stop here.
        expires: Time of the hub's clock at which it is cancelled; ``None`` without a deadline.
    """

    __slots__ = ("_children", "_task", "expires", "is_cancelled", "is_shielded", "parent")

    def __init__(
        self, task: Cancellable, parent: CancelScope | None, *, is_shielded: bool = False
    ) -> None:
        """Make a scope for ``task`` below ``parent``."""
        self._task = task
        self.parent = parent
        self.is_cancelled = False
        self.is_shielded = is_shielded
        self.expires: float | None = None
        # In order of creation, in which they are notified, so that a seed determines the order of
        # events; made for the first child.
        self._children: dict[CancelScope, None] | None = None
        if parent is not None:
            parent.adopt(self)

    @property
    def owner(self) -> Cancellable:
        """The task that the scope was made for."""
        return self._task

    def adopt(self, child: CancelScope) -> None:
        """Add ``child`` to the tree."""
        if self._children is None:
            self._children = {child: None}
        else:
            self._children[child] = None

    def detach(self) -> None:
        """Leave the tree: cancellations of outer scopes no longer apply here."""
        if self.parent is not None and self.parent._children is not None:
            self.parent._children.pop(self, None)

    def cause(self) -> CancelScope | None:
        """Return the outermost cancelled scope that applies here, ``None`` without one."""
        found = None
        scope: CancelScope | None = self
        while scope is not None:
            if scope.is_cancelled:
                found = scope
            scope = None if scope.is_shielded else scope.parent
        return found

    def next_expiry(self) -> float | None:
        """Return the earliest time at which a deadline applies here, ``None`` without one."""
        earliest = None
        scope: CancelScope | None = self
        while scope is not None:
            if scope.expires is not None and (earliest is None or scope.expires < earliest):
                earliest = scope.expires
            scope = None if scope.is_shielded else scope.parent
        return earliest

    def cancel(self) -> None:
        """Cancel everything below. Does not wait; cancelling twice is harmless."""
        if not self.is_cancelled:
            is_notified = self.cause() is not None  # then all scopes below are, too
            self.is_cancelled = True
            if not is_notified:
                self._notify()

    def _notify(self) -> None:
        """Notify all tasks below. Without recursion: scopes can be nested deeper than calls."""
        left = [self]
        while left:
            scope = left.pop()
            scope._task.cancellation_changed()
            if scope._children:
                left += [child for child in reversed(scope._children) if not child.is_shielded]
