/* The head of a plain request, and its `Request`.
 *
 * This is no parser of HTTP: it recognises requests whose reading is beyond doubt, and says of all
 * others that they are not plain. Then nothing has happened, and the parser of the Python code gets
 * the bytes; it alone knows the rules of RFC 9110 and 9112. What is plain is the same request
 * there, member by member; a test compares both for many thousands of texts.
 *
 * Plain is a known method, a target that is a path of common characters, HTTP/1.1, fields whose
 * names are letters, digits, `-` and `_` and whose values are printable ASCII, each name once, none
 * that frames or ends the message but Host, digits in Content-Length and `keep-alive` in
 * Connection, and a body that ends where the bytes end.
 */

#include "native.h"

#include <string.h>

enum { MOST_FIELDS = 64, MOST_DIGITS = 15, LONGEST_NAME = 64 };

/* Where the parts of a head are, as offsets into the received bytes. */
typedef struct {
    const char *data;
    Py_ssize_t size, at, target, target_end;
    Py_ssize_t length; /* of the body; -1 without Content-Length */
    int method, has_host, fields;
    unsigned hashes[MOST_FIELDS];
} Head;

/* Note which characters are plain: those of names, in lower case, and those of targets. */
void make_alphabets(Native *self)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char others[] = "/?&=%.~!$'()*+,;:@";
    for (const char *each = names; *each != 0; each++)
        self->lower[(unsigned char)*each] = self->lower[Py_TOUPPER(*each)] = *each;
    for (int each = 0; each < 256; each++)
        self->of_target[each] = self->lower[each] || (each && strchr(others, each) != NULL);
}

/* Take `text` from the head if it follows. */
static int follows(Head *head, const char *text, Py_ssize_t length)
{
    if (head->size - head->at < length || memcmp(head->data + head->at, text, length) != 0)
        return 0;
    head->at += length;
    return 1;
}

/* Take method, target and version; return 0 if they are not plain. */
static int take_line(Native *self, Head *head)
{
    for (head->method = 0; head->method < METHODS; head->method++) {
        PyObject *method = self->name.methods[head->method];
        if (follows(head, PyUnicode_DATA(method), PyUnicode_GET_LENGTH(method))) break;
    }
    if (head->method == METHODS || !follows(head, " /", 2)) return 0;
    head->target = head->at - 1;
    while (head->at < head->size && self->of_target[(unsigned char)head->data[head->at]])
        head->at++;
    head->target_end = head->at;
    return follows(head, " HTTP/1.1\r\n", 11);
}

/* Return a name in lower case, a new reference; equal names are the same object, mostly. */
static PyObject *name_of(Native *self, const char *text, Py_ssize_t length, unsigned hash)
{
    PyObject **place = &self->names[hash % NAME_CACHE], *name = *place;
    if (name == NULL || PyBytes_GET_SIZE(name) != length
        || memcmp(PyBytes_AS_STRING(name), text, length) != 0) {
        if ((name = PyBytes_FromStringAndSize(text, length)) == NULL) return NULL;
        Py_XSETREF(*place, name);
    }
    return Py_NewRef(name);
}

/* Take the name of a field and the colon. NULL without an error: it is not plain. */
static PyObject *take_name(Native *self, Head *head)
{
    char text[LONGEST_NAME], character;
    Py_ssize_t length = 0;
    unsigned hash = 2166136261u; /* FNV-1a */
    for (; head->at < head->size && length < LONGEST_NAME; head->at++) {
        if ((character = self->lower[(unsigned char)head->data[head->at]]) == 0) break;
        text[length++] = character;
        hash = (hash ^ (unsigned char)character) * 16777619u;
    }
    if (length == 0 || head->fields == MOST_FIELDS || !follows(head, ":", 1)) return NULL;
    for (int at = 0; at < head->fields; at++)
        if (head->hashes[at] == hash) return NULL; /* it may be repeated */
    head->hashes[head->fields++] = hash;
    return name_of(self, text, length, hash);
}

static int is_printable(const char *text, const char *end)
{
    unsigned char odd = 0;
    for (; text < end; text++) odd |= (unsigned char)(*text - ' ') > '~' - ' ';
    return !odd;
}

/* Take the value of a field and the end of its line. NULL without an error: it is not plain. */
static PyObject *take_value(Head *head)
{
    const char *begin = head->data + head->at, *limit = head->data + head->size;
    const char *end = memchr(begin, '\r', limit - begin);
    if (end == NULL || !is_printable(begin, end)) return NULL;
    head->at = end - head->data;
    while (begin < end && *begin == ' ') begin++;
    while (end > begin && end[-1] == ' ') end--;
    if (end == begin || !follows(head, "\r\n", 2)) return NULL;
    return PyBytes_FromStringAndSize(begin, end - begin);
}

static int is_named(PyObject *name, const char *text)
{
    return strcmp(PyBytes_AS_STRING(name), text) == 0; /* names have no zeros in them */
}

/* Check the host by the Python code; the last one that was valid is known. */
static int is_valid_host(Native *self, PyObject *host)
{
    if (self->last_host != NULL && is_named(host, PyBytes_AS_STRING(self->last_host))) return 1;
    PyObject *valid = PyObject_CallOneArg(self->given.is_host, host);
    int status = valid == NULL ? -1 : valid == Py_True;
    Py_XDECREF(valid);
    if (status == 1) Py_XSETREF(self->last_host, Py_NewRef(host));
    return status;
}

/* Read the digits of Content-Length; return 0 if there are other characters. */
static int read_length(Head *head, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    head->length = digits <= MOST_DIGITS ? strtoll(text, NULL, 10) : -1;
    return digits <= MOST_DIGITS && text[digits] == 0;
}

