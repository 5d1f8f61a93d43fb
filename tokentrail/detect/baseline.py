"""The statistical baseline: Freeman et al., NDSS 2016, with the weights of Wiefling et al. 2022."""

from __future__ import annotations

from math import log

from tokentrail.detect.state import Context, Subject
from tokentrail.detect.vocabulary import Vocabulary

W_IP, W_ASN, W_COUNTRY = 0.6, 0.3, 0.1
W_AGENT, W_BROWSER, W_SYSTEM, W_KIND = 0.5387, 0.2680, 0.1882, 0.0051


def _own(seen: dict[int, int], n: int, levels: tuple[tuple[float, int], ...]) -> float:
    total = 0.0
    for weight, number in levels:
        total += weight * seen.get(number, 0)
    return total / n if n else 0.0


def _all(vocabulary: Vocabulary, levels: tuple[tuple[float, int], ...]) -> float:
    """P(f): the leaf smoothed as vocabulary.share does, the parents as plain shares."""
    leaf_weight, leaf = levels[0]
    total = leaf_weight * vocabulary.share(leaf)
    if vocabulary.total > 0:
        for weight, number in levels[1:]:
            if number >= 0:
                total += weight * vocabulary.count[number] / vocabulary.total
    return max(total, 1e-9)


def surprise(subject: Subject, context: Context, vocabulary: Vocabulary) -> tuple[float, float]:
    """log P(f)/P(f|u) for the network and for the user agent: 0 is no news, above 0 is strange.

    Where the subject never had any level of the feature, P(f|u) is P(f)/4 by the paper.
    A feature the event does not carry says nothing and gives 0.
    """
    n = subject.n
    if n == 0:
        return 0.0, 0.0
    net = agent = 0.0
    if context.ip >= 0:
        levels = ((W_IP, context.ip), (W_ASN, context.asn), (W_COUNTRY, context.country))
        everyone = _all(vocabulary, levels)
        net = log(everyone / (_own(subject.seen, n, levels) or everyone / 4.0))
    if context.agent >= 0:
        kinds = (
            (W_AGENT, context.agent),
            (W_BROWSER, context.browser),
            (W_SYSTEM, context.system),
            (W_KIND, context.kind),
        )
        everyone = _all(vocabulary, kinds)
        agent = log(everyone / (_own(subject.seen, n, kinds) or everyone / 4.0))
    return net, agent


def freeman(subject: Subject, context: Context, vocabulary: Vocabulary, users: int, events: float) -> float:
    """log S of the paper: both features and the prior (1/|U|) / (n_u/N); 0 for a subject without history."""
    if subject.n == 0 or users == 0:
        return 0.0
    net, agent = surprise(subject, context, vocabulary)
    return net + agent + log(max(events, 1.0) / (users * subject.n))
