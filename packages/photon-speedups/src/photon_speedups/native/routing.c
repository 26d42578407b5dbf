/* Steps: callables that stand for single functions of the request path of photon_router.
 *
 * A step is made with the Python function that it stands for, and with the values that this
 * function closes over. It does what the function does where that is plain, and otherwise calls the
 * function before anything else has happened. Steps call each other without a frame of Python, and
 * handlers, middleware and dependencies as Python does. A step is a builtin function whose `self`
 * is a tuple: the Native object, the Python function, and the parts.
 */

#include "native.h"

#include <string.h>

enum { MOST_ARGUMENTS = 16, MOST_DIGITS = 15 };

static Native *native_of(PyObject *self)
{
    return (Native *)PyTuple_GET_ITEM(self, 0);
}

static PyObject *part(PyObject *self, Py_ssize_t at)
{
    return PyTuple_GET_ITEM(self, at + 2);
}

/* Call the function that a step stands for. */
static PyObject *by_python(PyObject *self, PyObject *argument)
{
    return PyObject_CallOneArg(PyTuple_GET_ITEM(self, 1), argument);
}

static int is_request(PyObject *self, PyObject *request)
{
    return Py_IS_TYPE(request, native_of(self)->given.Request);
}

/* -- match, middleware and errors ------------------------------------------------------------- */

/* `_Node.find_straight`: return the endpoints by method, borrowed, and add the values. */
static PyObject *find_straight(Native *self, PyObject *node, PyObject *path, PyObject *values)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(path), at = 0;
    while (at <= length && Py_IS_TYPE(node, self->given.Node)) {
        Py_ssize_t end = PyUnicode_FindChar(path, '/', at, length, 1);
        if (end < 0) end = length;
        PyObject *segment = PyUnicode_Substring(path, at, end), *child;
        if (segment == NULL) return NULL;
        child = PyDict_GetItemWithError(get(node, self->node.literals), segment);
        if (child == NULL) {
            child = get(node, self->node.parameter);
            if (PyObject_Size(get(node, self->node.partials)) != 0 || at == end
                || PyList_Append(values, segment) < 0)
                child = Py_None;
        }
        Py_DECREF(segment);
        if (child == Py_None || PyErr_Occurred()) return NULL;
        node = child;
        at = end + 1;
    }
    return Py_IS_TYPE(node, self->given.Node) ? get(node, self->node.targets) : NULL;
}

/* `Dispatch.__call__`: its parts are the dispatch. */
static PyObject *run_dispatch(PyObject *self, PyObject *request)
{
    if (!is_request(self, request)) return by_python(self, request);
    Native *native = native_of(self);
    PyObject *dispatch = part(self, 0);
    PyObject *path = get(request, native->request.raw_path);
    PyObject *tree = get(dispatch, native->dispatch.tree), *values;
    if (!Py_IS_TYPE(tree, native->given.PathTree) || !PyUnicode_Check(path))
        return by_python(self, request);
    if ((values = PyList_New(0)) == NULL) return NULL;
    PyObject *targets = PyDict_GetItemWithError(get(tree, native->tree.literal), path);
    if (targets == NULL && !PyErr_Occurred()
        && PyUnicode_FindChar(path, '%', 0, PyUnicode_GET_LENGTH(path), 1) == -1)
        targets = find_straight(native, get(tree, native->tree.root), path, values);
    PyObject *endpoint = targets == NULL ? NULL : PyDict_GetItemWithError(
        targets, get(request, native->request.method));
    if (endpoint == NULL || !PyTuple_Check(endpoint) || PyTuple_GET_SIZE(endpoint) != 2) {
        Py_DECREF(values);
        return PyErr_Occurred() ? NULL : by_python(self, request);
    }
    take(request, native->request.path_values, values);
    set(request, native->request.endpoint, PyTuple_GET_ITEM(endpoint, 0));
    set(request, native->request.route, PyTuple_GET_ITEM(endpoint, 1));
    PyObject *enter = Py_NewRef(get(dispatch, native->dispatch.enter));
    PyObject *response = call(enter, request);
    Py_DECREF(enter);
    return response;
}

