"""The one page that people see in their browser: how connecting their workspace went."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from bot.core.refs import Language

_STYLE = (
    "body{font:1.05rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem;color:#1c2733;"
    "background:#fff}h1{font-size:1.5rem;line-height:1.3}p{white-space:pre-line}a{display:inline-block;margin-top:1rem;"
    "padding:.5rem 1.1rem;border-radius:.4rem;background:#1f3a5f;color:#fff;text-decoration:none}"
    "@media(prefers-color-scheme:dark){body{background:#14191f;color:#e4e9ee}a{background:#8fb4e3;color:#14191f}}"
)
_HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    # The address of this page holds the code that Slack gave; nobody else is to learn it.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(language: Language, *, title: str, text: str, link: tuple[str, str]) -> tuple[bytes, Mapping[str, str]]:
    """The page and its headers. ``title`` and ``text`` are plain; ``link`` is an address and what it says, or empty."""
    address, label = link
    button = f'<a href="{escape(address)}">{escape(label)}</a>' if address else ""
    html = (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<main><h1>{escape(title)}</h1><p>{escape(text)}</p>{button}</main></html>\n"
    )
    return html.encode(), _HEADERS
