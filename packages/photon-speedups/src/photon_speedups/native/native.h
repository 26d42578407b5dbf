/* What the files of the native module share. Theory of operation: native.c. */

#ifndef PHOTON_NATIVE_H
#define PHOTON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

enum { PROTOCOL = 1 }; /* grows with every change of what Python code and this module agree on */

/* -- slots of Python classes (slots.c) -------------------------------------------------------- */

/* Slots of one class, separated by spaces: their offsets fill the consecutive fields at `at`. */
typedef struct {
    const char *cls, *slots;
    size_t at, size;
} Slots;

/* What an object is set up with; the words of a text fill consecutive fields. */
typedef struct {
    const char *given; /* classes and functions that Python code hands over */
    size_t given_at, given_size;
    const char *names; /* of methods and attributes, to be interned */
    size_t names_at, names_size;
    const Slots *slots;
    size_t end; /* of the references, which begin behind `tables` of Base */
} Tables;

#define PLACE(type, field) offsetof(type, field), sizeof(((type *)0)->field)

/* The beginning of every object that is set up. */
typedef struct {
    PyObject_HEAD
    const Tables *tables;
} Base;

PyObject *set_up(PyTypeObject *type, const Tables *tables, PyObject *classes);
int base_traverse(PyObject *self, visitproc visit, void *arg);
int base_clear(PyObject *self);
void base_dealloc(PyObject *self);

/* Return the value of a slot, borrowed; NULL if it is unset. */
static inline PyObject *get(PyObject *object, Py_ssize_t offset)
{
    return *(PyObject **)((char *)object + offset);
}

/* Set a slot to a new reference, which it takes over; return -1 if there is no value. */
static inline int take(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    if (value == NULL) return -1;
    PyObject **place = (PyObject **)((char *)object + offset), *old = *place;
    *place = value;
    Py_XDECREF(old);
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

PyObject *take_error(void);
void restore_error(PyObject *error);

/* -- the scheduler (scheduler.c) -------------------------------------------------------------- */

typedef struct {
    Base base;
    struct {
        PyTypeObject *EpollPoller, *Hub, *Task, *Watcher, *deque;
        PyObject *monotonic;
    } given;
    struct {
        PyObject *append, *ask_again, *choose_next, *count_switches, *drain, *fileno, *finish_poll;
        PyObject *gr_context, *new_greenlet, *popleft, *recover, *unpark, *wait_read;
    } name;
    PyObject *no_arguments;
    struct {
        Py_ssize_t fatal, greenlet, idle, main, poller, posted, postponement, ready, running;
        Py_ssize_t switches_left, time, timers, turns, unstarted;
    } hub;
    struct { Py_ssize_t context, done, greenlet, hub, interrupt, is_pending, parked; } task;
    struct {
        Py_ssize_t ended, fd, is_dry, is_forgotten, more_readers, more_writers;
        Py_ssize_t readable, reader, writable, writer;
    } watcher;
    struct { Py_ssize_t epoll, waker, watchers; } poller;
    Py_ssize_t entries, callback, read_fd, pooled_task, postponed_switches;
} Scheduler;

extern PyType_Spec scheduler_spec;
int import_greenlet(void);
int is_scheduler(PyObject *object);
int wait_readable(Scheduler *self, PyObject *watcher, PyObject *task);

/* -- connections and their requests (serving.c, head.c) --------------------------------------- */

enum { METHODS = 6, NAME_CACHE = 128, PREFIX_CACHE = 16, OUTPUT_SIZE = 40 * 1024 };

/* The beginning of a head, for one status and content type; see `_encode._status_and_type`. */
typedef struct {
    PyObject *status, *content_type, *bytes;
} Prefix;

typedef struct {
    Base base;
    struct {
        PyTypeObject *Connection, *Request, *RequestParser, *Response, *Server, *ServerSettings;
        PyTypeObject *socket;
        PyObject *encode_fields, *is_host, *never, *status_and_type;
    } given;
    struct { PyObject *finish, *handle_error, *receive, *send_rest; } name;
    Scheduler *scheduler;
    PyObject *empty_bytes, *empty_text, *zero, *version, *methods[METHODS];
    /* Caches: they hold nothing but what the Python code would make or return again. */
    PyObject *last_host, *names[NAME_CACHE];
    Prefix prefixes[PREFIX_CACHE];
    struct {
        Py_ssize_t expires, full_read, in_a_row, is_dry, is_idle, is_responding, parser, server;
        Py_ssize_t stream, watcher;
    } connection;
    struct {
        Py_ssize_t error, head_size, held_bytes, peer, pending, receiving, source, unfinished;
    } parser;
    struct {
        Py_ssize_t none[9]; /* the slots that a new request has None in */
        Py_ssize_t body_limit, callbacks, content_length, expects_continue, is_complete;
        Py_ssize_t keep_alive, method, parts, peer, raw_headers, raw_path, raw_query, received;
        Py_ssize_t source, streamed, target, version;
    } request;
    struct { Py_ssize_t body, content_type, headers, status; } response;
    struct {
        Py_ssize_t buffer, context, date, handler, idle_until, in_flight, is_stopping, settings;
    } server;
    struct {
        Py_ssize_t cancel_on_disconnect, max_body_size, max_header_size, max_headers;
        Py_ssize_t max_requests_in_flight, max_target_size;
    } settings;
    /* Where a response is put together; in use only while no other code can run. */
    char output[OUTPUT_SIZE];
} Serving;

extern PyType_Spec serving_spec;
int is_within(Py_ssize_t size, PyObject *limit);
int read_request(Serving *self, PyObject *parser, PyObject *settings, const char *data,
                 Py_ssize_t size, PyObject **request);

#endif
