/* The scheduler: plain turns of a hub, and the wait of a task for a descriptor.
 *
 * `_hub.py` and `_watcher.py` have the theory. A turn polls the descriptors, fires their watchers
 * and switches to the tasks that became runnable; a task that waits switches to the next one
 * itself. What is rare is Python's: callbacks of other threads, timers, hang-ups and urgent data,
 * tasks without a greenlet, waits behind another task, an error out of a switch.
 *
 * No Python code runs between the steps here, so an exception of a signal handler cannot come
 * between them, as it can in the Python code: it is raised by the calls that are made.
 */

#include "native.h"

#include <errno.h>
#include <greenlet.h>
#include <math.h>
#include <sys/epoll.h>

enum { MOST_EVENTS = 1024, SWITCHES_PER_TURN = 128, RARE = EPOLLRDHUP | EPOLLHUP | EPOLLPRI };

static const double LONGEST_POLL = 86400.0; /* as in _poll.py */

/* -- tasks ------------------------------------------------------------------------------------ */

/* `Task.unpark`; other waiters have their own. */
static int unpark(Native *self, PyObject *waiter)
{
    PyObject *hub = Py_IS_TYPE(waiter, self->given.Task) ? get(waiter, self->task.hub) : NULL;
    if (hub == NULL || !PyObject_TypeCheck(hub, self->given.Hub))
        return done(PyObject_CallMethodNoArgs(waiter, self->name.unpark));
    if (get(waiter, self->task.parked) != Py_True) return 0;
    set(waiter, self->task.parked, Py_False);
    return done(PyObject_CallMethodOneArg(get(hub, self->hub.ready), self->name.append, waiter));
}

/* `Hub.choose_next`; return a new reference. */
static PyObject *choose_next(Native *self, PyObject *hub)
{
    PyObject *ready = get(hub, self->hub.ready);
    long left = number(hub, self->hub.switches_left);
    if (!Py_IS_TYPE(ready, self->given.deque))
        return PyObject_CallMethodNoArgs(hub, self->name.choose_next);
    if (left <= 0 || PyObject_Size(ready) <= 0) return Py_NewRef(get(hub, self->hub.greenlet));
    PyObject *task = PyObject_CallMethodNoArgs(ready, self->name.popleft), *chosen = NULL;
    if (task == NULL) return NULL;
    if (!PyObject_TypeCheck(task, self->given.Task)
        || get(task, self->task.greenlet) == Py_None) { /* it has not begun */
        if (done(PyObject_CallMethodOneArg(ready, self->name.appendleft, task)) == 0)
            chosen = PyObject_CallMethodNoArgs(hub, self->name.choose_next);
    } else if (take(hub, self->hub.switches_left, PyLong_FromLong(left - 1)) == 0) {
        set(hub, self->hub.running, task);
        chosen = Py_NewRef(get(task, self->task.greenlet));
    }
    Py_DECREF(task);
    return chosen;
}

/* Switch to a greenlet, whose reference is taken over, until something switches back. */
static int switch_to(Native *self, PyObject *chosen)
{
    if (chosen == NULL) return -1;
    PyObject *result = PyGreenlet_Switch((PyGreenlet *)chosen, NULL, NULL);
    Py_DECREF(chosen);
    return done(result);
}

/* `Task.park`, for a task without a pending cancellation. Its hub may be another one later. */
static int park(Native *self, PyObject *hub, PyObject *task)
{
    set(task, self->task.parked, Py_True);
    int status = switch_to(self, choose_next(self, hub));
    if (status < 0 && PyErr_ExceptionMatches(PyExc_GreenletExit)) return -1; /* abandoned */
    PyObject *error = status < 0 ? take_error() : Py_NewRef(get(task, self->task.interrupt));
    if (error != Py_None) set(task, self->task.interrupt, Py_None);
    if (status < 0) {
        set(task, self->task.parked, Py_False);
        if (done(PyObject_CallMethodObjArgs(get(task, self->task.hub), self->name.recover, task,
                                            error, NULL)) < 0)
            PyErr_WriteUnraisable(task);
        restore_error(Py_NewRef(error));
    } else if (error != Py_None) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        status = -1;
    }
    Py_DECREF(error);
    return status;
}

/* `Watcher.wait_read`, for a watcher that the caller holds. Blocks: the task. */
int wait_readable(Native *self, PyObject *watcher, PyObject *task)
{
    PyObject *hub = get(task, self->task.hub);
    int is_plain = Py_IS_TYPE(watcher, self->given.Watcher);
    if (is_plain && (get(watcher, self->watcher.readable) == Py_True
                     || get(watcher, self->watcher.ended) == Py_True)) {
        set(watcher, self->watcher.readable, Py_False);
        return 0;
    }
    if (!is_plain || get(watcher, self->watcher.reader) != Py_None
        || get(watcher, self->watcher.is_forgotten) != Py_False
        || get(task, self->task.is_pending) != Py_False
        || !PyObject_TypeCheck(hub, self->given.Hub))
        return done(PyObject_CallMethodOneArg(watcher, self->name.wait_read, task));
    set(watcher, self->watcher.reader, task);
    int status = park(self, hub, task);
    if (get(watcher, self->watcher.reader) == task) set(watcher, self->watcher.reader, Py_None);
    if (status == 0) set(watcher, self->watcher.readable, Py_False);
    return status;
}

