"""`allant faq eval`, `allant faq calibrate` and `allant doctor`, typed as their users do; by words alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import cli
from bot.core.errors import BadInput

QUESTIONS = Path(__file__).parent.parent / "questions"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLANT_MEANING", "false")


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def written(path: Path, *lines: object) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


CORPUS = (
    {"id": "mute", "lang": "en", "question": "How do I mute a channel?", "paraphrases": ["silence a channel"]},
    {"id": "edit", "lang": "en", "question": "How do I edit a message?", "answer": "Hover over it."},
    {"id": "conges", "lang": "fr", "question": "Comment poser mes congés ?", "answer": "Dans l'outil."},
)
QUERIES = (
    {"qid": "1", "lang": "en", "text": "How do I mute a channel?", "relevant": ["mute"]},
    {"qid": "2", "lang": "fr", "text": "poser des congés", "relevant": ["conges"]},
    {"qid": "3", "lang": "en", "text": "who won the match last night", "relevant": []},
)


def test_eval_writes_a_line_for_each_question(tmp_path: Path) -> None:
    corpus, queries = written(tmp_path / "c.jsonl", *CORPUS), written(tmp_path / "q.jsonl", *QUERIES)
    told = typed("faq", "eval", "--corpus", corpus, "--queries", queries, "--out", "r.jsonl", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["right entry first"] == 1.0
    lines = [json.loads(line) for line in Path("r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["qid"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["ranked"][0][0] == "mute"
    assert lines[0]["answered"] is True
    assert lines[0]["confidence"] == lines[0]["ranked"][0][1]
    assert lines[2]["answered"] is False
    # What is said unasked is said to questions only.
    typed("faq", "eval", "--corpus", corpus, "--queries", queries, "--out", "c.out", "--channel")
    overheard = [json.loads(line) for line in Path("c.out").read_text(encoding="utf-8").splitlines()]
    assert [line["answered"] for line in overheard] == [True, False, False]


@pytest.mark.parametrize(
    ("line", "says"),
    [("{", "queries.jsonl:1: is not a JSON object"), ('{"text": "x"}', "queries.jsonl:1: needs “text” and “relevant”")],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "queries.jsonl").write_text(line, encoding="utf-8")
    corpus = written(tmp_path / "c.jsonl", *CORPUS)
    told = typed("faq", "eval", "--corpus", corpus, "--queries", "queries.jsonl", "--out", "r.jsonl")
    assert isinstance(told.exception, BadInput)
    assert says in str(told.exception)
    assert not Path("r.jsonl").exists()


def own(language: str) -> list[dict[str, object]]:
    lines = (QUESTIONS / f"starter.{language}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [[part.strip() for part in line.split("|")] for line in lines if not line.startswith("#")]
    return [{"text": text, "lang": language, "relevant": [] if slug == "-" else [slug]} for slug, text in pairs]


def test_calibrating_fits_the_thresholds_and_can_be_undone(tmp_path: Path) -> None:
    assert typed("faq", "calibrate", written(tmp_path / "own.jsonl", *own("fr"), *own("en"))).exit_code == 0
    kept = json.loads(Path("faq-calibration.json").read_text(encoding="utf-8"))["modes"]["words"]
    assert 0.3 < kept["channel"] <= 1.0
    assert kept["direct"] <= kept["channel"]
    assert kept["slope"] > 0
    told = json.loads(typed("doctor", "--json").output)["findings"]
    assert next(each for each in told if each["what"] == "calibration")["state"] == "ok"
    Path("faq-calibration.json").write_text("{", encoding="utf-8")
    broken = typed("doctor", "--json")
    assert broken.exit_code == 1
    assert "allant faq calibrate" in broken.output
    Path("faq-calibration.json").unlink()
    assert "shipped thresholds" in typed("doctor", "--json").output


def test_too_few_questions_or_unknown_entries_calibrate_nothing(tmp_path: Path) -> None:
    few = typed("faq", "calibrate", written(tmp_path / "few.jsonl", *own("fr")[:20]))
    assert "at least 50" in str(few.exception)
    wrong = [*own("fr"), {"text": "x", "relevant": ["no-such-entry"]}]
    unknown = typed("faq", "calibrate", written(tmp_path / "unknown.jsonl", *wrong))
    assert "no-such-entry" in str(unknown.exception)
    assert not Path("faq-calibration.json").exists()


def test_the_doctor_says_what_is_off_and_how_to_mend_it() -> None:
    told = typed("doctor")
    assert "words only" in told.output
    assert "ALLANT_PLAYGROUND=true" in told.output.replace("\n", "")


def test_the_doctor_names_each_platform_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLANT_SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("ALLANT_TELEGRAM_TOKEN", "123456:abc")
    found = {each["what"]: each for each in json.loads(typed("doctor", "--json").output)["findings"]}
    assert "platforms" not in found, "none is missing"
    assert "allant slack doctor" in found["slack"]["mend"]
    assert "allant telegram doctor" in found["telegram"]["mend"]
    assert "xoxb-1" not in json.dumps(found)


def test_what_is_not_there_is_told_before_anything_is_asked() -> None:
    """Nobody is asked to confirm what cannot be done."""
    for words, said in (
        (("db", "restore", "nowhere"), "nowhere is no file"),
        (("slack", "disconnect", "T9"), "no workspace T9 is connected"),
        (("report", "--period", "nonsense"), "--period: “nonsense” is no period"),
        (("faq", "calibrate", "nowhere"), "nowhere cannot be read: No such file or directory"),
    ):
        told = typed(*words)
        assert told.exit_code == 1
        assert said in str(told.exception)
        assert "[y/N]" not in told.output
