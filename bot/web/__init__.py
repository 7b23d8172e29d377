"""http: health, metrics, and the routes of the platforms."""

from bot.web.server import listen, make_web, web_server

__all__ = ["listen", "make_web", "web_server"]