/* `Dispatch._run`: its part is the function that answers errors. */
static PyObject *run_endpoint(PyObject *self, PyObject *request)
{
    if (!is_request(self, request)) return by_python(self, request);
    PyObject *endpoint = Py_NewRef(get(request, native_of(self)->request.endpoint));
    PyObject *response = call(endpoint, request);
    Py_DECREF(endpoint);
    return response != NULL ? response : answer_error(part(self, 0), request);
}

/* The call of a middleware: it, the next handler, what checks its result, what answers errors. */
static PyObject *run_middleware(PyObject *self, PyObject *request)
{
    PyObject *given[] = {request, part(self, 1)};
    PyObject *response = PyObject_Vectorcall(part(self, 0), given, 2, NULL), *result = response;
    if (response != NULL && !Py_IS_TYPE(response, native_of(self)->given.Response)) {
        response = PyObject_CallFunctionObjArgs(part(self, 2), request, result, NULL);
        Py_DECREF(result);
    }
    return response != NULL ? response : answer_error(part(self, 3), request);
}

/* -- counting --------------------------------------------------------------------------------- */

/* Add to a figure: eight bytes of a shared memory, or the first item of a list. */
static int add(PyObject *cell, double amount)
{
    const Py_buffer *view = PyMemoryView_Check(cell) ? PyMemoryView_GET_BUFFER(cell) : NULL;
    if (view != NULL && view->len == sizeof(double) && !view->readonly
        && !(((PyMemoryViewObject *)cell)->flags & _Py_MEMORYVIEW_RELEASED)) {
        *(double *)view->buf += amount;
        return 0;
    }
    PyObject *figure = PyList_CheckExact(cell) ? PyList_GetItem(cell, 0) : NULL;
    if (figure == NULL && !PyErr_Occurred()) PyErr_BadArgument(); /* it was released */
    double before = figure == NULL ? -1.0 : PyFloat_AsDouble(figure);
    PyObject *sum = PyErr_Occurred() ? NULL : PyFloat_FromDouble(before + amount);
    return sum == NULL ? -1 : PyList_SetItem(cell, 0, sum);
}

/* Return the cells of a response, a new reference: those that are known, or new ones. */
static PyObject *series_of(PyObject *self, PyObject *request, PyObject *response)
{
    Native *native = native_of(self);
    PyObject *route = get(request, native->request.route);
    if (route != Py_None && !PyObject_TypeCheck(route, native->given.Route))
        return PyErr_Format(PyExc_TypeError, "%R is not a Route", route);
    PyObject *template = route == Py_None ? PyUnicode_New(0, 0) /* cannot fail */
                                          : Py_NewRef(get(route, native->template));
    PyObject *key = PyTuple_Pack(3, get(request, native->request.method), template,
                                 get(response, native->response.status));
    Py_DECREF(template);
    if (key == NULL) return NULL;
    PyObject *series = Py_XNewRef(PyDict_GetItemWithError(part(self, 2), key));
    if (series == NULL && !PyErr_Occurred()) series = PyObject_CallOneArg(part(self, 3), key);
    Py_DECREF(key);
    return series;
}

/* Return whether an object has requests, bounds, buckets, seconds; the last bound is infinite. */
static int is_series(PyObject *series)
{
    return PyTuple_CheckExact(series) && PyTuple_GET_SIZE(series) == 4
           && PyTuple_CheckExact(PyTuple_GET_ITEM(series, 1))
           && PyList_CheckExact(PyTuple_GET_ITEM(series, 2))
           && PyTuple_GET_SIZE(PyTuple_GET_ITEM(series, 1)) > 0
           && PyTuple_GET_SIZE(PyTuple_GET_ITEM(series, 1))
                  <= PyList_GET_SIZE(PyTuple_GET_ITEM(series, 2));
}

