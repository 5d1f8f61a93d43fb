"""People, services and attackers that live through an issuer: a seeded model with two ways to play it.

The model (`population`, `life`, `attacks`, `plan`) is pure and knows only virtual time. `file_driver` plays
a plan into a backtest file with labels beside it; `live` plays one over HTTP against a running issuer and
resource server.
"""
