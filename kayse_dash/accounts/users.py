"""People: added, given roles and passwords, deactivated. Who has an account is never deleted, for the audit trail names them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError

from kayse_dash.accounts import audit, passwords
from kayse_dash.accounts.models import Role, User
from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict, InvalidInput, NotFound

# The address is what one logs in with, and many offices name their network like this (email-validator, README, "Options").
if "local" in SPECIAL_USE_DOMAIN_NAMES:
    SPECIAL_USE_DOMAIN_NAMES.remove("local")

LARGEST_ID = 2**31 - 1  # of an INTEGER column (PostgreSQL 18, "8.1. Numeric Types")


def normalised_email(text: str) -> str:
    """The address in the one form that is kept and looked for: lower case, a host's name in Unicode.

    No name server is asked: the firm's own network may know hosts (`office.local`) that the world does not.

    Raises:
        InvalidInput: with the field `email`.
    """
    try:
        email = validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        email = ""
    if not email or len(email) > User.email.type.length:
        raise InvalidInput("This is not an email address.", {"email": "Enter an email address such as maria@example-firm.com."})
    return email


def any_user() -> bool:
    """Whether anybody has an account; until then `/setup` is open."""
    return db.session.scalar(sa.select(User.id).limit(1)) is not None


def all_users() -> list[User]:
    """Everybody, active ones first, by name."""
    return sorted(db.session.scalars(sa.select(User)), key=lambda user: (not user.active, user.shown_name.casefold()))


def get(user_id: int) -> User:
    """
    Raises:
        NotFound: nobody has this id.
    """
    user = db.session.get(User, user_id) if 0 < user_id <= LARGEST_ID else None
    if user is None:
        raise NotFound("There is no such person.")
    return user


def by_email(text: str) -> User | None:
    """Who has this address; None when nobody has, or when it is none."""
    try:
        email = normalised_email(text)
    except InvalidInput:
        return None
    return db.session.scalar(sa.select(User).where(User.email == email))


def create(email: str, name: str, role: Role, password: str, now: datetime) -> User:
    """Add a person. Commits the session before it hashes the password.

    Raises:
        InvalidInput: email, name or password cannot be used, by field.
        Conflict: there is no administrator yet, and this would not be one.
    """
    email, name, password_hash = _checked(email, name, password)
    if role is not Role.ADMIN and not _active_admins():
        raise Conflict("The first person must be an administrator.")
    return _add(email, name, role, password_hash, now)


def create_first(email: str, name: str, password: str, now: datetime, actor: str | None = None) -> User:
    """Add the first person, an administrator. Commits the session before it hashes the password.

    Args:
        actor: whom the audit trail names; default the new administrator.

    Raises:
        InvalidInput: email, name or password cannot be used, by field.
        Conflict: somebody has an account already.
    """
    email, name, password_hash = _checked(email, name, password)
    if not is_sqlite():  # whose transactions never write side by side
        db.session.execute(sa.text(f"LOCK TABLE {User.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))
    if any_user():
        raise Conflict("Somebody has an account already. Please log in.")
    return _add(email, name, Role.ADMIN, password_hash, now, actor or email)


def rename(user: User, name: str, now: datetime) -> None:
    """
    Raises:
        InvalidInput: with the field `name`.
    """
    old, user.name = user.name, checked_name(name)
    if user.name != old:
        _note("user.renamed", user, now, name={"from": old, "to": user.name})


def change_role(user: User, role: Role, now: datetime) -> None:
    """
    Raises:
        Conflict: nobody else is an administrator.
    """
    if role is user.role:
        return
    if user.role is Role.ADMIN:
        _leave_an_administrator(user)
    old, user.role = user.role, role
    _note("user.role_changed", user, now, role={"from": old.label, "to": role.label})


def set_password(user: User, password: str, now: datetime) -> None:
    """Give a new password and end every session of this person. Commits the session before it hashes.

    Raises:
        InvalidInput: with the field `password`.
    """
    passwords.check(password, user.email)
    password_hash = passwords.hash_password(password)
    user.password_hash = password_hash
    user.session_version += 1
    _note("user.password_changed", user, now)


def deactivate(user: User, now: datetime) -> None:
    """Let this person in no more and end every session of theirs; what they did stays under their name.

    Raises:
        Conflict: nobody else is an administrator.
    """
    if not user.active:
        return
    _leave_an_administrator(user)
    user.active = False
    user.session_version += 1
    _note("user.deactivated", user, now)


def reactivate(user: User, now: datetime) -> None:
    if not user.active:
        user.active = True
        _note("user.reactivated", user, now)


def checked_name(text: str) -> str:
    """
    Raises:
        InvalidInput: with the field `name`.
    """
    name = " ".join(text.split())
    if len(name) > User.name.type.length or not name.isprintable():
        raise InvalidInput(
            "This name cannot be used.", {"name": f"Use at most {User.name.type.length} letters, digits, spaces and signs."}
        )
    return name


def _checked(email: str, name: str, password: str) -> tuple[str, str, str]:
    email = normalised_email(email)
    name = checked_name(name)
    passwords.check(password, email)
    return email, name, passwords.hash_password(password)


def _add(email: str, name: str, role: Role, password_hash: str, now: datetime, actor: str | None = None) -> User:
    user = User(email=email, name=name, role=role, password_hash=password_hash, created_at=now)
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError as error:
        taken = {"email": "Somebody with this email has an account already."}
        raise InvalidInput("This person has an account already.", taken) from error
    _note("user.created", user, now, actor, **({"name": name} if name else {}), role=role.label)
    return user


def _leave_an_administrator(user: User) -> None:
    if user.role is Role.ADMIN and _active_admins() == [user.id]:
        raise Conflict("This is the only administrator. Make somebody else an administrator first.")


def _active_admins() -> list[int]:
    # Locked, in one order: of two administrators who demote each other the second waits, and then sees the first one's work.
    query = sa.select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id).with_for_update()
    return list(db.session.scalars(query))


def _note(action: str, user: User, now: datetime, actor: str | None = None, **details: object) -> None:
    audit.note(action, f"user {user.id}", {"email": user.email, **details}, actor=actor, now=now)