/* The counting of `Metrics.wrap`: next handler, number in progress, known series, `add`. */
static PyObject *run_count(PyObject *self, PyObject *request)
{
    double started = now();
    if (!is_request(self, request)) return by_python(self, request);
    if (add(part(self, 1), 1.0) < 0) return NULL;
    PyObject *response = call(part(self, 0), request);
    PyObject *error = response == NULL ? take_error() : NULL, *series = NULL;
    int status = add(part(self, 1), -1.0);
    if (error != NULL) restore_error(error);
    if (response == NULL) return NULL;
    if (status == 0 && PyObject_TypeCheck(response, native_of(self)->given.Response))
        series = series_of(self, request, response);
    if (series != NULL && !is_series(series)) {
        PyErr_Format(PyExc_TypeError, "%R is not a series", series);
    } else if (series != NULL) {
        double duration = now() - started;
        PyObject *bounds = PyTuple_GET_ITEM(series, 1), *buckets = PyTuple_GET_ITEM(series, 2);
        Py_ssize_t at = 0, last = PyTuple_GET_SIZE(bounds) - 1;
        while (at < last && PyFloat_AsDouble(PyTuple_GET_ITEM(bounds, at)) < duration) at++;
        if (add(PyTuple_GET_ITEM(series, 0), 1.0) == 0
            && add(PyList_GET_ITEM(buckets, at), 1.0) == 0)
            add(PyTuple_GET_ITEM(series, 3), duration);
    }
    Py_XDECREF(series);
    if (PyErr_Occurred()) Py_CLEAR(response);
    return response;
}

/* -- arguments -------------------------------------------------------------------------------- */

/* The value of a path parameter: its number. */
static PyObject *run_path_value(PyObject *self, PyObject *request)
{
    PyObject *values = is_request(self, request)
                           ? get(request, native_of(self)->request.path_values) : Py_None;
    Py_ssize_t at = PyNumber_AsSsize_t(part(self, 0), NULL); /* clipped, without an error */
    if (!PyList_CheckExact(values) || at < 0 || at >= PyList_GET_SIZE(values))
        return by_python(self, request);
    return Py_NewRef(PyList_GET_ITEM(values, at));
}

/* The last value of a query parameter, None without one: its name. */
static PyObject *run_query_value(PyObject *self, PyObject *request)
{
    PyObject *query = is_request(self, request)
                          ? get(request, native_of(self)->request.raw_query) : Py_None;
    if (!PyUnicode_Check(query) || !PyUnicode_IS_COMPACT_ASCII(query))
        return by_python(self, request);
    Py_ssize_t length;
    const char *name = PyUnicode_AsUTF8AndSize(part(self, 0), &length), *value = NULL;
    const char *text = (const char *)PyUnicode_1BYTE_DATA(query), *last = NULL;
    const char *end = text + PyUnicode_GET_LENGTH(query);
    if (name == NULL || memchr(text, '%', end - text) || memchr(text, '+', end - text))
        return by_python(self, request);
    for (const char *pair = text, *stop; pair < end; pair = stop + 1) {
        if ((stop = memchr(pair, '&', end - pair)) == NULL) stop = end;
        if (stop - pair < length || memcmp(pair, name, length) != 0
            || (pair + length != stop && pair[length] != '='))
            continue;
        value = pair + length + (pair + length != stop);
        last = stop;
    }
    return value == NULL ? Py_NewRef(Py_None) : PyUnicode_DecodeASCII(value, last - value, NULL);
}

/* The conversion of digits to an int. */
static PyObject *run_int(PyObject *self, PyObject *text)
{
    long long number = 0;
    Py_ssize_t length = PyUnicode_Check(text) ? PyUnicode_GET_LENGTH(text) : 0;
    if (length == 0 || length > MOST_DIGITS || !PyUnicode_IS_COMPACT_ASCII(text))
        return by_python(self, text);
    for (const Py_UCS1 *digit = PyUnicode_1BYTE_DATA(text); length > 0; digit++, length--) {
        if (*digit < '0' || *digit > '9') return by_python(self, text);
        number = number * 10 + (*digit - '0');
    }
    return PyLong_FromLongLong(number);
}

