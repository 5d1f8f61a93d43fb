"""Cities people live in: coordinates, country, standard UTC offset, and the distance between two of them."""

import math
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a geo database answers: degrees, ISO 3166 country, UTC offset in hours (no summer time)."""

    city: str
    country: str
    lat: float
    lon: float
    utc_offset: float

    def near(self, dlat: float, dlon: float) -> "Place":
        """The same city a few kilometres on, as geo databases place different networks of one town."""
        lat, lon = round(self.lat + dlat, 4), round(self.lon + dlon, 4)
        return Place(self.city, self.country, lat, lon, self.utc_offset)


# city, country, latitude, longitude, UTC offset in winter, weight (how many of our people live there)
# fmt: off
_TABLE: tuple[tuple[str, str, float, float, float, int], ...] = (
    ("Boston", "US", 42.3601, -71.0589, -5, 9),
    ("New York", "US", 40.7128, -74.0060, -5, 9),
    ("Chicago", "US", 41.8781, -87.6298, -6, 7),
    ("Denver", "US", 39.7392, -104.9903, -7, 5),
    ("Seattle", "US", 47.6062, -122.3321, -8, 5),
    ("San Diego", "US", 32.7157, -117.1611, -8, 4),
    ("Houston", "US", 29.7604, -95.3698, -6, 5),
    ("Atlanta", "US", 33.7490, -84.3880, -5, 4),
    ("Dallas", "US", 32.7767, -96.7970, -6, 3),
    ("Ashburn", "US", 39.0438, -77.4874, -5, 0),
    ("Toronto", "CA", 43.6532, -79.3832, -5, 3),
    ("Vancouver", "CA", 49.2827, -123.1207, -8, 2),
    ("London", "GB", 51.5074, -0.1278, 0, 4),
    ("Manchester", "GB", 53.4808, -2.2426, 0, 2),
    ("Dublin", "IE", 53.3498, -6.2603, 0, 2),
    ("Berlin", "DE", 52.5200, 13.4050, 1, 4),
    ("Munich", "DE", 48.1351, 11.5820, 1, 2),
    ("Frankfurt am Main", "DE", 50.1109, 8.6821, 1, 0),
    ("Paris", "FR", 48.8566, 2.3522, 1, 2),
    ("Madrid", "ES", 40.4168, -3.7038, 1, 1),
    ("Amsterdam", "NL", 52.3676, 4.9041, 1, 1),
    ("Zurich", "CH", 47.3769, 8.5417, 1, 1),
    ("Stockholm", "SE", 59.3293, 18.0686, 1, 1),
    ("Warsaw", "PL", 52.2297, 21.0122, 1, 1),
    ("Bucharest", "RO", 44.4268, 26.1025, 2, 0),
    ("Kyiv", "UA", 50.4501, 30.5234, 2, 0),
    ("Istanbul", "TR", 41.0082, 28.9784, 3, 0),
    ("Lagos", "NG", 6.5244, 3.3792, 1, 0),
    ("Johannesburg", "ZA", -26.2041, 28.0473, 2, 0),
    ("Bengaluru", "IN", 12.9716, 77.5946, 5.5, 3),
    ("Mumbai", "IN", 19.0760, 72.8777, 5.5, 1),
    ("Singapore", "SG", 1.3521, 103.8198, 8, 2),
    ("Manila", "PH", 14.5995, 120.9842, 8, 1),
    ("Hanoi", "VN", 21.0278, 105.8342, 7, 0),
    ("Tokyo", "JP", 35.6762, 139.6503, 9, 1),
    ("Seoul", "KR", 37.5665, 126.9780, 9, 0),
    ("Sydney", "AU", -33.8688, 151.2093, 10, 2),
    ("Auckland", "NZ", -36.8509, 174.7645, 12, 1),
    ("Sao Paulo", "BR", -23.5505, -46.6333, -3, 1),
    ("Mexico City", "MX", 19.4326, -99.1332, -6, 1),
    ("Bogota", "CO", 4.7110, -74.0721, -5, 0),
    ("Jakarta", "ID", -6.2088, 106.8456, 7, 0),
)
# fmt: on

CITIES: dict[str, Place] = {row[0]: Place(*row[:5]) for row in _TABLE}
HOME_CITIES: tuple[tuple[Place, int], ...] = tuple((CITIES[row[0]], row[5]) for row in _TABLE if row[5])
CLOUD_CITIES = ("Ashburn", "Frankfurt am Main", "Dublin", "Singapore")


def distance_km(a: Place, b: Place) -> float:
    """Great-circle distance in km (haversine formula)."""
    phi_a, phi_b = math.radians(a.lat), math.radians(b.lat)
    half_dphi = (phi_b - phi_a) / 2
    half_dlambda = math.radians(b.lon - a.lon) / 2
    h = math.sin(half_dphi) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))
