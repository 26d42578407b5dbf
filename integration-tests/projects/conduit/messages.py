"""The values of the API: what clients send, and what they get.

The editions differ in two of them: the first one has no null, and the bodies of articles in lists.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, TypedDict

import attrs

from .document import EDITION

if TYPE_CHECKING or EDITION == 2:  # noqa: SIM108 - a conditional expression is not a type
    OptionalText = str | None
else:
    OptionalText = str


def _filled(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.strip():
        raise ValueError("can't be blank")


@attrs.frozen
class LoginUser:
    """The credentials of a user."""

    email: str = attrs.field(validator=_filled)
    password: str = attrs.field(validator=_filled)


@attrs.frozen
class NewUser:
    """A user who registers."""

    username: str = attrs.field(validator=_filled)
    email: str = attrs.field(validator=_filled)
    password: str = attrs.field(validator=_filled)


class UpdateUser(TypedDict, total=False):
    """The members of a user that change."""

    email: str
    password: str
    username: str
    bio: OptionalText
    image: OptionalText


@attrs.frozen
class LoginRequest:
    """The body of Login."""

    user: LoginUser


@attrs.frozen
class NewUserRequest:
    """The body of CreateUser."""

    user: NewUser


@attrs.frozen
class UpdateUserRequest:
    """The body of UpdateCurrentUser."""

    user: UpdateUser


@attrs.frozen
class User:
    """A user, for herself."""

    email: str
    token: str
    username: str
    bio: OptionalText
    image: OptionalText


@attrs.frozen
class UserResponse:
    """One user."""

    user: User


@attrs.frozen
class Profile:
    """A user, for others."""

    username: str
    bio: OptionalText
    image: OptionalText
    following: bool


@attrs.frozen
class ProfileResponse:
    """One profile."""

    profile: Profile


@attrs.frozen
class NewArticle:
    """An article that is written."""

    title: str = attrs.field(validator=_filled)
    description: str = attrs.field(validator=_filled)
    body: str = attrs.field(validator=_filled)
    tag_list: list[str] = attrs.Factory(list)


@attrs.frozen
class NewArticleRequest:
    """The body of CreateArticle."""

    article: NewArticle


class UpdateArticle(TypedDict, total=False):
    """The members of an article that change."""

    title: str
    description: str
    body: str
    tag_list: list[str]


@attrs.frozen
class UpdateArticleRequest:
    """The body of UpdateArticle."""

    article: UpdateArticle


@attrs.frozen
class ListedArticle:
    """An article in a list."""

    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    favorited: bool
    favorites_count: int
    author: Profile


@attrs.frozen
class Article(ListedArticle):
    """An article."""

    body: str


@attrs.frozen
class ArticleResponse:
    """One article."""

    article: Article


if TYPE_CHECKING or EDITION == 2:  # noqa: SIM108 - a conditional expression is not a type
    Listed = ListedArticle
else:
    Listed = Article


@attrs.frozen
class ArticlesResponse:
    """A page of articles."""

    articles: list[Listed]
    articles_count: int


@attrs.frozen
class NewComment:
    """A comment that is written."""

    body: str = attrs.field(validator=_filled)


@attrs.frozen
class NewCommentRequest:
    """The body of CreateArticleComment."""

    comment: NewComment


@attrs.frozen
class Comment:
    """A comment."""

    id: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    body: str
    author: Profile


@attrs.frozen
class CommentResponse:
    """One comment."""

    comment: Comment


@attrs.frozen
class CommentsResponse:
    """The comments on an article."""

    comments: list[Comment]


@attrs.frozen
class TagsResponse:
    """All tags."""

    tags: list[str]
