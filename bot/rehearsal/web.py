"""Whether an address on the web still answers, asked through the feed reader's door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.core.errors import BadInput, Unreachable
from bot.core.ports import FeedRead
from bot.feedreader import HttpFeedReader

if TYPE_CHECKING:
    import httpx


class LinkChecker(HttpFeedReader):
    """Resolves, checks, connects and follows redirects as the feed reader does, so that a link in a file leads no
    further than a feed may; only what comes at the end is not read."""

    async def status(self, url: str) -> int:
        """What the address answers in the end: 200, 404… Raises BadInput (address refused, too many redirects) or
        Unreachable."""
        try:
            return int((await self.read(url)).title)
        except BadInput as error:
            raise BadInput(str(error).replace("feed", "link")) from None
        except Unreachable as error:
            raise Unreachable(str(error).replace("feed", "link")) from None

    async def _answer(self, response: httpx.Response, url: str, etag: str, modified: str) -> FeedRead:
        return FeedRead(title=str(response.status_code))
