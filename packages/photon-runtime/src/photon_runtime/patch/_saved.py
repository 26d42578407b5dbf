"""The standard library as it was before the patch.

This module must be imported before anything is replaced; `patch_stdlib` ensures that. Code that
needs real threads, real locks or calls that block the thread takes them from here.
"""

from __future__ import annotations

import _thread
import os
import queue
import select
import signal
import socket
import sys
import threading
import time

from .. import _log_descriptor as _log_descriptor  # which takes originals for the log

start_new_thread = _thread.start_new_thread
allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident
get_native_id = threading.get_native_id
Local = _thread._local
SimpleQueue = queue.SimpleQueue
DummyThread = threading._DummyThread
shut_down_threads = threading._shutdown  # type: ignore[attr-defined]  # private

sleep = time.sleep

# The names by which drivers, which may be imported after the patch, use them.
real_allocate_lock = allocate_lock
real_get_ident = get_ident
real_poll = select.poll
real_sleep = sleep

select_select = select.select
select_poll = select.poll
select_epoll = getattr(select, "epoll", None)

set_signal = signal.signal
get_signal = signal.getsignal
alarm = signal.alarm
setitimer = signal.setitimer
getitimer = signal.getitimer
set_wakeup_fd = signal.set_wakeup_fd

set_asyncgen_hooks = sys.set_asyncgen_hooks
set_coroutine_origin_tracking_depth = sys.set_coroutine_origin_tracking_depth

getaddrinfo = socket.getaddrinfo
gethostbyname = socket.gethostbyname
gethostbyname_ex = socket.gethostbyname_ex
gethostbyaddr = socket.gethostbyaddr
getnameinfo = socket.getnameinfo

waitpid = os.waitpid
waitid = getattr(os, "waitid", None)
read = os.read
write = os.write