/* The binder of a parameter: how it is read, converted and checked, is_required, the default.
 * Python repeats what has failed, and notes the errors.
 */
static PyObject *run_bind(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *python = PyTuple_GET_ITEM(self, 1), *convert = part(self, 1), *value = NULL;
    if (count != 2) return PyObject_Vectorcall(python, args, (size_t)count, NULL);
    PyObject *text = call(part(self, 0), args[0]);
    if (text == Py_None && part(self, 3) == Py_False) value = Py_NewRef(part(self, 4));
    else if (convert == (PyObject *)&PyUnicode_Type && text != Py_None) value = Py_XNewRef(text);
    else if (text != NULL && text != Py_None) value = call(convert, text);
    int is_valid = value != NULL;
    if (is_valid && text != Py_None && part(self, 2) != Py_None) {
        PyObject *messages = PyObject_CallOneArg(part(self, 2), value);
        is_valid = messages != NULL && PyObject_Size(messages) == 0;
        Py_XDECREF(messages);
    }
    Py_XDECREF(text);
    if (is_valid) return value;
    Py_XDECREF(value);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError)
            && !PyErr_ExceptionMatches(native_of(self)->given.ValidationError))
            return NULL;
        PyErr_Clear();
    }
    return PyObject_Vectorcall(python, args, (size_t)count, NULL);
}

/* -- endpoints -------------------------------------------------------------------------------- */

/* The endpoint of `_calls._direct`: binders, handler, encoder. */
static PyObject *run_direct(PyObject *self, PyObject *request)
{
    PyObject *binders = part(self, 0), *row[MOST_ARGUMENTS] = {0}, *result = NULL, *errors = NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(binders), bound = 0;
    if (count > 0 && (errors = PyList_New(0)) == NULL) return NULL;
    PyObject *given[] = {request, errors};
    for (; bound < count; bound++) {
        row[bound] = PyObject_Vectorcall(PyTuple_GET_ITEM(binders, bound), given, 2, NULL);
        if (row[bound] == NULL) break;
    }
    if (bound == count && count > 0 && PyList_GET_SIZE(errors) > 0)
        PyErr_SetObject(native_of(self)->given.ValidationError, errors);
    else if (bound == count)
        result = PyObject_Vectorcall(part(self, 1), row, count, NULL);
    while (bound > 0) Py_DECREF(row[--bound]);
    Py_XDECREF(errors);
    PyObject *response = result == NULL ? NULL : call(part(self, 2), result);
    Py_XDECREF(result);
    return response;
}

/* `Response.of`; the reference of `body` is taken over. */
static PyObject *response_of(Native *self, PyObject *status, PyObject *body, PyObject *type)
{
    PyObject *response = body ? self->given.Response->tp_alloc(self->given.Response, 0) : NULL;
    if (response == NULL) {
        Py_XDECREF(body);
        return NULL;
    }
    set(response, self->response.status, status);
    set(response, self->response.content_type, type);
    set(response, self->response.trailers, Py_None);
    if (take(response, self->response.body, body) < 0
        || take(response, self->response.headers, PyList_New(0)) < 0)
        Py_CLEAR(response);
    return response;
}

/* The encoders of `_encoders` to JSON: status, media type, the class of the result. */
static PyObject *run_encode(PyObject *self, PyObject *result)
{
    PyObject *cls = part(self, 2);
    int is_plain = cls == Py_None ? PyDict_CheckExact(result) || PyList_CheckExact(result)
                                  : (PyObject *)Py_TYPE(result) == cls;
    if (!is_plain) return by_python(self, result);
    PyObject *body = PyObject_CallOneArg(native_of(self)->given.encode, result);
    return response_of(native_of(self), part(self, 0), body, part(self, 1));
}