/* -- events ----------------------------------------------------------------------------------- */

/* Note an event and wake the waiter, which is removed afterwards only: see `Watcher.fire`. */
static int fire_direction(Native *self, PyObject *watcher, Py_ssize_t flag, Py_ssize_t waiter)
{
    set(watcher, flag, Py_True);
    PyObject *woken = get(watcher, waiter);
    if (woken == Py_None) return 0;
    Py_INCREF(woken);
    int status = unpark(self, woken);
    if (status == 0 && get(watcher, waiter) == woken) set(watcher, waiter, Py_None);
    Py_DECREF(woken);
    return status;
}

/* `Watcher.fire`. */
static int fire(Native *self, PyObject *watcher, unsigned mask)
{
    if (mask & RARE || !Py_IS_TYPE(watcher, self->given.Watcher)
        || !is_empty(get(watcher, self->watcher.more_readers))
        || !is_empty(get(watcher, self->watcher.more_writers)))
        return done(PyObject_CallMethod(watcher, "fire", "I", mask));
    if (mask & (EPOLLIN | EPOLLERR)) {
        set(watcher, self->watcher.is_dry, Py_False);
        if (fire_direction(self, watcher, self->watcher.readable, self->watcher.reader) < 0)
            return -1;
    }
    if (!(mask & (EPOLLOUT | EPOLLERR))) return 0;
    return fire_direction(self, watcher, self->watcher.writable, self->watcher.writer);
}

/* Fire the watcher of a descriptor; of the waker and those that are forgotten, empty the waker. */
static int deliver(Native *self, PyObject *poller, const struct epoll_event *event)
{
    PyObject *fd = PyLong_FromLong(event->data.fd);
    if (fd == NULL) return -1;
    PyObject *watcher = PyDict_GetItemWithError(get(poller, self->poller.watchers), fd);
    Py_DECREF(fd);
    if (watcher != NULL) {
        Py_INCREF(watcher);
        int status = fire(self, watcher, event->events);
        Py_DECREF(watcher);
        return status;
    }
    if (PyErr_Occurred()) return -1;
    return done(PyObject_CallMethodNoArgs(get(poller, self->poller.waker), self->name.drain));
}

/* `EpollPoller.poll`. An interrupted wait is a poll without events: the turn goes on. */
static int poll_events(Native *self, PyObject *poller, struct epoll_event *events, double timeout)
{
    int epoll = (int)number(poller, self->poller.epoll_fd), count = MOST_EVENTS;
    int milliseconds = (int)ceil(fmin(timeout, LONGEST_POLL) * 1e3);
    for (; count == MOST_EVENTS; milliseconds = 0) { /* all of them, before timers fire */
        PyThreadState *state = milliseconds == 0 ? NULL : PyEval_SaveThread();
        count = epoll_wait(epoll, events, MOST_EVENTS, milliseconds);
        if (state != NULL) PyEval_RestoreThread(state); /* it leaves `errno` as it is */
        if (count < 0 && errno != EINTR) return done(PyErr_SetFromErrno(PyExc_OSError));
        for (int at = 0; at < count; at++)
            if (deliver(self, poller, &events[at]) < 0) return -1;
    }
    return PyErr_CheckSignals();
}

/* -- turns ------------------------------------------------------------------------------------ */

/* Find the time of the first timer; return 0 if only Python can: the first one was cancelled. */
static int find_due(Native *self, PyObject *hub, double *due)
{
    PyObject *timers = get(hub, self->hub.timers), *entries, *first;
    *due = INFINITY;
    if (!Py_IS_TYPE(timers, self->given.TimerHeap)) return 0;
    if (!PyList_CheckExact(entries = get(timers, self->entries))) return 0;
    if (PyList_GET_SIZE(entries) == 0) return 1;
    if (!PyTuple_CheckExact(first = PyList_GET_ITEM(entries, 0)) || PyTuple_GET_SIZE(first) != 3
        || !PyFloat_CheckExact(PyTuple_GET_ITEM(first, 0))
        || !Py_IS_TYPE(PyTuple_GET_ITEM(first, 2), self->given.Timer))
        return 0;
    *due = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(first, 0));
    return get(PyTuple_GET_ITEM(first, 2), self->callback) != Py_None;
}

