/* The scheduler: plain turns of a hub, and the wait of a task for a descriptor.
 *
 * `_hub.py` and `_watcher.py` have the theory. A turn polls the descriptors, fires their watchers
 * and switches to the tasks that became runnable; a task that waits switches to the next one
 * itself. What happens once in many turns is Python's: callbacks of other threads, timers, hang-ups
 * and urgent data, waits behind another task, an error out of a switch.
 *
 * No Python code runs between the steps here, so an exception of a signal handler cannot come
 * between them, as it can in the Python code: it is raised by the calls that are made.
 */

#include "native.h"

#include <errno.h>
#include <greenlet.h>
#include <math.h>
#include <sys/epoll.h>
#include <time.h>

enum { MOST_EVENTS = 1024, SWITCHES_PER_TURN = 128 };

static const double LONGEST_POLL = 86400.0; /* as in _poll.py */
static const unsigned RARE = EPOLLRDHUP | EPOLLHUP | EPOLLPRI;

/* Load the functions of greenlet; this file alone calls them. */
int import_greenlet(void)
{
    PyGreenlet_Import();
    return PyErr_Occurred() ? -1 : 0;
}

/* -- tasks ------------------------------------------------------------------------------------ */

/* `Task.unpark`; other waiters have their own. */
static int unpark(Scheduler *self, PyObject *waiter)
{
    PyObject *hub = Py_IS_TYPE(waiter, self->given.Task) ? get(waiter, self->task.hub) : NULL;
    if (hub == NULL || !PyObject_TypeCheck(hub, self->given.Hub))
        return done(PyObject_CallMethodNoArgs(waiter, self->name.unpark));
    if (get(waiter, self->task.parked) != Py_True) return 0;
    set(waiter, self->task.parked, Py_False);
    return done(PyObject_CallMethodOneArg(get(hub, self->hub.ready), self->name.append, waiter));
}

/* Give a task that has not begun an idle greenlet; return it, borrowed from the task. */
static PyObject *reuse_greenlet(Scheduler *self, PyObject *task, PyObject *idle)
{
    Py_ssize_t last = PyList_GET_SIZE(idle) - 1;
    PyObject *pooled = PyList_GET_ITEM(idle, last);
    if (PyObject_SetAttr(pooled, self->name.gr_context, get(task, self->task.context)) < 0)
        return NULL;
    set(pooled, self->pooled_task, task);
    set(task, self->task.greenlet, pooled);
    return PyList_SetSlice(idle, last, last + 1, NULL) < 0 ? NULL : pooled;
}

/* `Hub.choose_next`; return a new reference. */
static PyObject *choose_next(Scheduler *self, PyObject *hub)
{
    PyObject *ready = get(hub, self->hub.ready), *idle = get(hub, self->hub.idle);
    long left = PyLong_AsLong(get(hub, self->hub.switches_left));
    if (!Py_IS_TYPE(ready, self->given.deque))
        return PyObject_CallMethodNoArgs(hub, self->name.choose_next);
    if (left <= 0 || PyObject_Size(ready) <= 0) return Py_NewRef(get(hub, self->hub.greenlet));
    if (take(hub, self->hub.switches_left, PyLong_FromLong(left - 1)) < 0) return NULL;
    PyObject *task = PyObject_CallMethodNoArgs(ready, self->name.popleft);
    if (task == NULL) return NULL;
    set(hub, self->hub.running, task);
    PyObject *chosen = get(task, self->task.greenlet);
    if (chosen == Py_None && PyList_GET_SIZE(idle) > 0) {
        chosen = reuse_greenlet(self, task, idle);
    } else if (chosen == Py_None) {
        set(hub, self->hub.unstarted, task);
        chosen = get(hub, self->hub.greenlet);
    }
    Py_XINCREF(chosen);
    Py_DECREF(task);
    return chosen;
}

/* Switch to a greenlet, whose reference is taken over, until something switches back. */
static int switch_to(Scheduler *self, PyObject *chosen)
{
    if (chosen == NULL) return -1;
    PyObject *result = PyGreenlet_Switch((PyGreenlet *)chosen, self->no_arguments, NULL);
    Py_DECREF(chosen);
    return done(result);
}

