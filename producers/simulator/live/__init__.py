"""Plays a plan over HTTP against a running issuer and resource server, as their real clients would."""
