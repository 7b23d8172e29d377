"""http: health, metrics, the calendar feeds, and the routes of the platforms."""

from bot.web.addresses import SecretAddresses
from bot.web.calendar import CalendarFile, calendar_routes
from bot.web.server import listen, make_web, web_server
from bot.web.webhooks import webhook_routes

__all__ = ["CalendarFile", "SecretAddresses", "calendar_routes", "listen", "make_web", "web_server", "webhook_routes"]
