"""The addresses under which others reach us, those that must not be guessed marked with an HMAC."""

from __future__ import annotations

import hmac

from bot.core.addresses import Addresses, Subscription

MARK_CHARACTERS = 40
"""160 bits of an HMAC-SHA256: nobody tries them all."""


class SecretAddresses(Addresses):
    """``public_url``: how others reach the web server, empty when nobody said; ``local_url`` is used then. ``secret``
    is the installation's: who has it can make every address."""

    def __init__(self, public_url: str, local_url: str, secret: bytes) -> None:
        self._public_url = public_url.rstrip("/")
        self._base = self._public_url or local_url.rstrip("/")
        # A key of its own, so that knowing an address says nothing of what else the secret keeps.
        self._key = hmac.digest(secret, b"allant calendar address", "sha256")

    @property
    def public(self) -> bool:
        return bool(self._public_url)

    def calendar(self, key: str, subscription: Subscription) -> str:
        return f"{self._base}/calendar/{key}-{self._mark(key, subscription)}.ics"

    def opens(self, mark: str, key: str, subscription: Subscription) -> bool:
        return hmac.compare_digest(mark.encode("utf-8", "replace"), self._mark(key, subscription).encode())

    def _mark(self, key: str, subscription: Subscription) -> str:
        text = f"{key}\n{subscription.member}\n{subscription.channel}\n{subscription.epoch}"
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()[:MARK_CHARACTERS]
