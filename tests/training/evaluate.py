"""``python -m tests.training.evaluate SETS``: ask every question of every set, as `allant faq eval` does; a table.

Each line: the set, how often the right entry comes first, how many questions could be answered at 95 % right by the
best threshold for that set (an upper bound), and with the shipped threshold: how many answers are right, how many
questions are answered rightly, and how many of those without an entry, and of the chat, are answered.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import numpy as np

from bot.core.knowledge import Found
from bot.evaluating import Query, Way, answered, answers, read_corpus, read_queries
from bot.settings import read_settings
from tests.training.fit import answered_at
from tests.training.sets import QuestionSet, read_sets

COLUMNS = ("R@1", "R@3", "at .95", "right", "answered", "oos", "chat")


def row(each: QuestionSet, asked: list[tuple[Query, Found]], way: Way) -> list[float]:
    """The measures of one set, in the order of :data:`COLUMNS`; nan where there is nothing to measure."""
    kinds = {query.id: query.kind for query in each.queries}
    places = [
        next((place for place, hit in enumerate(found.hits) if hit.entry.slug in query.relevant), 99)
        for query, found in asked
    ]
    inside = np.array([bool(query.relevant) for query, _ in asked])
    first = np.array([place == 0 for place in places])
    given = np.array([answered(found, way) for _, found in asked])
    chat = np.array([kinds[query.id] == "chat" for query, _ in asked])
    best = answered_at([found.probability for _, found in asked], first.tolist(), inside.tolist(), 0.95)
    return [
        _mean(first[inside]),
        _mean(np.array(places)[inside] < 3),
        best,
        _mean(first[given]),
        float((first & given).sum() / inside.sum()),
        _mean(given[~inside]),
        _mean(given[chat]),
    ]


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return float(values.mean()) if values.size else float("nan")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("sets", type=Path)
    reader.add_argument("--channel", action="store_true", help="as overheard in a channel, not as asked of the bot")
    given = reader.parse_args()
    way: Way = "channel" if given.channel else "direct"
    settings = read_settings()
    print(f"{'set':<18}" + "".join(f"{name:>9}" for name in COLUMNS), flush=True)
    rows = []
    for each in read_sets(given.sets):
        folder = next(path.parent for path in given.sets.rglob("corpus.jsonl") if path.parent.name == each.name)
        corpus = read_corpus(folder / "corpus.jsonl", settings.language)
        queries = read_queries(folder / "queries.jsonl", settings.language)
        rows.append(row(each, asyncio.run(answers(settings, corpus, queries, lambda *_: None)), way))
        print(f"{each.name:<18}" + "".join(f"{value:>9.3f}" for value in rows[-1]), flush=True)
    print(f"{'mean':<18}" + "".join(f"{value:>9.3f}" for value in np.nanmean(np.array(rows), axis=0)), flush=True)


if __name__ == "__main__":
    main()
