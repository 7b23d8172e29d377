"""Whether a message looks like a question, in French or English: from its words alone, without a model.

Used before the bot speaks unasked in a channel, so it would rather miss a question than take talk for one.
"""

from __future__ import annotations

import re
import unicodedata

from bot.core.refs import Language

MAX_CHARACTERS = 2000
"""Only this much of a message is looked at; a longer one is a story, whatever it asks at its end."""

_CODE_OR_ADDRESS = re.compile(r"```.*?(?:```|$)|`[^`\n]*`|\b(?:https?|ftp)://\S+|\bwww\.\S+", re.DOTALL)
_GREETING = {
    "en": r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear)\b"
    r"(?: (?:all|everyone|everybody|team|folks|there))?"
    r"|(?:please|sorry|thanks|so|ok|and|but|quick question|question|team|folks|all|everyone)\b)",
    "fr": r"(?:(?:bonjour|bonsoir|salut|hello|coucou)\b(?: (?:a )?(?:tous|toutes|tout le monde|l equipe|la team))?"
    r"(?: et (?:a )?toutes)?|(?:svp|s il vous plait|s il te plait|pardon|desolee?|merci|alors|bon|et|mais|ok"
    r"|petite question|question|tout le monde)\b)",
}
_OPENING = {
    "en": r"(?:how|what|where|when|why|who|whom|whose|which|what s|where s|who s|how s)\b"
    r"|(?:can|could|may|should|shall|would|will|must|do|does|did|is|are|was|were|has|have|am) "
    r"(?:i|we|you|they|he|she|it|there|this|that|these|those|the|a|an|any|anyone|anybody|someone|somebody|my|our)\b"
    r"|(?:any|some)(?:one|body) (?:know|knows|has|have|got|able|here|using|can)\b"
    r"|(?:i m|i am|we re|we are) (?:wondering|looking for|trying to (?:find|work out|understand))\b"
    r"|i (?:wonder|need to know|would like to know|d like to know)\b"
    r"|i don t know (?:how|what|where|when|who|which|if|whether)\b"
    r"|(?:do|does) (?:any|some)(?:one|body)\b|is it (?:possible|ok|okay|allowed)\b|any (?:idea|advice|tips?)\b",
    "fr": r"(?:comment|pourquoi|quand|combien|ou|qui|que|quoi|quel|quelle|quels|quelles|lequel|laquelle)\b(?! de plus)"
    r"|(?:a|de|par|pour|avec|depuis|jusqu|dans|sur|chez|en) (?:qui|quoi|quel|quelle|quels|quelles|quand|ou|combien)\b"
    r"|est ce qu|qu est ce|c est (?:ou|quand|quoi|qui|comment|combien|quel|quelle)\b"
    r"|y a t il\b|il y a (?:moyen|un moyen)\b"
    r"|(?:peut|peux|pouvez|pourrait|pourrais|pourriez|puis|dois|doit|faut|sais|sait|savez|connais|connait|connaissez"
    r"|as|a|avez|ont|est|sont|suis|etes|veux|voulez|va|vas|allez|existe|serait|auriez|aurait|devons|pouvons) "
    r"(?:t )?(?:je|tu|il|elle|on|nous|vous|ils|elles|ce)\b"
    r"|(?:quelqu un|qqn|quelqu une|quelques uns|qui) (?:sait|saurait|connait|a|aurait|peut|pourrait|utilise)\b"
    r"|je (?:cherche|me demande|voudrais savoir|voulais savoir|souhaiterais savoir|ne sais pas"
    r"|ne trouve pas|n arrive pas a (?:trouver|savoir|comprendre)"
    r"|sais pas (?:comment|ou|quand|qui|quoi|quel|quelle|si))\b"
    r"|une idee\b|des idees\b|un avis\b",
}
_RHETORICAL = {
    "en": r"^(?:what a|how (?:nice|lovely|great|funny|cool|sweet|cute|sad|awful|are you|s it going)"
    r"|how (?:was your|is everyone)"
    r"|who cares|so what|why not|what s up|guess (?:what|who)|right|really|seriously|isn t it|you know what)\b",
    "fr": r"^(?:comment (?:ca va|vas tu|allez vous|va)|ca va|quelle (?:bonne|belle|chance|horreur|honte|surprise|joie)"
    r"|quel (?:bonheur|plaisir|dommage|temps|beau|bon)|quoi de neuf|et alors|pourquoi pas|n est ce pas|ah bon|vraiment"
    r"|qui sait|serieux|serieusement|non|hein)\b",
}


def _plain(text: str) -> str:
    """Lower case without accents, apostrophes and hyphens as spaces, so that one pattern fits every way of typing."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(character for character in folded if not unicodedata.combining(character))
    return re.sub(r"[^\w?.!…\n]+", " ", letters).strip()


_LEADING = {language: re.compile(rf"^(?:{pattern}[ ]*)+") for language, pattern in _GREETING.items()}
_OPENINGS = {language: re.compile(rf"^(?:{pattern})") for language, pattern in _OPENING.items()}
_RHETORICALS = {language: re.compile(pattern) for language, pattern in _RHETORICAL.items()}
_MIN_WORDS = 3


def looks_like_question(text: str, language: Language) -> bool:
    """Whether ``text`` asks for something that could be looked up.

    A sentence counts when it ends with a question mark and has at least three words, or begins the way questions
    begin (in ``language``, or in the other one when it ends with a question mark). Greetings before it are skipped;
    small talk (“how are you?”) and code or addresses with a ``?`` in them are not questions.
    """
    cleaned = _plain(_CODE_OR_ADDRESS.sub(" ", text[:MAX_CHARACTERS]))
    sentences = re.findall(r"[^?.!…\n]+[?.!…]*", cleaned)
    return any(_asks(sentence, language) for sentence in sentences)


def _asks(sentence: str, language: Language) -> bool:
    marked = "?" in sentence
    words = _LEADING[language].sub("", sentence.strip(" ?.!…")).strip()
    if len(words.split()) < _MIN_WORDS or _RHETORICALS[language].match(words):
        return False
    return marked or _OPENINGS[language].match(words) is not None
