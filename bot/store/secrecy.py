"""What the secret is for: sealing the words that wait in the inbox and the credentials of workspaces that connected
themselves, and the member keys of the signals.

Each use has its own key, derived from the secret with HKDF-SHA256 (RFC 5869) under a label of its own, so that
knowing one says nothing of the other.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.core.refs import MemberRef

_DRAWN_BYTES, _COUNT_BYTES = 7, 5
"""The two parts of AES-GCM's nonce of twelve bytes, as in NIST SP 800-38D, 8.2.1: one drawn when the seal is made, one
that counts (far enough for a trillion events). Drawing all of it for each event would cost more than sealing it."""

_NONCE_BYTES = _DRAWN_BYTES + _COUNT_BYTES

KNOWN = 250_000
"""People whose keys are kept at hand; about 100 bytes each."""

KEY_BYTES = 16
"""Half of an HMAC-SHA256: still 128 bits, so two members or two events never meet in one key."""


def _derived(secret: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=label).derive(secret)


def fingerprint(secret: bytes) -> str:
    """Eight characters that tell one secret from another and say nothing else of it."""
    return _derived(secret, b"allant fingerprint")[:4].hex()


class Unreadable(Exception):
    """A payload was sealed with another secret, or is damaged."""


class Seal:
    """Closes words while they wait (AES-256-GCM), bound to the row they belong to."""

    def __init__(self, secret: bytes, label: bytes = b"allant inbox payload") -> None:
        self._cipher = AESGCM(_derived(secret, label))
        self._drawn = os.urandom(_DRAWN_BYTES)
        self._count = itertools.count()  # Its steps are atomic: two threads never get the same number.

    def close(self, words: bytes, row: bytes) -> bytes:
        """``words`` sealed for the row that ``row`` names; only with the same ``row`` do they open."""
        nonce = self._drawn + next(self._count).to_bytes(_COUNT_BYTES)
        return nonce + self._cipher.encrypt(nonce, words, row)

    def open(self, sealed: bytes, row: bytes) -> bytes:
        """The words. Raises Unreadable."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], row)
        except (InvalidTag, ValueError):
            raise Unreadable from None


class Keys:
    """Turns members and sources into keys that nobody without the secret can turn back. ``forms`` closes what people
    filled in, in forms that are shown to them again; ``notes`` the words in notes that may hold some."""

    def __init__(self, secret: bytes) -> None:
        self.forms = Seal(secret, b"allant form values")
        self.notes = Seal(secret, b"allant note words")
        self._member = hmac.new(_derived(secret, b"allant member key"), digestmod=hashlib.sha256)
        self._period = _derived(secret, b"allant signal period")
        self._lasting: dict[MemberRef, bytes] = {}
        self.enrolled: dict[tuple[MemberRef, int], bytes] = {}
        """The member keys of those who were found in the roster, by month: most signals are of people already seen."""
        self._source = hmac.new(_derived(secret, b"allant signal source"), digestmod=hashlib.sha256)

    def of_member(self, member: MemberRef) -> bytes:
        """The member's lasting key, by which it is known that somebody asked to be forgotten; of no use to read signals
        with. Different in each workspace."""
        found = self._lasting.get(member)
        if found is None:
            if len(self._lasting) >= KNOWN:
                self._lasting.clear()
            found = self._lasting[member] = _keyed(self._member, str(member))
        return found

    def of_month(self, member: MemberRef, month_key: bytes | None) -> bytes:
        """The member's key in the signals of a month, whose own key is ``month_key``: without that, which is destroyed
        when the month is closed, nobody can make it again. None: of the time before there were months."""
        if month_key is None:
            return self.of_member(member)
        return hmac.digest(self._period + month_key, str(member).encode("utf-8", "surrogatepass"), "sha256")[:KEY_BYTES]

    def of_source(self, source: str) -> bytes:
        """The key by which a signal is counted once. Sources may hold platform ids, so they are not kept either."""
        return _keyed(self._source, source)


def _keyed(state: hmac.HMAC, text: str) -> bytes:
    fresh = state.copy()
    fresh.update(text.encode("utf-8", "surrogatepass"))
    return fresh.digest()[:KEY_BYTES]
