"""The page of all metrics, made from their one definition."""

from __future__ import annotations

from bot.core.definitions import DEFINITIONS
from bot.core.ports import Library
from bot.core.refs import Language

_INTROS: dict[Language, str] = {
    "en": """\
# Metrics

Made by `make docs` from bot/core/definitions.py and content/messages/metrics.yaml. `allant stats --json` gives
every figure by its name here; `/allant stats` tells most of them.

**How to read the formulas.** `posted[d]` and the like are sets of people on a day (UTC); `⋃` unites days, `|…|`
counts people, each once. `Σ` adds up how often something happened over the ISO weeks of the report, the last of
which holds the day of the report, `D`. Bots are in none of them.

**What is not told.** No figure about fewer than five people (`threshold` in policy.yaml, never below 5). Nor
one from which such a figure could be worked out: a part of a group is hidden when the rest of the group is
small; of the steps of the ladder as many are hidden as it takes; a channel’s week is hidden when it and the
workspace’s total would tell of a small channel. Figures over 7 and 28 days are told as of a Sunday, and totals
of the present week move on only when enough people stand behind the step, so that two reports do not differ by
a few people.

**Whose figures.** Who asked to be forgotten, or not to be counted (`/allant me count off`), is in none, and
goes from those of the past.

**Effects.** For each calendar item and practice: replies, people who wrote or reacted, and reactions in its
channel in the 48 hours after each post, less the same over the same 48 hours of the week in up to four weeks
before it in which the bot said nothing unasked there; the mean over the posts, with Student’s 95 % interval.
With fewer than five posts, or an interval that holds zero: not enough evidence.

**Retention by joining month.** Of the newcomers of a month, how many were active (as above) in each month
since.
""",
    "fr": """\
# Mesures

Page faite par `make docs` d’après bot/core/definitions.py et content/messages/metrics.yaml. `allant stats
--json` donne chaque chiffre sous son nom d’ici ; `/allant chiffres` en dit la plupart.

**Lire les formules.** `posted[d]` et ses semblables sont des ensembles de personnes un jour donné (UTC) ; `⋃`
réunit des jours, `|…|` compte les personnes, chacune une fois. `Σ` additionne combien de fois une chose est
arrivée sur les semaines ISO du rapport, dont la dernière contient le jour du rapport, `D`. Les bots n’y sont
jamais.

**Ce qui n’est pas dit.** Aucun chiffre sur moins de cinq personnes (`threshold` dans policy.yaml, jamais moins
de 5). Ni un chiffre d’où un tel chiffre se déduirait : une partie d’un groupe est masquée quand le reste est
petit ; des échelons de l’échelle, autant qu’il en faut sont masqués ; la semaine d’un canal est masquée quand,
avec le total de l’espace, elle en dirait trop sur un petit canal. Les chiffres sur 7 et 28 jours sont ceux d’un
dimanche, et les totaux de la semaine en cours n’avancent que lorsque assez de personnes sont derrière le pas,
pour que deux rapports ne diffèrent pas de quelques personnes.

**De qui.** Qui a demandé à être oublié, ou à ne pas être compté (`/allant moi compter non`), n’est dans aucun
chiffre, et quitte ceux du passé.

**Effets.** Pour chaque élément du calendrier et chaque pratique : réponses, personnes ayant écrit ou réagi, et
réactions dans son canal dans les 48 heures qui suivent chaque publication, moins les mêmes sur les mêmes 48
heures de la semaine, dans au plus quatre semaines précédentes où le bot n’y a rien dit sans qu’on le lui
demande ; la moyenne sur les publications, avec l’intervalle de Student à 95 %. Avec moins de cinq publications,
ou un intervalle qui contient zéro : pas assez d’éléments pour conclure.

**Fidélité par mois d’arrivée.** Des personnes arrivées un mois donné, combien ont été actives (comme ci-dessus)
chaque mois depuis.
""",
}
_PARTS: dict[Language, tuple[str, str, str, str]] = {
    "en": ("What it counts", "Formula", "What it does not mean", "Source"),
    "fr": ("Ce qu’elle compte", "Formule", "Ce qu’elle ne dit pas", "Source"),
}


def metrics_page(library: Library, language: Language) -> str:
    """The Markdown of the page of metrics in ``language``."""
    lines = [_INTROS[language].rstrip()]
    what, formula, nothing, source = _PARTS[language]
    for each in DEFINITIONS:
        lines += [
            "",
            f"## {library.words(language, f'metrics.{each.name}')}",
            "",
            f"`{each.name}`",
            "",
            f"- {what}: {library.words(language, f'metrics.{each.name}_is')}",
            f"- {formula}: `{each.code}`",
            f"- {nothing}: {library.words(language, f'metrics.{each.name}_not')}",
            f"- {source}: {each.source}",
        ]
    return "\n".join(lines) + "\n"