/* Return whether the next turn is plain, and how long it may wait. */
static int is_plain_turn(Native *self, PyObject *hub, double *due, double *timeout)
{
    PyObject *ready = get(hub, self->hub.ready), *main = get(hub, self->hub.main);
    PyObject *posted = get(hub, self->hub.posted);
    if (get(hub, self->hub.fatal) != Py_None || !PyObject_TypeCheck(main, self->given.Task)
        || get(main, self->task.done) != Py_False /* the run has ended */
        || !Py_IS_TYPE(get(hub, self->hub.poller), self->given.EpollPoller)
        || !Py_IS_TYPE(ready, self->given.deque)
        || get(hub, self->hub.time) != self->given.monotonic
        || !Py_IS_TYPE(posted, self->given.deque) || PyObject_Size(posted) != 0
        || !find_due(self, hub, due))
        return 0;
    int is_busy = PyObject_Size(ready) > 0;
    *timeout = is_busy ? 0.0 : fmax(0.0, *due - now());
    return is_busy || isfinite(*due); /* without a timer it may be a deadlock */
}

/* Poll; then call what other threads have posted, and fire the timers that are due. */
static int poll(Native *self, PyObject *hub, struct epoll_event *events, double due,
                double timeout)
{
    PyObject *poller = Py_NewRef(get(hub, self->hub.poller));
    int is_done = poll_events(self, poller, events, timeout) == 0;
    if (!is_done) { /* make the kernel report again */
        PyObject *error = take_error();
        if (done(PyObject_CallMethodNoArgs(poller, self->name.ask_again)) < 0)
            PyErr_WriteUnraisable(poller);
        restore_error(error);
    }
    Py_DECREF(poller);
    Py_ssize_t posted = is_done ? PyObject_Size(get(hub, self->hub.posted)) : -1;
    if (posted < 0) return -1;
    if (posted == 0 && now() < due) return 0;
    PyObject *first = isfinite(due) ? PyFloat_FromDouble(due) : Py_NewRef(Py_None);
    return done(PyObject_CallMethod(hub, "_finish_poll", "N", first));
}

/* One turn, as `Hub._turn`. */
static int turn(Native *self, PyObject *hub, struct epoll_event *events, double due, double timeout)
{
    if (poll(self, hub, events, due, timeout) < 0
        || take(hub, self->hub.turns, PyLong_FromLong(number(hub, self->hub.turns) + 1)) < 0
        || take(hub, self->hub.switches_left, PyLong_FromLong(SWITCHES_PER_TURN)) < 0)
        return -1;
    while (PyObject_Size(get(hub, self->hub.ready)) > 0
           && number(hub, self->hub.switches_left) > 0) {
        if (switch_to(self, choose_next(self, hub)) < 0) return -1;
        /* The hub alone may start a task. */
        for (PyObject *task; (task = get(hub, self->hub.unstarted)) != Py_None;)
            if (switch_to(self, PyObject_CallMethodOneArg(hub, self->name.new_greenlet, task)) < 0)
                return -1;
    }
    if (PyErr_Occurred()) return -1;
    PyObject *postponement = get(hub, self->hub.postponement);
    if ((!Py_IS_TYPE(postponement, self->given.Postponement)
         || number(postponement, self->postponed_switches) != 0)
        && done(PyObject_CallMethodNoArgs(hub, self->name.count_switches)) < 0)
        return -1;
    set(hub, self->hub.running, Py_None);
    return 0;
}

/* Run turns of a hub until it has ended, or the next turn is not plain. */
PyObject *turns(PyObject *object, PyObject *hub)
{
    Native *self = (Native *)object;
    if (!PyObject_TypeCheck(hub, self->given.Hub))
        return PyErr_Format(PyExc_TypeError, "%R is not a Hub", hub);
    /* Not on the stack: greenlets save the parts of it that they share. */
    struct epoll_event *events = PyMem_New(struct epoll_event, MOST_EVENTS);
    if (events == NULL) return PyErr_NoMemory();
    double due, timeout;
    int status = 0;
    while (status == 0 && is_plain_turn(self, hub, &due, &timeout))
        status = turn(self, hub, events, due, timeout);
    PyMem_Free(events);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

int set_up_scheduler(Native *self, PyObject *classes)
{
    static const Fields fields[] = {
        {"EpollPoller Hub Postponement Task Timer TimerHeap Watcher deque monotonic", NULL,
         RANGE(given.EpollPoller, given.monotonic)},
        {"append appendleft _ask_again choose_next _count_switches drain "
         "_new_greenlet popleft recover unpark wait_read", NULL,
         RANGE(name.append, name.wait_read), 1},
        {"_fatal greenlet main poller _posted _postponement ready running _switches_left "
         "time timers turns _unstarted", "Hub", PLACE(hub)},
        {"context _done greenlet hub _interrupt _is_pending _parked", "Task", PLACE(task)},
        {"ended fd is_dry is_forgotten _more_readers _more_writers readable _reader writable "
         "_writer", "Watcher", PLACE(watcher)},
        {"epoll_fd waker _watchers", "EpollPoller", PLACE(poller)},
        {"_entries", "TimerHeap", PLACE(entries)},
        {"callback", "Timer", PLACE(callback)},
        {"switches", "Postponement", PLACE(postponed_switches)},
        {0},
    };
    PyGreenlet_Import(); /* this file alone calls the functions of greenlet */
    return PyErr_Occurred() ? -1 : set_up(self, classes, fields);
}
