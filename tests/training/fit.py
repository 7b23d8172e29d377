"""The two fits, in numpy alone: an order by conditional logit, and a gate by ridge logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def fit_order(sets: Sequence[Sequence[tuple[Floats, Flags]]], ridge: float = 1e-3) -> Floats:
    """The weights under which the right candidates of each question get the most of exp(score).

    A question is its candidates' features (a row each) and which of them are right; every set weighs the same.
    """
    padded = [_padded(questions) for questions in sets]
    size = padded[0][0].shape[2]
    spread = np.sqrt(
        np.mean([np.mean([rows.var(axis=0) for rows, _ in questions], axis=0) for questions in sets], axis=0)
    )
    spread = np.maximum(spread, 1e-6)
    weights = np.zeros(size)
    for _ in range(40):
        gradient, curve = 2 * ridge * weights, 2 * ridge * np.eye(size)
        for rows, right, real in padded:
            share = 1.0 / len(rows) / len(padded)
            scaled = rows / spread
            scores = np.where(real, scaled @ weights, -np.inf)
            chances = np.exp(scores - scores.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            good = chances * right
            good /= good.sum(axis=1, keepdims=True)
            gradient += share * np.einsum("qc,qcf->f", chances - good, scaled)
            mean = np.einsum("qc,qcf->qf", chances, scaled)
            flat = (scaled * np.sqrt(chances)[:, :, None]).reshape(-1, size)
            curve += share * (flat.T @ flat - mean.T @ mean)
        step = np.linalg.solve(curve, gradient)
        weights -= step * min(1.0, 2.0 / max(float(np.linalg.norm(step)), 1e-9))
        if np.linalg.norm(step) < 1e-4:
            break
    return np.asarray(weights / spread)


def _padded(questions: Sequence[tuple[Floats, Flags]]) -> tuple[Floats, Flags, Flags]:
    """Features, which are right and which are there at all, of questions with as many candidates each as the most."""
    most = max(len(rows) for rows, _ in questions)
    features = np.zeros((len(questions), most, questions[0][0].shape[1]))
    right, real = np.zeros((len(questions), most), dtype=bool), np.zeros((len(questions), most), dtype=bool)
    for place, (rows, flags) in enumerate(questions):
        features[place, : len(rows)], right[place, : len(rows)] = rows, flags
        real[place, : len(rows)] = True
    return features, right, real


def fit_gate(rows: Floats, right: Flags, weights: Floats, ridge: float = 20.0) -> Floats:
    """The coefficients of a logistic regression; the first column of ``rows`` is ones, and is not held back."""
    scale = rows.std(axis=0)
    scale[0] = 1.0
    scale = np.maximum(scale, 1e-6)
    middle = rows.mean(axis=0)
    middle[0] = 0.0
    scaled = (rows - middle) / scale
    hold = np.full(rows.shape[1], ridge)
    hold[0] = 1e-6
    found = np.zeros(rows.shape[1])
    for _ in range(60):
        chances = 1.0 / (1.0 + np.exp(-np.clip(scaled @ found, -30, 30)))
        gradient = scaled.T @ (weights * (chances - right)) + hold * found
        curve = (scaled * (weights * chances * (1 - chances))[:, None]).T @ scaled + np.diag(hold)
        step = np.linalg.solve(curve, gradient)
        found -= step
        if np.linalg.norm(step) < 1e-6:
            break
    found = found / scale
    found[0] -= float(found[1:] @ middle[1:])
    return np.asarray(found)


def answered_at(confidence: Sequence[float], right: Sequence[bool], inside: Sequence[bool], precision: float) -> float:
    """The largest share of questions with an answer that one threshold answers rightly at this precision."""
    order = sorted(zip(confidence, right, strict=True), key=lambda each: -each[0])
    total, best, good = sum(inside), 0.0, 0
    for place, (sure, is_right) in enumerate(order):
        good += is_right
        last = place + 1 == len(order) or order[place + 1][0] < sure
        if last and good / (place + 1) >= precision:
            best = max(best, good / max(total, 1))
    return best
