"""The few words the adapter says by itself, in both languages: about Matrix, where no feature may know of it."""

from __future__ import annotations

from bot.core.refs import Language

NOT_ENCRYPTED: dict[Language, str] = {
    "fr": "Ce salon est chiffré de bout en bout, et cette version d’Allant ne sait pas lire les messages chiffrés : je "
    "peux écrire ici, mais pas vous répondre. Invitez-moi plutôt dans un salon sans chiffrement.",
    "en": "This room is end-to-end encrypted, and this version of Allant cannot read encrypted messages: I can write "
    "here, but not answer you. Please invite me to a room without encryption instead.",
}


def not_encrypted(first: Language) -> str:
    """What is said once in an encrypted room, in both languages, ``first`` before the other."""
    order = sorted(NOT_ENCRYPTED, key=lambda language: language != first)
    return "\n\n".join(NOT_ENCRYPTED[language] for language in order)
