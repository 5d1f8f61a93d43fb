"""`python -m producers.simulator --out events.jsonl --labels labels.jsonl`: a labelled month."""

import argparse
import sys
from pathlib import Path

from producers.simulator.file_driver import play, write
from producers.simulator.plan import month
from producers.simulator.population import Size


def main() -> int:
    """Writes the files the arguments name and says how large they are."""
    parser = argparse.ArgumentParser(prog="python -m producers.simulator", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="backtest input, JSON lines")
    parser.add_argument("--labels", type=Path, required=True, help="attack and incident of every attack event")
    parser.add_argument("--policy", type=Path, help="policy file: the issuer's keys and the longest lifetime")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--incidents", type=int, default=10, help="of each type of attack")
    parser.add_argument("--stealth", type=float, default=0.35, help="0..1: attackers who hide near their victim")
    args = parser.parse_args()
    plan = month(args.seed, Size(args.users, days=args.days), args.incidents, args.stealth)
    events, attacks = write(play(plan, args.seed), args.out, args.labels, args.policy)
    print(f"{events} events, {attacks} of {len(plan.incidents)} incidents", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
