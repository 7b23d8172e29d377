"""An embedder on the web or in the organisation's network: any service that speaks OpenAI's embeddings protocol."""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.core.embedding import MAX_CHARACTERS, Embedder, Family
from bot.core.errors import EmbedderUnavailable

if TYPE_CHECKING:
    import openai

SECONDS = 5.0
"""A question waits for no service longer than this: words alone answer then."""


class ServiceEmbedder(Embedder):
    """Vectors from ``base_url`` by ``model``. The library's texts and people's questions are sent there."""

    def __init__(self, *, api_key: str, base_url: str, model: str, seconds: float = SECONDS) -> None:
        """``api_key`` may be empty where the service asks for none; ``seconds``: how long one answer may take."""
        self._api_key, self._base_url, self._model, self._seconds = api_key, base_url, model, seconds
        self._client: openai.AsyncOpenAI | None = None

    @property
    def name(self) -> str:
        return "service-" + re.sub(r"[^A-Za-z0-9]+", "-", f"{self._base_url} {self._model}").strip("-")[:120]

    @property
    def family(self) -> Family:
        return "service"

    async def embed(self, texts: Sequence[str], *, asked: bool) -> list[array[float]]:
        if not texts:
            return []
        import openai

        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._api_key or "none", base_url=self._base_url, timeout=self._seconds, max_retries=1
            )
        try:
            # Said outright: the client's own default is base64, which not every service knows.
            answer = await self._client.embeddings.create(
                model=self._model, input=[_sendable(text) for text in texts], encoding_format="float"
            )
        except openai.AuthenticationError:
            raise EmbedderUnavailable("the embeddings service refuses the key (ALLANT_EMBEDDING_API_KEY)") from None
        except openai.NotFoundError:
            raise EmbedderUnavailable(
                "the embeddings service does not know the model or the address (ALLANT_EMBEDDING_MODEL, "
                "ALLANT_EMBEDDING_BASE_URL)"
            ) from None
        except openai.APITimeoutError:
            raise EmbedderUnavailable("the embeddings service took too long") from None
        except openai.APIConnectionError:
            raise EmbedderUnavailable("the embeddings service cannot be reached (ALLANT_EMBEDDING_BASE_URL)") from None
        except openai.APIStatusError as error:
            raise EmbedderUnavailable(f"the embeddings service answers with error {error.status_code}") from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError):
            raise EmbedderUnavailable("the embeddings service answers in a way that is not understood") from None
        found = [_unit(each.embedding) for each in sorted(answer.data, key=lambda each: each.index)]
        if len(found) != len(texts) or len({len(each) for each in found}) != 1:
            raise EmbedderUnavailable("the embeddings service gave another number of vectors than asked for")
        return found

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


def _sendable(text: str) -> str:
    kept = "".join(each for each in text[: MAX_CHARACTERS * 4] if each != "\0" and not "\ud800" <= each <= "\udfff")
    return unicodedata.normalize("NFKC", kept)[:MAX_CHARACTERS].strip() or "."


def _unit(values: Sequence[float]) -> array[float]:
    length = math.sqrt(sum(value * value for value in values))
    if not math.isfinite(length) or length == 0:
        raise EmbedderUnavailable("the embeddings service gave a vector that is none")
    return array("f", (value / length for value in values))
