"""Events to and from Kafka values: Avro in Confluent wire format, decoded strictly."""

from tokentrail.codec.headers import headers
from tokentrail.codec.registry import Registry, register_schemas, subject_name
from tokentrail.codec.strict import MAX_VALUE_BYTES, Undecodable
from tokentrail.codec.wire import Codec, Decoded

__all__ = [
    "MAX_VALUE_BYTES",
    "Codec",
    "Decoded",
    "Registry",
    "Undecodable",
    "headers",
    "register_schemas",
    "subject_name",
]
