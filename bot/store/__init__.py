"""What Allant keeps, behind the ports of the core: SQLite now, PostgreSQL by its address.

No member's words are in it: what waits in the inbox is sealed, and dropped once handled.
"""

from bot.store.store import Store

__all__ = ["Store"]