/* Return 1 if a field leaves the request plain, 0 if not, -1 after an error. */
static int note_field(Native *self, Head *head, PyObject *name, PyObject *value)
{
    switch (PyBytes_GET_SIZE(name)) {
    case 4:
        if (!is_named(name, "host")) return 1;
        head->has_host = 1;
        return is_valid_host(self, value);
    case 6: return !is_named(name, "expect");
    case 7: return !is_named(name, "upgrade");
    case 10:
        return !is_named(name, "connection")
               || PyOS_stricmp(PyBytes_AS_STRING(value), "keep-alive") == 0;
    case 14:
        return !is_named(name, "content-length") || read_length(head, PyBytes_AS_STRING(value));
    case 16: return !is_named(name, "proxy-connection");
    case 17: return !is_named(name, "transfer-encoding");
    default: return 1;
    }
}

/* Take one field and append it to `fields`; return 1, 0 if it is not plain, -1 after an error. */
static int take_field(Native *self, Head *head, PyObject *fields)
{
    PyObject *name = take_name(self, head), *value = name == NULL ? NULL : take_value(head);
    PyObject *field = value == NULL ? NULL : PyTuple_New(2);
    if (field == NULL) {
        Py_XDECREF(name);
        Py_XDECREF(value);
        return PyErr_Occurred() ? -1 : 0;
    }
    PyTuple_SET_ITEM(field, 0, name);
    PyTuple_SET_ITEM(field, 1, value);
    int status = note_field(self, head, name, value);
    if (status == 1 && PyList_Append(fields, field) < 0) status = -1;
    Py_DECREF(field);
    return status;
}

/* Return whether a limit allows a size. Nothing is within a limit that is not an int. */
int is_within(Py_ssize_t size, PyObject *limit)
{
    int overflow = 0;
    long long most = PyLong_CheckExact(limit) ? PyLong_AsLongLongAndOverflow(limit, &overflow) : -1;
    return overflow > 0 || size <= most;
}

/* Take the whole head; return 1, 0 if the request is not plain, -1 after an error. */
static int take_head(Native *self, Head *head, PyObject *settings, PyObject *fields)
{
    if (!take_line(self, head)) return 0;
    while (!follows(head, "\r\n", 2)) {
        int status = take_field(self, head, fields);
        if (status != 1) return status;
    }
    return head->has_host && head->at + Py_MAX(head->length, 0) == head->size
           && is_within(head->fields, get(settings, self->settings.max_headers))
           && is_within(head->at, get(settings, self->settings.max_header_size))
           && is_within(head->target_end - head->target,
                        get(settings, self->settings.max_target_size));
}

/* -- the request ------------------------------------------------------------------------------ */

/* Set target, path and query. */
static int set_target(Native *self, PyObject *request, const Head *head)
{
    const char *text = head->data + head->target, *end = head->data + head->target_end;
    const char *mark = memchr(text, '?', end - text);
    PyObject *target = PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, text, end - text);
    if (take(request, self->request.target, target) < 0) return -1;
    if (mark == NULL) {
        set(request, self->request.raw_path, target);
        return 0;
    }
    PyObject *path = PyUnicode_Substring(target, 0, mark - text);
    if (take(request, self->request.raw_path, path) < 0) return -1;
    PyObject *query = PyUnicode_Substring(target, mark + 1 - text, end - text);
    return take(request, self->request.raw_query, query);
}

/* Set the body and what describes it. */
static int set_body(Native *self, PyObject *request, const Head *head)
{
    if (take(request, self->request.parts, PyList_New(head->length > 0)) < 0) return -1;
    PyObject *length = head->length < 0 ? Py_NewRef(Py_None) : PyLong_FromSsize_t(head->length);
    if (take(request, self->request.content_length, length) < 0) return -1;
    if (head->length <= 0) return 0;
    set(request, self->request.received, length);
    PyObject *body = PyBytes_FromStringAndSize(head->data + head->at, head->length);
    PyList_SET_ITEM(get(request, self->request.parts), 0, body);
    return body == NULL ? -1 : 0;
}

/* Return the request of a head, a new reference: a copy of the blank one with other values.
 *
 * Python made the blank request, so the slots are those that the class has, and hold what they hold
 * in new ones.
 */
static PyObject *request_of(Native *self, const Head *head, PyObject *parser, PyObject *settings,
                            PyObject *fields)
{
    PyTypeObject *cls = self->given.Request;
    PyObject *request = cls->tp_alloc(cls, 0);
    if (request == NULL) return NULL;
    for (Py_ssize_t at = sizeof(PyObject); at < cls->tp_basicsize; at += sizeof(PyObject *))
        *slot(request, at) = Py_XNewRef(*slot(self->given.blank, at));
    set(request, self->request.method, self->name.methods[head->method]);
    set(request, self->request.peer, get(parser, self->parser.peer));
    set(request, self->request.body_limit, get(settings, self->settings.max_body_size));
    set(request, self->request.raw_headers, fields);
    set(request, self->request.source, get(parser, self->parser.source));
    if (set_target(self, request, head) < 0 || set_body(self, request, head) < 0)
        Py_CLEAR(request);
    return request;
}

/* Make the request of `data`, if that is one plain request.
 *
 * Returns 1 and the request, a new reference; 0 if it is not plain; -1 after an error.
 */
int make_request(Native *self, PyObject *parser, PyObject *settings, const char *data,
                 Py_ssize_t size, PyObject **request)
{
    Head head = {.data = data, .size = size, .length = -1};
    PyObject *fields = PyList_New(0);
    int status = fields == NULL ? -1 : take_head(self, &head, settings, fields);
    if (status == 1) {
        *request = request_of(self, &head, parser, settings, fields);
        if (*request == NULL) status = -1;
    }
    Py_XDECREF(fields);
    return status;
}
