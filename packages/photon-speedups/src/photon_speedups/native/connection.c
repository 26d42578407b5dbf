/* Connections: from the received bytes to the sent ones, for plain requests and responses.
 *
 * `_connection.py` and `_wire.py` have the theory. `receive` stands for the wait for the next
 * request: it answers plain ones by itself, and returns when bytes arrive that are not a plain
 * request, which are then in the buffer of the server as after `Wire.receive`. Between two plain
 * requests the connection is in the state in which Python would wait for the second.
 *
 * The handler is called from here, on the coroutine of the connection, and may wait. If its
 * response is not plain, or it fails, Python goes on with the same request.
 */

#include "native.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { MOST_IN_A_ROW = 64 * 1024, APART = 32 * 1024 }; /* as in _wire.py and _send.py */
enum { ANSWERED = -1 }; /* a result of `receive` besides a number of bytes: see `_wire.py` */

/* What takes part in an exchange: `receive` holds the server, and `receive_one` the request. */
typedef struct { PyObject *connection, *server, *task, *request; } Exchange;

/* Return the descriptor of a connection; -1 if its socket is closed, or is not watched any more.
 *
 * A socket begins with its descriptor. It is used only where the watcher has the same, so nothing
 * is sent to another file that got the number of a socket which a handler has closed.
 */
static int fd_of(Native *self, PyObject *connection)
{
    PyObject *stream = get(connection, self->connection.stream);
    PyObject *watcher = get(connection, self->connection.watcher);
    if (!Py_IS_TYPE(stream, self->given.socket) || !Py_IS_TYPE(watcher, self->given.Watcher)
        || get(watcher, self->watcher.is_forgotten) != Py_False)
        return -1;
    int fd = *(const int *)((const char *)stream + sizeof(PyObject));
    return fd == number(watcher, self->watcher.fd) ? fd : -1;
}

/* -- sending ---------------------------------------------------------------------------------- */

/* Return the beginning of a head, a new reference; NULL after an error: it is invalid. */
static PyObject *prefix_of(Native *self, PyObject *status, PyObject *content_type)
{
    size_t at = ((uintptr_t)content_type >> 4) % PREFIX_CACHE;
    if (self->prefixes[at].status == status && self->prefixes[at].content_type == content_type)
        return Py_NewRef(self->prefixes[at].bytes);
    PyObject *bytes = PyObject_CallFunctionObjArgs(self->given.status_and_type, status,
                                                   content_type, NULL);
    if (bytes == NULL) return NULL;
    Py_XSETREF(self->prefixes[at].status, Py_NewRef(status));
    Py_XSETREF(self->prefixes[at].content_type, Py_NewRef(content_type));
    Py_XSETREF(self->prefixes[at].bytes, Py_NewRef(bytes));
    return bytes;
}

/* Return the other fields of a head, a new reference; NULL after an error: one is invalid. */
static PyObject *fields_of(Native *self, PyObject *response)
{
    if (is_empty(get(response, self->response.headers))) return PyBytes_FromStringAndSize(NULL, 0);
    return PyObject_CallOneArg(self->given.encode_fields, response);
}

static char *put(char *place, const char *text, Py_ssize_t length)
{
    memcpy(place, text, length);
    return place + length;
}

