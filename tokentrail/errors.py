"""Errors that reach a person: one line each, saying what to do."""

from __future__ import annotations


class TokentrailError(Exception):
    """Something Tokentrail could not do; the message is one line that says what to do about it.

    `exit_code` is what a command ends with: 1 the answer is no, 2 it could not run.
    """

    exit_code = 2


class ConfigError(TokentrailError):
    """A setting is missing or wrong; the message names the variable."""


class NotConnected(TokentrailError):
    """A server could not be reached."""


class NotFound(TokentrailError):
    """What was asked for is not there."""

    exit_code = 1


class Refused(TokentrailError):
    """The request was understood and is not allowed."""

    exit_code = 1
