"""The application: the handlers of all operations of either edition."""

from __future__ import annotations

import os
import re

import attrs
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, selectinload

from photon import (
    CurrentUser,
    HttpError,
    Json,
    Photon,
    Query,
    Request,
    Response,
    ValidationError,
)
from photon_lifeguard import DatabasePart
from photon_openapi.codec import encode
from photon_router.security import ANONYMOUS, ApiKey, BadCredential, JwtBearer, issue_token
from photon_router.security.passwords import hash_password, verify_password

from . import messages as m
from .document import EDITION, conduit_document
from .models import Account, Favorite, Follow, Post, PostTag, Remark

SECRET = os.environ.get("CONDUIT_SECRET", "only for development, 32 bytes or more")

app = Photon(spec=conduit_document(EDITION), rename="camel")
app.add(DatabasePart())


@attrs.frozen
class Viewer:
    """The user who sends a request."""

    id: int


@attrs.frozen
class Failed(Exception):
    """A request that cannot be done, with the name of its subject."""

    status: int
    subject: str
    message: str


# -- errors -------------------------------------------------------------------------------------


def _errors(status: int, errors: dict[str, list[str]]) -> Response:
    if EDITION == 1:  # it has one list of all errors
        errors = {"body": [f"{name} {text}" for name in errors for text in errors[name]]}
    return Response(status, body=encode({"errors": errors}), content_type="application/json")


@app.error_handler(Failed)
def respond_to_failure(request: Request, error: BaseException) -> Response:
    """Respond with the subject and what is wrong with it."""
    assert isinstance(error, Failed)
    return _errors(error.status, {error.subject: [error.message]})


@app.error_handler(ValidationError)
def respond_to_errors(request: Request, error: BaseException) -> Response:
    """Respond with the errors by the last step of their pointers."""
    assert isinstance(error, ValidationError)
    errors: dict[str, list[str]] = {}
    for each in error.errors:
        name = each.name or (each.pointer or "").rpartition("/")[2] or "body"
        is_missing = "required" in each.message
        errors.setdefault(name, []).append("can't be blank" if is_missing else each.message)
    return _errors(error.status, errors)


@app.error_handler(HttpError)
def respond_to_refusal(request: Request, error: BaseException) -> Response:
    """Respond to other errors, such as a token that is missing."""
    assert isinstance(error, HttpError)
    subject = "token" if error.status == 401 else "request"
    text = "is missing" if error.status == 401 else error.detail or error.title
    response = _errors(error.status, {subject: [text]})
    for name, value in error.headers.items():
        response.add_header(name, value)
    return response


# -- users --------------------------------------------------------------------------------------

_tokens = JwtBearer(SECRET, algorithms=["HS256"])


def viewer_of(credential: str) -> Viewer:
    """Return the bearer of ``Token`` and a JSON web token."""
    scheme, _, token = credential.partition(" ")
    if scheme != "Token":
        raise BadCredential("the scheme is not Token")
    return Viewer(int(_tokens.verify(token).identity.subject))  # type: ignore[attr-defined]


app.security("Token", ApiKey(viewer_of))


MaybeViewer = CurrentUser[Viewer | None]
OPTIONAL = ("Token", ANONYMOUS)
"""The requirement of operations whose responses depend on the user only if there is one."""

SHORTEST_PASSWORD = 8
"""What the second edition's checks ask of a password that changes."""


def _account(db: Session, viewer: Viewer) -> Account:
    account = db.get(Account, viewer.id)
    if account is None:
        raise HttpError(401)
    return account


def _text(value: str | None) -> m.OptionalText:
    return value if EDITION == 2 else value or ""  # the first edition knows no null


def _user(account: Account) -> m.UserResponse:
    token = issue_token(str(account.id), SECRET)
    return m.UserResponse(
        m.User(account.email, token, account.username, _text(account.bio), _text(account.image))
    )


def _refuse_taken(db: Session, account_id: int | None, **values: str) -> None:
    for name, value in values.items():
        column = getattr(Account, name)
        found = db.scalar(select(Account.id).where(column == value))
        if found is not None and found != account_id:
            raise Failed(409 if EDITION == 2 else 422, name, "has already been taken")


@app.operation("Login")
def log_in(body: Json[m.LoginRequest], db: Session) -> m.UserResponse:
    """Return the user with these credentials."""
    account = db.scalar(select(Account).where(Account.email == body.user.email))
    if not verify_password(body.user.password, None if account is None else account.password_hash):
        raise Failed(401, "credentials", "invalid")
    assert account is not None
    return _user(account)


@app.operation("CreateUser")
def create_user(body: Json[m.NewUserRequest], db: Session) -> m.UserResponse:
    """Register a user."""
    new = body.user
    _refuse_taken(db, None, username=new.username, email=new.email)
    account = Account(
        username=new.username, email=new.email, password_hash=hash_password(new.password)
    )
    db.add(account)
    db.flush()
    return _user(account)


@app.operation("GetCurrentUser")
def show_user(viewer: CurrentUser[Viewer], db: Session) -> m.UserResponse:
    """Return the user."""
    return _user(_account(db, viewer))


