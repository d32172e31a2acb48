"""Passwords: the rule they must meet, and argon2id in at most two places at a time.

A hash takes about a sixth of a second and 64 MiB. So every function that makes one first commits the session: a
transaction may hold SQLite's one write lock from its first query on, and nobody else shall wait for a hash.
"""

from __future__ import annotations

import secrets
import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kayse_dash.accounts.models import User
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput

SHORTEST = 10
LONGEST = 200
HASHES_AT_A_TIME = 2
GENERATED_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

# The usual ones of leaked lists that have ten characters and more, and what a law office would think of next.
MOST_COMMON = frozenset(
    """
    0000000000 0123456789 0987654321 1029384756 1111111111 1122334455 11223344556677 1234554321 1234567890 12345678900
    12345678910 123456789a 1234567891 123456789q 12345qwert 123123123123 1234512345 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc
    2222222222 5555555555 7777777777 9876543210 9999999999 a123456789 aa12345678 aaaaaaaaaa abc1234567 abcd123456
    abcd1234567 abcdefghij abcdefghijk admin12345 admin123456 administrator adminadmin alexander1 asdfasdfasdf asdfghjkl1
    asdfghjkl; asdfghjkl123 asdfghjklz attorney123 baseball123 basketball butterfly1 changeme12 changeme123 changemenow
    charlie123 chocolate1 computer123 correcthorsebatterystaple dragon12345 elizabeth1 football12 football123 iloveyou12
    iloveyou123 iloveyou1234 jacksonville kaysedash1 kaysedash123 lawfirm123 lawoffice1 lawyer1234 letmein123 letmein1234
    liverpool1 liverpoolfc manchester mercedes123 michael123 michelle123 minecraft123 monkey12345 motherlode myspace123
    p@ssw0rd12 p@ssw0rd123 p@ssword123 pa$$word123 paralegal1 paralegal123 passpasspass passw0rd12 passw0rd123
    password00 password01 password10 password11 password12 password123 password123! password1234 password12345
    password123456 password2024 password2025 password2026 password99 passwordpassword pokemon123 princess12 princess123
    q1w2e3r4t5 q1w2e3r4t5y6 q1w2e3r4t5y6u7 qazwsxedc1 qazwsxedc123 qazwsxedcrfv qwer123456 qwerty1234 qwerty12345
    qwerty123456 qwerty1234567 qwertyqwerty qwertyuiop qwertyuiop1 qwertyuiop123 qwertyuiop[] secret1234 shadow12345
    starwars123 summer2024 summer2025 summer2026 sunshine12 sunshine123 superman12 superman123 superstar1 telephone1
    test123456 testtest12 testtest123 trustno1234 unbelievable university volleyball welcome123 welcome1234 welcome12345
    welcome2024 welcome2025 welcome2026 winter2024 winter2025 winter2026 zaq12wsxcde3 zaq1zaq1zaq1 zxcvbnm123 zxcvbnm1234
    """.split()
)

_hasher = PasswordHasher()
_turns = BoundedSemaphore(HASHES_AT_A_TIME)


def check(password: str, email: str) -> None:
    """Refuse a password that is too short, too long, the person's own address, or one that everybody tries first.

    Raises:
        InvalidInput: with the field `password`.
    """
    folded = password.casefold()
    if len(password) < SHORTEST:
        fault = f"Use at least {SHORTEST} characters. A few words in a row are easy to remember."
    elif len(password) > LONGEST:
        fault = f"Use at most {LONGEST} characters."
    elif not _is_text(password):
        fault = "Use letters, digits, spaces and signs only."
    elif folded in (email.casefold(), email.casefold().partition("@")[0]):
        fault = "Do not use the email address as the password."
    elif folded in MOST_COMMON:
        fault = "This is one of the passwords that are tried first. Choose another."
    else:
        return
    raise InvalidInput("This password cannot be used.", {"password": fault})


def generated() -> str:
    """A password to hand to somebody, such as `k7mq-2xwd-9hnt-c4vb`: 78 random bits in letters that are not mixed up."""
    letters = "".join(secrets.choice(GENERATED_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def hash_password(password: str) -> str:
    """The argon2id hash to keep, in PHC string format. Commits the session first."""
    db.session.commit()
    with _turns:
        return _hasher.hash(_canonical(password))


def verify(user: User | None, password: str) -> bool:
    """Whether `password` is that of `user`; as slow when there is no such user, or one who may not log in.

    Commits the session first. A hash made with older parameters is replaced, in the session, by a new one.
    """
    kept = user.password_hash if user else ""
    if not kept or not _is_text(password):
        hash_password(password.encode(errors="replace").decode())
        return False
    db.session.commit()
    try:
        with _turns:
            _hasher.verify(kept, _canonical(password))
    except (VerificationError, InvalidHashError):
        return False
    renewed = hash_password(password) if _hasher.check_needs_rehash(kept) else kept
    # Read again: while this was computed somebody may have reset the password or deactivated the account.
    if not user.active or user.password_hash != kept:
        return False
    user.password_hash = renewed
    return True


def _is_text(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:  # a lone surrogate, from bytes of a terminal that were no UTF-8
        return False
    return True


def _canonical(password: str) -> bytes:
    # One password typed on two keyboards can arrive composed and decomposed (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode()
