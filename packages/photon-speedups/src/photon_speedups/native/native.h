/* What the files of the native module share. Theory of operation: native.c. */

#ifndef PHOTON_NATIVE_H
#define PHOTON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <time.h>

enum { PROTOCOL = 3 }; /* grows with each change of what Python code and this module agree on */
enum { METHODS = 6, NAME_CACHE = 128, PREFIX_CACHE = 16, OUTPUT_SIZE = 40 * 1024 };

/* The one object of the module. Its references stand in one row, from `given` to `prefixes`. */
typedef struct {
    PyObject_HEAD
    int stage; /* the next one to be set up; -1 after one that failed */
    struct { /* classes and functions that Python code hands over */
        PyTypeObject *EpollPoller, *Hub, *Postponement, *Task, *Timer, *TimerHeap, *Watcher, *deque;
        PyObject *monotonic;
        PyTypeObject *Connection, *Request, *RequestParser, *Response, *Server;
        PyTypeObject *ServerSettings, *socket;
        PyObject *WaitTimeout, *blank, *encode_fields, *failure_response, *is_host, *never;
        PyObject *response_to_error, *status_and_type;
        PyTypeObject *Dispatch, *Node, *PathTree, *Route;
        PyObject *ValidationError, *encode;
    } given;
    struct { /* names of methods and attributes */
        PyObject *append, *appendleft, *ask_again, *choose_next, *count_switches, *drain;
        PyObject *new_greenlet, *popleft, *recover, *unpark, *wait_read;
        PyObject *finish, *receive, *run_callbacks, *methods[METHODS];
    } name;
    /* Caches: they hold nothing but what the Python code would make or return again. */
    PyObject *last_host, *names[NAME_CACHE];
    struct { PyObject *status, *content_type, *bytes; } prefixes[PREFIX_CACHE]; /* of heads */

    /* Offsets of slots. */
    struct {
        Py_ssize_t fatal, greenlet, main, poller, posted, postponement, ready, running;
        Py_ssize_t switches_left, time, timers, turns, unstarted;
    } hub;
    struct { Py_ssize_t context, done, greenlet, hub, interrupt, is_pending, parked; } task;
    struct {
        Py_ssize_t ended, fd, is_dry, is_forgotten, more_readers, more_writers, readable, reader;
        Py_ssize_t writable, writer;
    } watcher;
    struct { Py_ssize_t epoll_fd, waker, watchers; } poller;
    Py_ssize_t entries, callback, postponed_switches;
    struct {
        Py_ssize_t expires, full_read, in_a_row, is_dry, is_idle, is_responding, parser, server;
        Py_ssize_t stream, watcher;
    } connection;
    struct {
        Py_ssize_t error, head_size, held_bytes, peer, pending, receiving, source, unfinished;
    } parser;
    struct {
        Py_ssize_t body_limit, callbacks, content_length, endpoint, is_complete, keep_alive;
        Py_ssize_t method, parts, path_values, peer, raw_headers, raw_path, raw_query, received;
        Py_ssize_t route, source, target;
    } request;
    struct { Py_ssize_t body, content_type, headers, status, trailers; } response;
    struct {
        Py_ssize_t buffer, context, date, handler, idle_until, in_flight, is_stopping, settings;
    } server;
    struct {
        Py_ssize_t cancel_on_disconnect, max_body_size, max_header_size, max_headers;
        Py_ssize_t max_requests_in_flight, max_target_size;
    } settings;
    struct { Py_ssize_t tree, enter; } dispatch;
    struct { Py_ssize_t literal, root; } tree;
    struct { Py_ssize_t literals, parameter, partials, targets; } node;
    Py_ssize_t template;

    char lower[256], of_target[256]; /* see `make_alphabets` */
    char output[OUTPUT_SIZE]; /* where a response is put together while no other code can run */
} Native;

/* -- native.c --------------------------------------------------------------------------------- */

/* What one stage is set up with: the words of the texts fill the consecutive fields at a place. */
typedef struct {
    const char *words, *cls; /* with `cls`, the words are slots of it, whose offsets are read */
    size_t at, size;
    int is_name;
} Fields;

#define PLACE(field) offsetof(Native, field), sizeof(((Native *)0)->field)
#define RANGE(first, last) \
    offsetof(Native, first), offsetof(Native, last) + sizeof(void *) - offsetof(Native, first)

int set_up(Native *self, PyObject *classes, const Fields *fields);
PyObject *take_error(void);
void restore_error(PyObject *error);
PyObject *answer_error(PyObject *function, PyObject *request);

static inline PyObject **slot(PyObject *object, Py_ssize_t offset)
{
    return (PyObject **)((char *)object + offset);
}

/* Return the value of a slot, borrowed; None if it is unset. */
static inline PyObject *get(PyObject *object, Py_ssize_t offset)
{
    PyObject *value = *slot(object, offset);
    return value == NULL ? Py_None : value;
}

static inline int is_empty(PyObject *list)
{
    return PyList_CheckExact(list) && PyList_GET_SIZE(list) == 0;
}

/* Return the value of a slot as a number; -1 if it is not an int, or too large. */
static inline long number(PyObject *object, Py_ssize_t offset)
{
    int overflow;
    PyObject *value = get(object, offset);
    return PyLong_CheckExact(value) ? PyLong_AsLongAndOverflow(value, &overflow) : -1;
}

/* Set a slot to a new reference, which it takes over; return -1 if there is no value. */
static inline int take(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    if (value == NULL) return -1;
    Py_XSETREF(*slot(object, offset), value);
    return 0;
}

/* Set a slot; the reference of `value` stays the caller's. */
static inline void set(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    take(object, offset, Py_NewRef(value));
}

/* Release the result of a call that is not needed; return -1 if the call has failed. */
static inline int done(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Call a function; a builtin one, such as a step, without the ways round that others need. */
static inline PyObject *call(PyObject *function, PyObject *argument)
{
    if (PyCFunction_CheckExact(function) && PyCFunction_GET_FLAGS(function) == METH_O)
        return PyCFunction_GET_FUNCTION(function)(PyCFunction_GET_SELF(function), argument);
    return PyObject_CallOneArg(function, argument);
}

/* The clock of the scheduler and of the metrics, in seconds. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* -- the stages ------------------------------------------------------------------------------- */

int set_up_scheduler(Native *self, PyObject *classes);
PyObject *turns(PyObject *self, PyObject *hub);
int wait_readable(Native *self, PyObject *watcher, PyObject *task);

int set_up_serving(Native *self, PyObject *classes);
PyObject *receive(PyObject *self, PyObject *args);
PyObject *read_request(PyObject *self, PyObject *args);
void make_alphabets(Native *self);
int is_within(Py_ssize_t size, PyObject *limit);
int make_request(Native *self, PyObject *parser, PyObject *settings, const char *data,
                 Py_ssize_t size, PyObject **request);

int set_up_routing(Native *self, PyObject *classes);
PyObject *step(PyObject *self, PyObject *args);

#endif
