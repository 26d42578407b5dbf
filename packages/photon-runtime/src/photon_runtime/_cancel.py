"""Cancellation: a tree of scopes, and the rule by which it reaches tasks.

Theory of operation. Every task runs inside a chain of scopes: those it entered itself
(``deadline``, ``shield``, ``scope``), its own root scope, and above it the scope it was spawned
into. Cancelling a scope concerns every task below it, unless a shielded scope stands between.
The task learns of it at its next wait, or at once if it waits already: the wait raises
``Cancelled``, carrying the outermost cancelled scope, which is the one that takes the exception
when it has unwound that far. As long as the scope lasts, every further wait raises again, so
clean-up that must wait does so under ``shield()``.

A task that has been woken for a reason (a lock was handed to it, an item arrived) is no longer
waiting: it gets what it waited for, and the cancellation at its next wait. Nothing is lost
between the two.
"""

from __future__ import annotations

from typing import Protocol


class Cancellable(Protocol):
    """What a scope needs of the task that runs in it."""

    def cancellation_changed(self) -> None:
        """Look at the scopes again: a cancellation may have begun or ended to concern it."""


class CancelScope:
    """One node of the tree of scopes.

    Attributes:
        parent: The scope around this one; ``None`` at the top.
        is_cancelled: Whether `cancel` was called.
        is_shielded: Whether cancellations from above stop here.
    """

    __slots__ = ("_children", "_task", "is_cancelled", "is_shielded", "parent")

    def __init__(
        self, task: Cancellable, parent: CancelScope | None, *, is_shielded: bool = False
    ) -> None:
        """Make a scope for ``task`` and hang it below ``parent``."""
        self._task = task
        self.parent = parent
        self.is_cancelled = False
        self.is_shielded = is_shielded
        # In the order of their coming, in which they are told, so that a seed gives one order of
        # events; made when the first child comes.
        self._children: dict[CancelScope, None] | None = None
        if parent is not None:
            parent.adopt(self)

    def adopt(self, child: CancelScope) -> None:
        """Take ``child`` into the tree."""
        if self._children is None:
            self._children = {child: None}
        else:
            self._children[child] = None

    def detach(self) -> None:
        """Leave the tree: what is cancelled above no longer comes here."""
        if self.parent is not None and self.parent._children is not None:
            self.parent._children.pop(self, None)

    def cause(self) -> CancelScope | None:
        """Return the outermost cancelled scope that reaches here, ``None`` where none does."""
        found = None
        scope: CancelScope | None = self
        while scope is not None:
            if scope.is_cancelled:
                found = scope
            scope = None if scope.is_shielded else scope.parent
        return found

    def cancel(self) -> None:
        """Cancel everything below. Does not wait; cancelling twice is harmless."""
        if not self.is_cancelled:
            is_told = self.cause() is not None  # then all that is below is, too
            self.is_cancelled = True
            if not is_told:
                self._tell()

    def _tell(self) -> None:
        """Tell everyone below. Not by recursion: scopes can be nested deeper than calls."""
        left = [self]
        while left:
            scope = left.pop()
            scope._task.cancellation_changed()
            if scope._children:
                left += [child for child in reversed(scope._children) if not child.is_shielded]