static char *put_bytes(char *place, PyObject *bytes)
{
    return put(place, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

static char *put_number(char *place, Py_ssize_t number)
{
    if (number > 9) place = put_number(place, number / 10);
    *place = (char)('0' + number % 10);
    return place + 1;
}

/* Put the head together, and a small body behind it; return the size, 0 if there is no room. */
static Py_ssize_t put_whole(Native *self, PyObject *prefix, PyObject *fields, PyObject *date,
                            PyObject *body)
{
    Py_ssize_t size = PyBytes_GET_SIZE(body), copied = size < APART ? size : 0;
    if (PyBytes_GET_SIZE(prefix) + PyBytes_GET_SIZE(fields) + PyBytes_GET_SIZE(date) + copied
        > OUTPUT_SIZE - 64)
        return 0;
    char *place = put_bytes(put_bytes(self->output, prefix), fields);
    place = put_number(put(place, "content-length: ", 16), size);
    place = put(put_bytes(put(place, "\r\n", 2), date), "\r\n", 2);
    return put(place, PyBytes_AS_STRING(body), copied) - self->output;
}

/* Send what was put together, and a large body behind it; Python sends what the socket leaves. */
static int send_output(Native *self, Exchange *with, Py_ssize_t size, PyObject *body)
{
    Py_ssize_t length = PyBytes_GET_SIZE(body), apart = length < APART ? 0 : length;
    struct iovec pieces[] = {{self->output, size}, {PyBytes_AS_STRING(body), apart}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    int fd = fd_of(self, with->connection), flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t sent = apart == 0 ? send(fd, self->output, size, flags) : sendmsg(fd, &message, flags);
    if (sent == size + apart) return 0;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return done(PyErr_SetFromErrno(PyExc_OSError));
    /* From here on other code may run, and use the output. */
    PyObject *head = PyBytes_FromStringAndSize(self->output, size + apart - length);
    int status = head == NULL ? -1 : done(PyObject_CallMethod(
        with->connection, "_send_other_pieces", "(OO)nO", head, body, Py_MAX(sent, 0), with->task));
    Py_XDECREF(head);
    return status;
}

/* Return whether a response is one of bytes with its length, and the connection stays open. */
static int is_plain_response(Native *self, Exchange *with, PyObject *response)
{
    if (!Py_IS_TYPE(response, self->given.Response) || fd_of(self, with->connection) < 0
        || *slot(response, self->response.content_type) == NULL
        || get(with->request, self->request.callbacks) != Py_None
        || get(with->request, self->request.keep_alive) != Py_True
        || get(with->request, self->request.is_complete) != Py_True
        || get(with->server, self->server.is_stopping) != Py_False)
        return 0;
    PyObject *content_type = get(response, self->response.content_type);
    long status = number(response, self->response.status);
    return PyBytes_CheckExact(get(response, self->response.body))
           && PyList_CheckExact(get(response, self->response.headers))
           && (content_type == Py_None || PyUnicode_CheckExact(content_type))
           && status >= 200 && status <= 599 && status != 204 && status != 304;
}

/* Put a plain response together; return the size, 0 if there is no room, -1 after an error.
 *
 * The values of header fields may run code of the application, which may change the response.
 */
static Py_ssize_t encode_response(Native *self, PyObject *server, PyObject *response,
                                  PyObject *body)
{
    PyObject *status = Py_NewRef(get(response, self->response.status));
    PyObject *content_type = Py_NewRef(get(response, self->response.content_type));
    PyObject *prefix = prefix_of(self, status, content_type);
    PyObject *fields = prefix == NULL ? NULL : fields_of(self, response);
    PyObject *date = get(server, self->server.date);
    Py_ssize_t size = fields == NULL ? -1 : 0;
    if (fields != NULL && PyBytes_CheckExact(date))
        size = put_whole(self, prefix, fields, date, body);
    PyObject *held[] = {status, content_type, prefix, fields};
    for (size_t at = 0; at < Py_ARRAY_LENGTH(held); at++) Py_XDECREF(held[at]);
    return size;
}

/* -- handling --------------------------------------------------------------------------------- */

/* Make the calls after a response, or after an error; return `status`, -1 if there is an error. */
static int run_callbacks(Native *self, Exchange *with, int status)
{
    if (get(with->request, self->request.callbacks) == Py_None) return status;
    PyObject *error = status < 0 ? take_error() : NULL;
    int is_done = done(PyObject_CallMethodObjArgs(with->connection, self->name.run_callbacks,
                                                  with->request, with->task, NULL)) == 0;
    if (is_done && error != NULL) restore_error(error);
    else Py_XDECREF(error); /* the later one is raised */
    return is_done ? status : -1;
}

/* `Connection._finish`, which takes over the reference of `response`. */
static int finish(Native *self, Exchange *with, PyObject *response)
{
    if (response == NULL) return run_callbacks(self, with, -1);
    PyObject *is_open = PyObject_CallMethodObjArgs(with->connection, self->name.finish,
                                                   with->request, response, with->task, NULL);
    int status = is_open == NULL ? -1 : is_open == Py_True;
    Py_XDECREF(is_open);
    Py_DECREF(response);
    return status;
}

/* Respond; return 1 if the connection stays open, 0 if it does not, -1 after an error. */
static int respond(Native *self, Exchange *with)
{
    PyObject *handler = Py_NewRef(get(with->server, self->server.handler));
    PyObject *response = call(handler, with->request);
    Py_DECREF(handler);
    if (response == NULL) response = answer_error(self->given.response_to_error, with->request);
    if (response == NULL || !is_plain_response(self, with, response))
        return finish(self, with, response);
    PyObject *body = Py_NewRef(get(response, self->response.body));
    Py_ssize_t size = encode_response(self, with->server, response, body);
    int status = size > 0 && send_output(self, with, size, body) == 0 ? 1 : -1;
    Py_DECREF(body);
    if (size == 0) return finish(self, with, response);
    Py_DECREF(response); /* only now: its end may run other code, which may use the output */
    if (size > 0 || !PyErr_ExceptionMatches(PyExc_Exception)
        || PyErr_ExceptionMatches(PyExc_OSError) || PyErr_ExceptionMatches(self->given.WaitTimeout))
        return run_callbacks(self, with, status);
    return finish(self, with, answer_error(self->given.failure_response, with->request));
}

/* `Task.use_context` for the running task, with a copy of the context of the server. */
static int begin_context(Native *self, PyObject *server, PyObject *task)
{
    PyThreadState *state = PyThreadState_Get();
    PyObject *context = PyContext_Copy(get(server, self->server.context));
    if (take(task, self->task.context, context) < 0) return -1;
    Py_XSETREF(state->context, Py_NewRef(context)); /* as greenlet does for `gr_context` */
    state->context_ver++;
    return 0;
}

static int count_in_flight(Native *self, PyObject *server, long change)
{
    long after = number(server, self->server.in_flight) + change;
    return take(server, self->server.in_flight, PyLong_FromLong(Py_MAX(after, 0)));
}

/* `Connection._exchange`; the result is that of `respond`. */
static int exchange(Native *self, Exchange *with)
{
    set(with->connection, self->connection.is_idle, Py_False);
    set(with->connection, self->connection.expires, self->given.never);
    set(with->connection, self->connection.is_responding, Py_False);
    if (begin_context(self, with->server, with->task) < 0
        || count_in_flight(self, with->server, 1) < 0)
        return -1;
    int status = respond(self, with);
    PyObject *error = status < 0 ? take_error() : NULL;
    if (count_in_flight(self, with->server, -1) < 0) status = -1;
    if (error != NULL) restore_error(error);
    return status;
}

/* -- receiving -------------------------------------------------------------------------------- */

/* Return whether a request may begin, be read without the parser, and outlive its connection. */
static int may_begin(Native *self, PyObject *server, PyObject *settings, PyObject *parser)
{
    return Py_IS_TYPE(parser, self->given.RequestParser) /* it is between two messages */
           && is_empty(get(parser, self->parser.pending))
           && number(parser, self->parser.head_size) == 0
           && get(parser, self->parser.receiving) == Py_None
           && get(parser, self->parser.unfinished) == Py_None
           && get(parser, self->parser.held_bytes) == Py_None
           && get(parser, self->parser.error) == Py_None
           && Py_IS_TYPE(settings, self->given.ServerSettings)
           && get(settings, self->settings.cancel_on_disconnect) == Py_False
           && is_within(number(server, self->server.in_flight) + 1,
                        get(settings, self->settings.max_requests_in_flight));
}

/* Return whether the connection reads and writes a socket, in the usual way. */
static int is_plain_connection(Native *self, PyObject *connection)
{
    return Py_IS_TYPE(connection, self->given.Connection)
           && Py_IS_TYPE(get(connection, self->connection.server), self->given.Server)
           && fd_of(self, connection) >= 0 && number(connection, self->connection.full_read) > 0
           && (get(connection, self->connection.is_dry) == Py_True
               || number(connection, self->connection.in_a_row) < MOST_IN_A_ROW);
}

/* Note how much was received, as `Wire.receive` does; return the size, -1 after an error. */
static Py_ssize_t note_received(Native *self, PyObject *connection, Py_ssize_t size)
{
    int is_dry = size < number(connection, self->connection.full_read);
    set(connection, self->connection.is_dry, is_dry ? Py_True : Py_False);
    if (is_dry) return size;
    PyObject *in_a_row = PyLong_FromLong(number(connection, self->connection.in_a_row) + size);
    return take(connection, self->connection.in_a_row, in_a_row) < 0 ? -1 : size;
}

/* Receive into the buffer of the server; return the number of bytes, -1 after an error. */
static Py_ssize_t receive_bytes(Native *self, Exchange *with)
{
    PyObject *connection = with->connection, *buffer;
    for (;;) {
        PyObject *watcher = Py_NewRef(get(connection, self->connection.watcher));
        int is_dry = get(connection, self->connection.is_dry) == Py_True;
        int status = is_dry ? wait_readable(self, watcher, with->task) : 0;
        Py_DECREF(watcher);
        if (status < 0) return -1;
        if (!PyByteArray_CheckExact(buffer = get(with->server, self->server.buffer)))
            return done(PyErr_Format(PyExc_TypeError, "%R is not a bytearray", buffer));
        ssize_t size = recv(fd_of(self, connection), PyByteArray_AS_STRING(buffer),
                            PyByteArray_GET_SIZE(buffer), MSG_DONTWAIT);
        if (size >= 0) return note_received(self, connection, size);
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            set(connection, self->connection.is_dry, Py_True);
        else if (errno != EINTR)
            return done(PyErr_SetFromErrno(PyExc_OSError));
        else if (PyErr_CheckSignals() < 0)
            return -1;
    }
}

/* Receive a request, and answer it if it is plain.
 *
 * Returns 1 and the result of `receive` if this is the end of it; 0 after a response; -1 after an
 * error.
 */
static int receive_one(Native *self, Exchange *with, Py_ssize_t *result)
{
    *result = receive_bytes(self, with);
    if (*result <= 0) return *result < 0 ? -1 : 1;
    PyObject *parser = Py_NewRef(get(with->connection, self->connection.parser));
    PyObject *settings = Py_NewRef(get(with->server, self->server.settings));
    PyObject *buffer = Py_NewRef(get(with->server, self->server.buffer)); /* of a constant size */
    int status = 0;
    if (may_begin(self, with->server, settings, parser))
        status = make_request(self, parser, settings, PyByteArray_AS_STRING(buffer), *result,
                              &with->request);
    Py_DECREF(parser);
    Py_DECREF(settings);
    Py_DECREF(buffer);
    if (status != 1) return status < 0 ? -1 : 1;
    int is_open = exchange(self, with);
    Py_DECREF(with->request);
    *result = is_open ? ANSWERED : 0;
    return is_open < 0 ? -1 : !is_open || get(with->server, self->server.is_stopping) != Py_False;
}

/* Answer plain requests until something else arrives, or the connection ends.
 *
 * Returns the number of bytes that were received, and are not a plain request; 0 at the end;
 * ANSWERED if the connection is in another state than before.
 */
PyObject *receive(PyObject *object, PyObject *args)
{
    Native *self = (Native *)object;
    Exchange with;
    if (!PyArg_ParseTuple(args, "O!O!", self->given.Connection, &with.connection,
                          self->given.Task, &with.task))
        return NULL;
    if (!is_plain_connection(self, with.connection))
        return PyObject_CallMethodOneArg(with.connection, self->name.receive, with.task);
    with.server = Py_NewRef(get(with.connection, self->connection.server));
    int status;
    Py_ssize_t result = ANSWERED;
    while ((status = receive_one(self, &with, &result)) == 0
           && is_plain_connection(self, with.connection)
           && get(with.connection, self->connection.server) == with.server) {
        set(with.connection, self->connection.is_idle, Py_True);
        set(with.connection, self->connection.expires, get(with.server, self->server.idle_until));
    }
    Py_DECREF(with.server);
    return status < 0 ? NULL : PyLong_FromSsize_t(result);
}

/* Read one request from bytes, without a connection: for tests. */
PyObject *read_request(PyObject *object, PyObject *args)
{
    Native *self = (Native *)object;
    PyObject *parser, *settings, *request = NULL;
    const char *data;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "O!O!y#", self->given.RequestParser, &parser,
                          self->given.ServerSettings, &settings, &data, &size))
        return NULL;
    int status = make_request(self, parser, settings, data, size, &request);
    return status < 0 ? NULL : status == 0 ? Py_NewRef(Py_None) : request;
}

int set_up_serving(Native *self, PyObject *classes)
{
    static const Fields fields[] = {
        {"Connection Request RequestParser Response Server ServerSettings socket WaitTimeout blank "
         "encode_fields failure_response is_host never response_to_error status_and_type", NULL,
         RANGE(given.Connection, given.status_and_type)},
        {"_finish receive _run_callbacks", NULL, RANGE(name.finish, name.run_callbacks), 1},
        {"GET POST PUT PATCH DELETE OPTIONS", NULL, PLACE(name.methods), 1},
        {"expires _full_read _in_a_row _is_dry is_idle _is_responding _parser server stream "
         "watcher", "Connection", PLACE(connection)},
        {"error head_size held_bytes peer pending _receiving _source _unfinished",
         "RequestParser", PLACE(parser)},
        {"body_limit _callbacks _content_length _endpoint _is_complete _keep_alive method _parts "
         "_path_values _peer _raw_headers raw_path raw_query _received route _source target",
         "Request", PLACE(request)},
        {"body content_type headers status trailers", "Response", PLACE(response)},
        {"buffer context date handler idle_until in_flight is_stopping settings", "Server",
         PLACE(server)},
        {"cancel_on_disconnect max_body_size max_header_size max_headers max_requests_in_flight "
         "max_target_size", "ServerSettings", PLACE(settings)},
        {0},
    };
    make_alphabets(self);
    if (set_up(self, classes, fields) < 0) return -1;
    /* `fd_of` reads the beginning of sockets, and `request_of` all slots of the blank request. */
    PyTypeObject *socket = self->given.socket, *request = self->given.Request;
    if (PyType_Check(socket) && (size_t)socket->tp_basicsize >= sizeof(PyObject) + sizeof(int)
        && Py_IS_TYPE(self->given.blank, request) && request->tp_dictoffset == 0
        && request->tp_weaklistoffset == 0)
        return 0;
    return done(PyErr_Format(PyExc_TypeError, "%R or %R has not the layout of sockets or requests",
                             socket, request));
}
