"""The few words the adapter says by itself, in both languages: about Slack, where no feature may know of it."""

from __future__ import annotations

from bot.core.refs import Language

WORDS: dict[str, dict[Language, str]] = {
    "open": {"fr": "Ouvrir le formulaire", "en": "Open the form"},
    "cancel": {"fr": "Annuler", "en": "Cancel"},
    "close": {"fr": "Fermer", "en": "Close"},
    "choose": {"fr": "Choisissez…", "en": "Choose…"},
    "preview": {"fr": "Aperçu", "en": "Preview"},
    "working": {
        "fr": "Je m’en occupe. Cela prend un peu plus de temps que d’habitude : la réponse arrive ici.",
        "en": "I am on it. It takes a little longer than usual: the answer will come here.",
    },
    "slow": {
        "fr": "Je suis un peu lent en ce moment. Si vous n’avez pas de réponse d’ici une minute, recommencez.",
        "en": "I am a little slow at the moment. If you have no answer within a minute, please try again.",
    },
    "not_kept": {
        "fr": "Je n’ai pas pu prendre cela en compte : ma mémoire est momentanément indisponible. Recommencez dans un "
        "instant ; rien n’a été fait.",
        "en": "I could not take this in, as my memory is away for the moment. Please try again in a while; nothing was "
        "done.",
    },
    "done": {
        "fr": "C’est fait. Vous pouvez fermer cette fenêtre.",
        "en": "Done. You can close this window.",
    },
    "too_late": {
        "fr": "Slack n’a pas pu ouvrir le formulaire à temps. Appuyez de nouveau sur le bouton.",
        "en": "Slack could not open the form in time. Please press the button again.",
    },
    "gone": {
        "fr": "Ce formulaire n’est plus disponible. Redonnez la commande pour en avoir un nouveau.",
        "en": "This form is no longer there. Give the command again for a new one.",
    },
    "time": {"fr": "Heure", "en": "Time"},
    "also": {"fr": "Ou encore", "en": "Or else"},
}


def say(key: str, language: Language) -> str:
    return WORDS[key][language]
