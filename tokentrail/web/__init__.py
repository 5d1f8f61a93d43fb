"""The web process: the log for any tlog client, and pages (each with a JSON twin) for people."""

from tokentrail.web.app import build
from tokentrail.web.settings import WebSettings, load_web_settings
from tokentrail.web.state import Web

__all__ = ["Web", "WebSettings", "build", "load_web_settings"]
