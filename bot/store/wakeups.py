"""Telling the other processes on a PostgreSQL database that there is something to do, so that nobody has to ask often.

A notification may be lost (the connection breaks): whoever listens looks by itself every second or two besides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

log = logging.getLogger("allant.store")

CHANNEL = "allant"
ACCEPTED = "accepted"
PLANNED = "planned"
INSTALLED = "installed"
"""What is told: events came into the inbox; deliveries or timers were planned; a workspace came or went."""
AGAIN = 1.0
"""Seconds before listening anew after the connection broke."""

_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :what)")  # A name of our own.


def tell(connection: Connection, what: str) -> None:
    """Tell all processes once this transaction is committed; nothing on SQLite, which has one process."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"what": what})


async def listen(url: URL, wake: Mapping[str, Callable[[], None]]) -> None:
    """Call ``wake[what]`` for what is told, until cancelled."""
    import psycopg

    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}".encode())
                for wake_up in wake.values():
                    wake_up()  # What was told while nobody listened.
                async for notification in connection.notifies():
                    if notification.payload in wake:
                        wake[notification.payload]()
        except (psycopg.Error, OSError) as error:
            log.warning("nobody tells us of new work, looking by ourselves: %s", type(error).__name__)
        await asyncio.sleep(AGAIN)
