/* photon_speedups._native: the path of a request in C.
 *
 * Theory of operation. The Python code is whole without this module, and stays the specification.
 * What is done here is done there in the same order, with the same objects, by the functions that
 * the comments name. This module takes what is *plain*: the usual turn of a scheduler, request,
 * match, argument, result and response. Each function first decides whether a case is plain, before
 * it has changed anything; where it is not, or this cannot be known, Python gets it. So no rule of
 * a protocol, no limit, no time-out and no error response is written twice, and an unforeseen case
 * is Python's.
 *
 *     scheduler.c     events -> wake-ups -> switches; the wait of a task for a descriptor
 *     connection.c    bytes -> request -> handler -> response -> bytes
 *     head.c          the bytes of a plain request -> `Request`
 *     routing.c       match, counting, arguments, call and encoding of photon_router
 *     native.c        the object that is set up, and the module
 *
 * There are no classes for users here. The classes of the Python code have slots, and a slot is a
 * pointer at a fixed place in each object. A `Native` object is set up in stages. A stage is handed
 * classes and functions by name, reads the places of the slots, and returns the functions that need
 * them. So a place cannot be used before it was read. A class without an expected slot belongs to
 * another version: the stage fails, and Python code is used. An unset slot reads as None.
 *
 * References. A value read from a slot is borrowed. It is kept only up to the next call that can
 * run Python code or switch to another greenlet, unless its owner is one that cannot lose it: the
 * arguments of the function, and what these hold for their whole life (the watcher of a connection,
 * the queue of a hub). Everything else is held by a reference of its own over such a call.
 *
 * Coroutines. Handlers are called from C, and may wait there: greenlet switches the C stack with
 * all frames of this module. Nothing here is therefore kept in static or shared memory over a call,
 * except caches that any call may replace. `output` is filled and sent without a call in between.
 *
 * Errors are Python's: a function returns NULL or -1 with an exception set, which leaves through
 * the frames of C as it would through those of Python. Tracebacks have the frames of handlers,
 * middleware and dependencies, but not those of the functions that were replaced.
 *
 * The lock of the interpreter is held all the time but in a poll that waits. `recv` and `send` do
 * not wait on these sockets, so giving up the lock around them would only cost time.
 */

#include "native.h"

#include <string.h>
#include <structmember.h>

/* -- slots ------------------------------------------------------------------------------------ */

/* A slot is a pointer at a fixed place in each object of its class; its descriptor knows where. */
static Py_ssize_t offset_of(PyObject *cls, PyObject *name)
{
    PyObject *descriptor = PyObject_GetAttr(cls, name);
    if (descriptor == NULL) return -1;
    Py_ssize_t offset = -1;
    if (PyType_Check(cls) && Py_IS_TYPE(descriptor, &PyMemberDescr_Type)
        && PyType_IsSubtype((PyTypeObject *)cls, PyDescr_TYPE(descriptor))) {
        const PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        offset = member->type == T_OBJECT_EX ? member->offset : -1;
    }
    Py_DECREF(descriptor);
    if (offset <= 0) PyErr_Format(PyExc_TypeError, "%R has no slot %U", cls, name);
    return offset;
}

/* Fill one field with an offset, a name or an object; an error is raised, but not returned. */
static void fill_field(char *place, const Fields *fields, PyObject *cls, PyObject *classes,
                       PyObject *word)
{
    if (cls != NULL)
        *(Py_ssize_t *)place = offset_of(cls, word);
    else if (fields->is_name)
        Py_XSETREF(*(PyObject **)place, Py_NewRef(word));
    else
        Py_XSETREF(*(PyObject **)place, PyObject_GetItem(classes, word));
}

/* Fill the fields of one stage, up to an entry without words.
 *
 * Raises KeyError if a class is missing, and TypeError if one lacks a slot.
 */
int set_up(Native *self, PyObject *classes, const Fields *fields)
{
    for (; fields->words != NULL; fields++) {
        PyObject *cls = fields->cls ? PyMapping_GetItemString(classes, fields->cls) : NULL;
        char *place = (char *)self + fields->at, *end = place + fields->size;
        const char *words = fields->words;
        while (!PyErr_Occurred() && *words != 0 && place < end) {
            size_t length = strcspn(words, " ");
            PyObject *word = PyUnicode_FromStringAndSize(words, length);
            if (word != NULL) PyUnicode_InternInPlace(&word);
            if (word != NULL) fill_field(place, fields, cls, classes, word);
            Py_XDECREF(word);
            place += sizeof(void *);
            words += length + (words[length] == ' ');
        }
        Py_XDECREF(cls);
        if (PyErr_Occurred()) return -1;
        if (*words != 0 || place != end) {
            PyErr_SetString(PyExc_SystemError, "the words and the fields differ in number");
            return -1;
        }
    }
    return 0;
}