/* After an error out of a switch: let Python restore the invariants, and keep the error. */
static void recover(Scheduler *self, PyObject *hub, PyObject *task)
{
    if (PyErr_ExceptionMatches(PyExc_GreenletExit)) return; /* the task was abandoned */
    PyObject *error = take_error();
    set(task, self->task.parked, Py_False);
    set(task, self->task.interrupt, Py_None);
    if (done(PyObject_CallMethodObjArgs(hub, self->name.recover, task, error, NULL)) < 0)
        PyErr_WriteUnraisable(hub);
    restore_error(error);
}

/* `Task.park`, for a task without a pending cancellation. */
static int park(Scheduler *self, PyObject *hub, PyObject *task)
{
    set(task, self->task.parked, Py_True);
    if (switch_to(self, choose_next(self, hub)) < 0) {
        recover(self, hub, task);
        return -1;
    }
    if (get(task, self->task.interrupt) == Py_None) return 0;
    PyObject *interrupt = Py_NewRef(get(task, self->task.interrupt));
    set(task, self->task.interrupt, Py_None);
    PyErr_SetObject((PyObject *)Py_TYPE(interrupt), interrupt);
    Py_DECREF(interrupt);
    return -1;
}

/* `Watcher.wait_read`. Blocks: the task. */
int wait_readable(Scheduler *self, PyObject *watcher, PyObject *task)
{
    PyObject *hub = get(task, self->task.hub);
    if (get(watcher, self->watcher.readable) == Py_True
        || get(watcher, self->watcher.ended) == Py_True) {
        set(watcher, self->watcher.readable, Py_False);
        return 0;
    }
    if (get(watcher, self->watcher.reader) != Py_None
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
static int fire_direction(Scheduler *self, PyObject *watcher, Py_ssize_t flag, Py_ssize_t waiter)
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
static int fire(Scheduler *self, PyObject *watcher, unsigned mask)
{
    if (mask & RARE || !Py_IS_TYPE(watcher, self->given.Watcher)
        || PyObject_Size(get(watcher, self->watcher.more_readers)) != 0
        || PyObject_Size(get(watcher, self->watcher.more_writers)) != 0)
        return done(PyObject_CallMethod(watcher, "fire", "I", mask));
    if (mask & (EPOLLIN | EPOLLERR)) {
        set(watcher, self->watcher.is_dry, Py_False);
        if (fire_direction(self, watcher, self->watcher.readable, self->watcher.reader) < 0)
            return -1;
    }
    if (mask & (EPOLLOUT | EPOLLERR))
        return fire_direction(self, watcher, self->watcher.writable, self->watcher.writer);
    return 0;
}

/* Fire the watcher of a descriptor, or empty the waker. */
static int deliver(Scheduler *self, PyObject *poller, const struct epoll_event *event)
{
    PyObject *fd = PyLong_FromLong(event->data.fd);
    if (fd == NULL) return -1;
    PyObject *waker = get(poller, self->poller.waker);
    PyObject *watcher = PyDict_GetItemWithError(get(poller, self->poller.watchers), fd);
    int status = PyErr_Occurred() ? -1 : 0;
    if (watcher != NULL) {
        Py_INCREF(watcher);
        status = fire(self, watcher, event->events);
        Py_DECREF(watcher);
    } else if (status == 0 && PyLong_AsLong(get(waker, self->read_fd)) == event->data.fd) {
        status = done(PyObject_CallMethodNoArgs(waker, self->name.drain));
    }
    Py_DECREF(fd);
    return status;
}

static int wait_for_events(int epoll, struct epoll_event *events, double timeout)
{
    int milliseconds = (int)ceil(fmin(timeout, LONGEST_POLL) * 1e3), count;
    if (milliseconds == 0) return epoll_wait(epoll, events, MOST_EVENTS, 0); /* keep the lock */
    Py_BEGIN_ALLOW_THREADS
    count = epoll_wait(epoll, events, MOST_EVENTS, milliseconds);
    Py_END_ALLOW_THREADS
    return count;
}

/* `EpollPoller.poll`. An interrupted wait is a poll without events: the turn goes on. */
static int poll_events(Scheduler *self, PyObject *poller, struct epoll_event *events,
                       double timeout)
{
    PyObject *number = PyObject_CallMethodNoArgs(get(poller, self->poller.epoll),
                                                 self->name.fileno);
    int epoll = number == NULL ? -1 : (int)PyLong_AsLong(number), count = MOST_EVENTS;
    Py_XDECREF(number);
    if (epoll < 0) return -1;
    for (; count == MOST_EVENTS; timeout = 0.0) { /* all of them, before timers fire */
        count = wait_for_events(epoll, events, timeout);
        if (count < 0 && errno != EINTR) return done(PyErr_SetFromErrno(PyExc_OSError));
        for (int at = 0; at < count; at++)
            if (deliver(self, poller, &events[at]) < 0) return -1;
    }
    return PyErr_CheckSignals();
}

/* Poll, and make the kernel report all edges again after an error, as `EpollPoller.poll` does. */
static int poll_safely(Scheduler *self, PyObject *poller, struct epoll_event *events,
                       double timeout)
{
    if (poll_events(self, poller, events, timeout) == 0) return 0;
    PyObject *error = take_error();
    if (done(PyObject_CallMethodNoArgs(poller, self->name.ask_again)) < 0)
        PyErr_WriteUnraisable(poller);
    restore_error(error);
    return -1;
}

/* -- turns ------------------------------------------------------------------------------------ */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Find the time of the first timer; return 0 if only Python can: the first one was cancelled. */
static int find_due(Scheduler *self, PyObject *hub, double *due)
{
    PyObject *entries = get(get(hub, self->hub.timers), self->entries);
    *due = INFINITY;
    if (PyList_GET_SIZE(entries) == 0) return 1;
    PyObject *first = PyList_GET_ITEM(entries, 0), *when = PyTuple_GET_ITEM(first, 0);
    if (!PyFloat_CheckExact(when)) return 0;
    *due = PyFloat_AS_DOUBLE(when);
    return get(PyTuple_GET_ITEM(first, 2), self->callback) != Py_None;
}

/* Return whether the next turn is plain, and how long it may wait. */
static int is_plain_turn(Scheduler *self, PyObject *hub, double *due, double *timeout)
{
    PyObject *ready = get(hub, self->hub.ready);
    if (!Py_IS_TYPE(get(hub, self->hub.poller), self->given.EpollPoller)
        || !Py_IS_TYPE(ready, self->given.deque)
        || get(hub, self->hub.time) != self->given.monotonic
        || PyObject_Size(get(hub, self->hub.posted)) != 0 || !find_due(self, hub, due))
        return 0;
    int is_busy = PyObject_Size(ready) > 0;
    *timeout = is_busy ? 0.0 : fmax(0.0, *due - now());
    return is_busy || isfinite(*due); /* without a timer it may be a deadlock */
}

static int has_ended(Scheduler *self, PyObject *hub)
{
    PyObject *main = get(hub, self->hub.main);
    return get(hub, self->hub.fatal) != Py_None || main == Py_None
           || get(main, self->task.done) != Py_False;
}

/* Call what other threads have posted, and fire the timers that are due. */
static int finish_poll(Scheduler *self, PyObject *hub, double due)
{
    if (PyObject_Size(get(hub, self->hub.posted)) == 0 && now() < due) return 0;
    PyObject *first = isfinite(due) ? PyFloat_FromDouble(due) : Py_NewRef(Py_None);
    if (first == NULL) return -1;
    int status = done(PyObject_CallMethodOneArg(hub, self->name.finish_poll, first));
    Py_DECREF(first);
    return status;
}

/* Switch to runnable tasks until none is left, or the turn ends. */
static int switch_to_tasks(Scheduler *self, PyObject *hub)
{
    PyObject *ready = get(hub, self->hub.ready), *task;
    while (PyObject_Size(ready) > 0 && PyLong_AsLong(get(hub, self->hub.switches_left)) > 0) {
        if (switch_to(self, choose_next(self, hub)) < 0) return -1;
        while ((task = get(hub, self->hub.unstarted)) != Py_None) /* the hub alone may start it */
            if (switch_to(self, PyObject_CallMethodOneArg(hub, self->name.new_greenlet, task)) < 0)
                return -1;
    }
    return 0;
}

/* One turn, as `Hub._turn`. */
static int turn(Scheduler *self, PyObject *hub, struct epoll_event *events, double due,
                double timeout)
{
    PyObject *postponement = get(hub, self->hub.postponement);
    long turns = PyLong_AsLong(get(hub, self->hub.turns));
    if (poll_safely(self, get(hub, self->hub.poller), events, timeout) < 0
        || finish_poll(self, hub, due) < 0
        || take(hub, self->hub.turns, PyLong_FromLong(turns + 1)) < 0
        || take(hub, self->hub.switches_left, PyLong_FromLong(SWITCHES_PER_TURN)) < 0
        || switch_to_tasks(self, hub) < 0)
        return -1;
    if (PyLong_AsLong(get(postponement, self->postponed_switches)) != 0
        && done(PyObject_CallMethodNoArgs(hub, self->name.count_switches)) < 0)
        return -1;
    set(hub, self->hub.running, Py_None);
    return 0;
}

static PyObject *scheduler_turns(PyObject *object, PyObject *hub)
{
    Scheduler *self = (Scheduler *)object;
    if (!PyObject_TypeCheck(hub, self->given.Hub))
        return PyErr_Format(PyExc_TypeError, "%R is not a Hub", hub);
    /* Not on the stack: greenlets save the parts of it that they share. */
    struct epoll_event *events = PyMem_New(struct epoll_event, MOST_EVENTS);
    if (events == NULL) return PyErr_NoMemory();
    double due, timeout;
    int status = 0;
    while (status == 0 && !has_ended(self, hub) && is_plain_turn(self, hub, &due, &timeout))
        status = turn(self, hub, events, due, timeout);
    PyMem_Free(events);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* -- the type --------------------------------------------------------------------------------- */

static const Slots SLOTS[] = {
    {"Hub", "_fatal greenlet _idle main poller _posted _postponement ready running "
            "_switches_left time timers turns _unstarted", PLACE(Scheduler, hub)},
    {"Task", "context _done greenlet hub _interrupt _is_pending _parked", PLACE(Scheduler, task)},
    {"Watcher", "ended fd is_dry is_forgotten _more_readers _more_writers readable _reader "
                "writable _writer", PLACE(Scheduler, watcher)},
    {"EpollPoller", "_epoll waker _watchers", PLACE(Scheduler, poller)},
    {"TimerHeap", "_entries", PLACE(Scheduler, entries)},
    {"Timer", "callback", PLACE(Scheduler, callback)},
    {"Waker", "read_fd", PLACE(Scheduler, read_fd)},
    {"PooledGreenlet", "task", PLACE(Scheduler, pooled_task)},
    {"Postponement", "switches", PLACE(Scheduler, postponed_switches)},
    {NULL, NULL, 0, 0},
};
static const Tables TABLES = {
    "EpollPoller Hub Task Watcher deque monotonic", PLACE(Scheduler, given),
    "append _ask_again choose_next _count_switches drain fileno _finish_poll gr_context "
    "_new_greenlet popleft recover unpark wait_read", PLACE(Scheduler, name),
    SLOTS, offsetof(Scheduler, hub),
};

static PyObject *scheduler_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    PyObject *classes;
    if (!PyArg_ParseTuple(args, "O:Scheduler", &classes)) return NULL;
    Scheduler *self = (Scheduler *)set_up(type, &TABLES, classes);
    if (self != NULL && (self->no_arguments = PyTuple_New(0)) == NULL) Py_CLEAR(self);
    return (PyObject *)self;
}

/* Return whether an object is a Scheduler, whose type cannot be derived from. */
int is_scheduler(PyObject *object)
{
    return Py_TYPE(object)->tp_new == scheduler_new;
}

static PyMethodDef METHODS_OF_SCHEDULER[] = {
    {"turns", scheduler_turns, METH_O,
     "Run turns of a hub until it has ended, or the next turn is not plain."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot TYPE_SLOTS[] = {
    {Py_tp_doc, "The scheduler, for the classes of one photon_runtime."},
    {Py_tp_new, scheduler_new},
    {Py_tp_traverse, base_traverse},
    {Py_tp_clear, base_clear},
    {Py_tp_dealloc, base_dealloc},
    {Py_tp_methods, METHODS_OF_SCHEDULER},
    {0, NULL},
};

PyType_Spec scheduler_spec = {
    .name = "photon_speedups._native.Scheduler",
    .basicsize = sizeof(Scheduler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = TYPE_SLOTS,
};
