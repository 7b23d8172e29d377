"""What a post brought, over what is usual: the mean of the differences, with Student's 95 % interval.

Each post is compared with the same hours of the same channel on the same weekday of the weeks before it, so that a
busy Tuesday is compared with Tuesdays. The interval is that of paired differences (Student, 1908; see for instance the
NIST handbook, 1.3.5.2): it tells how much of the mean chance alone could have made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from bot.core.metrics import Gain

LEAST_POSTS = 5
"""With fewer posts than this there is never enough evidence, whatever the interval says."""

_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""The 97.5th percentiles of Student's distribution with 1 to 30 degrees of freedom."""
_NORMAL = 1.960


def gain(after: Sequence[float], usual: Sequence[float]) -> Gain:
    """The gain over pairs of what followed a post and what was usual there; two pairs at least."""
    differences = [one - other for one, other in zip(after, usual, strict=True)]
    freedom = len(differences) - 1
    t = _T[freedom - 1] if freedom <= len(_T) else _NORMAL
    more = fmean(differences)
    half = t * stdev(differences) / math.sqrt(len(differences))
    return Gain(after=fmean(after), usual=fmean(usual), more=more, low=more - half, high=more + half)