/* -- steps ------------------------------------------------------------------------------------ */

/* The kinds of steps, and their parts: see `is_part`; other letters are any object. */
static struct { PyMethodDef method; const char *parts; } KINDS[] = {
    {{"dispatch", run_dispatch, METH_O, "Find the endpoint, and enter the middleware."}, "d"},
    {{"endpoint", run_endpoint, METH_O, "Call the endpoint, and answer its errors."}, "*"},
    {{"middleware", run_middleware, METH_O, "Call a middleware, and answer its errors."}, "****"},
    {{"count", run_count, METH_O, "Call the next handler, and count the request."}, "**m*"},
    {{"direct", run_direct, METH_O, "Bind, call the handler, encode the result."}, "t**"},
    {{"encode", run_encode, METH_O, "Encode a result as JSON."}, "***"},
    {{"path_value", run_path_value, METH_O, "Return the text of a path parameter."}, "i"},
    {{"query_value", run_query_value, METH_O, "Return the text of a query parameter."}, "s"},
    {{"int", run_int, METH_O, "Convert text to an int."}, ""},
    {{"bind", (PyCFunction)(void (*)(void))run_bind, METH_FASTCALL, "Bind a parameter."}, "*****"},
};

/* Return whether an object can be a part of a step. */
static int is_part(Native *self, char letter, PyObject *object)
{
    switch (letter) {
    case 'd': return PyObject_TypeCheck(object, self->given.Dispatch);
    case 'i': return PyLong_CheckExact(object);
    case 'm': return PyDict_CheckExact(object);
    case 's': return PyUnicode_CheckExact(object) && PyUnicode_IS_ASCII(object);
    case 't': return PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) <= MOST_ARGUMENTS;
    default: return 1;
    }
}

/* Make a step: step(kind, function, *parts). */
PyObject *step(PyObject *native, PyObject *args)
{
    Py_ssize_t count = PyTuple_GET_SIZE(args), kind = Py_ARRAY_LENGTH(KINDS) - 1;
    PyObject *name = count < 2 ? Py_None : PyTuple_GET_ITEM(args, 0);
    if (!PyUnicode_Check(name)) kind = -1;
    while (kind >= 0 && PyUnicode_CompareWithASCIIString(name, KINDS[kind].method.ml_name) != 0)
        kind--;
    if (kind < 0 || count != (Py_ssize_t)strlen(KINDS[kind].parts) + 2)
        return PyErr_Format(PyExc_TypeError, "step() needs a kind, a function and the parts of it");
    for (Py_ssize_t at = 2; at < count; at++)
        if (!is_part((Native *)native, KINDS[kind].parts[at - 2], PyTuple_GET_ITEM(args, at)))
            return PyErr_Format(PyExc_TypeError, "%R is not a part of %R",
                                PyTuple_GET_ITEM(args, at), name);
    PyObject *self = PyTuple_New(count), *made = NULL;
    for (Py_ssize_t at = 0; self != NULL && at < count; at++)
        PyTuple_SET_ITEM(self, at, Py_NewRef(at == 0 ? native : PyTuple_GET_ITEM(args, at)));
    if (self != NULL) made = PyCFunction_New(&KINDS[kind].method, self);
    Py_XDECREF(self);
    return made;
}

int set_up_routing(Native *self, PyObject *classes)
{
    static const Fields fields[] = {
        {"Dispatch Node PathTree Route ValidationError encode", NULL,
         RANGE(given.Dispatch, given.encode)},
        {"_tree _enter", "Dispatch", PLACE(dispatch)},
        {"_literal _root", "PathTree", PLACE(tree)},
        {"literals parameter partials targets", "Node", PLACE(node)},
        {"template", "Route", PLACE(template)},
        {0},
    };
    return set_up(self, classes, fields);
}