@app.operation("UpdateCurrentUser")
def update_user(
    body: Json[m.UpdateUserRequest], viewer: CurrentUser[Viewer], db: Session
) -> m.UserResponse:
    """Change the members of the user that are sent."""
    account, changes = _account(db, viewer), dict(body.user)
    for name in ("username", "email", "password"):
        if name in changes and not str(changes[name]).strip():
            raise Failed(422, name, "can't be blank")
    if EDITION == 2 and "password" in changes and len(str(changes["password"])) < SHORTEST_PASSWORD:
        raise Failed(422, "password", f"is shorter than {SHORTEST_PASSWORD} characters")
    taken = {name: str(changes[name]) for name in ("username", "email") if name in changes}
    _refuse_taken(db, account.id, **taken)
    if "password" in changes:
        account.password_hash = hash_password(str(changes.pop("password")))
    for name, value in changes.items():
        setattr(account, name, value or None)  # an empty bio is stored as null
    return _user(account)


# -- profiles -----------------------------------------------------------------------------------


def _profile(db: Session, account: Account, viewer: Viewer | None) -> m.Profile:
    follow = None if viewer is None else db.get(Follow, (viewer.id, account.id))
    bio, image = _text(account.bio), _text(account.image)
    return m.Profile(account.username, bio, image, follow is not None)


def _named(db: Session, username: str) -> Account:
    account = db.scalar(select(Account).where(Account.username == username))
    if account is None:
        raise Failed(404 if EDITION == 2 else 422, "profile", "not found")
    return account


@app.operation("GetProfileByUsername", security=OPTIONAL)
def show_profile(username: str, viewer: MaybeViewer, db: Session) -> m.ProfileResponse:
    """Return a profile."""
    return m.ProfileResponse(_profile(db, _named(db, username), viewer))


@app.operation("FollowUserByUsername")
def follow(username: str, viewer: CurrentUser[Viewer], db: Session) -> m.ProfileResponse:
    """Follow a user."""
    account = _named(db, username)
    db.merge(Follow(follower_id=viewer.id, followed_id=account.id))
    return m.ProfileResponse(_profile(db, account, viewer))


@app.operation("UnfollowUserByUsername")
def unfollow(username: str, viewer: CurrentUser[Viewer], db: Session) -> m.ProfileResponse:
    """Do not follow a user any more."""
    account = _named(db, username)
    row = db.get(Follow, (viewer.id, account.id))
    if row is not None:
        db.delete(row)
        db.flush()
    return m.ProfileResponse(_profile(db, account, viewer))


# -- articles -----------------------------------------------------------------------------------


def _article(db: Session, post: Post, viewer: Viewer | None) -> m.Article:
    likers = [each.account_id for each in post.favorites]
    return m.Article(
        slug=post.slug,
        title=post.title,
        description=post.description,
        body=post.body,
        tag_list=_shown([tag.name for tag in post.tags]),
        created_at=post.created_at,
        updated_at=post.updated_at,
        favorited=viewer is not None and viewer.id in likers,
        favorites_count=len(likers),
        author=_profile(db, post.author, viewer),
    )


def _shown(tags: list[str]) -> list[str]:
    return tags if EDITION == 2 else sorted(tags)  # the first one wants them sorted


def _post(db: Session, slug: str, *, owner: Viewer | None = None) -> Post:
    post = db.scalar(select(Post).where(Post.slug == slug))
    if post is None:
        raise Failed(404 if EDITION == 2 else 422, "article", "not found")
    if owner is not None and post.author_id != owner.id:
        raise Failed(403 if EDITION == 2 else 422, "article", "forbidden")
    return post


def _slug(db: Session, title: str) -> str:
    base = slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "article"
    number = 1
    while db.scalar(select(Post.id).where(Post.slug == slug)) is not None:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _tags(names: list[str]) -> list[PostTag]:
    return [PostTag(position=index, name=name) for index, name in enumerate(dict.fromkeys(names))]


def _page(
    db: Session,
    conditions: list[ColumnElement[bool]],
    limit: int,
    offset: int,
    viewer: Viewer | None,
) -> m.ArticlesResponse:
    query = select(Post).where(*conditions)
    count = db.scalar(select(func.count()).select_from(query.subquery())) or 0
    loaded = query.options(
        selectinload(Post.tags), selectinload(Post.favorites), selectinload(Post.author)
    )
    posts = db.scalars(loaded.order_by(Post.id.desc()).limit(limit).offset(offset)).all()
    articles = [_article(db, post, viewer) for post in posts]
    return m.ArticlesResponse([*articles], count)


@attrs.frozen
class Filters:
    """The filters of a list of articles."""

    tag: str | None = None
    author: str | None = None
    favorited: str | None = None