/* -- errors ----------------------------------------------------------------------------------- */

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* 3.11 has no other functions */

/* Take the current exception, a new reference; nothing is raised afterwards. */
PyObject *take_error(void)
{
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL) PyException_SetTraceback(error, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return error;
}

/* Raise an exception again, whose reference is taken over. */
void restore_error(PyObject *error)
{
    PyErr_Restore(Py_NewRef(Py_TYPE(error)), error, PyException_GetTraceback(error));
}

/* Return what a function of Python makes of the current error, which it handles as in `except`. */
PyObject *answer_error(PyObject *function, PyObject *request)
{
    PyObject *error = take_error(), *handled = PyErr_GetHandledException();
    PyErr_SetHandledException(error);
    PyObject *response = PyObject_CallFunctionObjArgs(function, request, error, NULL);
    PyErr_SetHandledException(handled);
    Py_DECREF(error);
    Py_XDECREF(handled);
    return response;
}

/* -- the type --------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int (*set_up)(Native *, PyObject *);
    PyMethodDef functions[3];
} Stage;

static Stage STAGES[] = {
    {"scheduler", set_up_scheduler, {{"turns", turns, METH_O, "Run the plain turns of a hub."}}},
    {"serving", set_up_serving, {
        {"receive", receive, METH_VARARGS, "Answer plain requests, and receive what follows."},
        {"read_request", read_request, METH_VARARGS, "Return a plain request of bytes, or None."},
    }},
    {"routing", set_up_routing, {{"step", step, METH_VARARGS, "Make a step; see routing.c."}}},
};

/* Set up the next stage, and hand out its functions: so they cannot be called before. */
static PyObject *native_set_up(PyObject *object, PyObject *args)
{
    Native *self = (Native *)object;
    int at = self->stage;
    const char *name;
    PyObject *classes, *functions;
    if (!PyArg_ParseTuple(args, "sO!", &name, &PyDict_Type, &classes)) return NULL;
    if (at < 0 || at >= (int)Py_ARRAY_LENGTH(STAGES) || strcmp(name, STAGES[at].name) != 0)
        return PyErr_Format(PyExc_TypeError, "stages are set up in order, each once");
    self->stage = -1;
    if (STAGES[at].set_up(self, classes) < 0) return NULL;
    self->stage = at + 1;
    if ((functions = PyList_New(0)) == NULL) return NULL;
    for (PyMethodDef *each = STAGES[at].functions; each->ml_name != NULL; each++) {
        PyObject *function = PyCFunction_New(each, object);
        if (function == NULL || PyList_Append(functions, function) < 0) Py_CLEAR(functions);
        Py_XDECREF(function);
        if (functions == NULL) return NULL;
    }
    return functions;
}

static int native_traverse(Native *self, visitproc visit, void *arg)
{
    PyObject **first = (PyObject **)&self->given, **end = (PyObject **)&self->hub;
    Py_VISIT(Py_TYPE(self));
    for (; first < end; first++) Py_VISIT(*first);
    return 0;
}

static int native_clear(Native *self)
{
    PyObject **first = (PyObject **)&self->given, **end = (PyObject **)&self->hub;
    for (; first < end; first++) Py_CLEAR(*first);
    return 0;
}

static void native_dealloc(Native *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    native_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef FUNCTIONS[] = {
    {"set_up", native_set_up, METH_VARARGS, "Set up a stage by its name, with classes by theirs."},
    {0},
};
static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "The stages of the request path; each is set up with classes by name."},
    {Py_tp_traverse, native_traverse},
    {Py_tp_clear, native_clear},
    {Py_tp_dealloc, native_dealloc},
    {Py_tp_methods, FUNCTIONS},
    {0},
};
static PyType_Spec SPEC = {
    .name = "photon_speedups._native.Native",
    .basicsize = sizeof(Native),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = SLOTS,
};

/* -- the module ------------------------------------------------------------------------------- */

static int execute(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &SPEC, NULL);
    int status = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return status < 0 ? -1 : PyModule_AddIntConstant(module, "PROTOCOL", PROTOCOL);
}

static PyModuleDef_Slot MODULE_SLOTS[] = {
    {Py_mod_exec, execute},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0},
};
static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "photon_speedups._native", .m_slots = MODULE_SLOTS,
    .m_doc = "The path of a request in C; used through photon_runtime.speedups.",
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&MODULE);
}
