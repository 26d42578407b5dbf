"""Keeping the memory of large blocks in the process.

Theory of operation. The C library of Linux (glibc) maps a block of 128 KB or more from the
operating system, and unmaps it when it is released; a large free area at the end of its heap goes
back, too. When such memory is used again, the kernel is entered for each page, and clears it: for a
block of 1 MB that is several times the cost of copying it, and a server that receives or sends such
bodies pays it for each request.

glibc adapts: when a mapped block is released, blocks up to its size (at most 32 MB) come from the
heap from then on, and the heap keeps a free end of up to twice the size. So allocating a block once
and releasing it is all that is needed. It is never written to, so no page of it becomes resident.
A process that never uses much memory does not keep more of it; one that did keeps at most that
much longer. Other C libraries ignore it, and so does glibc if the environment sets its limits
(``MALLOC_MMAP_THRESHOLD_`` or ``MALLOC_TRIM_THRESHOLD_``, see ``mallopt(3)``).
"""

from __future__ import annotations

_SIZE = 16 * 1024 * 1024


def keep_large_blocks() -> None:
    """Let released blocks of up to 16 MB, and twice that in all, stay in the process."""
    bytes(_SIZE)