@app.operation("GetArticles", security=OPTIONAL)
def list_articles(
    filters: Query[Filters], viewer: MaybeViewer, db: Session, limit: int, offset: int
) -> m.ArticlesResponse:
    """Return the newest articles."""
    conditions: list[ColumnElement[bool]] = []
    if filters.tag is not None:
        conditions.append(Post.tags.any(PostTag.name == filters.tag))
    if filters.author is not None:
        conditions.append(Post.author.has(Account.username == filters.author))
    if filters.favorited is not None:
        liker = select(Account.id).where(Account.username == filters.favorited).scalar_subquery()
        conditions.append(Post.favorites.any(Favorite.account_id == liker))
    return _page(db, conditions, limit, offset, viewer)


@app.operation("GetArticlesFeed")
def feed(
    viewer: CurrentUser[Viewer], db: Session, limit: int, offset: int = 0
) -> m.ArticlesResponse:
    """Return the newest articles of users whom the user follows."""
    followed = select(Follow.followed_id).where(Follow.follower_id == viewer.id)
    return _page(db, [Post.author_id.in_(followed)], limit, offset, viewer)


@app.operation("GetArticle", security=OPTIONAL)
def show_article(slug: str, viewer: MaybeViewer, db: Session) -> m.ArticleResponse:
    """Return an article."""
    return m.ArticleResponse(_article(db, _post(db, slug), viewer))


@app.operation("CreateArticle")
def create_article(
    body: Json[m.NewArticleRequest], viewer: CurrentUser[Viewer], db: Session
) -> m.ArticleResponse:
    """Write an article."""
    new, author = body.article, _account(db, viewer)
    post = Post(
        slug=_slug(db, new.title),
        title=new.title,
        description=new.description,
        body=new.body,
        author=author,
        tags=_tags(new.tag_list),
    )
    db.add(post)
    db.flush()
    return m.ArticleResponse(_article(db, post, viewer))


@app.operation("UpdateArticle")
def update_article(
    slug: str, body: Json[m.UpdateArticleRequest], viewer: CurrentUser[Viewer], db: Session
) -> m.ArticleResponse:
    """Change the members of an article that are sent."""
    post, changes = _post(db, slug, owner=viewer), body.article
    for name in ("title", "description", "body"):
        if name in changes:
            if not changes[name].strip():
                raise Failed(422, name, "can't be blank")
            setattr(post, name, changes[name])
    if "tag_list" in changes:
        post.tags.clear()
        db.flush()
        post.tags.extend(_tags(changes["tag_list"]))
    db.flush()
    return m.ArticleResponse(_article(db, post, viewer))


@app.operation("DeleteArticle")
def delete_article(slug: str, viewer: CurrentUser[Viewer], db: Session) -> None:
    """Delete an article."""
    db.delete(_post(db, slug, owner=viewer))


@app.operation("CreateArticleFavorite")
def add_favorite(slug: str, viewer: CurrentUser[Viewer], db: Session) -> m.ArticleResponse:
    """Like an article."""
    post = _post(db, slug)
    if all(each.account_id != viewer.id for each in post.favorites):
        post.favorites.append(Favorite(account_id=viewer.id))
    return m.ArticleResponse(_article(db, post, viewer))


@app.operation("DeleteArticleFavorite")
def remove_favorite(slug: str, viewer: CurrentUser[Viewer], db: Session) -> m.ArticleResponse:
    """Do not like an article any more."""
    post = _post(db, slug)
    post.favorites[:] = [each for each in post.favorites if each.account_id != viewer.id]
    return m.ArticleResponse(_article(db, post, viewer))


# -- comments and tags --------------------------------------------------------------------------


def _comment(db: Session, remark: Remark, viewer: Viewer | None) -> m.Comment:
    author = _profile(db, remark.author, viewer)
    return m.Comment(remark.id, remark.created_at, remark.updated_at, remark.body, author)


@app.operation("GetArticleComments", security=OPTIONAL)
def list_comments(slug: str, viewer: MaybeViewer, db: Session) -> m.CommentsResponse:
    """Return the comments on an article."""
    remarks = _post(db, slug).comments
    return m.CommentsResponse([_comment(db, remark, viewer) for remark in remarks])


@app.operation("CreateArticleComment")
def create_comment(
    slug: str, body: Json[m.NewCommentRequest], viewer: CurrentUser[Viewer], db: Session
) -> m.CommentResponse:
    """Comment on an article."""
    post = _post(db, slug)
    remark = Remark(body=body.comment.body, post_id=post.id, author=_account(db, viewer))
    db.add(remark)
    db.flush()
    return m.CommentResponse(_comment(db, remark, viewer))


@app.operation("DeleteArticleComment")
def delete_comment(slug: str, id: int, viewer: CurrentUser[Viewer], db: Session) -> None:
    """Delete a comment."""
    post, remark = _post(db, slug), db.get(Remark, id)
    if remark is None or remark.post_id != post.id:
        raise Failed(404 if EDITION == 2 else 422, "comment", "not found")
    if remark.author_id != viewer.id:
        raise Failed(403 if EDITION == 2 else 422, "comment", "forbidden")
    db.delete(remark)


@app.operation("GetTags")
def list_tags(db: Session) -> m.TagsResponse:
    """Return all tags."""
    return m.TagsResponse([*db.scalars(select(PostTag.name).distinct().order_by(PostTag.name))])
