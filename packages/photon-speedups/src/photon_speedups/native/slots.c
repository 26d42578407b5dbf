/* Slots: their offsets, read once from the classes that declare them.
 *
 * A slot is a pointer at a fixed place in each object of its class and of the classes derived from
 * it. Its descriptor knows the place. An object that is set up reads the places of all slots that
 * it will ever use, or is not made at all; so no function can use a place that was not read.
 */

#include "native.h"

#include <string.h>
#include <structmember.h>

static Py_ssize_t offset_of(PyObject *cls, PyObject *name)
{
    PyObject *descriptor = PyObject_GetAttr(cls, name);
    if (descriptor == NULL) return -1;
    Py_ssize_t offset = -1;
    if (Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) {
        const PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        offset = member->type == T_OBJECT_EX ? member->offset : -1;
    }
    Py_DECREF(descriptor);
    if (offset <= 0) PyErr_Format(PyExc_TypeError, "%R has no slot %U", cls, name);
    return offset;
}

/* Cut the first word off a text, a new reference; NULL without an error at its end. */
static PyObject *next_word(const char **text)
{
    const char *word = *text;
    size_t length = strcspn(word, " ");
    *text += word[length] == ' ' ? length + 1 : length;
    PyObject *name = length > 0 ? PyUnicode_FromStringAndSize(word, (Py_ssize_t)length) : NULL;
    if (name != NULL) PyUnicode_InternInPlace(&name);
    return name;
}

/* Fill fields with the names in a text, or with the values of `classes` under these names. */
static int fill(char *place, size_t size, const char *text, PyObject *classes)
{
    PyObject **field = (PyObject **)place, *name;
    while ((name = next_word(&text)) != NULL) {
        *field = classes == NULL ? Py_NewRef(name) : PyObject_GetItem(classes, name);
        Py_DECREF(name);
        if (*field++ == NULL) return -1;
    }
    if (PyErr_Occurred() || (char *)field == place + size) return PyErr_Occurred() ? -1 : 0;
    PyErr_SetString(PyExc_SystemError, "a text has other names than there are fields");
    return -1;
}

static int fill_offsets(char *object, const Slots *slots, PyObject *classes)
{
    PyObject *cls = PyMapping_GetItemString(classes, slots->cls), *name;
    const char *text = slots->slots;
    Py_ssize_t *field = (Py_ssize_t *)(object + slots->at);
    int is_read = cls != NULL;
    while (is_read && (name = next_word(&text)) != NULL) {
        *field = offset_of(cls, name);
        Py_DECREF(name);
        is_read = *field++ > 0;
    }
    Py_XDECREF(cls);
    if (PyErr_Occurred() || (char *)field == object + slots->at + slots->size)
        return PyErr_Occurred() ? -1 : 0;
    PyErr_SetString(PyExc_SystemError, "a text has other slots than there are fields");
    return -1;
}

/* Make an object, and set it up with classes and functions by name.
 *
 * Raises KeyError if one is missing, and TypeError if a class lacks a slot.
 */
PyObject *set_up(PyTypeObject *type, const Tables *tables, PyObject *classes)
{
    PyObject *self = type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    ((Base *)self)->tables = tables;
    char *place = (char *)self;
    int status = fill(place + tables->given_at, tables->given_size, tables->given, classes);
    if (status == 0)
        status = fill(place + tables->names_at, tables->names_size, tables->names, NULL);
    for (const Slots *slots = tables->slots; status == 0 && slots->cls != NULL; slots++)
        status = fill_offsets(place, slots, classes);
    if (status < 0) Py_CLEAR(self);
    return self;
}

/* -- the methods of types, for objects that are set up: all references stand in one row -------- */

int base_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    const Tables *tables = ((Base *)self)->tables;
    for (size_t at = sizeof(Base); tables != NULL && at < tables->end; at += sizeof(PyObject *))
        Py_VISIT(*(PyObject **)((char *)self + at));
    return 0;
}

int base_clear(PyObject *self)
{
    const Tables *tables = ((Base *)self)->tables;
    for (size_t at = sizeof(Base); tables != NULL && at < tables->end; at += sizeof(PyObject *))
        Py_CLEAR(*(PyObject **)((char *)self + at));
    return 0;
}

void base_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    base_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* -- errors ----------------------------------------------------------------------------------- */

/* Take the current exception, a new reference; nothing is raised afterwards. */
PyObject *take_error(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *error, *trace;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL) PyException_SetTraceback(error, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return error;
#endif
}

/* Raise an exception again, whose reference is taken over. */
void restore_error(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(error);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(error)), error, PyException_GetTraceback(error));
#endif
}
