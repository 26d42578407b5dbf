"""The document of the Conduit API in its two editions.

The operations, schemas and statuses are those of RealWorld's documents, described here in code. The
first edition answers every success but a creation with 200 and knows 401 and 422 only; the second
one has 201, 204, 403, 404 and 409, and leaves the bodies of articles out of lists. Both declare no
security for the four operations whose responses depend on the user only if there is one.
"""

from __future__ import annotations

import os
from typing import Any, Final

EDITION: Final = int(os.environ.get("CONDUIT_EDITION", "2"))
"""The edition that is served."""

TEXT: Final[dict[str, Any]] = {"type": "string"}
OPTIONAL_TEXT: Final[dict[str, Any]] = {"type": ["string", "null"]}
TIME: Final = {"type": "string", "format": "date-time"}
TEXTS: Final = {"type": "array", "items": TEXT}
COUNT: Final = {"type": "integer"}
FLAG: Final = {"type": "boolean"}


def conduit_document(edition: int) -> dict[str, Any]:
    """Return the document of an edition, 1 or 2."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Conduit", "version": f"{edition}.0.0"},
        "servers": [{"url": "/api"}],
        "paths": _paths(edition),
        "components": {
            "schemas": _schemas(edition),
            "securitySchemes": {
                "Token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str = "", /, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(properties) if required == "*" else required.split()
    return schema


def _schemas(edition: int) -> dict[str, Any]:
    nullable = OPTIONAL_TEXT if edition == 2 else TEXT
    named = {"username": TEXT, "bio": nullable, "image": nullable}
    article = {
        "slug": TEXT,
        "title": TEXT,
        "description": TEXT,
        "body": TEXT,
        "tagList": TEXTS,
        "createdAt": TIME,
        "updatedAt": TIME,
        "favorited": FLAG,
        "favoritesCount": COUNT,
        "author": _ref("Profile"),
    }
    listed = {name: schema for name, schema in article.items() if edition == 1 or name != "body"}
    comment = {"id": COUNT, "createdAt": TIME, "updatedAt": TIME, "body": TEXT}
    errors = {"type": "object", "additionalProperties": TEXTS}
    return {
        "LoginUser": _object("*", email=TEXT, password=TEXT),
        "NewUser": _object("*", username=TEXT, email=TEXT, password=TEXT),
        "UpdateUser": _object(email=TEXT, password=TEXT, **named),
        "User": _object("*", email=TEXT, token=TEXT, **named),
        "Profile": _object("*", **named, following=FLAG),
        "Article": _object("*", **article),
        "ListedArticle": _object("*", **listed),
        "NewArticle": _object(
            "title description body", title=TEXT, description=TEXT, body=TEXT, tagList=TEXTS
        ),
        "UpdateArticle": _object(title=TEXT, description=TEXT, body=TEXT, tagList=TEXTS),
        "Comment": _object("*", **comment, author=_ref("Profile")),
        "NewComment": _object("*", body=TEXT),
        "Errors": _object("*", errors=errors),
    }


def _paths(edition: int) -> dict[str, Any]:
    created = "201" if edition == 2 else "200"
    slug, username = _path_parameter("slug"), _path_parameter("username")
    article = _wrapped("article", _ref("Article"))
    page = _object(
        "*", articles={"type": "array", "items": _ref("ListedArticle")}, articlesCount=COUNT
    )
    user, profile = _wrapped("user", _ref("User")), _wrapped("profile", _ref("Profile"))
    comment = _wrapped("comment", _ref("Comment"))
    comments = _wrapped("comments", {"type": "array", "items": _ref("Comment")})
    make = _Operations(edition)
    number = {"in": "path", "name": "id", "required": True, "schema": COUNT}
    filters = [_query(name, TEXT) for name in ("tag", "author", "favorited")]
    paging = [
        _query("limit", {"type": "integer", "minimum": 1, "default": 20}),
        _query("offset", {"type": "integer", "minimum": 0, "default": 0}),
    ]
    return {
        "/users/login": {"post": make.of("Login", user, body="user LoginUser")},
        "/users": {"post": make.of("CreateUser", user, code="201", body="user NewUser")},
        "/user": {
            "get": make.of("GetCurrentUser", user, secured=True),
            "put": make.of("UpdateCurrentUser", user, body="user UpdateUser", secured=True),
        },
        "/profiles/{username}": {
            "parameters": [username],
            "get": make.of("GetProfileByUsername", profile),
        },
        "/profiles/{username}/follow": {
            "parameters": [username],
            "post": make.of("FollowUserByUsername", profile, secured=True),
            "delete": make.of("UnfollowUserByUsername", profile, secured=True),
        },
        "/articles/feed": {
            "get": make.of("GetArticlesFeed", page, parameters=paging, secured=True)
        },
        "/articles": {
            "get": make.of("GetArticles", page, parameters=[*filters, *paging]),
            "post": make.of(
                "CreateArticle", article, code="201", body="article NewArticle", secured=True
            ),
        },
        "/articles/{slug}": {
            "parameters": [slug],
            "get": make.of("GetArticle", article),
            "put": make.of("UpdateArticle", article, body="article UpdateArticle", secured=True),
            "delete": make.of("DeleteArticle", None, secured=True),
        },
        "/articles/{slug}/comments": {
            "parameters": [slug],
            "get": make.of("GetArticleComments", comments),
            "post": make.of(
                "CreateArticleComment",
                comment,
                code=created,
                body="comment NewComment",
                secured=True,
            ),
        },
        "/articles/{slug}/comments/{id}": {
            "parameters": [slug, number],
            "delete": make.of("DeleteArticleComment", None, secured=True),
        },
        "/articles/{slug}/favorite": {
            "parameters": [slug],
            "post": make.of("CreateArticleFavorite", article, secured=True),
            "delete": make.of("DeleteArticleFavorite", article, secured=True),
        },
        "/tags": {"get": make.of("GetTags", _wrapped("tags", TEXTS))},
    }


class _Operations:
    """Makes the operations of an edition."""

    def __init__(self, edition: int) -> None:
        self._empty = "204" if edition == 2 else "200"
        self._errors = ["401", "422", *(["403", "404", "409"] if edition == 2 else [])]

    def of(
        self,
        name: str,
        schema: dict[str, Any] | None,
        *,
        code: str = "200",
        body: str = "",
        parameters: list[dict[str, Any]] | None = None,
        secured: bool = False,
    ) -> dict[str, Any]:
        success = {"description": "Done."} if schema is None else _json(schema)
        responses = {code if schema is not None else self._empty: success}
        responses |= {each: _json(_ref("Errors")) for each in self._errors}
        operation: dict[str, Any] = {"operationId": name, "responses": responses}
        if parameters:
            operation["parameters"] = parameters
        if body:
            member, schema_name = body.split()
            content = _json(_wrapped(member, _ref(schema_name)))["content"]
            operation["requestBody"] = {"required": True, "content": content}
        return operation | ({"security": [{"Token": []}]} if secured else {})


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "JSON.", "content": {"application/json": {"schema": schema}}}


def _wrapped(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return _object("*", **{name: schema})


def _path_parameter(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": TEXT}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": schema}
