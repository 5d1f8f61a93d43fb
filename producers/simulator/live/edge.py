"""The headers a trusted edge proxy adds: who asks, from where, with what (Amazon CloudFront's names)."""

from functools import lru_cache

from producers.simulator.actions import Source


@lru_cache(maxsize=8192)
def headers(source: Source) -> bytes:
    """Header lines, each ended by CRLF, that tell a source to the issuer and to resource servers."""
    lines = [
        f"X-Forwarded-For: {source.ip}",
        f"User-Agent: {source.user_agent}",
        f"CloudFront-Viewer-Country: {source.country}",
        f"CloudFront-Viewer-City: {source.city}",
        f"CloudFront-Viewer-Latitude: {source.lat}",
        f"CloudFront-Viewer-Longitude: {source.lon}",
        f"CloudFront-Viewer-ASN: {source.asn}",
    ]
    if source.device_id:
        lines.append(f"X-Device-Id: {source.device_id}")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")
