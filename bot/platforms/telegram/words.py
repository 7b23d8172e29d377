"""The words the adapter says by itself, in both languages: about Telegram, where no feature may know of it."""

from __future__ import annotations

from bot.core.message import Markup, fill
from bot.core.refs import Language

WORDS: dict[str, dict[Language, str]] = {
    # In a group
    "standing_head": {
        "fr": "Je suis maintenant dans **{title}**. Voici ce que je peux y faire :",
        "en": "I am now in **{title}**. This is what I can do there:",
    },
    "can_speak": {
        "fr": "✅ publier, répondre aux commandes (`/help`, `/faq`…) et aux messages qui me nomment",
        "en": "✅ post, answer commands (`/help`, `/faq`…) and messages that name me",
    },
    "cannot_speak": {
        "fr": "❌ je ne peux **rien publier** : les réglages du groupe ne me le permettent pas. Ouvrez les "
        "autorisations du groupe et laissez-moi envoyer des messages, ou faites de moi un administrateur.",
        "en": "❌ I **cannot post** at all: the group’s settings do not let me. Open the group’s permissions and let "
        "me send messages, or make me an administrator.",
    },
    "reads_all": {
        "fr": "✅ voir les messages du groupe, pour compter l’activité et répondre aux questions",
        "en": "✅ see the group’s messages, to count activity and to answer questions",
    },
    "reads_commands": {
        "fr": "❌ je ne vois **que les commandes**, les réponses à mes messages et ceux qui me nomment : ni "
        "l’activité, ni les questions sans réponse. Pour changer cela, faites de moi un administrateur du groupe ; "
        "ou, chez @BotFather, `/setprivacy` → *Disable*, puis retirez-moi du groupe et ajoutez-moi de nouveau.",
        "en": "❌ I see **only commands**, replies to my messages and messages that name me: neither activity nor "
        "unanswered questions. To change that, make me an administrator of the group; or, at @BotFather, "
        "`/setprivacy` → *Disable*, then remove me from the group and add me again.",
    },
    "sees_people": {
        "fr": "✅ voir qui arrive, qui part et les réactions",
        "en": "✅ see who comes, who leaves, and reactions",
    },
    "sees_few_people": {
        "fr": "❌ je ne vois **ni les réactions**, ni toutes les arrivées : Telegram ne les montre qu’aux "
        "administrateurs. Faites de moi un administrateur (sans aucun droit particulier, cela suffit).",
        "en": "❌ I see **no reactions**, and not everybody who comes: Telegram shows these to administrators only. "
        "Make me an administrator (no particular right is needed for this).",
    },
    "lets_in": {
        "fr": "✅ accepter les demandes d’adhésion, si `schedules/admission.yaml` le prévoit",
        "en": "✅ let in those who ask to join, where `schedules/admission.yaml` says so",
    },
    "lets_nobody_in": {
        "fr": "ℹ️ je ne peux pas accepter les demandes d’adhésion ; il me faudrait pour cela le droit "
        "d’administrateur « Inviter des utilisateurs »",
        "en": "ℹ️ I cannot let in those who ask to join; for that I would need the administrator’s right “Invite users”",
    },
    # Privately
    "only_in_private": {
        "fr": "{name}, cette réponse n’est que pour vous. Ouvrez notre conversation pour la lire :",
        "en": "{name}, this answer is for you alone. Open our conversation to read it:",
    },
    "open": {"fr": "Ouvrir la conversation", "en": "Open the conversation"},
    "too_old": {
        "fr": "Cette réponse n’est plus disponible. Posez votre question de nouveau, ici même.",
        "en": "This answer is no longer available. Ask again, right here.",
    },
    "not_yours": {"fr": "Cette réponse est pour quelqu’un d’autre.", "en": "This answer is for somebody else."},
    "old_button": {
        "fr": "Ce bouton est trop ancien : redemandez-moi.",
        "en": "This button is too old: please ask me again.",
    },
    # Filling in a form
    "form_start": {"fr": "✏️ Remplir", "en": "✏️ Fill in"},
    "form_open": {"fr": "Suite dans notre conversation", "en": "We go on in our conversation"},
    "form_gone": {
        "fr": "Ce formulaire n’est plus ouvert : il est gardé un jour. Redonnez la commande pour recommencer.",
        "en": "This form is no longer open: it is kept for a day. Give the command again to start over.",
    },
    "form_step": {"fr": "**{title}** — {number} sur {total}", "en": "**{title}** — {number} of {total}"},
    "form_now": {"fr": "Actuellement : {value}", "en": "At present: {value}"},
    "form_write": {
        "fr": "Écrivez votre réponse, ou choisissez un bouton.",
        "en": "Write your answer, or choose a button.",
    },
    "form_choose": {"fr": "Choisissez un bouton.", "en": "Choose a button."},
    "form_several": {
        "fr": "Choisissez-en un ou plusieurs, puis « {done} ».",
        "en": "Choose one or more, then “{done}”.",
    },
    "form_day": {
        "fr": "Choisissez un jour, ou écrivez-le : `2026-12-01`, `1/12/2026`.",
        "en": "Choose a day, or write it: `2026-12-01`, `1/12/2026`.",
    },
    "form_moment": {
        "fr": "Écrivez le jour et l’heure (`2026-12-01 10:00`), ou choisissez un bouton.",
        "en": "Write the day and the time (`2026-12-01 10:00`), or choose a button.",
    },
    "form_time": {"fr": "Choisissez une heure, ou écrivez-la : `10:30`.", "en": "Choose a time, or write it: `10:30`."},
    "form_needed": {"fr": "Ce champ ne peut pas rester vide.", "en": "This cannot be left empty."},
    "form_not_a_choice": {"fr": "Ce n’est pas l’un des choix.", "en": "This is none of the choices."},
    "form_not_a_day": {
        "fr": "Je ne reconnais pas ce jour ; par exemple `2026-12-01`.",
        "en": "I do not recognise this day; for example `2026-12-01`.",
    },
    "form_not_a_time": {
        "fr": "Je ne reconnais pas cette heure ; par exemple `10:30`.",
        "en": "I do not recognise this time; for example `10:30`.",
    },
    "form_keep": {"fr": "Garder", "en": "Keep"},
    "form_skip": {"fr": "Passer", "en": "Skip"},
    "form_back": {"fr": "◀ Retour", "en": "◀ Back"},
    "form_cancel": {"fr": "✖ Annuler", "en": "✖ Cancel"},
    "form_done": {"fr": "Terminé", "en": "Done"},
    "form_preview": {
        "fr": "**{title}** — tout est là. Touchez une ligne pour la changer.",
        "en": "**{title}** — this is it. Touch a line to change it.",
    },
    "form_nothing": {"fr": "(vide)", "en": "(empty)"},
    "form_cancelled": {
        "fr": "Annulé : rien n’a changé, et ce que vous avez écrit est effacé.",
        "en": "Cancelled: nothing was changed, and what you wrote is erased.",
    },
    "form_sent": {"fr": "C’est envoyé.", "en": "Sent."},
}


def say(language: Language, key: str, **values: object) -> Markup:
    """The words, filled in: values are escaped unless they are Markup."""
    return fill(WORDS[key][language], values)
